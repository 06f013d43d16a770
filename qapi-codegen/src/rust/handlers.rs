//! The traits that emulators implement: one for the commands of each module, and one for those of
//! them that run out of band.

use proc_macro2::{Ident, Span, TokenStream};
use qapi_parser::schema::{Command, EntityId, ModuleId};
use quote::quote;

use super::commands;
use super::context::Context;
use super::docs;

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
) -> Vec<TokenStream> {
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
) -> TokenStream {
    let (in_band, out_of_band) = context.handlers(module);
    let (name, how, bounds, entry, attribute) = match band {
        Band::In => (
            in_band,
            "",
            quote!(Sized + 'static),
            quote!(Entry),
            "#[handlers]",
        ),
        Band::Out => (
            out_of_band,
            " that run out of band",
            quote!(Sized + Sync + 'static),
            quote!(OobEntry),
            "#[handlers(oob)]",
        ),
    };
    let module = context.module(module);
    let summary = format!(" The commands of the module `{module}`{how}.");
    let list = format!(" The commands that are implemented; `{attribute}` writes this list.");
    let constants = commands
        .iter()
        .map(|&(id, _)| constant(context, &entry, id));
    let methods = commands
        .iter()
        .map(|&(id, command)| method(context, band, id, command));
    quote! {
        #[doc = #summary]
        pub trait #name: #bounds {
            #[doc = #list]
            const COMMANDS: &'static [::qmp_runtime::#entry<Self>];
            #(#constants)*
            #(#methods)*
        }
    }
}

fn constant(context: &Context<'_>, entry: &TokenStream, id: EntityId) -> TokenStream {
    let method = context.method(id);
    let plain = method.to_string();
    let constant = Ident::new(
        &plain.trim_start_matches("r#").to_uppercase(),
        Span::call_site(),
    );
    let arguments = context.name(id);
    let summary = format!(" The entry of `{}`.", context.entity(id).name);
    quote! {
        #[doc = #summary]
        const #constant: ::qmp_runtime::#entry<Self> =
            ::qmp_runtime::#entry::new::<super::super::commands::#arguments>(|handler, cx, call| {
                call.run(|args| Self::#method(handler, cx, args))
            });
    }
}

fn method(context: &Context<'_>, band: Band, id: EntityId, command: &Command) -> TokenStream {
    let name = context.method(id);
    let wire = &context.entity(id).name;
    let docs = docs::attributes(&docs::method(context, id));
    let receiver = match band {
        Band::In => quote!(&mut self),
        Band::Out => quote!(&self),
    };
    let arguments = context.name(id);
    let returns = commands::returns(context, command);
    quote! {
        #docs
        fn #name(
            #receiver,
            cx: &mut ::qmp_runtime::Context<'_>,
            args: super::super::commands::#arguments,
        ) -> ::std::result::Result<#returns, ::qmp_runtime::QmpError> {
            let _ = (cx, args);
            ::std::result::Result::Err(::qmp_runtime::QmpError::command_not_found(#wire))
        }
    }
}
