//! All character devices of a process, by label.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::mux::{Keys, Mux, MuxBackend};
use super::{Backend, BackendConfig, CharError, InputSink, LogConfig};
use crate::fdset::FdSets;
use crate::sync::lock;

/// What a device does when the line is held in the break state.
type BreakSink = Arc<dyn Fn() + Send + Sync>;

/// What a front end does when a multiplexer gives it the keys, or takes them.
type FocusSink = Arc<dyn Fn(bool) + Send + Sync>;

/// A back end and its label. The back end may change while a device uses it.
pub struct Chardev {
    label: String,
    outer: Mutex<Outer>,
    device: Mutex<DeviceEnd>,
    /// Apart from the rest, as it is told while `device` is held.
    on_focus: Mutex<Option<FocusSink>>,
    in_use: AtomicBool,
    /// Whether its user cannot go on with another back end.
    is_fixed: AtomicBool,
    /// Whether the device that uses it is ready for it.
    is_open: AtomicBool,
}

/// The outer end.
struct Outer {
    backend: Arc<dyn Backend>,
    log: Option<File>,
    /// What the back end is, if it may have several front ends.
    mux: Option<Arc<Mux>>,
}

/// What the device at the inner end wants to hear.
#[derive(Default)]
struct DeviceEnd {
    input: Option<InputSink>,
    on_break: Option<BreakSink>,
}

impl std::fmt::Debug for Chardev {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chardev")
            .field("label", &self.label)
            .field("backend", &self.backend())
            .field("in_use", &self.in_use)
            .finish_non_exhaustive()
    }
}

impl Outer {
    fn new(
        label: &str,
        config: &BackendConfig,
        log: Option<&LogConfig>,
        registry: &Registry,
    ) -> Result<Self, CharError> {
        let log = log
            .map(|log| log.open(registry.descriptors()))
            .transpose()?;
        if let BackendConfig::Mux { chardev } = config {
            let backend = registry.make_mux(chardev)?;
            let mux = Some(Arc::clone(&backend.0));
            let backend = Arc::new(backend);
            return Ok(Self { backend, log, mux });
        }
        let backend = config.build_with(label, registry)?;
        Ok(Self::with(backend, log))
    }

    fn with(backend: Arc<dyn Backend>, log: Option<File>) -> Self {
        Self {
            backend,
            log,
            mux: None,
        }
    }
}

impl Chardev {
    fn new(label: &str, outer: Outer) -> Self {
        Self {
            label: label.to_owned(),
            outer: Mutex::new(outer),
            device: Mutex::default(),
            on_focus: Mutex::default(),
            in_use: AtomicBool::new(false),
            is_fixed: AtomicBool::new(false),
            is_open: AtomicBool::new(true),
        }
    }

    /// One that is in no registry and has its front end.
    pub(super) fn held(label: &str, backend: Arc<dyn Backend>) -> Arc<Self> {
        let chardev = Self::new(label, Outer::with(backend, None));
        chardev.in_use.store(true, Ordering::Release);
        Arc::new(chardev)
    }

    /// The name that it is known by.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its outer end.
    #[must_use]
    pub fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&lock(&self.outer).backend)
    }

    /// Whether it says itself when somebody comes, and nobody is there yet.
    pub(crate) fn announces_clients(&self) -> bool {
        match self.backend().kind() {
            "mux" | "pipe" | "pty" => true,
            "socket" => self.filename().starts_with("disconnected"),
            _ => false,
        }
    }

    /// Takes the device's output, as [`Backend::write`]; its log gets a copy.
    ///
    /// # Errors
    /// The outer end is broken; the bytes are lost.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut outer = lock(&self.outer);
        if let Some(log) = &mut outer.log {
            let _ = log.write_all(bytes); // a full disk is no reason to stop the guest
        }
        let backend = Arc::clone(&outer.backend);
        drop(outer);
        backend.write(bytes)
    }

    fn mux(&self) -> Option<Arc<Mux>> {
        lock(&self.outer).mux.clone()
    }

    /// Hands input to the device.
    pub(super) fn receive(&self, bytes: &[u8]) {
        let input = lock(&self.device).input.clone();
        if let Some(input) = input {
            input(bytes);
        }
    }

    /// Tells the front end that it has the keys now, or has them no more.
    pub(super) fn focus(&self, has_keys: bool) {
        let on_focus = lock(&self.on_focus).clone();
        if let Some(on_focus) = on_focus {
            on_focus(has_keys);
        }
    }

    /// Lets the device see the break state of a serial line, if it knows of such.
    pub fn send_break(&self) {
        if let Some(mux) = self.mux() {
            return mux.send_break();
        }
        let on_break = lock(&self.device).on_break.clone();
        if let Some(on_break) = on_break {
            on_break();
        }
    }

    /// Puts another outer end in place of the one that was there.
    fn change(&self, outer: Outer) {
        let device = lock(&self.device);
        let old = std::mem::replace(&mut *lock(&self.outer), outer);
        old.backend.connect(None);
        self.backend().connect(device.input.clone());
        drop(device);
        drop(old); // its last flush may take a moment
    }

    /// What it is connected to, in words.
    #[must_use]
    pub fn filename(&self) -> String {
        self.backend().filename()
    }

    /// Whether a device uses it, and is ready for it.
    #[must_use]
    pub fn frontend_open(&self) -> bool {
        match self.mux() {
            Some(mux) => mux.frontend_open(),
            None => self.is_used() && self.is_open.load(Ordering::Acquire),
        }
    }

    /// Whether it is made of others.
    pub(crate) fn is_combined(&self) -> bool {
        ["mux", "hub"].contains(&self.backend().kind())
    }

    /// Whether its user cannot go on with another back end.
    pub(crate) fn is_fixed(&self) -> bool {
        self.is_fixed.load(Ordering::Acquire)
    }

    /// Whether a device uses it.
    pub(crate) fn is_used(&self) -> bool {
        match self.mux() {
            Some(mux) => mux.is_used(),
            None => self.in_use.load(Ordering::Acquire),
        }
    }
}

