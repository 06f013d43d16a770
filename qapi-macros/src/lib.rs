//! Procedural macros for emulator authors.
//!
//! Use them through `qmp_runtime`, which re-exports them; their output names that crate.

mod handlers;

use proc_macro::TokenStream;

/// Makes an implementation of a generated handler trait tell which commands it implements.
///
/// The trait has a default for each method, so that an emulator implements the commands it has and
/// no others. This attribute lists the methods that are there in the trait's constant `COMMANDS`;
/// the router, `query-commands` and `query-qmp-schema` go by that list, so a command that is not
/// implemented is not advertised either, and its code is not linked.
///
/// ```ignore
/// #[qmp_runtime::handlers]
/// impl RunStateCommands for Vm {
///     fn query_status(&mut self, _: &mut Context<'_>, _: QueryStatus) -> Result<StatusInfo, QmpError> {
///         Ok(self.status())
///     }
/// }
/// ```
///
/// `#[handlers(oob)]` is for the traits of commands that run out of band.
#[proc_macro_attribute]
pub fn handlers(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handlers::expand(arguments.into(), &item.into()).into()
}
