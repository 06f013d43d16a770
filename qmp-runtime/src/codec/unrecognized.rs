//! What a newer peer says and these bindings do not know: kept, so that nothing is lost.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{LazyLock, PoisonError, RwLock};

use super::{Decoder, Json, Object, View};
use crate::error::QmpError;
use crate::json::{Map, Value};

/// How many different values are kept, in all of a process.
pub(crate) const MAX_VALUES: usize = 4096;
/// How many bytes a value may have to be kept.
pub(crate) const MAX_BYTES: usize = 256;

/// A value of an enumeration that the bindings do not know.
///
/// The texts are kept for as long as the process runs, each once, so that enumerations stay as small
/// and as easy to copy as they are without. There is room for 4096 texts of up to 256 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Unrecognized(u16);

#[derive(Default)]
struct Texts {
    /// The number of a text is its place here, and one more: 0 is the empty text.
    all: Vec<&'static str>,
    /// The texts in order, with their numbers. There are few, and they come once.
    sorted: Vec<(&'static str, u16)>,
}

impl Texts {
    /// The number of a text, or its place among the sorted ones.
    fn find(&self, text: &str) -> Result<u16, usize> {
        let place = self
            .sorted
            .binary_search_by(|(known, _)| (*known).cmp(text));
        place.map(|place| self.sorted[place].1)
    }
}

static TEXTS: LazyLock<RwLock<Texts>> = LazyLock::new(RwLock::default);

/// No more values can be kept, or one is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyValues;

impl fmt::Display for TooManyValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many or too long values that no enumeration has")
    }
}

impl std::error::Error for TooManyValues {}

impl Unrecognized {
    /// Keeps a value, to send it to a newer peer.
    ///
    /// # Errors
    /// The value is longer than 256 bytes, or there is no room for more values.
    pub fn new(text: &str) -> Result<Self, TooManyValues> {
        if text.is_empty() {
            return Ok(Unrecognized(0));
        }
        let known = TEXTS.read().unwrap_or_else(PoisonError::into_inner);
        if let Ok(number) = known.find(text) {
            return Ok(Unrecognized(number));
        }
        drop(known);
        if text.len() > MAX_BYTES {
            return Err(TooManyValues);
        }
        let mut texts = TEXTS.write().unwrap_or_else(PoisonError::into_inner);
        let place = match texts.find(text) {
            Ok(number) => return Ok(Unrecognized(number)),
            Err(place) => place,
        };
        if texts.all.len() >= MAX_VALUES {
            return Err(TooManyValues);
        }
        let text: &'static str = Box::leak(text.into());
        texts.all.push(text);
        let number = u16::try_from(texts.all.len()).map_err(|_| TooManyValues)?;
        texts.sorted.insert(place, (text, number));
        Ok(Unrecognized(number))
    }

    /// The value on the wire.
    pub fn as_str(self) -> &'static str {
        let texts = TEXTS.read().unwrap_or_else(PoisonError::into_inner);
        let place = usize::from(self.0).checked_sub(1);
        place
            .and_then(|place| texts.all.get(place).copied())
            .unwrap_or_default()
    }
}

impl fmt::Debug for Unrecognized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Unrecognized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialOrd for Unrecognized {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Unrecognized {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// The branch of a union for a value of its tag that the bindings do not know.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UnrecognizedBranch {
    tag: Unrecognized,
    members: Option<Box<Map<String, Value>>>,
}

impl UnrecognizedBranch {
    /// A branch with the value of the tag, and the members that come with it.
    pub fn new(tag: Unrecognized, members: Map<String, Value>) -> Self {
        let members = (!members.is_empty()).then(|| Box::new(members));
        UnrecognizedBranch { tag, members }
    }

    /// The value of the tag.
    pub fn tag(&self) -> Unrecognized {
        self.tag
    }

    /// The members of the object that are not common to all branches.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Value)> {
        let members = self.members.iter().flat_map(|members| members.iter());
        members.map(|(name, value)| (name.as_str(), value))
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.as_ref()?.get(name)
    }
}

impl From<Unrecognized> for UnrecognizedBranch {
    fn from(tag: Unrecognized) -> Self {
        UnrecognizedBranch { tag, members: None }
    }
}

/// A branch without a value is none that a peer can mean: it is what is decoded into.
impl Json for UnrecognizedBranch {
    fn blank() -> Self {
        UnrecognizedBranch::default()
    }

    fn decode_members(
        &mut self,
        decoder: &mut Decoder<'_>,
        object: &mut Object,
    ) -> Result<(), QmpError> {
        let mut members = Map::new();
        members.decode_members(decoder, object)?;
        *self = UnrecognizedBranch::new(self.tag, members);
        Ok(())
    }

    fn view(&self) -> View<'_> {
        match &self.members {
            Some(members) => View::map(members),
            None => View::Empty,
        }
    }
}

/// A value of a JSON type that none of the alternatives takes that the bindings know.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UnrecognizedValue(Option<Box<Value>>);

impl UnrecognizedValue {
    /// The value.
    pub fn get(&self) -> &Value {
        self.0.as_deref().unwrap_or(&Value::Null)
    }
}

impl From<Value> for UnrecognizedValue {
    fn from(value: Value) -> Self {
        UnrecognizedValue(Some(Box::new(value)))
    }
}