/// A device's hold on a character device; the only one at a time, unless that is a multiplexer.
#[derive(Debug)]
pub struct Frontend(Arc<Chardev>);

impl Frontend {
    /// The device that is held.
    #[must_use]
    pub fn chardev(&self) -> Arc<Chardev> {
        Arc::clone(&self.0)
    }

    /// Says whether the device is ready for it, as it is at first; whether that is new.
    pub fn set_open(&self, is_open: bool) -> bool {
        self.0.is_open.swap(is_open, Ordering::AcqRel) != is_open
    }

    /// The device could not go on with another back end.
    pub(crate) fn forbid_change(&self) {
        self.0.is_fixed.store(true, Ordering::Release);
    }

    /// What to do when a multiplexer gives the keys or takes them; to be said before input is accepted.
    pub(crate) fn on_focus(&self, sink: impl Fn(bool) + Send + Sync + 'static) {
        *lock(&self.0.on_focus) = Some(Arc::new(sink));
    }

    /// Where its input goes from now on.
    pub fn accept(&self, sink: InputSink) {
        self.accept_with_clients(Arc::new(move |bytes| {
            if !bytes.is_empty() {
                sink(bytes);
            }
        }));
    }

    /// The same, where no bytes at all say that a client has connected.
    pub(crate) fn accept_with_clients(&self, sink: InputSink) {
        let mut device = lock(&self.0.device);
        device.input = Some(Arc::clone(&sink));
        self.0.backend().connect(Some(sink));
    }

    /// What to do about [`Chardev::send_break`] from now on.
    pub fn on_break(&self, sink: impl Fn() + Send + Sync + 'static) {
        lock(&self.0.device).on_break = Some(Arc::new(sink));
    }
}

impl Drop for Frontend {
    fn drop(&mut self) {
        let mut device = lock(&self.0.device);
        *device = DeviceEnd::default();
        self.0.backend().connect(None);
        drop(device);
        *lock(&self.0.on_focus) = None;
        self.set_open(true);
        self.0.is_fixed.store(false, Ordering::Release);
        self.0.in_use.store(false, Ordering::Release);
    }
}

/// The labelled character devices; clones share them.
#[derive(Clone, Default)]
pub struct Registry {
    chardevs: Arc<Mutex<BTreeMap<String, Arc<Chardev>>>>,
    descriptors: FdSets,
    keys: Arc<Keys>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("chardevs", &self.list())
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty one whose files may be descriptors of these sets.
    #[must_use]
    pub fn with_descriptors(descriptors: FdSets) -> Self {
        Self {
            descriptors,
            ..Self::default()
        }
    }

    /// The sets of descriptors that files may be.
    #[must_use]
    pub fn descriptors(&self) -> &FdSets {
        &self.descriptors
    }

    /// Makes a back end and adds it as `label`.
    ///
    /// # Errors
    /// The label is taken, or the back end cannot be made.
    pub fn add(&self, label: &str, config: &BackendConfig) -> Result<Arc<Chardev>, CharError> {
        self.add_logged(label, config, None)
    }

    /// The same, with a copy of all output in a file.
    ///
    /// # Errors
    /// As [`add`](Self::add), or the file cannot be made.
    pub fn add_logged(
        &self,
        label: &str,
        config: &BackendConfig,
        log: Option<&LogConfig>,
    ) -> Result<Arc<Chardev>, CharError> {
        if self.get(label).is_some() {
            return Err(CharError::Duplicate(label.to_owned())); // before a file is truncated
        }
        self.check_stdio(config)?;
        self.insert_outer(label, Outer::new(label, config, log, self)?)
    }

    /// The same for several front ends: a multiplexer as `label` on a device `label`-base.
    pub(crate) fn add_shared(
        &self,
        label: &str,
        config: &BackendConfig,
        log: Option<&LogConfig>,
    ) -> Result<Arc<Chardev>, CharError> {
        let base = format!("{label}-base");
        self.add_logged(&base, config, log)?;
        let mux = BackendConfig::Mux {
            chardev: base.clone(),
        };
        let made = self.add(label, &mux);
        if made.is_err() {
            self.remove(&base)?;
        }
        made
    }

