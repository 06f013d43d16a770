//! Ports, as objects and between the guest and a character device.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use qmp_runtime::json::Value;
use serde::{Deserialize, Serialize};

use super::{Bus, Shared};
use crate::char::{CharError, Chardev, Frontend};
use crate::devices::{GuestRequest, Requester};
use crate::machine::Services;
use crate::qom::{Creation, Kind, Object, Property, QomError, TypeInfo, Unplug, base};
use crate::state::{self, Invalid};
use crate::sync::lock;

/// Bytes that wait for the guest; what comes while that many wait is lost.
const BACKLOG: usize = 64 * 1024;
/// What the property has for a number that is left to the bus.
const AUTO: u64 = 0xffff_ffff;

/// What ports have in common.
pub(in super::super) static SERIAL_PORT: TypeInfo =
    TypeInfo::new("virtio-serial-port", &base::DEVICE)
        .abstract_type()
        .on_bus("virtio-serial-bus")
        .properties(&[
            Property::new("nr", Kind::UINT32).default_uint(AUTO),
            Property::new("name", Kind::STR),
        ]);

/// A port for anything.
pub(in super::super) static VIRTSERIALPORT: TypeInfo =
    TypeInfo::new("virtserialport", &SERIAL_PORT)
        .properties(&[CHARDEV])
        .hotpluggable()
        .created_by(create);

/// A port that is a console.
pub(in super::super) static VIRTCONSOLE: TypeInfo = TypeInfo::new("virtconsole", &VIRTSERIALPORT)
    .hotpluggable()
    .created_by(create);

const CHARDEV: Property =
    Property::new("chardev", Kind::STR).described("ID of a chardev to use as a backend");

/// A port.
#[derive(Debug)]
pub(super) struct Port {
    number: u32,
    name: Option<String>,
    is_console: bool,
    /// The ID that the user gave.
    id: Option<String>,
    frontend: Option<Frontend>,
    chardev: Option<Arc<Chardev>>,
    requester: Requester,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the guest has opened it.
    is_open: bool,
    /// Bytes for the guest.
    input: VecDeque<u8>,
}

fn create(cx: &mut Creation<'_>) -> Result<Arc<dyn Object>, QomError> {
    let properties = cx.properties;
    let type_name = cx.type_info.name;
    let Some(bus) = cx.bus.and_then(|node| node.downcast::<Bus>()) else {
        let text = format!("'{type_name}' needs a virtio-serial bus");
        return Err(QomError::Refused(text));
    };
    let is_console = type_name == VIRTCONSOLE.name;
    let name = properties.str("name").map(str::to_owned);
    let wanted = match properties.u64("nr") {
        AUTO => None,
        number => Some(u32::try_from(number).unwrap_or(u32::MAX)),
    };
    let shared = bus.shared()?;
    let number = shared.free_number(wanted, is_console, name.as_deref())?;
    let frontend = match properties.str("chardev") {
        None => None,
        Some(label) => Some(open(cx.services, label, type_name)?),
    };
    let port = Arc::new(Port {
        number,
        name,
        is_console,
        id: cx.id.map(str::to_owned),
        chardev: frontend.as_ref().map(Frontend::chardev),
        frontend,
        requester: cx.services.requester.clone(),
        state: Mutex::default(),
    });
    port.connect(&shared);
    shared.add(&port);
    Ok(Arc::new(PortDevice {
        port,
        shared: Arc::downgrade(&shared),
    }))
}

fn open(services: &Services, label: &str, type_name: &str) -> Result<Frontend, QomError> {
    services.chardevs.open(label).map_err(|error| match error {
        CharError::NotFound(_) => QomError::Refused(format!(
            "Property '{type_name}.chardev' can't find value '{label}'"
        )),
        CharError::Busy(_) => QomError::Refused(format!(
            "Property '{type_name}.chardev' can't take value '{label}': \
             chardev '{label}' is already in use"
        )),
        other => other.into(),
    })
}

