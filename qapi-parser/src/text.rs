//! Text that is shared, not copied.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A name or a piece of a comment: immutable, and cheap to make and to clone, as it is a part of a
/// text that many share (a schema file, in most cases). It compares, hashes and prints as the `str`
/// that it derefs to.
#[derive(Clone, Default)]
pub struct Text {
    whole: Option<Whole>,
    start: u32,
    end: u32,
}

/// A text of which parts are shared: one pointer, so that a [`Text`] is small, and made from a string
/// without a copy.
pub(crate) type Whole = Arc<String>;

impl Text {
    /// How many bytes it has.
    #[inline]
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        let range = self.start as usize..self.end as usize;
        let part = self.whole.as_ref().and_then(|whole| whole.get(range));
        part.unwrap_or_default()
    }

    /// The bytes from `start` to `end` of a text.
    #[inline]
    pub(crate) fn range(whole: &Whole, start: u32, end: u32) -> Text {
        let whole = (start < end).then(|| Arc::clone(whole));
        Text { whole, start, end }
    }

    /// The bytes from `start` to `end` of a text that is not there yet; empty until it is given by
    /// [`Text::complete`].
    #[inline]
    pub(crate) fn promised(start: u32, end: u32) -> Text {
        Text {
            whole: None,
            start,
            end,
        }
    }

    /// Gives the text of which this is a part, if it was promised.
    #[inline]
    pub(crate) fn complete(&mut self, whole: &Whole) {
        if self.whole.is_none() && self.start < self.end {
            self.whole = Some(Arc::clone(whole));
        }
    }

    /// `part`, shared with `whole` if that is where it lies, copied otherwise.
    #[inline]
    pub(crate) fn part(whole: &Whole, part: &str) -> Text {
        // Addresses only: whether the part lies inside is all that they tell.
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        let end = start.wrapping_add(part.len());
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) if end as usize <= whole.len() => Text::range(whole, start, end),
            _ => part.into(),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        text.to_owned().into()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let whole = Some(Arc::new(text));
        Text {
            whole,
            start: 0,
            end,
        }
    }
}

impl From<Text> for String {
    fn from(text: Text) -> String {
        text.as_str().to_owned()
    }
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Eq for Text {}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Text) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Text) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

macro_rules! equal_as_str {
    ($($other:ty),*) => {$(
        impl PartialEq<$other> for Text {
            fn eq(&self, other: &$other) -> bool {
                self.as_str() == &other[..]
            }
        }

        impl PartialEq<Text> for $other {
            fn eq(&self, other: &Text) -> bool {
                other == self
            }
        }
    )*};
}

equal_as_str!(str, &str, String);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Text;

    #[test]
    fn a_part_of_the_whole_is_shared_and_other_text_copied() {
        let whole = Arc::new("one two three".to_owned());
        let part = Text::part(&whole, &whole[4..7]);
        assert_eq!((part.as_str(), Arc::strong_count(&whole)), ("two", 2));
        let other = String::from("two");
        let copy = Text::part(&whole, &other);
        assert_eq!((copy.as_str(), Arc::strong_count(&whole)), ("two", 2));
        assert_eq!(part, copy);
    }

    #[test]
    fn text_compares_and_prints_as_its_str() {
        let text = Text::from("a\"b");
        assert!(text == "a\"b" && text == *"a\"b");
        assert_eq!(format!("{text} {text:?}"), "a\"b \"a\\\"b\"");
        assert!(Text::default().is_empty());
    }
}
