//! Values of type `any`: kept as serde_json has them.

pub use serde_json::{Map, Number, Value};

use super::document::{Document, Kind, NodeId};

impl Document {
    /// The node as a value of its own; `None` where a number lies beyond the range of a double.
    pub fn value(&self, id: NodeId) -> Option<Value> {
        // Loops rather than iterator chains: small frames, for values that nest deeply.
        Some(match self.kind(id) {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(self.bool(id)?),
            Kind::Integer | Kind::Float => Value::Number(self.number(id)?),
            Kind::String => Value::String(self.str(id)?.into_owned()),
            Kind::Array => {
                let mut elements = Vec::new();
                for element in self.elements(id) {
                    elements.push(self.value(element)?);
                }
                Value::Array(elements)
            }
            Kind::Object => Value::Object(self.map(id)?),
        })
    }

    /// The members of an object as a map; `None` as for [`Document::value`].
    pub fn map(&self, id: NodeId) -> Option<Map<String, Value>> {
        let mut members = Map::new();
        for (key, value) in self.members(id) {
            members.insert(self.str(key)?.into_owned(), self.value(value)?);
        }
        Some(members)
    }

    fn number(&self, id: NodeId) -> Option<Number> {
        let whole = self
            .i64(id)
            .map(Number::from)
            .or_else(|| self.u64(id).map(Number::from));
        whole.or_else(|| Number::from_f64(self.f64(id)?))
    }
}
