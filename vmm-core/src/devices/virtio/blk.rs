//! The disk: a queue (or several) of requests on a drive.

mod batch;
mod beside;
mod config;
mod device;
mod news;
mod request;
mod transfer;

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use virtio_bindings::virtio_blk::{VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_OK, VIRTIO_BLK_S_UNSUPP};

use super::bus::{Place, VIRTIO_DEVICE};
use super::mmio::Transport;
use super::queue::{Chain, Malformed};
use super::worker::{Kick, Serve, Worker};
use crate::backends::IoThread;
use crate::block::{Aio, Buffer, Disk, Drive, IoStatus, Node, Operation, SECTOR, Use};
use crate::devices::{DiskError, GuestRequest, Requester};
use crate::machine::Services;
use crate::qom::{Creation, Kind, Object, Property, QomError, TypeInfo};
use crate::sync::lock;
use batch::Batch;
use config::Config;
use device::Device;
use news::News;
use request::{Action, Policy, Request};

const DEVICE_ID: u32 = 2;
/// What [`Property`] has for a number of queues that is left to the device.
const AUTO_QUEUES: u64 = 65535;
const MAX_QUEUES: u64 = 64;
const MAX_QUEUE_SIZE: u64 = 1024;
const LARGEST_BLOCK: u64 = 2 << 20;
/// Bytes of the name that a guest can ask for.
const ID_BYTES: u64 = 20;

const NO_BOOT_INDEX: i64 = -1;

const ON_ERROR: Kind = Kind::choice(
    "BlockdevOnError",
    &["report", "ignore", "enospc", "stop", "auto"],
);

/// The type of it, for `-device`.
pub(super) static VIRTIO_BLK: TypeInfo = TypeInfo::new("virtio-blk-device", &VIRTIO_DEVICE)
    .properties(&[
        Property::new("drive", Kind::STR)
            .described("Node name or ID of a block device to use as a backend"),
        Property::new("serial", Kind::STR),
        Property::new("logical_block_size", Kind::SIZE).default_uint(0),
        Property::new("physical_block_size", Kind::SIZE).default_uint(0),
        Property::new("min_io_size", Kind::SIZE).default_uint(0),
        Property::new("opt_io_size", Kind::SIZE).default_uint(0),
        Property::new("queue-size", Kind::UINT16).default_uint(256),
        Property::new("num-queues", Kind::UINT16).default_uint(AUTO_QUEUES),
        Property::new("config-wce", Kind::BOOL).default_bool(true),
        Property::new("discard", Kind::BOOL).default_bool(true),
        Property::new("write-zeroes", Kind::BOOL).default_bool(true),
        Property::new("max-discard-sectors", Kind::UINT32).default_uint(0x3f_ffff),
        Property::new("max-write-zeroes-sectors", Kind::UINT32).default_uint(0x3f_ffff),
        Property::new("werror", ON_ERROR).default_str("auto"),
        Property::new("rerror", ON_ERROR).default_str("auto"),
        Property::new("iothread", Kind::link("iothread")),
        Property::new("write-cache", Kind::ON_OFF_AUTO).default_str("auto"),
        Property::new("share-rw", Kind::BOOL).default_bool(false),
        Property::new("request-merging", Kind::BOOL).default_bool(true),
        Property::new("bootindex", Kind::INT32),
    ])
    .created_by(create);

fn create(cx: &mut Creation<'_>) -> Result<Arc<dyn Object>, QomError> {
    let refuse = |text: String| Err(QomError::Refused(text));
    let (properties, services) = (cx.properties, cx.services);
    let Some(name) = properties.str("drive") else {
        return refuse("drive property not set".to_owned());
    };
    let queues = match properties.u64("num-queues") {
        AUTO_QUEUES => 1,
        0 => return refuse("num-queues property must be larger than 0".to_owned()),
        many if many > MAX_QUEUES => {
            return refuse(format!("num-queues: there are at most {MAX_QUEUES}"));
        }
        some => some,
    };
    let size = properties.u64("queue-size");
    if !size.is_power_of_two() || !(3..=MAX_QUEUE_SIZE).contains(&size) {
        return refuse(format!(
            "invalid queue-size property ({size}), must be a power of 2 (max {MAX_QUEUE_SIZE})"
        ));
    }
    for property in ["logical_block_size", "physical_block_size"] {
        let size = properties.u64(property);
        if size != 0 && (!size.is_power_of_two() || !(SECTOR..=LARGEST_BLOCK).contains(&size)) {
            return refuse(format!(
                "parameter {property} must be a power of 2 between {SECTOR} and {LARGEST_BLOCK}"
            ));
        }
    }
    let policies = [Operation::Read, Operation::Write].map(|operation| {
        let property = match operation {
            Operation::Read => "rerror",
            _ => "werror",
        };
        Policy::new(properties.str(property).unwrap_or("auto"), operation)
    });
    let [Some(on_read_error), Some(on_write_error)] = policies else {
        return refuse("rerror=enospc: reading needs no space".to_owned());
    };
    check_boot_index(cx)?;
    let place = Place::new(cx)?;
    let wanted = Use {
        device: cx.id.unwrap_or(cx.path),
        path: cx.path,
        property: "virtio-blk-device.drive",
        shares_writes: properties.bool("share-rw"),
    };
    let drive = services.block.take(name, wanted)?;
    match properties.str("write-cache") {
        Some("on") => drive.configure_write_back(true),
        Some("off") => drive.configure_write_back(false),
        _ => {}
    }
    let made = Blk::new(cx, &drive, queues, place.transport()).and_then(|mut blk| {
        blk.on_read_error = on_read_error;
        blk.on_write_error = on_write_error;
        if on_read_error.may_stop() || on_write_error.may_stop() {
            drive.set_io_status(IoStatus::Ok);
        }
        start(cx, blk, services)
    });
    let made = made.and_then(|device| {
        place.plug(&(Arc::clone(&device) as _))?;
        Ok(device as _)
    });
    made.inspect_err(|_| services.block.release(&drive))
}

