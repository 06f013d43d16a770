//! Macros that generated code is written in: they keep it short, for compilers and for readers.
//!
//! All functions are `#[inline]`: the crate with the bindings stays free of machine code, and each user
//! pays for what it uses.

/// What the macros name. Their paths are short, as bindings have them by the ten thousands, and each of their
/// segments costs compilers time and memory.
pub(crate) mod names {
    pub use std::cmp::{Eq, Ord, Ordering, PartialEq, PartialOrd};
    pub use std::default::Default;
    pub use std::fmt::{Debug, Display, Formatter, Result as Formatted};
    pub use std::hash::{Hash, Hasher};

    pub use crate::codec::{
        AnyJson, Branches, Decoder, Json, Member, Object, Plan, Record, RecordMut, Slot,
        UnknownValue, Unrecognized, Values, View, decode, decode_branch, decode_branch_tag,
        decode_members, decode_tag, parse_enum, slot, slots, view_branch,
    };
    pub use crate::json::NodeId;
    #[cfg(feature = "serde")]
    pub use crate::serde::{
        Deserialize, Deserialized, Deserializer, Serialize, Serialized, Serializer, deserialize,
    };

    /// What decoding yields.
    pub type Done = Result<(), crate::QmpError>;

    /// What comparing yields.
    pub type Compared = Option<Ordering>;

    /// Whether two values of one type are equal. A caller without trait objects costs rustc less.
    #[inline]
    pub fn equal<T: Json>(left: &T, right: &T) -> bool {
        crate::codec::equal(left, right)
    }

    /// Prints a value.
    #[inline]
    pub fn debug<T: Json>(value: &T, name: &str, f: &mut Formatter<'_>) -> Formatted {
        crate::codec::debug(value, name, f)
    }

    /// Serializes a value.
    #[cfg(feature = "serde")]
    #[inline]
    pub fn serialize<T: Json, S: Serializer>(value: &T, serializer: S) -> Serialized<S> {
        crate::serde::serialize(value, serializer)
    }

    /// A value to decode into.
    #[inline]
    pub fn blank<T: Json>() -> T {
        T::blank()
    }

    /// The row of a member in a table.
    pub const fn member(name: &'static str) -> Member {
        Member::new(name)
    }
}

