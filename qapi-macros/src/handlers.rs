//! `#[handlers]`: the list of the methods that an implementation has.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::{Attribute, Error, ImplItem, ItemImpl, Path};

/// Adds the constant `COMMANDS` to an implementation of a handler trait.
///
/// The item is passed on even when something is wrong with it, so that the compiler does not
/// complain of what only follows from that.
pub(crate) fn expand(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    match syn::parse2::<ItemImpl>(item.clone()) {
        Ok(parsed) => add_list(arguments, parsed).unwrap_or_else(|error| {
            let error = error.into_compile_error();
            quote!(#item #error)
        }),
        Err(_) => {
            let error =
                Error::new_spanned(item, "#[handlers] goes on `impl SomeCommands for YourType`");
            let error = error.into_compile_error();
            quote!(#item #error)
        }
    }
}

fn add_list(arguments: TokenStream, mut item: ItemImpl) -> Result<TokenStream, Error> {
    // A wrong argument must not make the compiler miss the list as well.
    let (entry, complaint) = match entry_type(arguments) {
        Ok(entry) => (entry, None),
        Err(error) => (format_ident!("Entry"), Some(error.into_compile_error())),
    };
    let handler_trait = trait_of(&item)?.clone();
    refuse_own_list(&item)?;
    let entries = item
        .items
        .iter()
        .filter_map(method)
        .map(|(attributes, name)| {
            let constant = format_ident!("{}", unraw(name).to_uppercase(), span = name.span());
            quote!(#(#attributes)* <Self as #handler_trait>::#constant,)
        });
    let list = quote! {
        const COMMANDS: &'static [::qmp_runtime::#entry<Self>] = &[#(#entries)*];
    };
    item.items.insert(0, ImplItem::Verbatim(list));
    Ok(quote!(#item #complaint))
}

fn entry_type(arguments: TokenStream) -> Result<Ident, Error> {
    if arguments.is_empty() {
        return Ok(format_ident!("Entry"));
    }
    let argument = Ident::parse_any.parse2(arguments)?;
    if argument == "oob" {
        Ok(format_ident!("OobEntry"))
    } else if argument == "async" {
        Ok(format_ident!("AsyncEntry"))
    } else {
        Err(Error::new(
            argument.span(),
            "unknown argument; there are `oob`, for traits of out-of-band commands, and `async`",
        ))
    }
}

fn trait_of(item: &ItemImpl) -> Result<&Path, Error> {
    match &item.trait_ {
        Some((path, _)) => Ok(path),
        None => Err(Error::new_spanned(
            &item.self_ty,
            "#[handlers] needs a handler trait: write `impl SomeCommands for` in front of the type",
        )),
    }
}

/// A list by hand and the methods could disagree.
fn refuse_own_list(item: &ItemImpl) -> Result<(), Error> {
    for item in &item.items {
        if let ImplItem::Const(constant) = item
            && constant.ident == "COMMANDS"
        {
            return Err(Error::new_spanned(
                constant,
                "#[handlers] writes this list; remove it or the attribute",
            ));
        }
    }
    Ok(())
}

/// The name of a method and the conditions under which it is there.
fn method(item: &ImplItem) -> Option<(Vec<&Attribute>, &Ident)> {
    let ImplItem::Fn(method) = item else {
        return None;
    };
    let conditions = method
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .collect();
    Some((conditions, &method.sig.ident))
}

fn unraw(name: &Ident) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}
