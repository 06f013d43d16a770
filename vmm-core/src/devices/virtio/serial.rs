//! Serial ports: up to as many as the user wants, some of them consoles, each
//! with a character device.
//!
//! | queue  | what |
//! |--------|------|
//! | 0, 1   | to and from port 0 |
//! | 2, 3   | to and from the driver, about ports |
//! | 4, 5 … | to and from port 1 and so on |

mod control;
mod port;

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, Weak};

use super::bus::{Place, VIRTIO_DEVICE};
use super::mmio::{Backend, Transport};
use super::worker::{Kick, Worker};
use crate::qom::{BusState, Child, Creation, Kind, Object, Property, QomError, TypeInfo, base};
use crate::state::{self, Invalid, Restore};
use crate::sync::lock;
use control::{Event, Message};
use port::{Port, SavedPort};
pub(super) use port::{SERIAL_PORT, VIRTCONSOLE, VIRTSERIALPORT};

const DEVICE_ID: u32 = 3;
/// Features, by their numbers.
const MULTIPORT: u32 = 1;
const EMERGENCY_WRITE: u32 = 2;
const CONTROL_IN: u16 = 2;
const CONTROL_OUT: u16 = 3;
const MAX_PORTS: u64 = 511;
/// Where the configuration has the number of ports, and takes a byte at any time.
const PORTS: u64 = 4;
const EMERGENCY: u64 = 8;
/// Messages that wait for a driver that takes none.
const WAITING: usize = 4096;
/// The most bytes that are moved at a time.
const BUFFER: u64 = 1 << 16;

/// The type of it, for `-device`.
pub(super) static VIRTIO_SERIAL: TypeInfo = TypeInfo::new("virtio-serial-device", &VIRTIO_DEVICE)
    .properties(&[
        Property::new("max_ports", Kind::UINT32).default_uint(31),
        Property::new("emergency-write", Kind::BOOL).default_bool(true),
    ])
    .created_by(create);

/// What ports plug into.
pub(super) static VIRTIO_SERIAL_BUS: TypeInfo = TypeInfo::new("virtio-serial-bus", &base::BUS);

fn create(cx: &mut Creation<'_>) -> Result<Arc<dyn Object>, QomError> {
    let refuse = |text: String| Err(QomError::Refused(text));
    let services = cx.services;
    let max_ports = match cx.properties.u64("max_ports") {
        0 => return refuse("Maximum number of serial ports not specified".to_owned()),
        many if many > MAX_PORTS => return refuse(format!("maximum ports supported: {MAX_PORTS}")),
        some => u32::try_from(some).unwrap_or(1),
    };
    let place = Place::new(cx)?;
    let shared = Arc::new(Shared {
        transport: place.transport(),
        max_ports,
        state: Mutex::default(),
        kick: Mutex::default(),
    });
    let worker = Worker::start("virtio-serial", services, |kick| {
        lock(&shared.kick).replace(kick);
        let shared = Arc::downgrade(&shared);
        Box::new(move || shared.upgrade().and_then(|shared| shared.serve()))
    });
    let worker =
        worker.map_err(|error| QomError::Refused(format!("cannot start a thread: {error}")))?;
    let buses = services.tree.all_of(VIRTIO_SERIAL_BUS.name).len();
    let device = Arc::new(Device {
        bus_name: match cx.id {
            Some(id) => format!("{id}.0"),
            None => format!("virtio-serial-bus.{buses}"),
        },
        bus: Arc::new(Bus(Arc::downgrade(&shared))),
        kick: worker.kick(),
        emergency_write: cx.properties.bool("emergency-write"),
        shared,
        _worker: worker,
    });
    place.plug(&(Arc::clone(&device) as _))?;
    Ok(device)
}

/// The device, as the transport and the tree of objects see it.
#[derive(Debug)]
struct Device {
    bus_name: String,
    bus: Arc<Bus>,
    kick: Kick,
    emergency_write: bool,
    shared: Arc<Shared>,
    _worker: Worker,
}

/// The bus of the ports.
#[derive(Debug)]
struct Bus(Weak<Shared>);

impl Bus {
    fn shared(&self) -> Result<Arc<Shared>, QomError> {
        let gone = || QomError::Refused("the bus is gone".to_owned());
        self.0.upgrade().ok_or_else(gone)
    }
}

impl Object for Bus {
    fn bus(&self) -> Option<BusState> {
        Some(BusState {
            full: false, // a port that finds no number says so itself
            hotplug: true,
        })
    }
}

/// What ports and the worker need of the device.
#[derive(Debug)]
struct Shared {
    transport: Arc<Transport>,
    max_ports: u32,
    state: Mutex<State>,
    kick: Mutex<Option<Kick>>,
}