/// `Json` for a struct, a union, the arguments of a command or the data of an event.
#[doc(hidden)]
#[macro_export]
macro_rules! record {
    ($type:ident, []) => {
        impl $crate::Json for $type {
            #[inline]
            fn blank() -> Self {
                Self {}
            }
        }

        $crate::standard!($type);
    };
    ($type:ident, [$($(#[$cfg:meta])* ($name:literal, $field:ident $(, $($flag:ident)+)?)),* $(,)?]) => {
        impl $crate::Json for $type {
            const SLOTS: &'static [$crate::Slot<Self>] = {
                let plan = $crate::Plan::<Self>::new();
                let record = plan.at();
                // SAFETY: The pattern reads nothing; it says that these are all fields, each once. The slots
                // are of fields where `plan` has room for them.
                unsafe {
                    let Self { $($(#[$cfg])* $field: _),* } = *record;
                    &$crate::slots([$(
                        $(#[$cfg])*
                        $crate::slot($name, record, &raw const (*record).$field)$($(.$flag())+)?
                    ),*])
                }
            };
        }

        $crate::standard!($type);
    };
}

/// `Json`, `Display`, `FromStr` and the rest for an enumeration, all by its texts, as derived code would be several
/// times as much; the second argument is the variant for
/// values that are not known.
#[doc(hidden)]
#[macro_export]
macro_rules! enumeration {
    ($type:ident, $other:ident, [$($(#[$cfg:meta])* $variant:ident = $name:literal $(($($flag:ident)+))?),* $(,)?]) => {
        impl $type {
            /// All values that the bindings know, in the schema's order.
            pub const ALL: &'static [Self] = &[$($(#[$cfg])* Self::$variant),*];

            /// The value on the wire.
            #[inline]
            pub fn as_str(self) -> &'static str {
                match self {
                    $($(#[$cfg])* Self::$variant => $name,)*
                    Self::$other(value) => value.as_str(),
                }
            }
        }

        impl $crate::Json for $type {
            const VALUES: ::std::option::Option<&'static $crate::Values<Self>> = Some(&$crate::Values::new(
                &[$($(#[$cfg])* $name),*],
                Self::ALL,
                &[$($($crate::member($name)$(.$flag())+,)?)*],
                Self::$other,
                Self::as_str,
            ));
        }

        impl $crate::PartialEq for $type {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }

        impl $crate::Eq for $type {}

        impl $crate::Hash for $type {
            #[inline]
            fn hash<H: $crate::Hasher>(&self, state: &mut H) {
                $crate::Hash::hash(self.as_str(), state);
            }
        }

        impl $crate::PartialOrd for $type {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> $crate::Compared {
                Some($crate::Ord::cmp(self, other))
            }
        }

        /// By the texts on the wire.
        impl $crate::Ord for $type {
            #[inline]
            fn cmp(&self, other: &Self) -> $crate::Ordering {
                $crate::Ord::cmp(self.as_str(), other.as_str())
            }
        }

        impl $crate::Debug for $type {
            #[inline]
            fn fmt(&self, f: &mut $crate::Formatter<'_>) -> $crate::Formatted {
                $crate::debug(self, ::std::stringify!($type), f)
            }
        }

        impl $crate::Display for $type {
            #[inline]
            fn fmt(&self, f: &mut $crate::Formatter<'_>) -> $crate::Formatted {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $type {
            type Err = $crate::UnknownValue;

            #[inline]
            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                $crate::parse_enum(text)
            }
        }

        $crate::serde!($type);
    };
}

/// `Json` for the tag of a union with the data that depends on it; in front, the variants of both for
/// values that are not known.
#[doc(hidden)]
#[macro_export]
macro_rules! variants {
    ($type:ident, $tag:ty, $other:ident, [$($(#[$cfg:meta])* $variant:ident $(($data:ty))?),* $(,)?]) => {
        impl $type {
            /// The tag alone.
            #[inline]
            pub fn tag(&self) -> $tag {
                match self {
                    $($(#[$cfg])* Self::$variant { .. } => <$tag>::$variant,)*
                    Self::$other(branch) => <$tag>::$other(branch.tag()),
                }
            }
        }

        impl $crate::Json for $type {
            #[inline]
            fn blank() -> Self {
                Self::$other($crate::blank())
            }

            #[inline]
            fn decode_value(
                &mut self,
                decoder: &mut $crate::Decoder<'_>,
                at: $crate::NodeId,
            ) -> $crate::Done {
                $crate::decode_branch_tag(self, decoder, at)
            }

            #[inline]
            fn decode_members(
                &mut self,
                decoder: &mut $crate::Decoder<'_>,
                object: &mut $crate::Object,
            ) -> $crate::Done {
                $crate::decode_branch(self, decoder, object)
            }

            #[inline]
            fn view(&self) -> $crate::View<'_> {
                $crate::view_branch(self)
            }
        }

        impl $crate::Branches for $type {
            #[inline]
            fn decode_tag(
                &mut self,
                decoder: &mut $crate::Decoder<'_>,
                at: $crate::NodeId,
            ) -> $crate::Done {
                *self = match $crate::decode_tag::<$tag>(decoder, at)? {
                    $($(#[$cfg])* Ok(<$tag>::$variant) => $crate::variants!(@blank $variant $(($data))?),)*
                    Ok(_) => $crate::blank(),
                    Err(tag) => Self::$other(tag.into()),
                };
                Ok(())
            }

            #[inline]
            fn decode_branch(
                &mut self,
                decoder: &mut $crate::Decoder<'_>,
                object: &mut $crate::Object,
            ) -> $crate::Done {
                match self {
                    $($(#[$cfg])* Self::$variant { .. } => {
                        $crate::variants!(@decode self decoder object $variant $(($data))?);
                    })*
                    Self::$other(data) => $crate::decode_members(data, decoder, object)?,
                }
                Ok(())
            }

            #[inline]
            fn view_branch(&self) -> $crate::View<'_> {
                let data: ::std::option::Option<&dyn $crate::AnyJson> = match self {
                    $($(#[$cfg])* Self::$variant { .. } => {
                        $crate::variants!(@view self $variant $(($data))?)
                    })*
                    Self::$other(data) => Some(data),
                };
                $crate::View::Variant(self.tag().as_str().into(), data)
            }
        }

        $crate::compare!($type);
    };
    (@blank $variant:ident) => { Self::$variant };
    (@blank $variant:ident ($data:ty)) => { Self::$variant(<$data as $crate::Json>::blank()) };
    (@decode $self:ident $decoder:ident $object:ident $variant:ident) => {};
    (@decode $self:ident $decoder:ident $object:ident $variant:ident ($data:ty)) => {
        if let Self::$variant(data) = $self {
            $crate::decode_members(data, $decoder, $object)?;
        }
    };
    (@view $self:ident $variant:ident) => { None };
    (@view $self:ident $variant:ident ($data:ty)) => {
        match $self {
            Self::$variant(data) => Some(data),
            _ => None,
        }
    };
}

/// `Json` for a choice by JSON type; the name is QEMU's word for it in errors, behind it is the variant
/// for JSON types that no other has.
#[doc(hidden)]
#[macro_export]
macro_rules! alternate {
    ($type:ident, $name:literal, $other:ident, [$($(#[$cfg:meta])* $kind:ident => $variant:ident),* $(,)?]) => {
        impl $crate::Json for $type {
            #[inline]
            fn blank() -> Self {
                Self::$other($crate::Default::default())
            }

            #[inline]
            fn decode_value(
                &mut self,
                decoder: &mut $crate::Decoder<'_>,
                at: $crate::NodeId,
            ) -> $crate::Done {
                match decoder.kind(at) {
                    $($(#[$cfg])* $crate::alternate!(@kind $kind) => {
                        let mut value = $crate::blank();
                        $crate::decode(&mut value, decoder, at)?;
                        *self = Self::$variant(value);
                    })*
                    #[allow(unreachable_patterns, reason = "all JSON types may be taken")]
                    _ => *self = Self::$other(decoder.alternative(at, $name)?),
                }
                Ok(())
            }

            #[inline]
            fn record(&self) -> $crate::Record<'_> {
                match self {
                    $($(#[$cfg])* Self::$variant(value) => $crate::Json::record(value),)*
                    Self::$other(_) => $crate::Record::EMPTY,
                }
            }

            #[inline]
            fn view(&self) -> $crate::View<'_> {
                match self {
                    $($(#[$cfg])* Self::$variant(value) => $crate::Json::view(value),)*
                    Self::$other(value) => $crate::View::value(value.get()),
                }
            }
        }

        $crate::standard!($type);
    };
    (@kind Number) => { $crate::json::Kind::Integer | $crate::json::Kind::Float };
    (@kind $kind:ident) => { $crate::json::Kind::$kind };
}

/// `Json` for arguments or data that are a type of their own.
#[doc(hidden)]
#[macro_export]
macro_rules! wrapper {
    ($type:ident, $inner:ty) => {
        impl $crate::Json for $type {
            #[inline]
            fn blank() -> Self {
                Self($crate::blank())
            }

            #[inline]
            fn record(&self) -> $crate::Record<'_> {
                $crate::Json::record(&self.0)
            }

            #[inline]
            fn record_mut(&mut self) -> $crate::RecordMut<'_> {
                $crate::Json::record_mut(&mut self.0)
            }

            #[inline]
            fn decode_value(
                &mut self,
                decoder: &mut $crate::Decoder<'_>,
                at: $crate::NodeId,
            ) -> $crate::Done {
                $crate::Json::decode_value(&mut self.0, decoder, at)
            }

            #[inline]
            fn decode_members(
                &mut self,
                decoder: &mut $crate::Decoder<'_>,
                object: &mut $crate::Object,
            ) -> $crate::Done {
                $crate::Json::decode_members(&mut self.0, decoder, object)
            }

            #[inline]
            fn view(&self) -> $crate::View<'_> {
                $crate::Json::view(&self.0)
            }
        }

        impl ::std::ops::Deref for $type {
            type Target = $inner;

            #[inline]
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl ::std::ops::DerefMut for $type {
            #[inline]
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.0
            }
        }

        impl ::std::convert::From<$inner> for $type {
            #[inline]
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }

        $crate::standard!($type);
    };
}

/// What is the same for all types but enumerations.
#[doc(hidden)]
#[macro_export]
macro_rules! standard {
    ($type:ident) => {
        $crate::compare!($type);
        $crate::serde!($type);
    };
}

/// `PartialEq` and `Debug`.
#[doc(hidden)]
#[macro_export]
macro_rules! compare {
    ($type:ident) => {
        #[automatically_derived]
        impl $crate::PartialEq for $type {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                $crate::equal(self, other)
            }
        }

        #[automatically_derived]
        impl $crate::Debug for $type {
            #[inline]
            fn fmt(&self, f: &mut $crate::Formatter<'_>) -> $crate::Formatted {
                $crate::debug(self, ::std::stringify!($type), f)
            }
        }
    };
}

/// `Serialize` and `Deserialize`, with the feature `serde`.
#[cfg(feature = "serde")]
#[doc(hidden)]
#[macro_export]
macro_rules! serde {
    ($type:ty) => {
        impl $crate::Serialize for $type {
            fn serialize<S: $crate::Serializer>(&self, serializer: S) -> $crate::Serialized<S> {
                $crate::serialize(self, serializer)
            }
        }

        impl<'de> $crate::Deserialize<'de> for $type {
            fn deserialize<D: $crate::Deserializer<'de>>(
                deserializer: D,
            ) -> $crate::Deserialized<'de, Self, D> {
                $crate::deserialize(deserializer)
            }
        }
    };
}

/// Nothing, without the feature `serde`.
#[cfg(not(feature = "serde"))]
#[doc(hidden)]
#[macro_export]
macro_rules! serde {
    ($type:ty) => {};
}