/// Nothing is booted from a disk here, but two disks are not both to be the first.
fn check_boot_index(cx: &Creation<'_>) -> Result<(), QomError> {
    let Some(index) = cx.properties.get("bootindex") else {
        return Ok(());
    };
    let disks = cx.services.tree.all_of(VIRTIO_BLK.name);
    let mut taken = disks.iter().map(|disk| disk.object().get("bootindex"));
    if index.as_i64() != Some(NO_BOOT_INDEX) && taken.any(|taken| taken.as_ref() == Some(index)) {
        return Err(QomError::Refused(format!(
            "The bootindex {index} has already been used"
        )));
    }
    Ok(())
}

/// Gives the device its thread.
fn start(cx: &Creation<'_>, blk: Blk, services: &Services) -> Result<Arc<Device>, QomError> {
    let blk = Arc::new(blk);
    let served = Arc::clone(&blk);
    let serve: Serve = Box::new(move || served.serve());
    let iothread = cx.properties.link("iothread");
    let worker = match iothread.and_then(|link| link.object::<IoThread>()) {
        Some(thread) => Worker::on(thread, services, serve),
        None => Worker::start("virtio-blk", services, |_| serve)
            .map_err(|error| QomError::Refused(format!("cannot start a thread: {error}")))?,
    };
    lock(&blk.kick).replace(worker.kick());
    let resized = Arc::downgrade(&blk);
    blk.drive.on_resize(move |size| {
        if let Some(blk) = resized.upgrade() {
            blk.size.store(size, Ordering::Release);
            blk.transport.config_changed();
        }
    });
    Ok(Arc::new(Device {
        kick: worker.kick(),
        blk,
        _worker: worker,
    }))
}

/// What the worker needs of it.
#[derive(Debug)]
struct Blk {
    transport: Arc<Transport>,
    drive: Arc<Drive>,
    node: Arc<Node>,
    disk: Arc<Disk>,
    requester: Requester,
    config: Config,
    queues: u16,
    /// Whether requests that lie next to each other become one.
    merges: bool,
    serial: String,
    boot_index: i64,
    path: String,
    /// Bytes of the disk.
    size: AtomicU64,
    on_read_error: Policy,
    on_write_error: Policy,
    /// What is tried again when the guest runs on, in turn.
    failed: Mutex<Vec<Chain>>,
    /// How requests go beside each other, if that is of use.
    aio: Option<Aio>,
    /// What is moved so goes through these.
    buffers: Mutex<Vec<Buffer>>,
    /// What is moved goes through here; the worker alone uses it.
    buffer: Mutex<Buffer>,
    /// Its own worker, for that.
    kick: Mutex<Option<Kick>>,
}

impl Blk {
    fn new(
        cx: &Creation<'_>,
        drive: &Arc<Drive>,
        queues: u64,
        transport: Arc<Transport>,
    ) -> Result<Self, QomError> {
        let Some(node) = drive.node().cloned() else {
            let text = "Device needs media, but drive is empty";
            return Err(QomError::Refused(text.to_owned()));
        };
        let boot_index = cx.properties.get("bootindex");
        let disk = Arc::clone(node.disk());
        // What is in the host's cache is there at once. Without room for more, one goes after the other.
        let aio = node.is_direct().then(|| Aio::new(beside::MOST as u32).ok());
        let size = disk
            .size()
            .map_err(|error| QomError::Refused(format!("Could not get image size: {error}")))?;
        Ok(Self {
            transport,
            config: Config::new(cx.properties, size, queues, node.is_read_only()),
            drive: Arc::clone(drive),
            node,
            disk,
            requester: cx.services.requester.clone(),
            queues: u16::try_from(queues).unwrap_or(1),
            merges: cx.properties.bool("request-merging"),
            serial: cx.properties.str("serial").unwrap_or_default().to_owned(),
            boot_index: boot_index.map_or(NO_BOOT_INDEX, |_| cx.properties.i64("bootindex")),
            path: cx.path.to_owned(),
            size: AtomicU64::new(size),
            on_read_error: Policy::Report,
            on_write_error: Policy::Report,
            failed: Mutex::default(),
            aio: aio.flatten(),
            buffers: Mutex::default(),
            buffer: Mutex::default(),
            kick: Mutex::default(),
        })
    }