impl Port {
    /// Lets input come.
    fn connect(self: &Arc<Self>, shared: &Arc<Shared>) {
        let Some(frontend) = &self.frontend else {
            return;
        };
        if !self.is_console {
            frontend.set_open(false);
        }
        let (port, shared) = (Arc::downgrade(self), Arc::downgrade(shared));
        frontend.accept(Arc::new(move |bytes| {
            if let Some(port) = port.upgrade() {
                port.receive(bytes);
            }
            if let Some(shared) = shared.upgrade() {
                shared.kick();
            }
        }));
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn is_console(&self) -> bool {
        self.is_console
    }

    /// Whether there is somebody at the other end.
    pub(super) fn is_connected(&self) -> bool {
        self.chardev.is_some()
    }

    fn receive(&self, bytes: &[u8]) {
        let mut state = lock(&self.state);
        let room = BACKLOG - state.input.len().min(BACKLOG);
        state.input.extend(bytes.iter().take(room));
    }

    /// Takes the guest's output.
    pub(super) fn send(&self, bytes: &[u8]) {
        if let Some(chardev) = &self.chardev {
            let _ = chardev.write(bytes); // a broken back end loses output
        }
    }

    /// Whether there are bytes for a guest that reads.
    pub(super) fn has_input(&self, always_open: bool) -> bool {
        let state = lock(&self.state);
        (state.is_open || always_open) && !state.input.is_empty()
    }

    /// Up to `count` bytes for the guest.
    pub(super) fn take_input(&self, count: usize) -> Vec<u8> {
        let mut state = lock(&self.state);
        let count = count.min(state.input.len());
        state.input.drain(..count).collect()
    }

    /// What of it outlives the process.
    pub(super) fn saved(&self) -> SavedPort {
        let state = lock(&self.state);
        SavedPort {
            number: self.number,
            name: self.name.clone(),
            is_console: self.is_console,
            is_open: state.is_open,
            input: state.input.clone(),
        }
    }

    /// Goes on from there.
    pub(super) fn restore(&self, saved: SavedPort) {
        lock(&self.state).input = saved.input;
        self.set_open(saved.is_open);
    }

    /// The guest opens or closes it.
    pub(super) fn set_open(&self, is_open: bool) {
        let before = std::mem::replace(&mut lock(&self.state).is_open, is_open);
        if before == is_open {
            return;
        }
        if let Some(frontend) = self.frontend.as_ref().filter(|_| !self.is_console) {
            frontend.set_open(is_open);
        }
        if let Some(id) = &self.id {
            self.requester.ask(GuestRequest::PortOpened {
                id: id.clone(),
                is_open,
            });
        }
    }
}

/// A port in a file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedPort {
    pub(super) number: u32,
    name: Option<String>,
    is_console: bool,
    is_open: bool,
    input: VecDeque<u8>,
}

impl SavedPort {
    /// Whether it can be the state of `port`.
    pub(super) fn check(&self, port: &Port) -> Result<(), Invalid> {
        let number = port.number;
        if self.name != port.name || self.is_console != port.is_console {
            return Err(Invalid::new(format!("port {number} was another one")));
        }
        state::check(self.input.len() <= BACKLOG, "the number of bytes that wait")
    }
}

/// A port, as the tree of objects has it.
#[derive(Debug)]
struct PortDevice {
    port: Arc<Port>,
    shared: Weak<Shared>,
}

impl Object for PortDevice {
    fn get(&self, property: &str) -> Option<Value> {
        match property {
            "nr" => Some(self.port.number.into()),
            _ => None,
        }
    }

    fn unplug(&self, _services: &Services) -> Result<Unplug, QomError> {
        if let Some(shared) = self.shared.upgrade() {
            shared.remove(self.port.number);
        }
        Ok(Unplug::Done)
    }
}
