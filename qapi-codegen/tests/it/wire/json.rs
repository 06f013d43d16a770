//! JSON trees that may be wrong in ways that a parser's would not show: keys may come twice.

use std::fmt::{self, Display, Formatter};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    /// Null, a boolean, a number or a string as it is written.
    Leaf(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    pub(super) fn leaf(text: impl Into<String>) -> Tree {
        Tree::Leaf(text.into())
    }

    pub(super) fn str(text: &str) -> Tree {
        Tree::Leaf(serde_json::Value::from(text).to_string())
    }

    pub(super) fn of(value: &serde_json::Value) -> Tree {
        use serde_json::Value;
        match value {
            Value::Array(list) => Tree::List(list.iter().map(Tree::of).collect()),
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, one)| (name.clone(), Tree::of(one)));
                Tree::Object(members.collect())
            }
            leaf => Tree::leaf(leaf.to_string()),
        }
    }

    /// The JSON type: null, boolean, int, number, string, array or object.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Tree::List(_) => "array",
            Tree::Object(_) => "object",
            Tree::Leaf(text) => match text.as_bytes()[0] {
                b'n' => "null",
                b't' | b'f' => "boolean",
                b'"' => "string",
                _ if text.contains(['.', 'e', 'E']) => "number",
                _ => "int",
            },
        }
    }

    /// The value of a string.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Tree::Leaf(text) if self.kind() == "string" => serde_json::from_str(text).ok(),
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Tree> {
        let Tree::Object(members) = self else {
            return None;
        };
        members
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// How many values there are in it, itself included.
    pub(super) fn count(&self) -> usize {
        1 + match self {
            Tree::Leaf(_) => 0,
            Tree::List(list) => list.iter().map(Tree::count).sum(),
            Tree::Object(members) => members.iter().map(|(_, value)| value.count()).sum(),
        }
    }

    /// The value with this number, in the order in which they are written.
    pub(super) fn nth(&mut self, mut number: usize) -> Option<&mut Tree> {
        if number == 0 {
            return Some(self);
        }
        number -= 1;
        let inner: Vec<&mut Tree> = match self {
            Tree::Leaf(_) => return None,
            Tree::List(list) => list.iter_mut().collect(),
            Tree::Object(members) => members.iter_mut().map(|(_, value)| value).collect(),
        };
        for value in inner {
            let count = value.count();
            if number < count {
                return value.nth(number);
            }
            number -= count;
        }
        None
    }
}

impl Display for Tree {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Tree::Leaf(text) => f.write_str(text),
            Tree::List(list) => {
                f.write_str("[")?;
                for (index, value) in list.iter().enumerate() {
                    write!(f, "{}{value}", if index == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Tree::Object(members) => {
                f.write_str("{")?;
                for (index, (key, value)) in members.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "," };
                    write!(
                        f,
                        "{separator}{}:{value}",
                        serde_json::Value::from(key.as_str())
                    )?;
                }
                f.write_str("}")
            }
        }
    }
}