    fn serve(&self) -> Option<RawFd> {
        let mut again = std::mem::take(&mut *lock(&self.failed)).into_iter();
        while let Some(chain) = again.next() {
            if self.transport.is_current(&chain)
                && !self.answer(chain, &mut News::new(&self.transport))
            {
                lock(&self.failed).extend(again);
                return None;
            }
        }
        for queue in 0..self.queues {
            if let Some(aio) = &self.aio {
                if !self.serve_beside(aio, queue) {
                    return None;
                }
                continue;
            }
            // the guest is told at the end of it, however that comes about
            let mut news = News::new(&self.transport);
            let mut batch = Batch::default();
            while let Some(chain) = self.transport.take(queue) {
                let transfer = Request::read(&chain).ok();
                let transfer = transfer.and_then(|request| self.transfer_of(&request, &chain));
                let chain = match transfer {
                    Some(transfer) if self.merges => match batch.add(chain, transfer) {
                        Ok(()) => continue,
                        Err(chain) => chain,
                    },
                    _ => chain,
                };
                if !self.finish(&mut batch, &mut news) {
                    lock(&self.failed).push(chain);
                    return None;
                }
                match transfer {
                    Some(transfer) => batch.start(chain, transfer),
                    None if self.answer(chain, &mut news) => {}
                    None => return None,
                }
            }
            if !self.finish(&mut batch, &mut news) {
                return None;
            }
        }
        None
    }

    /// Does what a chain asks for; false where nothing should follow.
    fn answer(&self, chain: Chain, news: &mut News<'_>) -> bool {
        let request = match Request::read(&chain) {
            Ok(request) => request,
            Err(error) => {
                self.transport.broken(error);
                return false;
            }
        };
        if request.may_take_long() {
            news.tell();
        }
        let outcome = self.execute(&request, &chain);
        self.settle(chain, outcome, news)
    }

    /// Gives a chain back; false where nothing should follow.
    fn settle(&self, chain: Chain, outcome: Outcome, news: &mut News<'_>) -> bool {
        match outcome {
            Outcome::Done { status, written } => {
                // the last byte is for the status
                chain.write(chain.writable() - 1, &status.to_le_bytes()[..1]);
                self.transport.put_back(&chain, written + 1);
                news.add(&chain);
                true
            }
            Outcome::Stopped => {
                lock(&self.failed).push(chain);
                if let Some(kick) = &*lock(&self.kick) {
                    kick.kick_when_running();
                }
                false
            }
        }
    }

    fn execute(&self, request: &Request, chain: &Chain) -> Outcome {
        match *request {
            Request::Read { .. } | Request::Write { .. } => {
                match self.transfer_of(request, chain) {
                    Some(transfer) => self.transfer(chain, transfer),
                    None => {
                        self.drive.statistics().invalid(request.operation());
                        done(VIRTIO_BLK_S_IOERR, 0)
                    }
                }
            }
            Request::Flush => self.flush(),
            Request::GetId => {
                let room = (chain.writable() - 1).min(ID_BYTES);
                let mut name = self.serial.clone().into_bytes();
                name.truncate(ID_BYTES as usize);
                name.push(0);
                name.truncate(usize::try_from(room).unwrap_or_default());
                done(VIRTIO_BLK_S_OK, chain.write(0, &name) as u64)
            }
            Request::Discard { segment, is_zeroes } => self.clear(segment, is_zeroes),
            Request::Unknown => done(VIRTIO_BLK_S_UNSUPP, 0),
        }
    }

    /// Bytes from `sector` on, if so many are on the disk in whole blocks.
    fn range(&self, sector: u64, length: u64) -> Option<u64> {
        let block = self.config.block_size();
        let offset = sector.checked_mul(SECTOR)?;
        let end = offset.checked_add(length)?;
        let fits = end <= self.size.load(Ordering::Acquire);
        (fits && offset.is_multiple_of(block) && length.is_multiple_of(block)).then_some(offset)
    }

