//! The texts of files: items laid out for reading, which takes most of the time. What was laid out before is not laid
//! out again.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::code::Code;
use crate::error::Error;
use crate::generator::Files;
use crate::options::{DEFAULT_RUNTIME, Options};

/// Files with a header in common.
pub(super) struct Texts<'o> {
    options: &'o Options,
    header: &'o str,
    files: Files,
}

impl<'o> Texts<'o> {
    pub(super) fn new(options: &'o Options, header: &'o str) -> Self {
        Texts {
            options,
            header,
            files: Files::new(),
        }
    }

    /// Makes a file of items.
    ///
    /// # Errors
    /// They are no Rust, which would be a mistake of the generator.
    pub(super) fn add(&mut self, path: String, mut items: Vec<Code>) -> Result<(), Error> {
        if self.options.runtime_path != DEFAULT_RUNTIME {
            // Paths are the only place where these stand apart.
            let runtime = format!("{} ", self.options.runtime_path);
            for item in &mut items {
                *item = Code::raw(item.as_str().replace(":: qmp_runtime ", &runtime));
            }
        }
        let text = match (&self.options.earlier, self.options.format) {
            (Some(earlier), true) => self.laid_out_once(earlier.get(&path), &items)?,
            (None, true) => format!("{}\n{}", self.header, lay_out(&items)?),
            (_, false) => format!("{}\n{}", self.header, in_lines(&items)),
        };
        self.files.insert(path, text);
        Ok(())
    }

    pub(super) fn into_files(self) -> Files {
        self.files
    }

    /// The text of an earlier run, if that had the same items and nobody changed what came of them.
    fn laid_out_once(&self, earlier: Option<&String>, items: &[Code]) -> Result<String, Error> {
        let source = fingerprint(|hasher| {
            (env!("CARGO_PKG_VERSION"), self.header).hash(hasher);
            items.iter().for_each(|item| item.as_str().hash(hasher));
        });
        let head = |text: &str| {
            let result = fingerprint(|hasher| text.hash(hasher));
            format!(
                "{}// Fingerprints: source {source:016x}, text {result:016x}\n\n",
                self.header
            )
        };
        if let Some(earlier) = earlier {
            let text = earlier.splitn(4, '\n').nth(3).unwrap_or_default();
            if *earlier == head(text) + text {
                return Ok(earlier.clone());
            }
        }
        let text = lay_out(items)?;
        Ok(head(&text) + &text)
    }
}

fn fingerprint(feed: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut hasher = DefaultHasher::new();
    feed(&mut hasher);
    hasher.finish()
}

fn in_lines(items: &[Code]) -> String {
    let mut text = String::with_capacity(items.iter().map(|item| item.as_str().len() + 1).sum());
    for item in items {
        text.push_str(item.as_str());
        text.push('\n');
    }
    text
}

fn lay_out(items: &[Code]) -> Result<String, Error> {
    let mut text = String::new();
    let mut last_line_only = true;
    for item in items {
        let file: syn::File = syn::parse_file(item.as_str()).map_err(|error| {
            Error::unsupported(format!(
                "the generator made something that is no Rust: {error}"
            ))
        })?;
        let item = space_out(&prettyplease::unparse(&file));
        // Declarations of one line stand close together.
        let is_line = item.lines().count() == 1;
        let close = is_line && last_line_only;
        if !text.is_empty() && !close {
            text.push('\n');
        }
        last_line_only = is_line;
        text.push_str(&item);
    }
    Ok(text)
}

/// Puts a blank line in front of documented things that follow other things inside an item.
fn space_out(item: &str) -> String {
    let mut text = String::with_capacity(item.len());
    let mut last = "";
    for line in item.lines() {
        let is_comment = last.trim_start().starts_with("//");
        let ends =
            last.trim() == "}" || (last.starts_with(' ') && last.ends_with(';') && !is_comment);
        if ends && line.trim_start().starts_with("///") {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
        last = line;
    }
    text
}
