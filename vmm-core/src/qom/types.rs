//! Types of objects.

use super::object::Create;
use super::{Property, QomError};

/// A type. Statics of it are made with [`new`](Self::new) and what follows it.
#[derive(Debug)]
pub struct TypeInfo {
    /// Its name.
    pub name: &'static str,
    /// The type that it is a kind of; only `object` and interfaces have none.
    pub parent: Option<&'static TypeInfo>,
    /// What it is, in a few words, for `-device help`.
    pub description: Option<&'static str>,
    /// Whether there are no objects of it, only of types that it is parent of.
    pub is_abstract: bool,
    /// The names of the interfaces that it has beside those of its parent.
    pub interfaces: &'static [&'static str],
    /// Its properties, without those of its parent.
    pub properties: &'static [Property],
    /// How an object of it is made on request, if it can be.
    pub create: Option<Create>,
    /// The bus that a device of it plugs into.
    pub bus: Option<&'static str>,
    /// Whether a device of it can come and go while the machine runs.
    pub hotpluggable: bool,
}

impl TypeInfo {
    /// A type that is a kind of `parent`, to which the methods below add.
    #[must_use]
    pub const fn new(name: &'static str, parent: &'static TypeInfo) -> Self {
        Self {
            parent: Some(parent),
            bus: parent.bus,
            ..Self::root(name)
        }
    }

    /// A type without parent.
    pub(super) const fn root(name: &'static str) -> Self {
        Self {
            name,
            parent: None,
            description: None,
            is_abstract: false,
            interfaces: &[],
            properties: &[],
            create: None,
            bus: None,
            hotpluggable: false,
        }
    }

    /// Says what it is.
    #[must_use]
    pub const fn described(self, text: &'static str) -> Self {
        Self {
            description: Some(text),
            ..self
        }
    }

    /// There are no objects of it.
    #[must_use]
    pub const fn abstract_type(self) -> Self {
        Self {
            is_abstract: true,
            ..self
        }
    }

    /// Gives it properties.
    #[must_use]
    pub const fn properties(self, properties: &'static [Property]) -> Self {
        Self { properties, ..self }
    }

    /// Gives it interfaces.
    #[must_use]
    pub const fn interfaces(self, interfaces: &'static [&'static str]) -> Self {
        Self { interfaces, ..self }
    }

    /// Objects of it can be made with `-object` and `object-add`.
    #[must_use]
    pub const fn user_creatable(self) -> Self {
        self.interfaces(&["user-creatable"])
    }

    /// Lets objects of it be made on request.
    #[must_use]
    pub const fn created_by(self, create: Create) -> Self {
        Self {
            create: Some(create),
            ..self
        }
    }

    /// Names the bus that a device of it plugs into.
    #[must_use]
    pub const fn on_bus(self, bus: &'static str) -> Self {
        Self {
            bus: Some(bus),
            ..self
        }
    }

    /// Devices of it can come and go while the machine runs.
    #[must_use]
    pub const fn hotpluggable(self) -> Self {
        Self {
            hotpluggable: true,
            ..self
        }
    }

    /// The type and its ancestors, nearest first.
    pub fn lineage(&'static self) -> impl Iterator<Item = &'static TypeInfo> {
        std::iter::successors(Some(self), |known| known.parent)
    }

    /// Whether it is `name` or a kind of it.
    #[must_use]
    pub fn is_a(&'static self, name: &str) -> bool {
        self.lineage()
            .any(|known| known.name == name || known.interfaces.contains(&name))
    }

    /// All its properties, those of the oldest ancestor first.
    #[must_use]
    pub fn all_properties(&'static self) -> Vec<&'static Property> {
        let mut lineage: Vec<_> = self.lineage().collect();
        lineage.reverse();
        let all = lineage.iter().flat_map(|known| known.properties);
        all.collect()
    }

    /// The property `name`, its own or inherited.
    #[must_use]
    pub fn property(&'static self, name: &str) -> Option<&'static Property> {
        self.lineage()
            .flat_map(|known| known.properties)
            .find(|property| property.name == name)
    }

    /// The properties of a device that are its own kind's, not every device's.
    ///
    /// # Errors
    /// It is no type of devices, or there are no devices of it.
    pub fn device_properties(&'static self) -> Result<Vec<&'static Property>, QomError> {
        if !self.is_a("device") || self.is_abstract {
            return Err(QomError::Refused(
                "Parameter 'typename' expects a non-abstract device type".to_owned(),
            ));
        }
        let own = |property: &&Property| super::base::DEVICE.property(property.name).is_none();
        Ok(self.all_properties().into_iter().filter(own).collect())
    }

    pub(super) fn no_property(&self, property: &str) -> QomError {
        QomError::NoProperty {
            type_name: self.name.to_owned(),
            property: property.to_owned(),
        }
    }
}
