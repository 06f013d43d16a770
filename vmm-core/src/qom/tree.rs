//! Objects at paths.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use qmp_runtime::json::Value;

use super::base::CONTAINER;
use super::{Access, Kind, Object, Properties, Property, QomError, TypeInfo};
use crate::sync::lock;

/// A property or a child of an object, as `qom-list` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The name of its type; `child<TYPE>` and `link<TYPE>` are objects.
    pub type_name: Cow<'static, str>,
}

/// An object in the tree.
pub struct Node {
    name: String,
    type_info: &'static TypeInfo,
    object: Arc<dyn Object>,
    properties: Properties,
    hotplugged: bool,
    parent: Weak<Node>,
    children: Mutex<Vec<Arc<Node>>>,
    users: AtomicUsize,
    /// How many children were named `device[N]`; no number comes twice.
    numbered: AtomicUsize,
    /// The guest was asked to let go of it.
    leaving: AtomicBool,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("path", &self.path())
            .field("type", &self.type_info.name)
            .finish_non_exhaustive()
    }
}

/// An object that has only children.
#[derive(Debug)]
struct Container;

impl Object for Container {}

/// What a node is made from.
#[derive(Debug)]
pub(crate) struct NewNode {
    pub(crate) name: String,
    pub(crate) type_info: &'static TypeInfo,
    pub(crate) object: Arc<dyn Object>,
    pub(crate) properties: Properties,
    pub(crate) hotplugged: bool,
}

impl NewNode {
    fn container(name: &str) -> Self {
        Self::plain(name, &CONTAINER, Arc::new(Container))
    }

    pub(crate) fn plain(name: &str, type_info: &'static TypeInfo, object: Arc<dyn Object>) -> Self {
        Self {
            name: name.to_owned(),
            type_info,
            object,
            properties: Properties::default(),
            hotplugged: false,
        }
    }

    fn below(self, parent: Weak<Node>) -> Arc<Node> {
        Arc::new(Node {
            name: self.name,
            type_info: self.type_info,
            object: self.object,
            properties: self.properties,
            hotplugged: self.hotplugged,
            parent,
            children: Mutex::default(),
            users: AtomicUsize::new(0),
            numbered: AtomicUsize::new(0),
            leaving: AtomicBool::new(false),
        })
    }
}

