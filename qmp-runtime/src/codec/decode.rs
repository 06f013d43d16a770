//! The decoder: where it is in the document, what it refuses, and how it says so.

use crate::error::QmpError;
use crate::json::{Document, Kind, NodeId};

/// What becomes of members that a type does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// They are an error: a server must not do half of what it was asked.
    Refuse,
    /// They are passed over: a client may talk to a newer server.
    Ignore,
}

#[derive(Debug, Clone, Copy)]
enum Segment {
    Member(&'static str),
    Index(usize),
}

/// A walk through a document.
#[derive(Debug)]
pub struct Decoder<'d> {
    pub(super) document: &'d Document,
    unknown: Unknown,
    path: Vec<Segment>,
}

/// An object whose members are being taken.
#[derive(Debug)]
pub struct Object {
    members: Vec<(NodeId, NodeId)>,
    taken: Vec<bool>,
    /// Where the search for the next member starts: most objects come in the schema's order.
    hint: usize,
}

impl Object {
    /// Takes all members that are left.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        let left = self.members.iter().zip(&mut self.taken);
        left.filter_map(|(&member, taken)| (!std::mem::replace(taken, true)).then_some(member))
    }
}

impl<'d> Decoder<'d> {
    /// A decoder at the root.
    pub fn new(document: &'d Document, unknown: Unknown) -> Self {
        Decoder {
            document,
            unknown,
            path: Vec::new(),
        }
    }

    /// The document.
    pub fn document(&self) -> &'d Document {
        self.document
    }

    /// The JSON type of a node.
    pub fn kind(&self, at: NodeId) -> Kind {
        self.document.kind(at)
    }

    /// Opens an object.
    ///
    /// # Errors
    /// The node is none.
    pub fn object(&mut self, at: NodeId) -> Result<Object, QmpError> {
        if self.kind(at) != Kind::Object {
            return Err(self.wrong_type("object"));
        }
        let members: Vec<_> = self.document.members(at).collect();
        Ok(Object {
            taken: vec![false; members.len()],
            members,
            hint: 0,
        })
    }

    /// Opens the object that a command without an `arguments` member has.
    pub fn no_object() -> Object {
        Object {
            members: Vec::new(),
            taken: Vec::new(),
            hint: 0,
        }
    }

    /// Takes a member.
    pub(super) fn take(&self, object: &mut Object, name: &str) -> Option<NodeId> {
        let count = object.members.len();
        let found = (object.hint..count)
            .chain(0..object.hint)
            .find(|&i| !object.taken[i] && self.document.str_is(object.members[i].0, name))?;
        object.taken[found] = true;
        object.hint = (found + 1) % count;
        Some(object.members[found].1)
    }

    /// Checks that no member is left over.
    ///
    /// # Errors
    /// One is, and unknown members are refused.
    pub fn finish(&self, object: &Object) -> Result<(), QmpError> {
        if self.unknown == Unknown::Ignore {
            return Ok(());
        }
        match object.taken.iter().position(|taken| !taken) {
            None => Ok(()),
            Some(left) => {
                let name = self
                    .document
                    .str(object.members[left].0)
                    .unwrap_or_default();
                Err(QmpError::generic(format!(
                    "Parameter '{}' is unexpected",
                    self.path_to(&name)
                )))
            }
        }
    }

    /// Decodes what stands at a member.
    pub(super) fn at_member(
        &mut self,
        name: &'static str,
        decode: impl FnOnce(&mut Self) -> Result<(), QmpError>,
    ) -> Result<(), QmpError> {
        self.path.push(Segment::Member(name));
        decode(self)?;
        self.path.pop();
        Ok(())
    }

    /// Decodes what stands at an index.
    pub(super) fn at_index(
        &mut self,
        index: usize,
        decode: impl FnOnce(&mut Self) -> Result<(), QmpError>,
    ) -> Result<(), QmpError> {
        self.path.push(Segment::Index(index));
        decode(self)?;
        self.path.pop();
        Ok(())
    }

    /// The path of a member of the current object.
    fn path_to(&self, name: &str) -> String {
        let mut path = self.path();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        path
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for segment in &self.path {
            match segment {
                Segment::Member(name) if path.is_empty() => path.push_str(name),
                Segment::Member(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Segment::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        if path.is_empty() && !self.path.is_empty() {
            "null".into()
        } else {
            path
        }
    }

    /// The name of the current member alone; an element of an array has none.
    fn name(&self) -> &'static str {
        match self.path.last() {
            Some(Segment::Member(name)) => name,
            _ => "null",
        }
    }

    /// The error for a member that is not there.
    pub(super) fn missing(&self, name: &str) -> QmpError {
        QmpError::generic(format!("Parameter '{}' is missing", self.path_to(name)))
    }

    /// The error for a node of another JSON type.
    pub fn wrong_type(&self, expected: &str) -> QmpError {
        let path = if self.path.is_empty() {
            "null".into()
        } else {
            self.path()
        };
        QmpError::generic(format!(
            "Invalid parameter type for '{path}', expected: {expected}"
        ))
    }

    /// The error for a number that is no integer where an unsigned one is due.
    pub(super) fn not_unsigned(&self) -> QmpError {
        QmpError::generic(format!("Parameter '{}' expects uint64", self.path()))
    }

    /// The error for an integer beyond the range of its type, with C's name of the type.
    pub(super) fn out_of_range(&self, c_type: &str) -> QmpError {
        QmpError::generic(format!("Parameter '{}' expects {c_type}", self.name()))
    }

    /// Decodes a value of an enumeration; its index.
    ///
    /// # Errors
    /// The node is no string, or none of `names`.
    pub fn enumeration(&self, at: NodeId, names: &[&str]) -> Result<usize, QmpError> {
        let value = self
            .document
            .str(at)
            .ok_or_else(|| self.wrong_type("string"))?;
        names.iter().position(|&name| name == value).ok_or_else(|| {
            QmpError::generic(format!(
                "Parameter '{}' does not accept value '{value}'",
                self.name()
            ))
        })
    }
}