    /// Checks that there can be a write up to `end`, and notes it, as QEMU does,
    /// whatever comes of it.
    fn begin_write(&self, end: u64) -> io::Result<()> {
        self.node.statistics().written_to(end);
        if self.node.is_read_only() {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
        let mut node = self.node.child();
        while let Some(layer) = node {
            layer.statistics().written_to(end);
            node = layer.child();
        }
        Ok(())
    }

    /// Puts what was written on stable storage, unless the guest does so.
    fn end_write(&self) -> io::Result<()> {
        match self.drive.writes_back() {
            true => Ok(()),
            false => self.sync(),
        }
    }

    fn sync(&self) -> io::Result<()> {
        match self.node.never_flushes() {
            true => Ok(()),
            false => self.disk.flush(),
        }
    }

    fn flush(&self) -> Outcome {
        let start = Instant::now();
        let statistics = self.drive.statistics();
        match self.sync() {
            Ok(()) => {
                statistics.done(Operation::Flush, 0, start.elapsed());
                done(VIRTIO_BLK_S_OK, 0)
            }
            Err(error) => {
                statistics.failed(Operation::Flush, start.elapsed());
                self.fail(Operation::Flush, &error)
            }
        }
    }

    fn clear(&self, segment: Option<request::Segment>, is_zeroes: bool) -> Outcome {
        let Some(segment) = segment.filter(|segment| segment.is_sane(is_zeroes)) else {
            return done(VIRTIO_BLK_S_UNSUPP, 0);
        };
        let operation = match is_zeroes {
            true => Operation::Write,
            false => Operation::Unmap,
        };
        let length = u64::from(segment.sectors) * SECTOR;
        let most = self.config.most_sectors(is_zeroes);
        let range = self.range(segment.sector, length);
        let Some(offset) = range.filter(|_| segment.sectors <= most) else {
            if is_zeroes {
                self.drive.statistics().invalid(operation);
            }
            return done(VIRTIO_BLK_S_IOERR, 0);
        };
        let start = Instant::now();
        let result = match is_zeroes {
            true => self.zero(offset, length, segment.may_unmap()),
            false => self.discard(offset, length),
        };
        // what is discarded is counted where it is done, as QEMU has it
        let counts = is_zeroes.then(|| self.drive.statistics());
        match result {
            Ok(()) => {
                if let Some(counts) = counts {
                    counts.done(operation, length, start.elapsed());
                }
                done(VIRTIO_BLK_S_OK, 0)
            }
            Err(error) => {
                if let Some(counts) = counts {
                    counts.failed(operation, start.elapsed());
                }
                self.fail(operation, &error)
            }
        }
    }

    fn zero(&self, offset: u64, length: u64, may_unmap: bool) -> io::Result<()> {
        self.begin_write(offset + length)?;
        if length > 0 {
            let unmap = may_unmap && self.node.unmaps();
            self.disk.zero(offset, length, unmap)?;
        }
        self.end_write()
    }

    fn discard(&self, offset: u64, length: u64) -> io::Result<()> {
        if !self.node.unmaps() || length == 0 {
            return Ok(()); // the user wants to keep the space
        }
        if self.node.is_read_only() {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
        let start = Instant::now();
        let result = self.disk.discard(offset, length);
        let counts = self.node.bottom().statistics();
        match &result {
            Ok(()) => counts.done(Operation::Unmap, length, start.elapsed()),
            Err(_) => counts.failed(Operation::Unmap, start.elapsed()),
        }
        result
    }

    /// What becomes of a request that the host refused.
    fn fail(&self, operation: Operation, error: &io::Error) -> Outcome {
        let policy = match operation {
            Operation::Read => self.on_read_error,
            _ => self.on_write_error,
        };
        let action = policy.action(error);
        let no_space = error.raw_os_error() == Some(libc::ENOSPC);
        if action == Action::Stop {
            self.drive.set_io_status(match no_space {
                true => IoStatus::NoSpace,
                false => IoStatus::Failed,
            });
        }
        self.requester.ask(GuestRequest::DiskError(DiskError {
            path: self.path.clone(),
            drive: self.drive.name().to_owned(),
            node: Some(self.node.name().to_owned()),
            is_read: operation == Operation::Read,
            action: action.into(),
            no_space: self.drive.io_status().map(|_| no_space),
            reason: crate::char::reason(error),
        }));
        match action {
            Action::Report => done(VIRTIO_BLK_S_IOERR, 0),
            Action::Ignore => done(VIRTIO_BLK_S_OK, 0),
            Action::Stop => Outcome::Stopped,
        }
    }
}

/// How a request ends.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// With a status, and bytes written before it.
    Done { status: u32, written: u64 },
    /// Not yet: the machine stops.
    Stopped,
}

fn done(status: u32, written: u64) -> Outcome {
    Outcome::Done { status, written }
}

impl Malformed {
    const MISSING: Self = Self::Request("a request without room for header and status");
}
