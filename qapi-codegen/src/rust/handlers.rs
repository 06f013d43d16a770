//! The traits that emulators implement: one for the commands of each module, and one for those of
//! them that run out of band.

use qapi_parser::schema::{Command, EntityId, ModuleId};

use super::code::{Code, Ident, code};
use super::commands;
use super::context::Context;
use super::docs;
use crate::options::Handlers;

/// How a trait's commands run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Band {
    In,
    Out,
}

/// The traits of a module with these commands.
pub(crate) fn items(
    context: &Context<'_>,
    module: ModuleId,
    commands: &[(EntityId, &Command)],
) -> Vec<Code> {
    let of = |band| {
        let chosen = commands
            .iter()
            .filter(|(_, command)| command.allow_oob == (band == Band::Out));
        let chosen: Vec<_> = chosen.copied().collect();
        (!chosen.is_empty()).then(|| handler(context, module, band, &chosen))
    };
    [Band::In, Band::Out].into_iter().filter_map(of).collect()
}

fn handler(
    context: &Context<'_>,
    module: ModuleId,
    band: Band,
    commands: &[(EntityId, &Command)],
) -> Code {
    let (in_band, out_of_band) = context.handlers(module);
    let is_async = context.options.handlers == Handlers::Async;
    let (name, how) = match band {
        Band::In => (in_band, ""),
        Band::Out => (out_of_band, " that run out of band"),
    };
    let (bounds, entry, attribute) = match band {
        _ if is_async => (
            code!(Sized + Send + Sync + 'static),
            code!(AsyncEntry),
            "#[handlers(async)]",
        ),
        Band::In => (code!(Sized + 'static), code!(Entry), "#[handlers]"),
        Band::Out => (
            code!(Sized + Sync + 'static),
            code!(OobEntry),
            "#[handlers(oob)]",
        ),
    };
    let module = context.module(module);
    let summary = format!(" The commands of the module `{module}`{how}.");
    let list = format!(" The commands that are implemented; `{attribute}` writes this list.");
    let constants = commands
        .iter()
        .map(|&(id, _)| constant(context, (&entry, is_async), id));
    let methods = commands
        .iter()
        .map(|&(id, command)| method(context, band, id, command));
    code! {
        #[doc = #summary]
        pub trait #name: #bounds {
            #[doc = #list]
            const COMMANDS: &'static [::qmp_runtime::#entry<Self>];
            #(#constants)*
            #(#methods)*
        }
    }
}

fn constant(context: &Context<'_>, (entry, is_async): (&Code, bool), id: EntityId) -> Code {
    let method = context.method(id);
    let plain = method.to_string();
    let constant = Ident::new(plain.trim_start_matches("r#").to_uppercase());
    let cfg = context.cfg(&context.entity(id).cond);
    let run = Ident::new(if is_async { "run_async" } else { "run" });
    let arguments = context.name(id);
    let summary = format!(" The entry of `{}`.", context.entity(id).name);
    code! {
        #[doc = #summary]
        #cfg
        const #constant: ::qmp_runtime::#entry<Self> =
            ::qmp_runtime::#entry::new::<super::super::commands::#arguments>(|handler, cx, call| {
                call.#run(|args| Self::#method(handler, cx, args))
            });
    }
}

fn method(context: &Context<'_>, band: Band, id: EntityId, command: &Command) -> Code {
    let name = context.method(id);
    let wire = context.entity(id).name.as_str();
    let docs = docs::attributes(&docs::method(context, id));
    let cfg = context.cfg(&context.entity(id).cond);
    let is_async = context.options.handlers == Handlers::Async;
    let receiver = match band {
        Band::In if !is_async => code!(&mut self),
        _ => code!(&self),
    };
    let arguments = context.name(id);
    let returns = commands::returns(context, command);
    let result = code!(::std::result::Result<#returns, ::qmp_runtime::QmpError>);
    let error =
        code!(::std::result::Result::Err(::qmp_runtime::QmpError::command_not_found(#wire)));
    let (output, value) = if is_async {
        let future = code!(impl ::std::future::Future<Output = #result> + Send);
        (future, code!(::std::future::ready(#error)))
    } else {
        (result, error)
    };
    code! {
        #docs
        #cfg
        fn #name(
            #receiver,
            cx: &mut ::qmp_runtime::Context<'_>,
            args: super::super::commands::#arguments,
        ) -> #output {
            let _ = (cx, args);
            #value
        }
    }
}
