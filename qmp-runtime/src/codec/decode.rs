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
    /// The value that was to be decoded leaves it to its slots.
    is_record: bool,
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
        if self.depth >= self.first.len() {
            self.more.pop();
        }
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
    /// How many members are left, and whether one in front of that is among them.
    left: usize,
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
    #[inline]
    fn contains(&self, index: usize) -> bool {
        if index < 64 {
            return self.first >> index & 1 == 1;
        }
        let word = self.more.get(index / 64 - 1);
        word.is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    #[inline]
    fn insert(&mut self, index: usize) {
        if index < 64 {
            self.first |= 1 << index;
        } else {
            self.insert_more(index);
        }
    }

    #[cold]
    fn insert_more(&mut self, index: usize) {
        let word = index / 64 - 1;
        if self.more.len() <= word {
            self.more.resize(word + 1, 0);
        }
        self.more[word] |= 1 << (index % 64);
    }
}

/// A member that was looked for.
#[derive(Clone, Copy)]
struct Found {
    index: usize,
    value: NodeId,
    /// Where the member behind it is.
    next: u32,
}

impl Object {
    #[inline]
    fn take(&mut self, found: Found) -> NodeId {
        self.taken.insert(found.index);
        self.left -= 1;
        (self.hint, self.hint_index) = (found.next, found.index + 1);
        found.value
    }

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
        self.left = 0;
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
}

impl<'d> Decoder<'d> {
    /// A decoder at the root.
    pub fn new(document: &'d Document, unknown: Unknown) -> Self {
        Decoder {
            document,
            unknown,
            policy: CompatPolicy::default(),
            path: Path::new(),
            is_record: false,
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

    /// Takes note of a value that is a record, and is decoded by its slots.
    #[inline]
    pub(super) fn leave_to_slots(&mut self) {
        self.is_record = true;
    }

    /// Whether the value that was to be decoded is a record.
    #[inline]
    pub(super) fn is_left_to_slots(&mut self) -> bool {
        std::mem::take(&mut self.is_record)
    }

    /// The document.
    #[inline]
    pub fn document(&self) -> &'d Document {
        self.document
    }

    /// The JSON type of a node.
    #[inline]
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
        let mut at = object.start;
        while let Some((_, _, next)) = self.document.member(at, object.end) {
            (at, object.left) = (next, object.left + 1);
        }
        Ok(())
    }

    /// Opens the object that a command without an `arguments` member has.
    pub fn no_object() -> Object {
        Object::default()
    }

    /// Takes a member.
    #[inline]
    pub(super) fn take(&self, object: &mut Object, name: &str) -> Option<NodeId> {
        if object.left == 0 {
            return None;
        }
        let (at, index) = (object.hint, object.hint_index);
        if let Some((key, value, next)) = self.document.member(at, object.end)
            && self.document.str_is(key, name)
            && !object.taken.contains(index)
        {
            return Some(object.take(Found { index, value, next }));
        }
        self.search(object, name)
    }

    /// Takes a member that is not the next one.
    fn search(&self, object: &mut Object, name: &str) -> Option<NodeId> {
        let (from, index) = (object.hint, object.hint_index);
        let found = match self.look(object, from, index, object.end, name) {
            Some(found) => {
                object.skipped |= found.index != index;
                found
            }
            None if object.skipped => self.look(object, object.start, 0, from, name)?,
            None => return None,
        };
        Some(object.take(found))
    }

    /// Looks for a member that is left, from the one at `at` with the number `index` up to `end`.
    #[inline]
    fn look(
        &self,
        object: &Object,
        mut at: u32,
        mut index: usize,
        end: u32,
        name: &str,
    ) -> Option<Found> {
        while let Some((key, value, next)) = self.document.member(at, end) {
            if self.document.str_is(key, name) && !object.taken.contains(index) {
                return Some(Found { index, value, next });
            }
            (at, index) = (next, index + 1);
        }
        None
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
        if self.unknown == Unknown::Ignore || object.left == 0 {
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
    #[inline]
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
    #[inline]
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
