//! Procedural macros for emulator authors.
//!
//! Use them through `qmp_runtime`, which re-exports them; their output names that crate.

mod handlers;
#[cfg(feature = "schema")]
mod schema;

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

/// Puts the bindings of a schema in place: no build script, no file in between.
///
/// ```ignore
/// mod vm {
///     qmp_runtime::qapi_schema!("schema/vm.json", define = ["CONFIG_LINUX"]);
/// }
/// ```
///
/// The path is relative to the folder of the package. Behind it may stand, as in build scripts:
/// - `define = ["SYMBOL"]`: evaluate `if` conditions with these symbols defined
/// - `commands = ["query-*"]`, `events = […]`, `types = […]`: generate these and what they need alone
/// - `include = "FOLDER"`: look here for included files, too
/// - `name = "NAME"`: the name of the handler trait for commands of the root file
/// - `docs = false`: without documentation comments
///
/// The compiler looks again when one of the schema files changes. What is wrong with the schema is
/// told at the path. Needs the feature `schema`.
#[cfg(feature = "schema")]
#[proc_macro]
pub fn qapi_schema(input: TokenStream) -> TokenStream {
    schema::expand(input.into()).into()
}
