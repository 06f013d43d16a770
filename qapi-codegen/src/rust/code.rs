//! Rust source in the making.
//!
//! [`code!`] takes Rust with `#name` for what is put in, as `quote!` does, and makes text at once: a
//! stream of tokens costs several times as much, and all that is done with it is to print it.

use std::fmt::{self, Display, Formatter};

/// Source text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Code(String);

/// An identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Ident(String);

impl Ident {
    /// What `name` is spelt like; it has to be an identifier.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Ident(name.into())
    }
}

impl Display for Ident {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Code {
    /// Text that is Rust already.
    pub(crate) fn raw(text: String) -> Self {
        Code(text)
    }

    /// Adds one token.
    pub(crate) fn token(&mut self, token: &str) {
        self.0.push_str(token);
        self.0.push(' ');
    }

    /// Adds a token that has its blank behind it.
    #[inline]
    pub(crate) fn part(&mut self, token: &'static str) {
        self.0.push_str(token);
    }

    /// Adds other code.
    pub(crate) fn add(&mut self, other: &(impl ToCode + ?Sized)) {
        other.add_to(self);
    }

    /// Adds all of these, with something behind each, or between two of them.
    pub(crate) fn add_all<T: ToCode>(
        &mut self,
        all: impl IntoIterator<Item = T>,
        behind: &str,
        between: &str,
    ) {
        for (index, one) in all.into_iter().enumerate() {
            if index > 0 {
                self.0.push_str(between);
            }
            one.add_to(self);
            self.0.push_str(behind);
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A line of a documentation comment.
    pub(crate) fn doc(&mut self, line: &str) {
        self.0.push_str("# [ doc = \"");
        if !line.is_empty() {
            self.0.push(' ');
            self.text(line);
        }
        self.0.push_str("\" ] ");
    }

    /// The inside of a string literal.
    fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(needs_escape) {
            let (plain, special) = rest.split_at(at);
            self.0.push_str(plain);
            // What needs an escape is ASCII, so one byte long.
            self.0
                .extend(special.chars().take(1).flat_map(char::escape_default));
            rest = &special[1..];
        }
        self.0.push_str(rest);
    }
}

fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7f)
}

/// What can be put into code.
pub(crate) trait ToCode {
    fn add_to(&self, code: &mut Code);
}

impl<T: ToCode + ?Sized> ToCode for &T {
    fn add_to(&self, code: &mut Code) {
        (**self).add_to(code);
    }
}

impl<T: ToCode> ToCode for Option<T> {
    fn add_to(&self, code: &mut Code) {
        if let Some(value) = self {
            value.add_to(code);
        }
    }
}

impl ToCode for Code {
    fn add_to(&self, code: &mut Code) {
        code.0.push_str(&self.0);
    }
}

impl ToCode for Ident {
    fn add_to(&self, code: &mut Code) {
        code.token(&self.0);
    }
}

impl ToCode for usize {
    fn add_to(&self, code: &mut Code) {
        code.token(&self.to_string());
    }
}

/// A string is a literal.
impl ToCode for str {
    fn add_to(&self, code: &mut Code) {
        code.0.push('"');
        code.text(self);
        code.0.push_str("\" ");
    }
}

impl ToCode for String {
    fn add_to(&self, code: &mut Code) {
        self.as_str().add_to(code);
    }
}

/// Rust source with `#name`, `#(#names)*`, `#(#names,)*` and `#(#names),*` put in.
macro_rules! code {
    ($($token:tt)*) => {{
        #[allow(unused_mut, reason = "there may be nothing in it")]
        let mut code = $crate::rust::code::Code::default();
        $crate::rust::code::tokens!(code $($token)*);
        code
    }};
}

macro_rules! tokens {
    ($code:ident) => {};
    ($code:ident # ( # $names:ident ) * $($rest:tt)*) => {
        $code.add_all($names, "", "");
        $crate::rust::code::tokens!($code $($rest)*);
    };
    ($code:ident # ( # $names:ident , ) * $($rest:tt)*) => {
        $code.add_all($names, ", ", "");
        $crate::rust::code::tokens!($code $($rest)*);
    };
    ($code:ident # ( # $names:ident ) , * $($rest:tt)*) => {
        $code.add_all($names, "", ", ");
        $crate::rust::code::tokens!($code $($rest)*);
    };
    ($code:ident # $name:ident $($rest:tt)*) => {
        $code.add(&$name);
        $crate::rust::code::tokens!($code $($rest)*);
    };
    ($code:ident ( $($inner:tt)* ) $($rest:tt)*) => {
        $code.part("( ");
        $crate::rust::code::tokens!($code $($inner)*);
        $code.part(") ");
        $crate::rust::code::tokens!($code $($rest)*);
    };
    ($code:ident [ $($inner:tt)* ] $($rest:tt)*) => {
        $code.part("[ ");
        $crate::rust::code::tokens!($code $($inner)*);
        $code.part("] ");
        $crate::rust::code::tokens!($code $($rest)*);
    };
    ($code:ident { $($inner:tt)* } $($rest:tt)*) => {
        $code.part("{ ");
        $crate::rust::code::tokens!($code $($inner)*);
        $code.part("} ");
        $crate::rust::code::tokens!($code $($rest)*);
    };
    ($code:ident $token:tt $($rest:tt)*) => {
        $code.part(concat!(stringify!($token), " "));
        $crate::rust::code::tokens!($code $($rest)*);
    };
}

pub(crate) use {code, tokens};

#[cfg(test)]
mod tests {
    use super::{Code, Ident};

    #[test]
    fn parts_are_put_in() {
        let (name, names) = (Ident::new("a"), ["x", "y"].map(Ident::new));
        let none: Option<Code> = None;
        let code = code!(#[doc = "b"] pub fn #name(&'static self) -> [#(#names),*] { #none });
        let expected = r##"# [ doc = "b" ] pub fn a ( & 'static self ) -> [ x , y ] { } "##;
        assert_eq!(code.as_str(), expected);
    }

    #[test]
    fn strings_become_literals() {
        let text = "a\"b\\c\nd\u{1}é\u{0}";
        let literal: syn::LitStr = syn::parse_str(code!(#text).as_str()).expect("it is one");
        assert_eq!(literal.value(), text);
    }
}
