//! Objects: the real things behind paths, and how they are made.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use qmp_runtime::json::{Map, Value};

use super::{Node, Properties, QomError, TypeInfo, Wording};
use crate::machine::{Running, Services};

/// What is behind a path of the tree.
pub trait Object: Any + Send + Sync + fmt::Debug {
    /// The value of a property now. `None` for one that stays what it was when
    /// the object was made.
    fn get(&self, _property: &str) -> Option<Value> {
        None
    }

    /// Sets a property whose [`Access`](super::Access) is `Write`; the value is
    /// of the property's kind.
    ///
    /// # Errors
    /// The object cannot take the value.
    fn set(&self, property: &str, _value: &Value) -> Result<(), QomError> {
        Err(QomError::Refused(format!(
            "Property '{property}' is not writable"
        )))
    }

    /// Children that come and go without the tree being told.
    fn children(&self) -> Vec<Child> {
        Vec::new()
    }

    /// What kind of bus it is, if it is one.
    fn bus(&self) -> Option<BusState> {
        None
    }

    /// Takes the device out of the machine, or asks the guest to let go of it.
    ///
    /// # Errors
    /// It cannot be unplugged; the text says why.
    fn unplug(&self, _services: &Services) -> Result<Unplug, QomError> {
        Err(QomError::Refused(
            "this device cannot be unplugged".to_owned(),
        ))
    }
}

/// What a bus can take at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusState {
    /// It has no place left.
    pub full: bool,
    /// Devices can come and go while the machine runs.
    pub hotplug: bool,
}

/// What became of an attempt to unplug a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unplug {
    /// It is out of the machine.
    Done,
    /// The guest was asked; its answer comes later.
    Requested,
}

/// An object below another.
#[derive(Debug, Clone)]
pub struct Child {
    /// Its name there.
    pub name: String,
    /// Its type.
    pub type_info: &'static TypeInfo,
    /// The object.
    pub object: Arc<dyn Object>,
}

/// A value as a user gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The text of `key=value`, to be read as the property demands.
    Text(String, Wording),
    /// The text of a value for all devices of the type `driver`.
    Global {
        /// The type.
        driver: String,
        /// The text.
        value: String,
    },
    /// JSON, which must be of the property's type.
    Json(Value),
}

impl Given {
    /// The text of an option about a device.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into(), Wording::Device)
    }
}

/// An object that a user asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spec {
    /// The name of its type.
    pub type_name: String,
    /// Its name.
    pub id: Option<String>,
    /// The properties, each with the value that it is to have.
    pub properties: Vec<(String, Given)>,
}

impl Spec {
    /// An object from JSON, where the type's name is the member `type_key`.
    ///
    /// # Errors
    /// There is no type.
    pub fn from_json(mut members: Map<String, Value>, type_key: &str) -> Result<Self, QomError> {
        // As with QEMU, what is no text is as good as not there.
        let mut text = |key: &str| match members.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (type_name, id) = (text(type_key), text("id"));
        let type_name = type_name
            .ok_or_else(|| QomError::Refused(format!("Parameter '{type_key}' is missing")))?;
        let properties = members
            .into_iter()
            .map(|(name, value)| (name, Given::Json(value)))
            .collect();
        Ok(Self {
            type_name,
            id,
            properties,
        })
    }
}

/// What a constructor works with.
pub struct Creation<'a> {
    /// The type, for those who make several.
    pub type_info: &'static TypeInfo,
    /// The name that the user gave.
    pub id: Option<&'a str>,
    /// Where the object will be.
    pub path: &'a str,
    /// The bus that a device goes on, where one of its kind is in the tree.
    pub bus: Option<&'a Arc<Node>>,
    /// The properties, given or default.
    pub properties: &'a Properties,
    /// What the machine has to offer.
    pub services: &'a Services,
    /// The machine that runs already; `None` while it is being built.
    pub running: Option<Running<'a>>,
}

impl fmt::Debug for Creation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Creation")
            .field("type", &self.type_info.name)
            .field("path", &self.path)
            .field("properties", &self.properties)
            .finish_non_exhaustive()
    }
}

/// Makes an object, and places it where the guest finds it.
pub type Create = fn(&mut Creation<'_>) -> Result<Arc<dyn Object>, QomError>;
