//! What a name may look like.

use std::fmt::Display;
use std::hash::{Hash, Hasher};

use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

use super::lower::Lower;

/// Exceptions that a pragma grants.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Permit {
    pub(super) upper: bool,
    pub(super) underscore: bool,
}

/// A name that is equal to all that are the same in generated C. Names are ASCII: no other
/// characters come through the lexer.
#[derive(Debug, Clone, Copy)]
pub(super) struct CName<'n>(pub(super) &'n str);

impl CName<'_> {
    fn bytes(&self) -> impl Iterator<Item = u8> {
        let plain = |byte: u8| {
            if byte.is_ascii_alphanumeric() {
                byte
            } else {
                b'_'
            }
        };
        self.0.bytes().map(plain)
    }
}

impl PartialEq for CName<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.bytes().eq(other.bytes())
    }
}

impl Eq for CName<'_> {}

impl Hash for CName<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut buffer = [0; 32];
        let mut bytes = self.bytes();
        loop {
            let mut len = 0;
            for (place, byte) in buffer.iter_mut().zip(&mut bytes) {
                *place = byte;
                len += 1;
            }
            state.write(&buffer[..len]);
            if len < buffer.len() {
                return;
            }
        }
    }
}

/// The bytes that names may have.
const IN_NAMES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        byte += 1;
    }
    table
};

/// The name without a downstream prefix (`__RFQDN_`) and without `x-`; none for a malformed one.
fn stem(name: &str) -> Option<&str> {
    let vendor = name.strip_prefix("__").and_then(|rest| {
        let (domain, rest) = rest.split_once('_')?;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        (!domain.is_empty() && domain.chars().all(fits)).then_some(rest)
    });
    let rest = vendor.unwrap_or(name);
    let unprefixed = rest.strip_prefix("x-").or_else(|| rest.strip_prefix("X-"));
    let candidates = [unprefixed, Some(rest)];
    candidates.into_iter().flatten().find(|stem| {
        let letter = stem.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
        letter && stem.bytes().all(|byte| IN_NAMES[usize::from(byte)])
    })
}

impl<'t> Lower<'_, 't> {
    /// Checks the form that every name has; the stem on success.
    fn stem<'n>(&mut self, name: &'n str, span: Span, source: &dyn Display) -> Option<&'n str> {
        let stem = stem(name).filter(|_| !is_internal(name));
        if stem.is_none() {
            let message = format!("{source} has an invalid name");
            let help = "a name starts with a letter and goes on with letters, digits, '-' or '_'; \
                 'q-' is reserved";
            let problem = Diagnostic::error(Code::InvalidName, message, span).help(help);
            // Up to QEMU 2.4, values of enumerations could hold dots.
            let dotless = name.replace('.', "-");
            let dotted = self::stem(&dotless).is_some() && !is_internal(name);
            self.report(if dotted { problem.soft() } else { problem });
        }
        stem
    }

    fn case(&mut self, ok: bool, rule: &str, span: Span, source: &dyn Display) {
        if !ok {
            let message = format!("name of {source} must {rule}");
            // The pragma that allows it may stand in a file that is not there.
            self.report(Diagnostic::error(Code::NameCase, message, span).soft_docs());
        }
    }

    /// Names of members, values, branches, features and commands.
    pub(super) fn name_lower(
        &mut self,
        name: &str,
        span: Span,
        source: &dyn Display,
        permit: Permit,
    ) {
        if let Some(stem) = self.stem(name, span, source) {
            // Each byte is looked at, as that is faster than to stop at the first bad one.
            let bad = stem.bytes().fold(false, |bad, byte| {
                let upper = byte.is_ascii_uppercase() & !permit.upper;
                bad | upper | ((byte == b'_') & !permit.underscore)
            });
            self.case(!bad, "not use uppercase or '_'", span, source);
        }
    }

    /// The name of a definition of this kind.
    pub(super) fn name_definition(&mut self, name: &str, span: Span) {
        let kind = self.kind();
        match kind {
            "event" => {
                if let Some(stem) = self.stem(name, span, &kind) {
                    let ok = !stem.contains(|c: char| c.is_ascii_lowercase() || c == '-');
                    self.case(ok, "not use lowercase or '-'", span, &kind);
                }
            }
            "command" => {
                let underscore = self.pragmas.command_names.contains(name);
                self.name_lower(
                    name,
                    span,
                    &kind,
                    Permit {
                        upper: false,
                        underscore,
                    },
                );
            }
            _ => {
                if let Some(stem) = self.stem(name, span, &kind) {
                    self.case(is_camel(stem), "use CamelCase", span, &kind);
                }
            }
        }
        if name.ends_with("List") {
            let message = format!("{kind} name should not end in 'List'");
            let help = "array types have such names";
            self.report(Diagnostic::error(Code::ReservedName, message, span).help(help));
        }
    }

    /// Member names that generated code needs for itself.
    pub(super) fn name_reserved(&mut self, name: &str, span: Span, source: &dyn Display) {
        let has = matches!(name.as_bytes(), [b'h', b'a', b's', mark, ..] if !mark.is_ascii_alphanumeric());
        if name == "u" || has {
            let message = format!("{source} uses reserved name");
            self.report(Diagnostic::error(Code::ReservedName, message, span));
        }
    }
}

/// Whether generated C has such names for itself.
fn is_internal(name: &str) -> bool {
    matches!(name.as_bytes(), [b'q', mark, ..] if !mark.is_ascii_alphanumeric())
}

/// A capital first, letters and digits, and a small letter somewhere behind it.
fn is_camel(stem: &str) -> bool {
    let mut bytes = stem.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_uppercase())
        && bytes.clone().all(|byte| byte.is_ascii_alphanumeric())
        && bytes.any(|byte| byte.is_ascii_lowercase())
}
