//! Making and removing devices and objects on a user's request.

use std::sync::Arc;

use qmp_runtime::json::Value;

use super::lifecycle::Lifecycle;
use super::{
    Asked, Global, GuestRam, MachineConfig, MachineError, MachineEvent, RunState, Running,
    Services, types,
};
use crate::backends::MemoryBackend;
use crate::block::BlockError;
use crate::qom::{
    Creation, Given, Kind, Link, NewNode, Node, QomError, Spec, TypeInfo, Unplug, is_id, registry,
};

fn refuse<T>(text: impl Into<String>) -> Result<T, QomError> {
    Err(QomError::Refused(text.into()))
}

/// The type of a device that a user may make.
fn device_type(name: &str) -> Result<&'static TypeInfo, QomError> {
    let found = registry::find(name).filter(|known| known.is_a("device"));
    let Some(found) = found else {
        return refuse(format!("'{name}' is not a valid device model name"));
    };
    if found.is_abstract {
        return refuse("Parameter 'driver' expects a non-abstract device type");
    }
    if found.create.is_none() {
        return refuse("Parameter 'driver' expects a pluggable device type");
    }
    Ok(found)
}

/// The type of an object that a user may make.
fn object_type(name: &str) -> Result<&'static TypeInfo, QomError> {
    let found = registry::find(name)
        .filter(|known| known.is_a("user-creatable") && !known.is_abstract)
        .filter(|known| known.create.is_some());
    match found {
        Some(found) => Ok(found),
        None => refuse(format!(
            "Parameter 'qom-type' does not accept value '{name}'"
        )),
    }
}

/// The bus that a device goes on: the one that was asked for, or the first of
/// its kind with a place left. None where the tree has no buses of the kind:
/// such a device finds its place itself.
fn find_bus(
    type_info: &'static TypeInfo,
    wanted: Option<&str>,
    services: &Services,
) -> Result<Option<Arc<Node>>, QomError> {
    let Some(kind) = type_info.bus else {
        return match wanted {
            Some(name) => refuse(format!("Bus '{name}' not found")),
            None => Ok(None),
        };
    };
    if let Some(name) = wanted {
        let found = if name.starts_with('/') {
            services.tree.at(name).ok()
        } else {
            let buses = services.tree.all_of("bus");
            buses.into_iter().find(|bus| bus.name() == name)
        };
        let Some(bus) = found.filter(|bus| bus.object().bus().is_some()) else {
            return refuse(format!("Bus '{name}' not found"));
        };
        if !bus.type_info().is_a(kind) {
            let (device, other) = (type_info.name, bus.type_info().name);
            return refuse(format!("Device '{device}' can't go on {other} bus"));
        }
        if bus.object().bus().is_some_and(|state| state.full) {
            return refuse(format!("Bus '{name}' is full"));
        }
        return Ok(Some(bus));
    }
    let buses = services.tree.all_of(kind);
    // the youngest first, as QEMU looks for them
    let free = |bus: &&Arc<Node>| bus.object().bus().is_some_and(|state| !state.full);
    match buses.iter().rev().find(free) {
        Some(bus) => Ok(Some(Arc::clone(bus))),
        None => refuse(format!(
            "No '{kind}' bus found for device '{}'",
            type_info.name
        )),
    }
}

