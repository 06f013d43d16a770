//! Macros that generated code is written in: they keep it short, for compilers and for readers.

/// `Json` for a struct, a union, the arguments of a command or the data of an event.
#[doc(hidden)]
#[macro_export]
macro_rules! record {
    ($type:ty, [$(($name:literal, $field:ident $(, $($flag:ident)+)?)),* $(,)?] $(, tag = $tag:literal)?) => {
        impl $crate::codec::Json for $type {
            fn blank() -> Self {
                Self { $($field: $crate::codec::Json::blank()),* }
            }

            fn shape(&self) -> &'static $crate::codec::Shape {
                const SHAPE: $crate::codec::Shape = $crate::record!(
                    @shape [$($crate::codec::Member::new($name)$($(.$flag())+)?),*] $($tag)?
                );
                &SHAPE
            }

            #[inline]
            fn slots_mut(
                &mut self,
                visit: $crate::codec::SlotsMut<'_>,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                visit(&mut [$(&mut self.$field),*])
            }

            #[inline]
            fn slots(&self, visit: $crate::codec::Slots<'_>) {
                visit(&[$(&self.$field),*]);
            }
        }
    };
    (@shape [$($member:expr),*]) => { $crate::codec::Shape::new(&[$($member),*]) };
    (@shape [$($member:expr),*] $tag:literal) => { $crate::codec::Shape::tagged(&[$($member),*], $tag) };
}

/// `Json`, `Display`, `FromStr` and the rest for an enumeration; the second argument is the value to
/// decode into.
#[doc(hidden)]
#[macro_export]
macro_rules! enumeration {
    ($type:ident, $blank:ident) => {
        impl $type {
            /// All values, in the schema's order.
            pub const ALL: &'static [Self] = <Self as $crate::codec::Enum>::VARIANTS;

            /// The value on the wire.
            pub const fn as_str(self) -> &'static str {
                <Self as $crate::codec::Enum>::NAMES[self as usize]
            }
        }

        impl $crate::codec::Json for $type {
            fn blank() -> Self {
                Self::$blank
            }

            fn decode(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                at: $crate::json::NodeId,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                $crate::codec::decode_enum(self, decoder, at)
            }

            fn encode(&self, out: &mut $crate::json::Writer) {
                out.str(self.as_str());
            }
        }

        impl ::std::fmt::Display for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $type {
            type Err = $crate::codec::UnknownValue;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                $crate::codec::parse_enum(text)
            }
        }
    };
}

/// `Json` for the tag of a union with the data that depends on it.
///
/// The variants stand in the order of the tag's enumeration.
#[doc(hidden)]
#[macro_export]
macro_rules! variants {
    ($type:ident, $tag:ty, default = $blank:ident, [$($variant:ident $(($data:ty))?),* $(,)?]) => {
        impl $type {
            /// The tag alone.
            pub fn tag(&self) -> $tag {
                match self {
                    $(Self::$variant { .. } => <$tag>::$variant),*
                }
            }

            fn blank_of(tag: $tag) -> Self {
                match tag {
                    $(<$tag>::$variant => $crate::variants!(@blank $variant $(($data))?)),*
                }
            }
        }

        impl $crate::codec::Json for $type {
            fn blank() -> Self {
                Self::blank_of(<$tag>::$blank)
            }

            fn decode(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                at: $crate::json::NodeId,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                let mut tag = <$tag>::$blank;
                $crate::codec::decode_enum(&mut tag, decoder, at)?;
                *self = Self::blank_of(tag);
                Ok(())
            }

            #[allow(unused_variables, reason = "no variant may have data")]
            fn decode_members(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                object: &mut $crate::codec::Object,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                $($crate::variants!(@decode self decoder object $variant $(($data))?);)*
                Ok(())
            }

            fn encode(&self, out: &mut $crate::json::Writer) {
                out.str(self.tag().as_str());
            }

            #[allow(unused_variables, reason = "no variant may have data")]
            fn encode_members(&self, out: &mut $crate::json::Writer) {
                $($crate::variants!(@encode self out $variant $(($data))?);)*
            }
        }
    };
    (@blank $variant:ident) => { Self::$variant };
    (@blank $variant:ident ($data:ty)) => { Self::$variant(<$data as $crate::codec::Json>::blank()) };
    (@decode $self:ident $decoder:ident $object:ident $variant:ident) => {};
    (@decode $self:ident $decoder:ident $object:ident $variant:ident ($data:ty)) => {
        if let Self::$variant(data) = $self {
            return $crate::codec::Json::decode_members(data, $decoder, $object);
        }
    };
    (@encode $self:ident $out:ident $variant:ident) => {};
    (@encode $self:ident $out:ident $variant:ident ($data:ty)) => {
        if let Self::$variant(data) = $self {
            $crate::codec::Json::encode_members(data, $out);
        }
    };
}

/// `Json` for a choice by JSON type; the name is QEMU's word for it in errors.
#[doc(hidden)]
#[macro_export]
macro_rules! alternate {
    ($type:ident, $name:literal, default = $blank:ident, [$($kind:ident => $variant:ident),* $(,)?]) => {
        impl $crate::codec::Json for $type {
            fn blank() -> Self {
                Self::$blank($crate::codec::Json::blank())
            }

            fn decode(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                at: $crate::json::NodeId,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                match decoder.kind(at) {
                    $($crate::alternate!(@kind $kind) => {
                        let mut value = $crate::codec::Json::blank();
                        $crate::codec::Json::decode(&mut value, decoder, at)?;
                        *self = Self::$variant(value);
                    })*
                    #[allow(unreachable_patterns, reason = "all JSON types may be taken")]
                    _ => return Err(decoder.wrong_type($name)),
                }
                Ok(())
            }

            fn encode(&self, out: &mut $crate::json::Writer) {
                match self {
                    $(Self::$variant(value) => $crate::codec::Json::encode(value, out),)*
                }
            }
        }
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
            fn blank() -> Self {
                Self($crate::codec::Json::blank())
            }

            fn decode(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                at: $crate::json::NodeId,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                self.0.decode(decoder, at)
            }

            fn decode_members(
                &mut self,
                decoder: &mut $crate::codec::Decoder<'_>,
                object: &mut $crate::codec::Object,
            ) -> ::std::result::Result<(), $crate::QmpError> {
                self.0.decode_members(decoder, object)
            }

            fn encode(&self, out: &mut $crate::json::Writer) {
                self.0.encode(out);
            }

            fn encode_members(&self, out: &mut $crate::json::Writer) {
                self.0.encode_members(out);
            }
        }

        impl ::std::ops::Deref for $type {
            type Target = $inner;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl ::std::ops::DerefMut for $type {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.0
            }
        }

        impl ::std::convert::From<$inner> for $type {
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }
    };
}
