//! What a name may look like.

use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

use super::lower::Lower;

/// Exceptions that a pragma grants.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Permit {
    pub(super) upper: bool,
    pub(super) underscore: bool,
}

/// The name in generated C, as far as clashes are concerned.
pub(super) fn c_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(plain).collect()
}

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
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        stem.starts_with(|c: char| c.is_ascii_alphabetic()) && stem.chars().all(fits)
    })
}

impl Lower<'_> {
    /// Checks the form that every name has; the stem on success.
    fn stem<'n>(&mut self, name: &'n str, span: Span, source: &str) -> Option<&'n str> {
        let stem = stem(name).filter(|_| !c_name(name).starts_with("q_"));
        if stem.is_none() {
            let message = format!("{source} has an invalid name");
            let help = "a name starts with a letter and goes on with letters, digits, '-' or '_'; \
                 'q-' is reserved";
            let problem = Diagnostic::error(Code::InvalidName, message, span).help(help);
            // Up to QEMU 2.4, values of enumerations could hold dots.
            let dotless = name.replace('.', "-");
            let dotted = self::stem(&dotless).is_some() && !c_name(name).starts_with("q_");
            self.report(if dotted { problem.soft() } else { problem });
        }
        stem
    }

    fn case(&mut self, ok: bool, rule: &str, span: Span, source: &str) {
        if !ok {
            let message = format!("name of {source} must {rule}");
            self.report(Diagnostic::error(Code::NameCase, message, span).soft());
        }
    }

    /// Names of members, values, branches, features and commands.
    pub(super) fn name_lower(&mut self, name: &str, span: Span, source: &str, permit: Permit) {
        if let Some(stem) = self.stem(name, span, source) {
            let upper = permit.upper || !stem.contains(|c: char| c.is_ascii_uppercase());
            let underscore = permit.underscore || !stem.contains('_');
            self.case(
                upper && underscore,
                "not use uppercase or '_'",
                span,
                source,
            );
        }
    }

    /// The name of a definition of this kind.
    pub(super) fn name_definition(&mut self, name: &str, span: Span) {
        let kind = self.kind();
        match kind {
            "event" => {
                if let Some(stem) = self.stem(name, span, kind) {
                    let ok = !stem.contains(|c: char| c.is_ascii_lowercase() || c == '-');
                    self.case(ok, "not use lowercase or '-'", span, kind);
                }
            }
            "command" => {
                let underscore = self.pragmas.command_names.contains(name);
                self.name_lower(
                    name,
                    span,
                    kind,
                    Permit {
                        upper: false,
                        underscore,
                    },
                );
            }
            _ => {
                if let Some(stem) = self.stem(name, span, kind) {
                    self.case(is_camel(stem), "use CamelCase", span, kind);
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
    pub(super) fn name_reserved(&mut self, name: &str, span: Span, source: &str) {
        let name = c_name(name);
        if name == "u" || name.starts_with("has_") {
            let message = format!("{source} uses reserved name");
            self.report(Diagnostic::error(Code::ReservedName, message, span));
        }
    }
}

/// A capital first, letters and digits, and a small letter somewhere behind it.
fn is_camel(stem: &str) -> bool {
    let mut chars = stem.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase())
        && chars.clone().all(|c| c.is_ascii_alphanumeric())
        && chars.any(|c| c.is_ascii_lowercase())
}

/// The same but for case and one letter that is missing, added or changed.
pub(super) fn is_near(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let same = |(x, y): &(&u8, &u8)| x.eq_ignore_ascii_case(y);
    let front = a.iter().zip(b).take_while(same).count();
    let longest = a.len().max(b.len());
    let room = a.len().min(b.len()) - front;
    let back = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(room)
        .take_while(same)
        .count();
    longest > 2 && front + back + 1 >= longest
}
