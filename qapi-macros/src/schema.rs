//! `qapi_schema!`

use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream};
use qapi_codegen::{Builder, Layout};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitBool, LitStr, Result, Token, bracketed};

/// What stands between the parentheses.
struct Arguments {
    path: LitStr,
    builder: Builder,
}

/// The keys, for the message about any other.
const KEYS: &str = "define, commands, events, types, include, name or docs";

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let path: LitStr = input.parse().map_err(|error| {
            let message = "the path of a schema, relative to the package's folder, comes first";
            Error::new(error.span(), message)
        })?;
        let mut builder = qapi_codegen::configure()
            .emit_rerun_if_changed(false)
            .layout(Layout::Single)
            .format(false);
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            builder = match key.to_string().as_str() {
                "define" => words(input)?.into_iter().fold(builder, Builder::define),
                "commands" => builder.allow_commands(words(input)?),
                "events" => builder.allow_events(words(input)?),
                "types" => builder.allow_types(words(input)?),
                "include" => builder.include_dir(beside_manifest(&input.parse::<LitStr>()?)?),
                "name" => builder.name(input.parse::<LitStr>()?.value()),
                "docs" => builder.doc_comments(input.parse::<LitBool>()?.value()),
                other => {
                    let message = format!("unknown key `{other}`; there are {KEYS}");
                    return Err(Error::new(key.span(), message));
                }
            };
        }
        Ok(Arguments { path, builder })
    }
}

/// `["A", "B"]`
fn words(input: ParseStream<'_>) -> Result<Vec<String>> {
    let content;
    bracketed!(content in input);
    let words = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    Ok(words.iter().map(LitStr::value).collect())
}

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    syn::parse2(input)
        .and_then(generate)
        .unwrap_or_else(Error::into_compile_error)
}

fn generate(Arguments { path, builder }: Arguments) -> Result<TokenStream> {
    let file = beside_manifest(&path)?;
    let output = builder.generate(&file).map_err(|error| {
        // The long form, with the lines of the schema.
        Error::new(path.span(), format!("{error:?}"))
    })?;
    // Places where an included file was looked for in vain are among them.
    let inputs = output.inputs.iter().filter(|input| input.is_file());
    let inputs = inputs.map(|input| tracked(input, path.span()));
    let mut tokens = quote!(#(#inputs)*);
    for text in output.files.values() {
        let parsed: TokenStream = text
            .parse()
            .map_err(|error| Error::new(path.span(), format!("{error}; this is a bug")))?;
        tokens.extend(parsed);
    }
    Ok(tokens)
}

/// Makes the compiler look again when the file changes.
fn tracked(file: &Path, span: Span) -> TokenStream {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let file = absolute.to_string_lossy();
    quote_spanned!(span=> const _: &[u8] = ::core::include_bytes!(#file);)
}

/// A path relative to the folder of the package that uses the macro.
fn beside_manifest(path: &LitStr) -> Result<PathBuf> {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR");
    let folder = folder.ok_or_else(|| {
        let message =
            "CARGO_MANIFEST_DIR is not set: paths are relative to the package that Cargo builds";
        Error::new(path.span(), message)
    })?;
    Ok(Path::new(&folder).join(path.value()))
}
