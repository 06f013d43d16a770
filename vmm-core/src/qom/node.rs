//! Objects in the tree.

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
    pub(super) type_info: &'static TypeInfo,
    object: Arc<dyn Object>,
    properties: Properties,
    hotplugged: bool,
    pub(super) parent: Weak<Node>,
    pub(super) children: Mutex<Vec<Arc<Node>>>,
    pub(super) users: AtomicUsize,
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
pub(super) struct Container;

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
    pub(super) fn container(name: &str) -> Self {
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

    pub(super) fn below(self, parent: Weak<Node>) -> Arc<Node> {
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

    pub(super) fn child(self: &Arc<Self>, name: &str) -> Option<Arc<Node>> {
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
    pub(super) fn walk<'a>(
        self: &Arc<Self>,
        mut parts: impl Iterator<Item = &'a str>,
    ) -> Option<Arc<Node>> {
        parts.try_fold(Arc::clone(self), |node, part| {
            let link = node
                .properties
                .link(part)
                .map(|link| Arc::clone(link.node()));
            link.or_else(|| node.child(part))
        })
    }

    /// How many objects here and below fit a partial path; the first of them.
    pub(super) fn matches(self: &Arc<Self>, parts: &[&str], found: &mut Vec<Arc<Node>>) {
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
