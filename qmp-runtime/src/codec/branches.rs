//! The branches of unions.
//!
//! What is `#[inline]` is compiled once for each codegen unit of a client, what is generic once for all of
//! them. The functions here are generic for that alone: those of unions are large.

use super::{Decoder, Json, Object, View};
use crate::error::QmpError;
use crate::json::NodeId;

/// The tag of a union with the data that depends on it.
pub trait Branches: Json {
    /// Sets the tag, and blank data, from a node.
    ///
    /// # Errors
    /// As for [`Json::decode_value`].
    fn decode_tag(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError>;

    /// Sets the data from the object of the union.
    ///
    /// # Errors
    /// As for [`Json::decode_members`].
    fn decode_branch(
        &mut self,
        decoder: &mut Decoder<'_>,
        object: &mut Object,
    ) -> Result<(), QmpError>;

    /// The tag and the data.
    fn view_branch(&self) -> View<'_>;
}

/// [`Branches::decode_tag`], once for all codegen units.
///
/// # Errors
/// Those of the method.
#[inline(never)]
pub fn decode_branch_tag<B: Branches>(
    value: &mut B,
    decoder: &mut Decoder<'_>,
    at: NodeId,
) -> Result<(), QmpError> {
    value.decode_tag(decoder, at)
}

/// [`Branches::decode_branch`], once for all codegen units.
///
/// # Errors
/// Those of the method.
#[inline(never)]
pub fn decode_branch<B: Branches>(
    value: &mut B,
    decoder: &mut Decoder<'_>,
    object: &mut Object,
) -> Result<(), QmpError> {
    value.decode_branch(decoder, object)
}

/// [`Branches::view_branch`], once for all codegen units.
#[inline(never)]
pub fn view_branch<B: Branches>(value: &B) -> View<'_> {
    value.view_branch()
}