impl Node {
    /// Its name among its siblings.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type.
    #[must_use]
    pub fn type_info(&self) -> &'static TypeInfo {
        self.type_info
    }

    /// The object itself.
    #[must_use]
    pub fn object(&self) -> &Arc<dyn Object> {
        &self.object
    }

    /// The object itself, if it is a `T`.
    #[must_use]
    pub fn downcast<T: Object>(&self) -> Option<Arc<T>> {
        let any: Arc<dyn Any + Send + Sync> = self.object.clone();
        any.downcast().ok()
    }

    /// Its path from the root; that of an object which is gone starts where it
    /// was cut off.
    #[must_use]
    pub fn path(&self) -> String {
        match self.parent.upgrade() {
            None => "/".to_owned(),
            Some(parent) if parent.parent.upgrade().is_none() => format!("/{}", self.name),
            Some(parent) => format!("{}/{}", parent.path(), self.name),
        }
    }

    /// The name that the user gave: that of objects and of devices with one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        let named = self.parent.upgrade().is_some_and(|parent| {
            matches!(parent.path().as_str(), "/machine/peripheral" | "/objects")
        });
        named.then_some(self.name.as_str())
    }

    /// Whether it came while the machine ran.
    #[must_use]
    pub fn is_hotplugged(&self) -> bool {
        self.hotplugged
    }

    /// How many objects use it.
    #[must_use]
    pub fn users(&self) -> usize {
        self.users.load(Ordering::Acquire)
    }

    /// Notes that the guest was asked to let go of it, or has refused; what was
    /// noted before.
    pub(crate) fn set_leaving(&self, leaving: bool) -> bool {
        self.leaving.swap(leaving, Ordering::AcqRel)
    }

    /// Whether the guest was asked to let go of it.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Its children.
    #[must_use]
    pub fn children(self: &Arc<Self>) -> Vec<Arc<Node>> {
        let mut all = lock(&self.children).clone();
        all.extend(self.object.children().into_iter().map(|child| {
            NewNode::plain(&child.name, child.type_info, child.object).below(Arc::downgrade(self))
        }));
        all
    }

    fn child(self: &Arc<Self>, name: &str) -> Option<Arc<Node>> {
        self.children().into_iter().find(|child| child.name == name)
    }

    pub(crate) fn add(self: &Arc<Self>, new: NewNode) -> Result<Arc<Node>, QomError> {
        let mut children = lock(&self.children);
        if children.iter().any(|child| child.name == new.name) {
            return Err(QomError::Duplicate {
                name: new.name,
                parent: self.type_info.name.to_owned(),
            });
        }
        let node = new.below(Arc::downgrade(self));
        children.push(Arc::clone(&node));
        Ok(node)
    }

    /// The next `device[N]`; no number comes twice.
    pub(crate) fn next_device_name(&self) -> String {
        format!("device[{}]", self.numbered.fetch_add(1, Ordering::AcqRel))
    }

    /// Its properties and children.
    #[must_use]
    pub fn list(self: &Arc<Self>) -> Vec<Entry> {
        let properties = self.type_info.all_properties();
        let properties = properties.into_iter().map(|property| Entry {
            name: property.name.to_owned(),
            type_name: property.kind.type_name(),
        });
        let children = self.children();
        let children = children.iter().map(|child| Entry {
            name: child.name.clone(),
            type_name: format!("child<{}>", child.type_info.name).into(),
        });
        properties.chain(children).collect()
    }

    /// The value of a property; that of a child or a link is a path.
    ///
    /// # Errors
    /// There is no such property.
    pub fn get(self: &Arc<Self>, name: &str) -> Result<Value, QomError> {
        let Some(property) = self.type_info.property(name) else {
            let child = self.child(name);
            let child = child.ok_or_else(|| self.type_info.no_property(name))?;
            return Ok(child.path().into());
        };
        Ok(match name {
            "type" => self.type_info.name.into(),
            "realized" if self.is_device() => true.into(),
            "hotplugged" if self.is_device() => self.hotplugged.into(),
            "hotpluggable" if self.is_device() => self.type_info.hotpluggable.into(),
            _ => self.value(property),
        })
    }

    fn value(&self, property: &Property) -> Value {
        if let Some(value) = self.object.get(property.name) {
            return value;
        }
        if let Some(link) = self.properties.link(property.name) {
            return link.path().into();
        }
        let known = self.properties.get(property.name).cloned();
        known
            .or_else(|| property.default.value())
            .unwrap_or_else(|| property.kind.empty())
    }

    fn is_device(&self) -> bool {
        self.type_info.is_a("device")
    }

    /// Sets a property.
    ///
    /// # Errors
    /// There is no such property, it cannot be set, or not to this value.
    pub fn set(self: &Arc<Self>, name: &str, value: &Value) -> Result<(), QomError> {
        let type_name = self.type_info.name.to_owned();
        let property = match self.type_info.property(name) {
            Some(property) => property,
            None if self.child(name).is_some() => {
                return Err(QomError::NotWritable {
                    type_name,
                    property: name.to_owned(),
                });
            }
            None => return Err(self.type_info.no_property(name)),
        };
        match property.access {
            Access::Read => Err(QomError::NotWritable {
                type_name,
                property: name.to_owned(),
            }),
            Access::Create if self.is_device() => Err(QomError::Realized {
                property: name.to_owned(),
                device: match self.id() {
                    Some(id) => format!("device '{id}'"),
                    None => "anonymous device".to_owned(),
                },
                type_name,
            }),
            Access::Create => Err(QomError::NotWritable {
                type_name,
                property: name.to_owned(),
            }),
            Access::Write => {
                property.kind.check(name, value)?;
                self.object.set(name, value)
            }
        }
    }

    /// Follows children and links.
    fn walk<'a>(self: &Arc<Self>, mut parts: impl Iterator<Item = &'a str>) -> Option<Arc<Node>> {
        parts.try_fold(Arc::clone(self), |node, part| {
            let link = node.properties.link(part).map(|link| Arc::clone(&link.0));
            link.or_else(|| node.child(part))
        })
    }

    /// How many objects here and below fit a partial path; the first of them.
    fn matches(self: &Arc<Self>, parts: &[&str], found: &mut Vec<Arc<Node>>) {
        if let Some(node) = self.walk(parts.iter().copied())
            && !found.iter().any(|known| Arc::ptr_eq(known, &node))
        {
            found.push(node);
        }
        for child in self.children() {
            child.matches(parts, found);
        }
    }
}

/// A hold on an object: as long as there is one, the object cannot be deleted.
pub struct Link(Arc<Node>);

impl Link {
    /// Takes hold of an object.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        node.users.fetch_add(1, Ordering::AcqRel);
        Self(node)
    }

    /// The object, if it is a `T`.
    #[must_use]
    pub fn object<T: Object>(&self) -> Option<Arc<T>> {
        self.0.downcast()
    }

    /// The object in the tree.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.0
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> String {
        self.0.path()
    }
}

impl Clone for Link {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.0))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.path())
    }
}

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

impl Kind {
    /// What a property shows that has neither a value nor a default.
    fn empty(&self) -> Value {
        match self.type_name().as_ref() {
            "bool" => false.into(),
            name if name.contains("int") || name == "size" => 0.into(),
            _ => "".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qom::base;

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