/// Makes the device that `spec` asks for.
pub(super) fn add_device(
    mut spec: Spec,
    globals: &[Global],
    services: &Services,
    running: Option<Running<'_>>,
) -> Result<Arc<Node>, QomError> {
    let type_info = device_type(&spec.type_name)?;
    spec.complete(type_info, globals);
    let hotplugged = running.is_some();
    let wanted = spec.take_text("bus");
    let bus = find_bus(type_info, wanted.as_deref(), services)?;
    if hotplugged {
        if let Some(bus) = &bus
            && !bus.object().bus().is_some_and(|state| state.hotplug)
        {
            return refuse(format!("Bus '{}' does not support hotplugging", bus.name()));
        }
        if !type_info.hotpluggable {
            let name = type_info.name;
            return refuse(format!("Device '{name}' does not support hotplugging"));
        }
    }
    if let Some(id) = spec.id.as_deref() {
        if !is_id(id) {
            return refuse("Parameter 'id' expects an identifier");
        }
        if services.tree.peripheral(id).is_some() {
            return refuse(format!("Duplicate device ID '{id}'"));
        }
    }
    let (parent, name) = services.tree.place_device(spec.id.as_deref())?;
    build(
        type_info,
        &spec,
        Place { parent, name, bus },
        services,
        running,
    )
}

/// Makes the object that `spec` asks for.
pub(super) fn add_object(
    spec: &Spec,
    services: &Services,
    running: Option<Running<'_>>,
) -> Result<Arc<Node>, QomError> {
    let type_info = object_type(&spec.type_name)?;
    let Some(id) = spec.id.clone() else {
        return refuse("Parameter 'id' is missing");
    };
    if !is_id(&id) {
        return refuse("Parameter 'id' expects an identifier");
    }
    let parent = services.tree.objects()?;
    if services.tree.object(&id).is_some() {
        return Err(QomError::Duplicate {
            name: id,
            parent: parent.type_info().name.to_owned(),
        });
    }
    let mut properties = spec.properties.iter();
    if let Some((name, given)) = properties.find(|(name, _)| type_info.property(name).is_none()) {
        return refuse(match given {
            Given::Json(_) => format!("Parameter '{name}' is unexpected"),
            _ => format!("Invalid parameter '{name}'"),
        });
    }
    let place = Place {
        parent,
        name: id,
        bus: None,
    };
    build(type_info, spec, place, services, running)
}

/// Where a new object goes.
struct Place {
    parent: Arc<Node>,
    name: String,
    bus: Option<Arc<Node>>,
}

fn build(
    type_info: &'static TypeInfo,
    spec: &Spec,
    place: Place,
    services: &Services,
    running: Option<Running<'_>>,
) -> Result<Arc<Node>, QomError> {
    let Some(create) = type_info.create else {
        return Err(QomError::NoType(type_info.name.to_owned()));
    };
    let mut properties = spec.properties_for(type_info, &services.tree)?;
    if let Some(bus) = &place.bus {
        properties.attach("parent_bus", Link::new(Arc::clone(bus)));
    }
    let hotplugged = running.is_some();
    let path = format!("{}/{}", place.parent.path(), place.name);
    let object = create(&mut Creation {
        type_info,
        id: spec.id.as_deref(),
        path: &path,
        bus: place.bus.as_ref(),
        properties: &properties,
        services,
        running,
    })?;
    place.parent.add(NewNode {
        name: place.name,
        type_info,
        object,
        properties,
        hotplugged,
    })
}

/// Makes the objects of a machine that is being built.
pub(super) fn add_configured_objects(
    config: &MachineConfig,
    services: &Services,
) -> Result<(), MachineError> {
    for spec in &config.objects {
        let made = add_object(spec, services, None);
        made.map_err(|error| failed(Asked::Object, spec, error))?;
    }
    Ok(())
}

/// The size of the object that is to be the memory of a machine; 0 where none is
/// to be, or none is said.
pub(super) fn backend_size(config: &MachineConfig) -> Result<u64, MachineError> {
    let Some(id) = config.memory_backend.as_deref() else {
        return Ok(0);
    };
    let mut objects = config.objects.iter();
    let spec = objects.find(|spec| spec.id.as_deref() == Some(id));
    let spec = spec.ok_or_else(|| no_backend(id))?;
    let size = spec.properties.iter().find(|(name, _)| name == "size");
    let size = match size.map(|(_, size)| size) {
        None => None,
        Some(Given::Text(text, words)) => Kind::SIZE.parse("size", text, *words)?.as_u64(),
        Some(Given::Json(value)) => value.as_u64(),
        Some(Given::Global { .. }) => None, // those are for devices
    };
    Ok(size.unwrap_or_default())
}