#[derive(Debug, Default)]
struct State {
    ports: BTreeMap<u32, Arc<Port>>,
    /// Whether the driver has said that it is there.
    is_ready: bool,
    /// What the driver is told when it takes it.
    messages: VecDeque<Message>,
}

impl Shared {
    fn kick(&self) {
        if let Some(kick) = &*lock(&self.kick) {
            kick.kick();
        }
    }

    /// The number of a new port: the one that is wanted, or the first that is
    /// free. The first port of all is for a console.
    fn free_number(
        &self,
        wanted: Option<u32>,
        is_console: bool,
        name: Option<&str>,
    ) -> Result<u32, QomError> {
        let refuse = |text: String| Err(QomError::Refused(text));
        let state = lock(&self.state);
        if wanted == Some(0) && !is_console && !state.ports.contains_key(&0) {
            return refuse(
                "Port number 0 on virtio-serial devices reserved for virtconsole devices \
                 for backward compatibility."
                    .to_owned(),
            );
        }
        if let Some(wanted) = wanted.filter(|wanted| state.ports.contains_key(wanted)) {
            let text = format!("virtio-serial-bus: A port already exists at id {wanted}");
            return refuse(text);
        }
        let mut names = state.ports.values().filter_map(|port| port.name());
        if let Some(name) = name.filter(|name| names.any(|other| other == *name)) {
            let text = format!("virtio-serial-bus: A port already exists by name {name}");
            return refuse(text);
        }
        let first = u32::from(!is_console);
        let free = (first..).find(|number| !state.ports.contains_key(number));
        let number = wanted.or(free).unwrap_or(u32::MAX);
        if number >= self.max_ports {
            return refuse(format!(
                "virtio-serial-bus: Out-of-range port id specified, max. allowed: {}",
                self.max_ports - 1
            ));
        }
        Ok(number)
    }

    fn add(&self, port: &Arc<Port>) {
        let mut state = lock(&self.state);
        state.ports.insert(port.number(), Arc::clone(port));
        if state.is_ready {
            state.tell(Message::new(port.number(), Event::PortAdd, 1));
        }
        drop(state);
        self.kick();
    }

    fn remove(&self, number: u32) {
        let mut state = lock(&self.state);
        state.ports.remove(&number);
        if state.is_ready {
            state.tell(Message::new(number, Event::PortRemove, 1));
        }
        drop(state);
        self.kick();
    }

    fn ports(&self) -> Vec<Arc<Port>> {
        lock(&self.state).ports.values().cloned().collect()
    }

    /// Whether the driver can say which ports it has opened.
    fn is_multiport(&self) -> bool {
        self.transport.driver_features() & (1 << MULTIPORT) != 0
    }

    fn serve(&self) -> Option<RawFd> {
        while let Some(chain) = self.transport.take(CONTROL_OUT) {
            let mut bytes = [0; control::SIZE];
            if chain.read(0, &mut bytes) == bytes.len()
                && let Some(message) = Message::read(bytes)
            {
                self.hear(&message);
            }
            self.transport.give_back(&chain, 0);
        }
        for number in 0..self.max_ports {
            self.send(number);
        }
        for port in self.ports() {
            self.receive(&port);
        }
        self.talk();
        None
    }

    /// Carries the guest's output to a port's other end; that of no port is lost.
    fn send(&self, number: u32) {
        let queue = queues(number).1;
        while let Some(chain) = self.transport.take(queue) {
            let port = lock(&self.state).ports.get(&number).cloned();
            let mut buffer = vec![0; size(chain.readable().min(BUFFER))];
            let mut done = 0;
            while let Some(port) = &port {
                let count = chain.read(done, &mut buffer);
                if count == 0 {
                    break;
                }
                port.send(buffer.get(..count).unwrap_or_default());
                done += count as u64;
            }
            self.transport.give_back(&chain, 0);
        }
    }

    /// Carries input to the guest, as far as it has room.
    fn receive(&self, port: &Port) {
        let always_open = !self.is_multiport();
        while port.has_input(always_open) {
            let Some(chain) = self.transport.take(queues(port.number()).0) else {
                return; // it is told when the guest has room
            };
            let bytes = port.take_input(size(chain.writable().min(BUFFER)));
            let written = chain.write(0, &bytes);
            self.transport.give_back(&chain, written as u64);
        }
    }

    /// Gives the driver the messages that wait for it.
    fn talk(&self) {
        loop {
            let waits = !lock(&self.state).messages.is_empty();
            let chain = waits.then(|| self.transport.take(CONTROL_IN)).flatten();
            let Some(chain) = chain else {
                return;
            };
            let Some(message) = lock(&self.state).messages.pop_front() else {
                return;
            };
            let written = chain.write(0, &message.bytes());
            self.transport.give_back(&chain, written as u64);
        }
    }

