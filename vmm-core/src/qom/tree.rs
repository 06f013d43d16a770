//! Objects at paths.

use std::sync::{Arc, Weak};

use super::base::CONTAINER;
use super::{NewNode, Node, Object, QomError, TypeInfo};
use crate::sync::lock;

/// All objects of a machine; clones share them.
#[derive(Debug, Clone)]
pub struct Tree(Arc<Node>);

/// Where things are.
const PERIPHERAL: &str = "/machine/peripheral";
const PERIPHERAL_ANON: &str = "/machine/peripheral-anon";
const UNATTACHED: &str = "/machine/unattached";
const OBJECTS: &str = "/objects";

impl Tree {
    /// A tree with the machine and the containers that there always are.
    #[must_use]
    pub fn new(machine_type: &'static TypeInfo, machine: Arc<dyn Object>) -> Self {
        let root = NewNode::container("").below(Weak::new());
        let _ = root.add(NewNode::container("backend")); // a new name each time
        let machine = NewNode::plain("machine", machine_type, machine);
        if let Ok(machine) = root.add(machine) {
            for name in ["peripheral", "peripheral-anon", "unattached"] {
                let _ = machine.add(NewNode::container(name));
            }
        }
        let _ = root.add(NewNode::container("objects"));
        Self(root)
    }

    /// Puts an object under the root, at `/NAME`.
    ///
    /// # Errors
    /// The name is taken.
    pub fn add_root(
        &self,
        name: &str,
        type_info: &'static TypeInfo,
        object: Arc<dyn Object>,
    ) -> Result<Arc<Node>, QomError> {
        self.0.add(NewNode::plain(name, type_info, object))
    }

