//! The nodes and drives of a machine.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::lock::{self as locks, Claim, READ, WRITE};
use super::{
    BlockError, Disk, Drive, DriveConfig, Node, NodeConfig, NodeSource, SECTOR, Statistics, Use,
};
use crate::char::reason;
use crate::fdset::FdSets;
use crate::qom::is_id;
use crate::sync::lock;

/// The longest name of a node.
const MAX_NAME: usize = 31;

#[derive(Debug, Default)]
struct State {
    /// In the order in which they were made.
    nodes: Vec<Arc<Node>>,
    drives: Vec<Arc<Drive>>,
    /// How many names were made up.
    named: u32,
    descriptors: FdSets,
}

/// All nodes and drives; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Graph(Arc<Mutex<State>>);

impl Graph {
    /// Without nodes; their files may be in these sets of descriptors.
    #[must_use]
    pub fn with_descriptors(descriptors: FdSets) -> Self {
        Self(Arc::new(Mutex::new(State {
            descriptors,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }

    /// All nodes, the youngest first.
    #[must_use]
    pub fn nodes(&self) -> Vec<Arc<Node>> {
        self.state().nodes.iter().rev().cloned().collect()
    }

    /// All drives, the oldest first.
    #[must_use]
    pub fn drives(&self) -> Vec<Arc<Drive>> {
        self.state().drives.clone()
    }

    /// A node by name.
    ///
    /// # Errors
    /// There is none.
    pub fn node(&self, name: &str) -> Result<Arc<Node>, BlockError> {
        let found = self.state().node(name);
        found.ok_or_else(|| BlockError::NoNode(name.to_owned()))
    }

    /// The image that is in a drive, or the node of this name.
    ///
    /// # Errors
    /// There is neither, or the drive is empty.
    pub fn image(&self, name: &str) -> Result<Arc<Node>, BlockError> {
        let state = self.state();
        let named = state.drives.iter().find(|drive| drive.name == name);
        match named.filter(|_| !name.is_empty()) {
            Some(drive) => {
                let empty = || BlockError::Refused(format!("Device '{name}' has no medium"));
                drive.node.clone().ok_or_else(empty)
            }
            None => {
                let found = state.node(name);
                found.ok_or_else(|| BlockError::NoDevice(name.to_owned()))
            }
        }
    }

    /// The same if no other node is above it.
    ///
    /// # Errors
    /// There is none, or one is above it.
    pub fn root(&self, name: &str) -> Result<Arc<Node>, BlockError> {
        let image = self.image(name)?;
        let state = self.state();
        let mut below = state.nodes.iter().filter_map(|node| node.child());
        match below.any(|child| Arc::ptr_eq(child, &image)) {
            true => Err(BlockError::Refused("Need a root block node".to_owned())),
            false => Ok(image),
        }
    }

    /// The name of the drive that a node is in, or its own.
    #[must_use]
    pub fn shown_name(&self, node: &Arc<Node>) -> String {
        let state = self.state();
        let mut drives = state.drives.iter();
        let drive = drives.find(|drive| {
            let image = drive.node.as_ref();
            !drive.name.is_empty() && image.is_some_and(|image| Arc::ptr_eq(image, node))
        });
        drive.map_or_else(|| node.name.clone(), |drive| drive.name.clone())
    }

    /// Makes a node.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn add(&self, config: &NodeConfig) -> Result<(), BlockError> {
        config.check_rules()?; // may take its time
        if config.name.is_none() {
            return Err(BlockError::Nameless);
        }
        self.state().make(config, false).map(drop)
    }

    /// Removes a node.
    ///
    /// # Errors
    /// There is none, or it is in use.
    pub fn remove(&self, name: &str) -> Result<(), BlockError> {
        let mut state = self.state();
        let node = state
            .node(name)
            .ok_or_else(|| BlockError::NoNode(name.to_owned()))?;
        let is_it = |other: &Arc<Node>| Arc::ptr_eq(other, &node);
        let mut users = state.drives.iter().filter_map(|drive| drive.node());
        if users.any(is_it) {
            return Err(BlockError::Used(name.to_owned()));
        }
        if node.is_owned {
            return Err(BlockError::NotOwned(name.to_owned()));
        }
        let mut below = state.nodes.iter().filter_map(|other| other.child());
        if below.any(is_it) {
            return Err(BlockError::Layered(name.to_owned()));
        }
        state.drop_node(&node);
        Ok(())
    }

    /// Makes the image behind a drive or a node `size` bytes long, and lets the
    /// device know that uses it.
    ///
    /// # Errors
    /// There is none, it cannot be written to or be of that size, or the host refuses.
    pub fn resize(&self, drive: &str, node: &str, size: i64) -> Result<(), BlockError> {
        let refused = BlockError::Refused;
        let state = self.state();
        let named = state.drives.iter().find(|one| one.name == drive);
        let found = match named.filter(|_| !drive.is_empty()) {
            Some(one) => one
                .node
                .clone()
                .ok_or_else(|| refused(format!("Device '{drive}' has no medium")))?,
            None => state.node(node).ok_or_else(|| {
                refused(format!(
                    "Cannot find device='{drive}' nor node-name='{node}'"
                ))
            })?,
        };
        let Ok(size) = u64::try_from(size) else {
            return Err(refused("Parameter 'size' expects a >0 size".to_owned()));
        };
        if !found.disk.is_file() {
            let text = "Image format driver does not support resize";
            return Err(refused(text.to_owned()));
        }
        if found.read_only {
            return Err(refused("Image is read-only".to_owned()));
        }
        if !found.is_active() {
            let text = "Permission 'resize' unavailable on inactive node";
            return Err(refused(text.to_owned()));
        }
        let mut size = size.next_multiple_of(SECTOR);
        let failed =
            |error: &std::io::Error| refused(format!("Could not resize file: {}", reason(error)));
        if found.disk.is_device() {
            let whole = found.disk.size().map_err(|error| failed(&error))?;
            if size > whole {
                return Err(refused("Cannot grow device files".to_owned()));
            }
            size = whole; // it stays what it is
        } else {
            found.disk.resize(size).map_err(|error| failed(&error))?;
        }
        for drive in &state.drives {
            let uses = |node: &Arc<Node>| Arc::ptr_eq(&node.disk, &found.disk);
            if drive.node.as_ref().is_some_and(uses)
                && let Some(resized) = &*lock(&drive.resized)
            {
                resized.0(size);
            }
        }
        Ok(())
    }

    /// Leaves the images of all drives to another process, with all that was written. No guest may run until they are
    /// [taken back](Self::activate).
    ///
    /// # Errors
    /// What was written cannot be put on stable storage; the images before that one are left.
    pub fn inactivate(&self) -> Result<(), BlockError> {
        for node in self.state().drives.iter().filter_map(|drive| drive.node()) {
            if !node.never_flushes() && !node.is_read_only() {
                node.disk.flush().map_err(|error| {
                    let path = node.path();
                    BlockError::Refused(format!("Could not flush '{path}': {}", reason(&error)))
                })?;
            }
            node.set_active(false);
            locks::hand_over(&node.disk);
        }
        Ok(())
    }

    /// Takes back all images that were left to another process.
    ///
    /// # Errors
    /// Another process has one; the images before it are back.
    pub fn activate(&self) -> Result<(), BlockError> {
        for node in self.state().drives.iter().filter_map(|drive| drive.node()) {
            if !node.is_active() {
                locks::take_back(&node.disk)?;
                node.set_active(true);
            }
        }
        Ok(())
    }

    /// Makes a drive with its nodes.
    ///
    /// # Errors
    /// They cannot be made, or there is a drive of this name.
    pub fn add_drive(&self, config: &DriveConfig) -> Result<(), BlockError> {
        let mut state = self.state();
        let id = &config.id;
        if state.drives.iter().any(|drive| drive.name == *id) {
            return Err(BlockError::DuplicateDrive(id.clone()));
        }
        let image = config.image.as_ref();
        let node = image.map(|image| state.make(image, true)).transpose()?;
        let claim = node.as_ref().map(|node| Claim::new(&node.disk, READ, 0));
        let claim = match claim.transpose() {
            Ok(claim) => claim,
            Err(error) => {
                if let Some(node) = node {
                    state.drop_node(&node);
                }
                return Err(error);
            }
        };
        state.drives.push(Arc::new(Drive {
            name: id.clone(),
            node,
            write_back: AtomicBool::new(config.write_back),
            configured_write_back: AtomicBool::new(config.write_back),
            shares_writes: AtomicBool::new(false),
            status: Mutex::default(),
            statistics: Statistics::default(),
            device: Mutex::default(),
            path: Mutex::default(),
            resized: Mutex::default(),
            _claim: claim,
            claim: Mutex::default(),
        }));
        Ok(())
    }

    /// A drive for a device: the one of this name, or one to the node of this
    /// name.
    ///
    /// # Errors
    /// There is none, or it is in use.
    pub fn take(&self, name: &str, wanted: Use<'_>) -> Result<Arc<Drive>, BlockError> {
        let Use {
            device,
            path,
            property,
            shares_writes,
        } = wanted;
        let mut state = self.state();
        let refuse = |text: String| Err(BlockError::Refused(text));
        if let Some(drive) = state.drives.iter().find(|drive| drive.name == name)
            && !name.is_empty()
        {
            if lock(&drive.device).is_some() {
                return refuse(format!(
                    "Drive '{name}' is already in use by another device"
                ));
            }
            let Some(node) = &drive.node else {
                return refuse("Device needs media, but drive is empty".to_owned());
            };
            state.check_sharing(node, device, shares_writes)?;
            *lock(&drive.claim) = Some(claim(node, shares_writes)?);
            drive.shares_writes.store(shares_writes, Ordering::Release);
            *lock(&drive.device) = Some(device.to_owned());
            *lock(&drive.path) = Some(path.to_owned());
            return Ok(Arc::clone(drive));
        }
        let Some(node) = state.node(name) else {
            return refuse(format!("Property '{property}' can't find value '{name}'"));
        };
        if !node.read_only && node.has_read_only_layer() {
            return Err(BlockError::ReadOnly);
        }
        state.check_sharing(&node, device, shares_writes)?;
        let claim = claim(&node, shares_writes)?;
        let drive = Arc::new(Drive {
            name: String::new(),
            node: Some(node),
            write_back: AtomicBool::new(true),
            configured_write_back: AtomicBool::new(true),
            shares_writes: AtomicBool::new(shares_writes),
            status: Mutex::default(),
            statistics: Statistics::default(),
            device: Mutex::new(Some(device.to_owned())),
            path: Mutex::new(Some(path.to_owned())),
            resized: Mutex::default(),
            _claim: None,
            claim: Mutex::new(Some(claim)),
        });
        state.drives.push(Arc::clone(&drive));
        Ok(drive)
    }

    /// A device that was to have a drive could not be made.
    pub fn release(&self, drive: &Arc<Drive>) {
        let mut state = self.state();
        *lock(&drive.device) = None;
        *lock(&drive.path) = None;
        *lock(&drive.claim) = None;
        *lock(&drive.resized) = None;
        if drive.name.is_empty() {
            state.drives.retain(|other| !Arc::ptr_eq(other, drive));
        }
    }
}

/// What a device does with a disk, and whether others may write to it.
fn claim(node: &Node, shares_writes: bool) -> Result<Claim, BlockError> {
    let used = match node.read_only {
        true => READ,
        false => READ | WRITE,
    };
    Claim::new(&node.disk, used, if shares_writes { 0 } else { WRITE })
}

impl State {
    /// Two devices do not get on with each other where one of them writes, unless both share.
    fn check_sharing(
        &self,
        node: &Arc<Node>,
        device: &str,
        shares_writes: bool,
    ) -> Result<(), BlockError> {
        let alike = |one: &Arc<Node>, other: &Arc<Node>| Arc::ptr_eq(one, other);
        for drive in &self.drives {
            let (Some(other), Some(user)) = (drive.node(), lock(&drive.device).clone()) else {
                continue;
            };
            let both_share = shares_writes && drive.shares_writes.load(Ordering::Acquire);
            let writes = !(node.read_only && other.read_only);
            if both_share || !writes || !Arc::ptr_eq(&node.disk, &other.disk) {
                continue;
            }
            let shared = &other.name;
            let (old, new) = (
                format!("block device '{user}'"),
                format!("block device '{device}'"),
            );
            let (one, two) = match alike(node, other) {
                true if shares_writes => (new, old),
                true => (old, new),
                false => (format!("node '{}'", node.name), old),
            };
            let role = if alike(node, other) { "root" } else { "file" };
            return Err(BlockError::Refused(format!(
                "Permission conflict on node '{shared}': permissions 'write' are both required by \
                 {one} (uses node '{shared}' as '{role}' child) and unshared by {two} \
                 (uses node '{shared}' as 'root' child)."
            )));
        }
        Ok(())
    }

    fn node(&self, name: &str) -> Option<Arc<Node>> {
        let found = self.nodes.iter().find(|node| node.name == name);
        found.cloned()
    }

    fn make(&mut self, config: &NodeConfig, is_owned: bool) -> Result<Arc<Node>, BlockError> {
        let name = match &config.name {
            None => self.new_name(),
            Some(name) if !is_id(name) => return Err(BlockError::BadName(name.clone())),
            Some(name) if name.len() > MAX_NAME => return Err(BlockError::LongName),
            Some(name) if self.node(name).is_some() => {
                return Err(BlockError::Duplicate(name.clone()));
            }
            Some(name) => name.clone(),
        };
        let before = self.nodes.len();
        let (disk, child) = match &config.source {
            NodeSource::File(path) | NodeSource::Device(path) | NodeSource::Image(path) => {
                (Arc::new(Disk::open(path, config, &self.descriptors)?), None)
            }
            NodeSource::Nothing(size) => (Arc::new(Disk::nothing(*size)), None),
            NodeSource::Named(child) => {
                let found = self.node(child);
                let child = found.ok_or_else(|| BlockError::NoDevice(child.clone()))?;
                (Arc::clone(&child.disk), Some(child))
            }
            NodeSource::Layer(child) => {
                let child = self.make(child, true)?;
                (Arc::clone(&child.disk), Some(child))
            }
        };
        // the name may have been taken by a layer
        if self.node(&name).is_some() {
            self.nodes.truncate(before);
            return Err(BlockError::Duplicate(name));
        }
        let read_only = config.read_only || (config.auto_read_only && disk.is_read_only());
        let node = Arc::new(Node {
            name,
            driver: match (&config.debug, &child) {
                (Some(_), _) => "blkdebug",
                (None, Some(_)) => "raw",
                (None, None) if disk.is_device() => "host_device",
                (None, None) if disk.is_file() => "file",
                (None, None) => "null-co",
            },
            path: match &config.debug {
                Some(rules) => {
                    let rules = rules.as_deref().unwrap_or_default();
                    format!("blkdebug:{rules}:{}", disk.path())
                }
                None => disk.path().to_owned(),
            },
            disk,
            child,
            read_only,
            unmap: config.unmap,
            no_flush: config.no_flush,
            direct: config.direct,
            zeroes: config.zeroes,
            active: AtomicBool::new(true),
            is_owned,
            statistics: Statistics::default(),
        });
        self.nodes.push(Arc::clone(&node));
        Ok(node)
    }

    /// Removes a node with those that were made for it alone.
    fn drop_node(&mut self, node: &Arc<Node>) {
        self.nodes.retain(|other| !Arc::ptr_eq(other, node));
        if let Some(child) = node.child.as_ref().filter(|child| child.is_owned) {
            self.drop_node(child);
        }
    }

    fn new_name(&mut self) -> String {
        let number = self.named;
        self.named += 1;
        format!("#block{number:03}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::NamedTempFile, NodeSource) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        (file, NodeSource::File(path))
    }

    fn named(name: &str, source: NodeSource) -> NodeConfig {
        NodeConfig {
            name: Some(name.to_owned()),
            ..NodeConfig::new(source)
        }
    }

    fn names(graph: &Graph) -> Vec<String> {
        let nodes = graph.nodes();
        nodes.iter().map(|node| node.name.clone()).collect()
    }

    const DISK: Use<'_> = Use {
        device: "disk",
        path: "/disk",
        property: "x.drive",
        shares_writes: false,
    };

    #[test]
    fn layers_are_made_and_go_together() {
        let (_file, source) = file();
        let graph = Graph::default();
        let layer = Box::new(named("below", source));
        graph
            .add(&named("above", NodeSource::Layer(layer)))
            .unwrap();
        assert_eq!(names(&graph), ["above", "below"]);
        let text = |error: BlockError| error.to_string();
        let refused = graph.remove("below").unwrap_err();
        assert_eq!(text(refused), "Node below is not owned by the monitor");
        graph.remove("above").unwrap();
        assert!(names(&graph).is_empty());
    }

    #[test]
    fn node_that_another_or_a_device_uses_stays() {
        let (_file, source) = file();
        let graph = Graph::default();
        graph.add(&named("a", source)).unwrap();
        graph
            .add(&named("b", NodeSource::Named("a".to_owned())))
            .unwrap();
        assert!(matches!(graph.remove("a"), Err(BlockError::Layered(_))));
        let drive = graph.take("b", DISK).unwrap();
        assert!(matches!(graph.remove("b"), Err(BlockError::Used(_))));
        graph.release(&drive);
        graph.remove("b").unwrap();
        graph.remove("a").unwrap();
    }

    #[test]
    fn node_that_cannot_be_made_leaves_nothing_behind() {
        let (_file, source) = file();
        let graph = Graph::default();
        let below = Box::new(NodeConfig {
            read_only: true,
            ..named("same", source.clone())
        });
        let above = named("same", NodeSource::Layer(below.clone()));
        assert!(graph.add(&above).is_err());
        assert!(names(&graph).is_empty());
        for name in ["", "1", "a/b"] {
            let bad = graph.add(&named(name, source.clone()));
            assert!(matches!(bad, Err(BlockError::BadName(_))), "{name}");
        }
        let long = named(&"a".repeat(32), source);
        assert!(matches!(graph.add(&long), Err(BlockError::LongName)));
        // a layer above what is read-only can be made, and a device cannot write to it
        graph
            .add(&named("above", NodeSource::Layer(below)))
            .unwrap();
        let refused = graph.take("above", DISK);
        assert!(matches!(refused, Err(BlockError::ReadOnly)));
    }
}
