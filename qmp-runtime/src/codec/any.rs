//! Values whose types are known at run time alone.

use super::{Decoder, Json, Object, Record, RecordMut, View};
use crate::error::QmpError;
use crate::json::NodeId;

/// A value of any type that has [`Json`], whose methods these are.
pub trait AnyJson {
    /// [`Json::record`].
    fn record(&self) -> Record<'_>;

    /// [`Json::record_mut`].
    fn record_mut(&mut self) -> RecordMut<'_>;

    /// [`Json::decode_value`].
    ///
    /// # Errors
    /// Its errors.
    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError>;

    /// [`Json::decode_members`].
    ///
    /// # Errors
    /// Its errors.
    fn decode_members(
        &mut self,
        decoder: &mut Decoder<'_>,
        object: &mut Object,
    ) -> Result<(), QmpError>;

    /// [`Json::view`].
    fn view(&self) -> View<'_>;
}

impl<T: Json> AnyJson for T {
    #[inline]
    fn record(&self) -> Record<'_> {
        Json::record(self)
    }

    #[inline]
    fn record_mut(&mut self) -> RecordMut<'_> {
        Json::record_mut(self)
    }

    #[inline]
    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        Json::decode_value(self, decoder, at)
    }

    #[inline]
    fn decode_members(
        &mut self,
        decoder: &mut Decoder<'_>,
        object: &mut Object,
    ) -> Result<(), QmpError> {
        Json::decode_members(self, decoder, object)
    }

    #[inline]
    fn view(&self) -> View<'_> {
        Json::view(self)
    }
}