    /// A container for [`add_root`](Self::add_root) that has no children but
    /// those that `object` tells of.
    #[must_use]
    pub fn container_type() -> &'static TypeInfo {
        &CONTAINER
    }

    /// Puts a device of the board at the next `/machine/unattached/device[N]`.
    ///
    /// # Errors
    /// None; the name is a new one.
    pub fn add_unattached(
        &self,
        type_info: &'static TypeInfo,
        object: Arc<dyn Object>,
    ) -> Result<Arc<Node>, QomError> {
        let parent = self.at(UNATTACHED)?;
        let name = parent.next_device_name();
        parent.add(NewNode::plain(&name, type_info, object))
    }

    /// The parent and the name of a device that the user makes.
    pub(crate) fn place_device(&self, id: Option<&str>) -> Result<(Arc<Node>, String), QomError> {
        match id {
            Some(id) => Ok((self.at(PERIPHERAL)?, id.to_owned())),
            None => {
                let parent = self.at(PERIPHERAL_ANON)?;
                let name = parent.next_device_name();
                Ok((parent, name))
            }
        }
    }

    /// The container of what `object-add` makes.
    pub(crate) fn objects(&self) -> Result<Arc<Node>, QomError> {
        self.at(OBJECTS)
    }

    /// The device that the user named so.
    #[must_use]
    pub fn peripheral(&self, id: &str) -> Option<Arc<Node>> {
        self.at(PERIPHERAL).ok()?.child(id)
    }

    /// The object that the user named so.
    #[must_use]
    pub fn object(&self, id: &str) -> Option<Arc<Node>> {
        self.objects().ok()?.child(id)
    }

    /// The object at an absolute path.
    ///
    /// # Errors
    /// There is none.
    pub fn at(&self, path: &str) -> Result<Arc<Node>, QomError> {
        let parts = path.split('/').filter(|part| !part.is_empty());
        let found = self.0.walk(parts);
        found.ok_or_else(|| QomError::NoObject(path.to_owned()))
    }

    /// The object at a path; one that starts with no slash is the end of a path,
    /// and must fit one object alone.
    ///
    /// # Errors
    /// No object is there, or several are.
    pub fn resolve(&self, path: &str) -> Result<Arc<Node>, QomError> {
        if path.starts_with('/') {
            return self.at(path);
        }
        let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        let mut found = Vec::new();
        self.0.matches(&parts, &mut found);
        match found.len() {
            0 => Err(QomError::NoObject(path.to_owned())),
            1 => found
                .pop()
                .ok_or_else(|| QomError::NoObject(path.to_owned())),
            _ => Err(QomError::Ambiguous(path.to_owned())),
        }
    }

    /// As [`resolve`](Self::resolve), where several objects are as good as none.
    ///
    /// # Errors
    /// No object is there, or several are.
    pub fn resolve_one(&self, path: &str) -> Result<Arc<Node>, QomError> {
        self.resolve(path)
            .map_err(|_| QomError::NoObject(path.to_owned()))
    }

    /// As [`resolve`](Self::resolve) for an object of the type `target`: others
    /// that fit a partial path do not count.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), or the object is of another type.
    pub fn resolve_as(&self, path: &str, target: &str) -> Result<Arc<Node>, QomError> {
        let mut found = Vec::new();
        if path.starts_with('/') {
            found.push(self.at(path)?);
        } else {
            let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
            self.0.matches(&parts, &mut found);
        }
        let is_wrong = !found.is_empty();
        found.retain(|node| node.type_info.is_a(target));
        match (found.pop(), found.is_empty()) {
            (Some(node), true) => Ok(node),
            (Some(_), false) => Err(QomError::Ambiguous(path.to_owned())),
            (None, _) if is_wrong => Err(QomError::WrongType {
                name: path.to_owned(),
                expected: target.to_owned(),
            }),
            (None, _) => Err(QomError::NoObject(path.to_owned())),
        }
    }

    /// Takes an object out, with all below it.
    pub fn remove(&self, node: &Arc<Node>) {
        if let Some(parent) = node.parent.upgrade() {
            lock(&parent.children).retain(|child| !Arc::ptr_eq(child, node));
        }
    }

    /// Every object whose type is `name` or a kind of it.
    #[must_use]
    pub fn all_of(&self, name: &str) -> Vec<Arc<Node>> {
        fn collect(node: &Arc<Node>, name: &str, found: &mut Vec<Arc<Node>>) {
            if node.type_info.is_a(name) {
                found.push(Arc::clone(node));
            }
            for child in node.children() {
                collect(&child, name, found);
            }
        }
        let mut found = Vec::new();
        collect(&self.0, name, &mut found);
        found
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use qmp_runtime::json::Value;

    use super::*;
    use crate::qom::node::Container;
    use crate::qom::{Access, Entry, Kind, Link, Property, base};

    #[derive(Debug)]
    struct Thing;

    impl Object for Thing {
        fn get(&self, property: &str) -> Option<Value> {
            (property == "level").then(|| 7.into())
        }

        fn set(&self, _: &str, value: &Value) -> Result<(), QomError> {
            match value.as_i64() {
                Some(0..=9) => Ok(()),
                _ => Err(QomError::Refused("too loud".to_owned())),
            }
        }
    }

    static THING: TypeInfo = TypeInfo::new("thing", &base::DEVICE).properties(&[
        Property::new("level", Kind::INT).access(Access::Write),
        Property::new("fixed", Kind::UINT8).default_uint(3),
    ]);

    fn tree() -> Tree {
        let tree = Tree::new(&base::MACHINE, Arc::new(Container));
        tree.add_unattached(&THING, Arc::new(Thing)).unwrap();
        tree
    }

    fn failure<T: fmt::Debug>(result: Result<T, QomError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn paths_lead_to_objects_and_back() {
        let tree = tree();
        for path in ["/", "/machine", "/machine/unattached/device[0]", "/objects"] {
            assert_eq!(tree.resolve(path).unwrap().path(), path);
        }
        assert_eq!(tree.resolve("device[0]").unwrap().type_info().name, "thing");
        assert_eq!(
            tree.resolve("unattached/device[0]").unwrap().path(),
            "/machine/unattached/device[0]"
        );
        assert_eq!(failure(tree.resolve("/nope")), "Device '/nope' not found");
        assert_eq!(failure(tree.resolve("nope")), "Device 'nope' not found");
        assert_eq!(failure(tree.resolve("")), "Path '' is ambiguous");
        tree.objects()
            .unwrap()
            .add(NewNode::plain("device[0]", &THING, Arc::new(Thing)))
            .unwrap();
        assert_eq!(
            failure(tree.resolve("device[0]")),
            "Path 'device[0]' is ambiguous"
        );
    }

    #[test]
    fn properties_answer_as_they_are_declared() {
        let tree = tree();
        let node = tree.resolve("device[0]").unwrap();
        assert_eq!(node.get("type").unwrap(), "thing");
        assert_eq!(node.get("level").unwrap(), 7);
        assert_eq!(node.get("fixed").unwrap(), 3);
        assert_eq!(node.get("realized").unwrap(), true);
        assert_eq!(failure(node.get("nope")), "Property 'thing.nope' not found");
        node.set("level", &5.into()).unwrap();
        assert_eq!(failure(node.set("level", &10.into())), "too loud");
        assert_eq!(
            failure(node.set("level", &"x".into())),
            "Invalid parameter type for 'level', expected: integer"
        );
        assert_eq!(
            failure(node.set("type", &"x".into())),
            "Property 'thing.type' is not writable"
        );
        assert_eq!(
            failure(node.set("fixed", &1.into())),
            "Attempt to set property 'fixed' on anonymous device (type 'thing') after it was realized"
        );
        let machine = tree.resolve("/machine").unwrap();
        assert_eq!(machine.get("unattached").unwrap(), "/machine/unattached");
        let child = Entry {
            name: "device[0]".to_owned(),
            type_name: "child<thing>".into(),
        };
        assert!(tree.resolve("unattached").unwrap().list().contains(&child));
    }

    #[test]
    fn removed_object_is_gone_and_its_number_is_not_used_again() {
        let tree = tree();
        let node = tree.resolve("device[0]").unwrap();
        tree.remove(&node);
        assert_eq!(
            failure(tree.resolve("device[0]")),
            "Device 'device[0]' not found"
        );
        let next = tree.add_unattached(&THING, Arc::new(Thing)).unwrap();
        assert_eq!(next.name(), "device[1]");
    }

    #[test]
    fn link_counts_as_a_user_while_it_lives() {
        let tree = tree();
        let node = tree.resolve("device[0]").unwrap();
        let link = Link::new(Arc::clone(&node));
        let other = link.clone();
        assert_eq!(node.users(), 2);
        assert!(link.object::<Thing>().is_some());
        drop((link, other));
        assert_eq!(node.users(), 0);
    }

    #[test]
    fn link_of_another_type_is_refused() {
        let tree = tree();
        assert!(tree.resolve_as("device[0]", "device").is_ok());
        assert_eq!(
            failure(tree.resolve_as("device[0]", "bus")),
            "Invalid parameter type for 'device[0]', expected: bus"
        );
        assert_eq!(failure(tree.resolve_as("x", "bus")), "Device 'x' not found");
    }
}