    fn hear(&self, message: &Message) {
        let mut state = lock(&self.state);
        if message.event == Event::DeviceReady {
            state.is_ready = message.value != 0;
            let numbers: Vec<u32> = state.ports.keys().copied().collect();
            for number in numbers {
                state.tell(Message::new(number, Event::PortAdd, 1));
            }
            return;
        }
        let Some(port) = state.ports.get(&message.port).cloned() else {
            return;
        };
        match message.event {
            Event::PortReady if message.value != 0 => {
                if port.is_console() {
                    state.tell(Message::new(message.port, Event::ConsolePort, 1));
                }
                if let Some(name) = port.name() {
                    state.tell(Message::name(message.port, name));
                }
                if port.is_connected() {
                    state.tell(Message::new(message.port, Event::PortOpen, 1));
                }
            }
            Event::PortOpen => {
                drop(state);
                port.set_open(message.value != 0);
            }
            _ => {}
        }
    }
}

impl State {
    fn tell(&mut self, message: Message) {
        if self.messages.len() < WAITING {
            self.messages.push_back(message);
        }
    }
}

/// The queues to and from a port.
fn queues(port: u32) -> (u16, u16) {
    let port = u16::try_from(port).unwrap_or(u16::MAX / 4);
    match port {
        0 => (0, 1),
        port => (2 * port + 2, 2 * port + 3),
    }
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl Object for Device {
    fn children(&self) -> Vec<Child> {
        vec![Child {
            name: self.bus_name.clone(),
            type_info: &VIRTIO_SERIAL_BUS,
            object: Arc::clone(&self.bus) as _,
        }]
    }
}

impl Backend for Device {
    fn device_id(&self) -> u32 {
        DEVICE_ID
    }

    fn queues(&self) -> u16 {
        queues(self.shared.max_ports).0
    }

    fn features(&self) -> u64 {
        let multiport = u64::from(self.shared.max_ports > 1) << MULTIPORT;
        multiport | u64::from(self.emergency_write) << EMERGENCY_WRITE
    }

    fn config_size(&self) -> u64 {
        EMERGENCY + 4
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let mut bytes = [0; EMERGENCY as usize + 4];
        let ports = self.shared.max_ports.to_le_bytes();
        for (to, from) in bytes.iter_mut().skip(PORTS as usize).zip(ports) {
            *to = from;
        }
        let part = bytes.get(size(offset)..).unwrap_or_default();
        for (to, from) in data.iter_mut().zip(part) {
            *to = *from;
        }
    }

    fn write_config(&self, offset: u64, data: &[u8]) {
        if offset == EMERGENCY
            && self.emergency_write
            && let Some(byte) = data.first()
        {
            let ports = self.shared.ports();
            if let Some(console) = ports.iter().find(|port| port.is_console()) {
                console.send(&[*byte]);
            }
        }
    }

    fn notify(&self, _queue: u16) {
        self.kick.kick();
    }

    fn ready(&self) {
        self.kick.kick(); // input may wait
    }

    fn reset(&self) {
        self.kick.drain();
        {
            let mut state = lock(&self.shared.state);
            state.is_ready = false;
            state.messages.clear();
        }
        for port in self.shared.ports() {
            port.set_open(false);
        }
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        let ports: Vec<_> = self
            .shared
            .ports()
            .iter()
            .map(|port| port.saved())
            .collect();
        let state = lock(&self.shared.state);
        state::encode(&(
            self.shared.max_ports,
            state.is_ready,
            &state.messages,
            ports,
        ))
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        type Saved = (u32, bool, VecDeque<Message>, Vec<SavedPort>);
        let (max_ports, is_ready, messages, saved): Saved = state::decode(bytes)?;
        state::check(max_ports == self.shared.max_ports, "max_ports")?;
        state::check(messages.len() <= WAITING, "the number of messages")?;
        let ports = self.shared.ports();
        let numbers = |ports: &mut dyn Iterator<Item = u32>| ports.collect::<Vec<u32>>();
        let now = numbers(&mut ports.iter().map(|port| port.number()));
        let before = numbers(&mut saved.iter().map(|port| port.number));
        if before != now {
            let text = format!("ports {before:?} were there, {now:?} are now");
            return Err(Invalid::new(text));
        }
        for (saved, port) in saved.iter().zip(&ports) {
            saved.check(port)?;
        }
        Ok(Box::new(move || {
            let mut state = lock(&self.shared.state);
            (state.is_ready, state.messages) = (is_ready, messages);
            drop(state);
            for (saved, port) in saved.into_iter().zip(&ports) {
                port.restore(saved);
            }
        }))
    }
}
