//! All character devices of a process, by label.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::{Backend, BackendConfig, CharError, InputSink};
use crate::sync::lock;

/// A back end and its label.
#[derive(Debug)]
pub struct Chardev {
    label: String,
    backend: Arc<dyn Backend>,
    in_use: AtomicBool,
}

impl Chardev {
    /// The name that it is known by.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its outer end.
    #[must_use]
    pub fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// What it is connected to, in words.
    #[must_use]
    pub fn filename(&self) -> String {
        self.backend.filename()
    }

    /// Whether a device uses it.
    #[must_use]
    pub fn frontend_open(&self) -> bool {
        self.in_use.load(Ordering::Acquire)
    }
}

/// A device's hold on a character device; the only one at a time.
#[derive(Debug)]
pub struct Frontend(Arc<Chardev>);

impl Frontend {
    /// The device that is held.
    #[must_use]
    pub fn chardev(&self) -> Arc<Chardev> {
        Arc::clone(&self.0)
    }

    /// Where its input goes from now on.
    pub fn accept(&self, sink: InputSink) {
        self.0.backend.connect(Some(sink));
    }
}

impl Drop for Frontend {
    fn drop(&mut self) {
        self.0.backend.connect(None);
        self.0.in_use.store(false, Ordering::Release);
    }
}

/// The labelled character devices; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<String, Arc<Chardev>>>>);

impl Registry {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a back end and adds it as `label`.
    ///
    /// # Errors
    /// The label is taken, or the back end cannot be made.
    pub fn add(&self, label: &str, config: &BackendConfig) -> Result<Arc<Chardev>, CharError> {
        if self.get(label).is_some() {
            return Err(CharError::Duplicate(label.to_owned())); // before a file is truncated
        }
        self.insert(label, config.build()?)
    }

    /// Adds a back end made elsewhere as `label`.
    ///
    /// # Errors
    /// The label is taken.
    pub fn insert(
        &self,
        label: &str,
        backend: Arc<dyn Backend>,
    ) -> Result<Arc<Chardev>, CharError> {
        let mut all = lock(&self.0);
        if all.contains_key(label) {
            return Err(CharError::Duplicate(label.to_owned()));
        }
        let in_use = AtomicBool::new(false);
        let chardev = Arc::new(Chardev {
            label: label.to_owned(),
            backend,
            in_use,
        });
        all.insert(label.to_owned(), Arc::clone(&chardev));
        Ok(chardev)
    }

    /// The device `label`.
    #[must_use]
    pub fn get(&self, label: &str) -> Option<Arc<Chardev>> {
        lock(&self.0).get(label).cloned()
    }

    /// Takes hold of the device `label`.
    ///
    /// # Errors
    /// There is none, or another device holds it.
    pub fn open(&self, label: &str) -> Result<Frontend, CharError> {
        let all = lock(&self.0);
        let chardev = all
            .get(label)
            .ok_or_else(|| CharError::NotFound(label.to_owned()))?;
        if chardev.in_use.swap(true, Ordering::AcqRel) {
            return Err(CharError::Busy(label.to_owned()));
        }
        Ok(Frontend(Arc::clone(chardev)))
    }

    /// Removes the device `label`.
    ///
    /// # Errors
    /// There is none, or a device holds it.
    pub fn remove(&self, label: &str) -> Result<(), CharError> {
        let mut all = lock(&self.0);
        let chardev = all
            .get(label)
            .ok_or_else(|| CharError::NotFound(label.to_owned()))?;
        if chardev.frontend_open() {
            return Err(CharError::Busy(label.to_owned()));
        }
        let removed = all.remove(label);
        drop(all); // its last flush may take a moment
        drop(removed);
        Ok(())
    }

    /// All devices, by label.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Chardev>> {
        lock(&self.0).values().cloned().collect()
    }

    /// Waits until all output is out, or is not going to be soon.
    pub fn flush(&self) {
        for chardev in self.list() {
            chardev.backend.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_is_unique_until_removed() {
        let registry = Registry::new();
        registry.add("a", &BackendConfig::Null).unwrap();
        assert!(matches!(
            registry.add("a", &BackendConfig::Null),
            Err(CharError::Duplicate(_))
        ));
        registry.remove("a").unwrap();
        assert!(matches!(registry.remove("a"), Err(CharError::NotFound(_))));
        registry.add("a", &BackendConfig::Null).unwrap();
    }

    #[test]
    fn held_device_is_busy_until_released() {
        let registry = Registry::new();
        let chardev = registry
            .add("a", &BackendConfig::RingBuf { size: 16 })
            .unwrap();
        let held = registry.open("a").unwrap();
        assert!(chardev.frontend_open());
        assert!(matches!(registry.open("a"), Err(CharError::Busy(_))));
        assert!(matches!(registry.remove("a"), Err(CharError::Busy(_))));
        drop(held);
        assert!(!chardev.frontend_open());
        registry.remove("a").unwrap();
        assert!(matches!(registry.open("a"), Err(CharError::NotFound(_))));
    }
}