fn no_backend(id: &str) -> MachineError {
    MachineError::Config(format!("Memory backend '{id}' not found"))
}

/// Gives a machine that is being built its memory; the words of errors are
/// QEMU's.
pub(super) fn add_memory(config: &MachineConfig, services: &Services) -> Result<(), MachineError> {
    let refuse = |text: String| Err(MachineError::Config(text));
    let tree = &services.tree;
    let node = match &config.memory_backend {
        Some(_) if config.mem_path.is_some() => {
            let text = "'-mem-path' can't be used together with'-machine memory-backend'";
            return refuse(text.to_owned());
        }
        Some(id) => {
            let found = tree.object(id);
            let Some(node) = found.filter(|node| node.type_info().is_a("memory-backend")) else {
                return Err(no_backend(id));
            };
            node
        }
        None if config.ram_size == 0 => return Ok(()),
        None => make_memory(config, services)?,
    };
    let Some(backend) = node.downcast::<MemoryBackend>() else {
        return Ok(());
    };
    if backend.size() != config.ram_size {
        let text = "Machine memory size does not match the size of the memory backend";
        return refuse(text.to_owned());
    }
    backend.set_in_use(true);
    for region in backend.regions(GuestRam::boot_address) {
        services.ram.plug(&region)?;
    }
    types::set_memory(tree, Link::new(node))?;
    Ok(())
}

/// The memory of a machine whose user has not made an object for it.
fn make_memory(config: &MachineConfig, services: &Services) -> Result<Arc<Node>, MachineError> {
    let id = config.kind.memory_id();
    if services.tree.object(id).is_some() {
        return Err(MachineError::Config(format!(
            "object's id '{id}' is reserved for the default RAM backend, it can't be used for any other purposes; use another id, or add memory-backend={id} to -machine"
        )));
    }
    let given = |name: &str, value: Value| (name.to_owned(), Given::Json(value));
    let mut spec = Spec {
        type_name: "memory-backend-ram".to_owned(),
        id: Some(id.to_owned()),
        properties: vec![
            given("size", config.ram_size.into()),
            given("prealloc", config.mem_prealloc.into()),
        ],
    };
    if let Some(path) = &config.mem_path {
        spec.type_name = "memory-backend-file".to_owned();
        let path = path.to_string_lossy().into_owned();
        spec.properties.push(given("mem-path", path.into()));
    }
    Ok(add_object(&spec, services, None)?)
}

/// Drops the contents of memory that nobody wants any more, at the end.
pub(super) fn drop_contents(services: &Services) {
    for node in services.tree.all_of("memory-backend") {
        if let Some(backend) = node.downcast::<MemoryBackend>() {
            backend.drop_contents();
        }
    }
}

/// Opens the disk images of a machine that is being built.
pub(super) fn add_configured_disks(
    config: &MachineConfig,
    services: &Services,
) -> Result<(), MachineError> {
    let failed = |asked, what: String, error: BlockError| MachineError::Create {
        asked,
        what,
        error: error.into(),
    };
    for (index, node) in config.nodes.iter().enumerate() {
        let what = || format!("-blockdev {}", node.name.as_deref().unwrap_or_default());
        let made = services.block.add(node);
        made.map_err(|error| failed(Asked::Node(index), what(), error))?;
    }
    for (index, drive) in config.drives.iter().enumerate() {
        let made = services.block.add_drive(drive);
        made.map_err(|error| failed(Asked::Drive(index), format!("-drive {}", drive.id), error))?;
    }
    Ok(())
}

