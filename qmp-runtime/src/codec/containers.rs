//! Optional members, arrays, and values on the heap.

use super::{Decoder, Json, Object, Record, RecordMut, View, decode};
use crate::error::QmpError;
use crate::json::{Kind, NodeId};

impl<T: Json> Json for Option<T> {
    fn blank() -> Self {
        None
    }

    fn record(&self) -> Record<'_> {
        self.as_ref().map_or(Record::EMPTY, T::record)
    }

    fn record_mut(&mut self) -> RecordMut<'_> {
        self.as_mut().map_or(RecordMut::EMPTY, T::record_mut)
    }

    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        decode(self.insert(T::blank()), decoder, at)
    }

    fn view(&self) -> View<'_> {
        match self {
            Some(value) => value.view(),
            None => View::Absent,
        }
    }
}

/// For how many elements room is made beforehand: a peer that sends many of another type must not make
/// us fetch memory for all of them.
const MAX_RESERVE: usize = 1024;

impl<T: Json> Json for Vec<T> {
    fn blank() -> Self {
        Vec::new()
    }

    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        if decoder.kind(at) != Kind::Array {
            return Err(decoder.wrong_type("array"));
        }
        let document = decoder.document();
        let (mut next, end) = document.inside(at);
        *self = Vec::with_capacity(document.count(next, end, MAX_RESERVE));
        while let Some((element, behind)) = document.element(next, end) {
            let index = self.len();
            // In place: elements may be large.
            self.push(T::blank());
            let Some(value) = self.last_mut() else { break };
            decoder.at_index(index, |decoder| decode(value, decoder, element))?;
            next = behind;
        }
        Ok(())
    }

    fn view(&self) -> View<'_> {
        View::List(self)
    }
}

impl<T: Json> Json for Box<T> {
    fn blank() -> Self {
        Box::new(T::blank())
    }

    fn record(&self) -> Record<'_> {
        (**self).record()
    }

    fn record_mut(&mut self) -> RecordMut<'_> {
        (**self).record_mut()
    }

    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        (**self).decode_value(decoder, at)
    }

    fn decode_members(
        &mut self,
        decoder: &mut Decoder<'_>,
        object: &mut Object,
    ) -> Result<(), QmpError> {
        (**self).decode_members(decoder, object)
    }

    fn view(&self) -> View<'_> {
        (**self).view()
    }
}
