//! The decoder: where it is in the document, what it refuses, and how it says so.

use super::{Member, Unrecognized, UnrecognizedValue};
use crate::error::QmpError;
use crate::json::{Document, Kind, NodeId, order};
use crate::policy::CompatPolicy;

/// What becomes of that which a type does not have: members, values of enumerations and with them
/// branches of unions, alternatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It is an error: a server must not do half of what it was asked.
    Refuse,
    /// Members are passed over, everything else is kept in the variant `Unrecognized` of its type: a
    /// client may talk to a newer server.
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
    policy: CompatPolicy,
    path: Path,
}

/// Where a walk is. Few values lie deeper than what needs no memory of its own.
#[derive(Debug)]
struct Path {
    first: [Segment; 4],
    more: Vec<Segment>,
    depth: usize,
}

impl Path {
    fn new() -> Self {
        Path {
            first: [Segment::Index(0); 4],
            more: Vec::new(),
            depth: 0,
        }
    }

    #[inline]
    fn push(&mut self, segment: Segment) {
        match self.first.get_mut(self.depth) {
            Some(place) => *place = segment,
            None => self.more.push(segment),
        }
        self.depth += 1;
    }

    #[inline]
    fn pop(&mut self) {
        self.depth -= 1;
        self.more
            .truncate(self.depth.saturating_sub(self.first.len()));
    }

    fn is_empty(&self) -> bool {
        self.depth == 0
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = Segment> + '_ {
        let first = &self.first[..self.depth.min(self.first.len())];
        first.iter().chain(&self.more).copied()
    }
}

/// An object whose members are being taken.
#[derive(Debug, Default)]
pub struct Object {
    /// Where the members' nodes start and end.
    start: u32,
    end: u32,
    /// Where the search for the next member starts: most objects come in the schema's order.
    hint: u32,
    /// The number of the member there.
    hint_index: usize,
    /// Whether a member in front of that is left.
    skipped: bool,
    taken: Taken,
}

/// Which members are taken, by number. Few objects have more members than the first word has bits.
#[derive(Debug, Default)]
struct Taken {
    first: u64,
    more: Vec<u64>,
}

impl Taken {
    fn contains(&self, index: usize) -> bool {
        let word = match (index / 64).checked_sub(1) {
            None => self.first,
            Some(word) => self.more.get(word).copied().unwrap_or_default(),
        };
        word >> (index % 64) & 1 == 1
    }

    fn insert(&mut self, index: usize) {
        let word = match (index / 64).checked_sub(1) {
            None => &mut self.first,
            Some(word) => {
                if self.more.len() <= word {
                    self.more.resize(word + 1, 0);
                }
                &mut self.more[word]
            }
        };
        *word |= 1 << (index % 64);
    }
}

impl Object {
    /// Takes all members that are left.
    pub(super) fn take_all(&mut self, document: &Document) -> Vec<(NodeId, NodeId)> {
        let mut left = Vec::new();
        let (mut at, mut index) = (self.start, 0);
        while let Some((key, value, next)) = document.member(at, self.end) {
            if !self.taken.contains(index) {
                self.taken.insert(index);
                left.push((key, value));
            }
            (at, index) = (next, index + 1);
        }
        left
    }

    /// The keys of the members that were taken, in the order of the names.
    fn taken<'o>(
        &'o self,
        document: &'o Document,
        names: &'o [&'static str],
    ) -> impl Iterator<Item = NodeId> + 'o {
        let mut keys = Vec::new();
        let (mut at, mut index) = (self.start, 0);
        while let Some((key, _, next)) = document.member(at, self.end) {
            if self.taken.contains(index) {
                keys.push(key);
            }
            (at, index) = (next, index + 1);
        }
        let find = move |name: &&str| keys.iter().copied().find(|&key| document.str_is(key, name));
        names.iter().filter_map(find)
    }

    /// Whether a member is left.
    fn has_left(&self, document: &Document) -> bool {
        let (mut at, mut index) = (self.start, 0);
        while let Some((_, _, next)) = document.member(at, self.end) {
            if !self.taken.contains(index) {
                return true;
            }
            (at, index) = (next, index + 1);
        }
        false
    }
}

impl<'d> Decoder<'d> {
    /// A decoder at the root.
    pub fn new(document: &'d Document, unknown: Unknown) -> Self {
        Decoder {
            document,
            unknown,
            policy: CompatPolicy::default(),
            path: Path::new(),
        }
    }

    /// With a policy for what is deprecated or unstable.
    #[must_use]
    pub fn with_policy(self, policy: CompatPolicy) -> Self {
        Decoder { policy, ..self }
    }

