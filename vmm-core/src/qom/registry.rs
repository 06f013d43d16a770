//! All types.

use super::{TypeInfo, base};

/// The types of each module.
static TYPES: &[&[&TypeInfo]] = &[
    base::TYPES,
    crate::machine::TYPES,
    crate::devices::TYPES,
    crate::devices::virtio::TYPES,
    crate::char::TYPES,
    crate::backends::TYPES,
];

/// Every type.
pub fn all() -> impl Iterator<Item = &'static TypeInfo> {
    TYPES.iter().copied().flatten().copied()
}

/// The type of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static TypeInfo> {
    all().find(|known| known.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn type_names_are_unique_and_parents_are_listed() {
        let names: Vec<_> = all().map(|known| known.name).collect();
        let unique: BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{names:?}");
        for known in all() {
            let parent = known.parent.iter().map(|parent| &parent.name);
            for relative in parent.chain(known.interfaces) {
                assert!(names.contains(relative), "{relative}");
            }
        }
    }

    #[test]
    fn property_names_are_unique_in_a_lineage() {
        for known in all() {
            let names: Vec<_> = known.all_properties().iter().map(|p| p.name).collect();
            let unique: BTreeSet<_> = names.iter().collect();
            assert_eq!(unique.len(), names.len(), "{}: {names:?}", known.name);
        }
    }

    #[test]
    fn abstract_types_make_no_objects() {
        for known in all() {
            assert!(
                !(known.is_abstract && known.create.is_some()),
                "{}",
                known.name
            );
        }
    }
}
