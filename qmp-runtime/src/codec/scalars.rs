//! The predefined types of the schema language.

use std::borrow::Cow;

use super::{Decoder, Json, View};
use crate::error::QmpError;
use crate::json::{Map, NodeId, Value};

/// The JSON value `null`, which is not the same as an absent member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Null;

macro_rules! scalar {
    ($type:ty, $blank:expr, |$decoder:ident, $at:ident| $decode:expr, |$value:ident| $view:expr) => {
        impl Json for $type {
            fn blank() -> Self {
                $blank
            }

            fn decode_value(
                &mut self,
                $decoder: &mut Decoder<'_>,
                $at: NodeId,
            ) -> Result<(), QmpError> {
                *self = $decode?;
                Ok(())
            }

            fn view(&self) -> View<'_> {
                let $value = self;
                $view
            }
        }
    };
}

impl Json for String {
    fn blank() -> Self {
        String::new()
    }

    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        *self = match decoder.document.plain(at) {
            Some(text) => text.into(),
            None => match decoder.document.str(at) {
                Some(text) => text.into_owned(),
                None => return Err(decoder.wrong_type("string")),
            },
        };
        Ok(())
    }

    fn view(&self) -> View<'_> {
        View::Str(Cow::Borrowed(self))
    }
}

scalar!(
    bool,
    false,
    |d, at| d.document.bool(at).ok_or_else(|| d.wrong_type("boolean")),
    |value| View::Bool(*value)
);
scalar!(
    f64,
    0.0,
    |d, at| d
        .document
        .f64(at)
        .filter(|value| value.is_finite())
        .ok_or_else(|| d.wrong_type("number")),
    |value| View::number(*value)
);
scalar!(
    Null,
    Null,
    |d, at| match d.kind(at) {
        crate::json::Kind::Null => Ok(Null),
        _ => Err(d.wrong_type("null")),
    },
    |_value| View::Null
);
scalar!(
    Value,
    Value::Null,
    |d, at| d.document.value(at).ok_or_else(|| d.wrong_type("number")),
    |value| View::value(value)
);
scalar!(
    i64,
    0,
    |d, at| d.document.i64(at).ok_or_else(|| d.wrong_type("integer")),
    |value| View::I64(*value)
);
// Negative numbers wrap, as QEMU has always let them.
scalar!(
    u64,
    0,
    |d, at| d
        .document
        .u64(at)
        .or_else(|| d.document.i64(at).map(i64::cast_unsigned))
        .ok_or_else(|| d.not_unsigned()),
    |value| View::U64(*value)
);

macro_rules! narrow {
    ($($type:ty: $wide:ty = $c_type:literal, $view:ident;)*) => {$(
        scalar!(
            $type,
            0,
            |d, at| {
                let mut wide: $wide = 0;
                wide.decode_value(d, at)?;
                <$type>::try_from(wide).map_err(|_| d.out_of_range($c_type))
            },
            |value| View::$view((*value).into())
        );
    )*};
}

narrow! {
    i8: i64 = "int8_t", I64;
    i16: i64 = "int16_t", I64;
    i32: i64 = "int32_t", I64;
    u8: u64 = "uint8_t", U64;
    u16: u64 = "uint16_t", U64;
    u32: u64 = "uint32_t", U64;
}

/// What a command without a result returns.
impl Json for () {
    fn blank() -> Self {}

    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        let object = decoder.object(at)?;
        decoder.finish(at, &object, Vec::new)
    }

    fn view(&self) -> View<'_> {
        View::Empty
    }
}

/// The arguments of a command that takes them as they come (`gen: false`).
impl Json for Map<String, Value> {
    fn blank() -> Self {
        Map::new()
    }

    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        let mut object = decoder.object(at)?;
        self.decode_members(decoder, &mut object)
    }

    fn decode_members(
        &mut self,
        decoder: &mut Decoder<'_>,
        object: &mut super::Object,
    ) -> Result<(), QmpError> {
        for (key, at) in object.take_all(decoder.document) {
            let value = decoder
                .document
                .value(at)
                .ok_or_else(|| decoder.wrong_type("number"))?;
            self.insert(
                decoder.document.str(key).unwrap_or_default().into_owned(),
                value,
            );
        }
        Ok(())
    }

    fn view(&self) -> View<'_> {
        View::map(self)
    }
}