    /// Checks that a member may be given.
    #[inline]
    pub(super) fn check(&self, member: &Member) -> Result<(), QmpError> {
        if member.deprecated || member.unstable {
            return self.policy.check_member("parameter", member);
        }
        Ok(())
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
        let mut object = Object::default();
        self.open(at, &mut object)?;
        Ok(object)
    }

    /// Opens an object in place: one that is returned is copied, which costs as much as a short one.
    #[inline]
    pub(super) fn open(&self, at: NodeId, object: &mut Object) -> Result<(), QmpError> {
        if self.kind(at) != Kind::Object {
            return Err(self.wrong_type("object"));
        }
        (object.start, object.end) = self.document.inside(at);
        object.hint = object.start;
        Ok(())
    }

    /// Opens the object that a command without an `arguments` member has.
    pub fn no_object() -> Object {
        Object::default()
    }

    /// Takes a member.
    #[inline]
    pub(super) fn take(&self, object: &mut Object, name: &str) -> Option<NodeId> {
        let (at, index) = (object.hint, object.hint_index);
        if let Some((key, value, next)) = self.document.member(at, object.end)
            && self.document.str_is(key, name)
            && !object.taken.contains(index)
        {
            object.taken.insert(index);
            (object.hint, object.hint_index) = (next, index + 1);
            return Some(value);
        }
        self.search(object, name)
    }

    /// Takes a member that is not the next one.
    fn search(&self, object: &mut Object, name: &str) -> Option<NodeId> {
        let (mut at, mut index) = (object.hint, object.hint_index);
        let mut again = object.skipped;
        loop {
            let Some((key, value, next)) = self.document.member(at, object.end) else {
                // Once around, to the place where the search started.
                if !std::mem::take(&mut again) {
                    return None;
                }
                (at, index) = (object.start, 0);
                continue;
            };
            if !object.taken.contains(index) && self.document.str_is(key, name) {
                object.taken.insert(index);
                object.skipped |= at != object.hint;
                (object.hint, object.hint_index) = (next, index + 1);
                return Some(value);
            }
            (at, index) = (next, index + 1);
            if !again && at == object.hint {
                return None;
            }
        }
    }

    /// Checks that no member is left over of the object `at`, from which `names` were taken in turn.
    ///
    /// # Errors
    /// One is, and unknown members are refused. Of several, the one that QEMU names.
    pub(super) fn finish(
        &self,
        at: NodeId,
        object: &Object,
        names: impl FnOnce() -> Vec<&'static str>,
    ) -> Result<(), QmpError> {
        let all_in_turn = !object.skipped && object.hint == object.end;
        if self.unknown == Unknown::Ignore || all_in_turn || !object.has_left(self.document) {
            return Ok(());
        }
        let names = names();
        let taken = object.taken(self.document, &names);
        let key = order::first_left(self.document, at, taken);
        let name = key
            .and_then(|key| self.document.str(key))
            .unwrap_or_default();
        Err(QmpError::generic(format!(
            "Parameter '{}' is unexpected",
            self.path_to(&name)
        )))
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
        for segment in self.path.iter() {
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
        match self.path.iter().next_back() {
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

    /// Decodes a value of an enumeration: its index, or what it is where unknown ones are kept.
    ///
    /// Those of `marked` are deprecated or unstable.
    ///
    /// # Errors
    /// The node is no string; it is none of `names`, and that is refused or cannot be kept; or the policy
    /// rejects it.
    pub fn value(
        &self,
        at: NodeId,
        names: &[&str],
        marked: &[Member],
    ) -> Result<Result<usize, Unrecognized>, QmpError> {
        let value = self
            .document
            .str(at)
            .ok_or_else(|| self.wrong_type("string"))?;
        if let Some(index) = names.iter().position(|&name| name == value) {
            for value in marked.iter().filter(|value| value.name == names[index]) {
                self.policy.check_member("value", value)?;
            }
            return Ok(Ok(index));
        }
        let kept = match self.unknown {
            Unknown::Refuse => None,
            Unknown::Ignore => Unrecognized::new(&value).ok(),
        };
        kept.map(Err).ok_or_else(|| {
            QmpError::generic(format!(
                "Parameter '{}' does not accept value '{value}'",
                self.name()
            ))
        })
    }

    /// A value of a JSON type that an alternate, which QEMU calls so in errors, does not have.
    ///
    /// # Errors
    /// Such values are refused.
    pub fn alternative(&self, at: NodeId, name: &str) -> Result<UnrecognizedValue, QmpError> {
        let kept = match self.unknown {
            Unknown::Refuse => None,
            Unknown::Ignore => self.document.value(at),
        };
        kept.map(UnrecognizedValue::from)
            .ok_or_else(|| self.wrong_type(name))
    }
}