/// Makes the devices of a machine that is being built.
pub(super) fn add_configured_devices(
    config: &MachineConfig,
    services: &Services,
) -> Result<(), MachineError> {
    for (index, spec) in config.devices.iter().enumerate() {
        let made = add_device(spec.clone(), &config.globals, services, None);
        made.map_err(|error| failed(Asked::Device(index), spec, error))?;
    }
    Ok(())
}

fn failed(asked: Asked, spec: &Spec, error: QomError) -> MachineError {
    let option = match asked {
        Asked::Object => "-object",
        _ => "-device",
    };
    let id = spec.id.as_deref().map(|id| format!(",id={id}"));
    MachineError::Create {
        asked,
        what: format!("{option} {}{}", spec.type_name, id.unwrap_or_default()),
        error,
    }
}

impl Lifecycle {
    pub(super) fn device_add(&self, spec: Spec) -> Result<(), MachineError> {
        let mut state = self.operate()?;
        let running = Running {
            machine: self,
            state: &mut state,
        };
        add_device(spec, &self.config.globals, &self.services, Some(running))?;
        Ok(())
    }

    pub(super) fn object_add(&self, spec: &Spec) -> Result<(), MachineError> {
        let mut state = self.lock(); // allowed before configuration as well
        if state.finish.is_some() {
            return Err(MachineError::Finished);
        }
        let running = (state.run != RunState::Preconfig).then_some(Running {
            machine: self,
            state: &mut state,
        });
        add_object(spec, &self.services, running)?;
        Ok(())
    }

    pub(super) fn object_del(&self, id: &str) -> Result<(), MachineError> {
        let _state = self.lock();
        let tree = &self.services.tree;
        let Some(node) = tree.object(id) else {
            return Ok(refuse(format!("object '{id}' not found"))?);
        };
        if node.users() > 0 {
            let text = format!("object '{id}' is in use, can not be deleted");
            return Ok(refuse(text)?);
        }
        tree.remove(&node);
        Ok(())
    }

    pub(super) fn device_del(&self, id: &str) -> Result<(), MachineError> {
        let _state = self.operate()?;
        let tree = &self.services.tree;
        let node = if id.starts_with('/') {
            tree.at(id)?
        } else {
            let found = tree.at(&format!("/machine/peripheral/{id}"));
            found.map_err(|_| QomError::NoObject(id.to_owned()))?
        };
        if !node.type_info().is_a("device") {
            return Ok(refuse(format!("{id} is not a device"))?);
        }
        // The guest may have lost such a request: it can be made again.
        let repeats = node.type_info().is_a("cpu") || node.type_info().is_a("pc-dimm");
        if node.set_leaving(true) && !repeats {
            let text = format!("Device {id} is already in the process of unplug");
            return Ok(refuse(text)?);
        }
        let result = self.unplug(&node);
        if !matches!(result, Ok(Unplug::Requested)) {
            node.set_leaving(false);
        }
        if result? == Unplug::Done {
            self.unplugged(&node);
        }
        Ok(())
    }

    fn unplug(&self, node: &Arc<Node>) -> Result<Unplug, QomError> {
        let bus = match node.get("parent_bus") {
            Ok(path) => self
                .services
                .tree
                .at(path.as_str().unwrap_or_default())
                .ok(),
            Err(_) => None,
        };
        if let Some(bus) = bus
            && bus.object().bus().is_some_and(|state| !state.hotplug)
        {
            return refuse(format!("Bus '{}' does not support hotplugging", bus.name()));
        }
        if !node.type_info().hotpluggable {
            let name = node.type_info().name;
            return refuse(format!("Device '{name}' does not support hotplugging"));
        }
        node.object().unplug(&self.services)
    }

    /// The device is out of the machine.
    pub(super) fn unplugged(&self, node: &Arc<Node>) {
        let event = MachineEvent::DeviceDeleted {
            device: node.id().map(str::to_owned),
            path: node.path(),
        };
        self.services.tree.remove(node);
        self.tell(&event);
    }
}
