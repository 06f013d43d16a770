//! From what a user asks for to properties that a constructor can rely on.

use super::{Access, Given, Link, Properties, Property, QomError, Spec, Tree, TypeInfo, Wording};

impl Spec {
    /// Reads and checks the properties for a type, adds defaults, and takes hold
    /// of the objects that links name.
    pub(crate) fn properties_for(
        &self,
        type_info: &'static TypeInfo,
        tree: &Tree,
    ) -> Result<Properties, QomError> {
        let mut properties = Properties::default();
        for property in type_info.all_properties() {
            if let Some(value) = property.default.value() {
                properties.values.insert(property.name.to_owned(), value);
            }
        }
        for (name, given) in &self.properties {
            let property = type_info
                .property(name)
                .ok_or_else(|| type_info.no_property(name))?;
            properties.give(type_info, property, given, tree)?;
        }
        Ok(properties)
    }

    /// A number that was given; none where it was not, or is none.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let (_, given) = self.properties.iter().find(|(known, _)| known == name)?;
        match given {
            Given::Text(text, _) | Given::Global { value: text, .. } => text.parse().ok(),
            Given::Json(value) => value.as_u64(),
        }
    }

    /// Takes a property out that is not one of the object's own.
    pub(crate) fn take_text(&mut self, name: &str) -> Option<String> {
        let mut properties = self.properties.iter();
        let at = properties.position(|(known, _)| known == name)?;
        match self.properties.remove(at).1 {
            Given::Text(text, _) | Given::Global { value: text, .. } => Some(text),
            Given::Json(value) => value.as_str().map(str::to_owned),
        }
    }
}

impl Properties {
    fn give(
        &mut self,
        type_info: &'static TypeInfo,
        property: &Property,
        given: &Given,
        tree: &Tree,
    ) -> Result<(), QomError> {
        let name = property.name;
        if property.access == Access::Read {
            return Err(QomError::NotWritable {
                type_name: type_info.name.to_owned(),
                property: name.to_owned(),
            });
        }
        let value = match given {
            Given::Text(text, words) => property.kind.parse(name, text, *words)?,
            Given::Global { driver, value } => {
                let read = property.kind.parse(name, value, Wording::Value);
                read.map_err(|error| {
                    let what = format!("can't apply global {driver}.{name}={value}: {error}");
                    QomError::Refused(what)
                })?
            }
            Given::Json(value) => {
                property.kind.check(name, value)?;
                value.clone()
            }
        };
        if let (Some(target), Some(path)) = (property.kind.target(), value.as_str())
            && !path.is_empty()
        {
            let node = tree.resolve_as(path, target).map_err(|error| match error {
                QomError::WrongType { expected, .. } => QomError::WrongType {
                    name: name.to_owned(),
                    expected,
                },
                other => other,
            })?;
            self.links.insert(name.to_owned(), Link::new(node));
        }
        self.values.insert(name.to_owned(), value);
        Ok(())
    }
}

/// Whether a name can be an ID: a letter, then letters, digits, `-`, `.`, `_`.
pub(crate) fn is_id(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}