    /// Puts another back end behind `label`; a device that uses it goes on.
    ///
    /// # Errors
    /// There is none of this label, or the back end cannot be made: then nothing has changed.
    pub fn change(
        &self,
        label: &str,
        config: &BackendConfig,
        log: Option<&LogConfig>,
    ) -> Result<Arc<Chardev>, CharError> {
        let chardev = self
            .get(label)
            .ok_or_else(|| CharError::NotFound(label.to_owned()))?;
        let becomes_plain = !matches!(
            config,
            BackendConfig::Mux { .. } | BackendConfig::Hub { .. }
        );
        if chardev.is_combined() || !becomes_plain {
            return Err(CharError::Combined);
        }
        if chardev.is_fixed() {
            return Err(CharError::Fixed);
        }
        self.check_stdio(config)?;
        chardev.change(Outer::new(label, config, log, self)?);
        Ok(chardev)
    }

    fn check_stdio(&self, config: &BackendConfig) -> Result<(), CharError> {
        let is_taken = || {
            self.list()
                .iter()
                .any(|one| one.backend().kind() == "stdio")
        };
        if matches!(config, BackendConfig::Stdio { .. }) && is_taken() {
            return Err(CharError::StdioTaken);
        }
        Ok(())
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
        self.insert_outer(label, Outer::with(backend, None))
    }

    fn insert_outer(&self, label: &str, outer: Outer) -> Result<Arc<Chardev>, CharError> {
        let mut all = lock(&self.chardevs);
        if all.contains_key(label) {
            return Err(CharError::Duplicate(label.to_owned()));
        }
        let chardev = Arc::new(Chardev::new(label, outer));
        all.insert(label.to_owned(), Arc::clone(&chardev));
        Ok(chardev)
    }

    /// The device `label`.
    #[must_use]
    pub fn get(&self, label: &str) -> Option<Arc<Chardev>> {
        lock(&self.chardevs).get(label).cloned()
    }

    /// Takes hold of the device `label`.
    ///
    /// # Errors
    /// There is none, or as many devices as can be hold it already.
    pub fn open(&self, label: &str) -> Result<Frontend, CharError> {
        self.open_as(label, false)
    }

    /// The same for a monitor, which leaves the keys of a multiplexer to who has them.
    pub(crate) fn open_monitor(&self, label: &str) -> Result<Frontend, CharError> {
        let frontend = self.open_as(label, true).map_err(in_use)?;
        frontend.forbid_change();
        Ok(frontend)
    }

    fn open_as(&self, label: &str, is_monitor: bool) -> Result<Frontend, CharError> {
        let all = lock(&self.chardevs);
        let chardev = all
            .get(label)
            .ok_or_else(|| CharError::NotFound(label.to_owned()))?;
        if let Some(mux) = chardev.mux() {
            return mux.attach(label, is_monitor).map(Frontend);
        }
        if chardev.in_use.swap(true, Ordering::AcqRel) {
            return Err(CharError::Busy(label.to_owned()));
        }
        Ok(Frontend(Arc::clone(chardev)))
    }

    /// The same for a multiplexer or a hub, which say it in other words.
    pub(super) fn open_base(&self, label: &str) -> Result<Frontend, CharError> {
        self.open_as(label, false).map_err(in_use)
    }

    pub(super) fn make_mux(&self, base: &str) -> Result<MuxBackend, CharError> {
        if self.get(base).is_none() {
            let text = format!("mux: base chardev {base} not found");
            return Err(CharError::Other(text));
        }
        let base = self.open_base(base)?;
        Ok(MuxBackend(Mux::new(base, Arc::clone(&self.keys))))
    }

    /// Sets the character that makes the next one a multiplexer's; 0 for Ctrl-A.
    pub(crate) fn set_escape(&self, byte: u8) {
        self.keys.set_escape(byte);
    }

    /// What multiplexers do when somebody wants to end it all.
    pub(crate) fn on_quit(&self, quit: impl Fn() + Send + Sync + 'static) {
        self.keys.on_quit(quit);
    }

    /// Tells the front ends of multiplexers that there may be somebody.
    pub(crate) fn open_muxes(&self) {
        for mux in self.list().iter().filter_map(|chardev| chardev.mux()) {
            mux.open_first();
        }
    }

    /// Removes the device `label`.
    ///
    /// # Errors
    /// There is none, or a device holds it.
    pub fn remove(&self, label: &str) -> Result<(), CharError> {
        let mut all = lock(&self.chardevs);
        let chardev = all
            .get(label)
            .ok_or_else(|| CharError::NotFound(label.to_owned()))?;
        if chardev.is_used() {
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
        lock(&self.chardevs).values().cloned().collect()
    }

    /// Waits until all output is out, or is not going to be soon.
    pub fn flush(&self) {
        for chardev in self.list() {
            chardev.backend().flush();
        }
    }
}

/// What QEMU says where a front end is not a device.
fn in_use(error: CharError) -> CharError {
    match error {
        CharError::Busy(label) => CharError::InUse(label),
        other => other,
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
