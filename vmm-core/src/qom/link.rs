//! Holds on objects.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Node, Object};

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
