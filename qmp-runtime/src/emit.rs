//! Macros that generated code is written in: they keep it short, for compilers and for readers.
//!
//! All functions are `#[inline]`: the crate with the bindings stays free of machine code, and each user
//! pays for what it uses.

/// `Json` and `Clone` for a struct, a union, the arguments of a command or the data of an event.
#[doc(hidden)]
#[macro_export]
macro_rules! record {
    ($type:ident, []) => {
        impl $crate::codec::Json for $type {
            #[inline]
            fn blank() -> Self {
                Self {}
            }
        }

        $crate::copy!($type);
        $crate::standard!($type);
    };
    ($type:ident, [$($(#[$cfg:meta])* ($name:literal, $field:ident $(, $($flag:ident)+)?)),* $(,)?]) => {
        const _: () = {
            static SHAPE: $crate::codec::Shape = $crate::codec::Shape::new(
                &[$($(#[$cfg])* $crate::codec::Member::new($name)$($(.$flag())+)?),*]
            );

            impl $crate::codec::Json for $type {
                #[inline]
                fn blank() -> Self {
                    Self { $($(#[$cfg])* $field: $crate::codec::Json::blank()),* }
                }

                #[inline]
                fn slots_mut(
                    &mut self,
                    visit: $crate::codec::SlotsMut<'_>,
                ) -> ::std::result::Result<(), $crate::QmpError> {
                    visit(&SHAPE, &mut [$($(#[$cfg])* &mut self.$field),*])
                }

                #[inline]
                fn slots(&self, visit: $crate::codec::Slots<'_>) {
                    visit(&SHAPE, &[$($(#[$cfg])* &self.$field),*]);
                }
            }
        };

        $crate::copy!($type);
        $crate::standard!($type);
    };
}

/// `Clone` by the table of a record: a derived one would have a line for each member.
#[doc(hidden)]
#[macro_export]
macro_rules! copy {
    ($type:ident) => {
        #[automatically_derived]
        impl ::std::clone::Clone for $type {
            #[inline]
            fn clone(&self) -> Self {
                $crate::codec::duplicate(self)
            }
        }
    };
}

/// `Default` for a record of which every member may be absent.
#[doc(hidden)]
#[macro_export]
macro_rules! absent {
    ($type:ident) => {
        #[automatically_derived]
        impl ::std::default::Default for $type {
            #[inline]
            fn default() -> Self {
                $crate::codec::Json::blank()
            }
        }
    };
}

/// `Json`, `Display`, `FromStr` and the rest for an enumeration; the second argument is the variant for
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

        impl $crate::codec::Enum for $type {
            const NAMES: &'static [&'static str] = &[$($(#[$cfg])* $name),*];
            const VARIANTS: &'static [Self] = Self::ALL;
            const MARKED: &'static [$crate::codec::Member] =
                &[$($($crate::codec::Member::new($name)$(.$flag())+,)?)*];

            #[inline]
            fn unrecognized(value: $crate::codec::Unrecognized) -> Self {
                Self::$other(value)
            }
        }

        impl $crate::codec::Json for $type {
            #[inline]
            fn blank() -> Self {
                Self::$other(::std::default::Default::default())
            }

            #[inline]
            fn decode_value(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                at: $crate::json::NodeId,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                $crate::codec::decode_enum(self, decoder, at)
            }

            #[inline]
            fn set(&mut self, from: &dyn $crate::codec::Json) -> bool {
                $crate::codec::set(self, from)
            }

            #[inline]
            fn view(&self) -> $crate::codec::View<'_> {
                $crate::codec::View::Str(self.as_str().into())
            }
        }

        impl ::std::fmt::Display for $type {
            #[inline]
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $type {
            type Err = $crate::codec::UnknownValue;

            #[inline]
            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                $crate::codec::parse_enum(text)
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

        impl $crate::codec::Json for $type {
            #[inline]
            fn blank() -> Self {
                Self::$other($crate::codec::Json::blank())
            }

            #[inline]
            fn decode_value(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                at: $crate::json::NodeId,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                $crate::codec::decode_branch_tag(self, decoder, at)
            }

            #[inline]
            fn decode_members(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                object: &mut $crate::codec::Object,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                $crate::codec::decode_branch(self, decoder, object)
            }

            #[inline]
            fn set(&mut self, from: &dyn $crate::codec::Json) -> bool {
                $crate::codec::set(self, from)
            }

            #[inline]
            fn view(&self) -> $crate::codec::View<'_> {
                $crate::codec::view_branch(self)
            }
        }

        impl $crate::codec::Branches for $type {
            #[inline]
            fn decode_tag(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                at: $crate::json::NodeId,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                *self = match $crate::codec::decode_tag::<$tag>(decoder, at)? {
                    $($(#[$cfg])* Ok(<$tag>::$variant) => $crate::variants!(@blank $variant $(($data))?),)*
                    Ok(_) => $crate::codec::Json::blank(),
                    Err(tag) => Self::$other(tag.into()),
                };
                Ok(())
            }

            #[inline]
            fn decode_branch(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                object: &mut $crate::codec::Object,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                match self {
                    $($(#[$cfg])* Self::$variant { .. } => {
                        $crate::variants!(@decode self decoder object $variant $(($data))?);
                    })*
                    Self::$other(data) => $crate::codec::decode_members(data, decoder, object)?,
                }
                Ok(())
            }

            #[inline]
            fn view_branch(&self) -> $crate::codec::View<'_> {
                let data: ::std::option::Option<&dyn $crate::codec::Json> = match self {
                    $($(#[$cfg])* Self::$variant { .. } => {
                        $crate::variants!(@view self $variant $(($data))?)
                    })*
                    Self::$other(data) => Some(data),
                };
                $crate::codec::View::Variant(self.tag().as_str().into(), data)
            }
        }

        $crate::compare!($type);
    };
    (@blank $variant:ident) => { Self::$variant };
    (@blank $variant:ident ($data:ty)) => { Self::$variant(<$data as $crate::codec::Json>::blank()) };
    (@decode $self:ident $decoder:ident $object:ident $variant:ident) => {};
    (@decode $self:ident $decoder:ident $object:ident $variant:ident ($data:ty)) => {
        if let Self::$variant(data) = $self {
            $crate::codec::decode_members(data, $decoder, $object)?;
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
        impl $crate::codec::Json for $type {
            #[inline]
            fn blank() -> Self {
                Self::$other(::std::default::Default::default())
            }

            #[inline]
            fn decode_value(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                at: $crate::json::NodeId,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                match decoder.kind(at) {
                    $($(#[$cfg])* $crate::alternate!(@kind $kind) => {
                        let mut value = $crate::codec::Json::blank();
                        $crate::codec::decode(&mut value, decoder, at)?;
                        *self = Self::$variant(value);
                    })*
                    #[allow(unreachable_patterns, reason = "all JSON types may be taken")]
                    _ => *self = Self::$other(decoder.alternative(at, $name)?),
                }
                Ok(())
            }

            #[inline]
            fn set(&mut self, from: &dyn $crate::codec::Json) -> bool {
                $crate::codec::set(self, from)
            }

            #[inline]
            fn slots(&self, visit: $crate::codec::Slots<'_>) {
                match self {
                    $($(#[$cfg])* Self::$variant(value) => $crate::codec::Json::slots(value, visit),)*
                    Self::$other(_) => {}
                }
            }

            #[inline]
            fn view(&self) -> $crate::codec::View<'_> {
                match self {
                    $($(#[$cfg])* Self::$variant(value) => $crate::codec::Json::view(value),)*
                    Self::$other(value) => $crate::codec::View::Value(value.get()),
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
        impl $crate::codec::Json for $type {
            #[inline]
            fn blank() -> Self {
                Self($crate::codec::Json::blank())
            }

            #[inline]
            fn slots_mut(
                &mut self,
                visit: $crate::codec::SlotsMut<'_>,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                $crate::codec::Json::slots_mut(&mut self.0, visit)
            }

            #[inline]
            fn slots(&self, visit: $crate::codec::Slots<'_>) {
                $crate::codec::Json::slots(&self.0, visit);
            }

            #[inline]
            fn decode_value(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                at: $crate::json::NodeId,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                $crate::codec::Json::decode_value(&mut self.0, decoder, at)
            }

            #[inline]
            fn decode_members(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                object: &mut $crate::codec::Object,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                $crate::codec::Json::decode_members(&mut self.0, decoder, object)
            }

            #[inline]
            fn view(&self) -> $crate::codec::View<'_> {
                $crate::codec::Json::view(&self.0)
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
        impl ::std::cmp::PartialEq for $type {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                $crate::codec::equal(self, other)
            }
        }

        #[automatically_derived]
        impl ::std::fmt::Debug for $type {
            #[inline]
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::codec::debug(self, ::std::stringify!($type), f)
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
        impl $crate::serde::Serialize for $type {
            fn serialize<S: $crate::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                $crate::serde::serialize(self, serializer)
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $type {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                $crate::serde::deserialize(deserializer)
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
