//! `memory-backend-ram`, `-file`, `-memfd`: memory of the host's, to be the guest's.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use qmp_runtime::json::Value;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use vm_memory::mmap::{MmapRegion, MmapRegionError};
use vm_memory::{FileOffset, GuestAddress, GuestRegionMmap};

use super::memory_advice::advise;
use crate::machine::HOLE_START;
use crate::qom::{Access, Creation, Kind, Object, Properties, Property, QomError, TypeInfo, base};
use crate::sync::lock;

const PAGE: u64 = 4096;

const POLICY: Kind = Kind::choice(
    "HostMemPolicy",
    &["default", "preferred", "bind", "interleave"],
);

const fn share(default: bool) -> Property {
    Property::new("share", Kind::BOOL)
        .default_bool(default)
        .described("Whether other processes can see what is written to it")
}

pub(super) static MEMORY_BACKEND: TypeInfo = TypeInfo::new("memory-backend", &base::OBJECT)
    .abstract_type()
    .user_creatable()
    .properties(&[
        Property::new("size", Kind::BYTES).described("How long it is"),
        Property::new("merge", Kind::BOOL)
            .access(Access::Write)
            .described("Whether the host may keep equal pages once"),
        Property::new("dump", Kind::BOOL)
            .access(Access::Write)
            .described("Whether it is in a dump of this process"),
        Property::new("prealloc", Kind::BOOL)
            .default_bool(false)
            .described("Whether the host provides all of it at once"),
        Property::new("prealloc-threads", Kind::INT)
            .default_int(1)
            .described("How many threads may help with that"),
        Property::new("reserve", Kind::BOOL)
            .default_bool(true)
            .described("Whether the host sets swap space aside for it"),
        Property::new("policy", POLICY)
            .default_str("default")
            .described("From which NUMA nodes of the host it comes"),
    ]);

pub(super) static RAM: TypeInfo = TypeInfo::new("memory-backend-ram", &MEMORY_BACKEND)
    .described("Memory")
    .properties(&[share(false)])
    .created_by(|cx| create(cx, |_, _| Ok(None)));

pub(super) static FILE: TypeInfo = TypeInfo::new("memory-backend-file", &MEMORY_BACKEND)
    .described("Memory that is a file's contents")
    .properties(&[
        share(false),
        Property::new("mem-path", Kind::STRING)
            .described("The file, made if it is missing; or a directory for one without a name"),
        Property::new("offset", Kind::BYTES)
            .default_uint(0)
            .described("Where in the file it begins"),
        Property::new("align", Kind::BYTES)
            .default_uint(0)
            .described("What its address here is a multiple of"),
        Property::new("discard-data", Kind::BOOL)
            .access(Access::Write)
            .default_bool(false)
            .described("Whether the contents go with the object"),
        Property::new("readonly", Kind::BOOL)
            .default_bool(false)
            .described("Whether the file is left as it is"),
        Property::new("rom", Kind::ON_OFF_AUTO)
            .default_str("auto")
            .described("Whether the guest cannot write to it"),
    ])
    .created_by(|cx| create(cx, |cx, _| backing_file(cx).map(Some)));

pub(super) static MEMFD: TypeInfo = TypeInfo::new("memory-backend-memfd", &MEMORY_BACKEND)
    .described("Memory that can be handed on as a descriptor")
    .properties(&[
        share(true),
        Property::new("hugetlb", Kind::BOOL)
            .default_bool(false)
            .described("Whether it is of huge pages"),
        Property::new("hugetlbsize", Kind::BYTES)
            .default_uint(0)
            .described("How large those are"),
        Property::new("seal", Kind::BOOL)
            .default_bool(true)
            .described("Whether nobody can make it longer or shorter"),
    ])
    .created_by(|cx| create(cx, |cx, size| anonymous_file(cx, size).map(Some)));

/// What the host is told of memory whose back end does not say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryDefaults {
    /// It may keep equal pages once.
    pub merge: bool,
    /// They are in a dump of this process.
    pub dump: bool,
}

impl Default for MemoryDefaults {
    fn default() -> Self {
        Self {
            merge: true,
            dump: true,
        }
    }
}

/// A piece of memory; it goes with the object.
#[derive(Debug)]
pub struct MemoryBackend {
    /// Cut where a guest's memory may be cut by the hole for devices.
    pieces: Vec<Arc<MmapRegion>>,
    size: u64,
    share: bool,
    prealloc: bool,
    reserve: bool,
    merge: AtomicBool,
    dump: AtomicBool,
    discards: Mutex<Option<bool>>,
    /// The guest has it.
    in_use: AtomicBool,
}

impl MemoryBackend {
    /// Bytes of it.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether other processes can see what is written to it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.share
    }

    /// Whether the host has provided all of it.
    #[must_use]
    pub fn is_preallocated(&self) -> bool {
        self.prealloc
    }

    /// Whether the host has set swap space aside for it.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.reserve
    }

    /// Whether the host may keep equal pages once.
    #[must_use]
    pub fn is_mergeable(&self) -> bool {
        self.merge.load(Ordering::Relaxed)
    }

    /// Whether it is in a dump of this process.
    #[must_use]
    pub fn is_dumped(&self) -> bool {
        self.dump.load(Ordering::Relaxed)
    }

    /// Notes whether the guest has it; what was noted before.
    pub(crate) fn set_in_use(&self, in_use: bool) -> bool {
        self.in_use.swap(in_use, Ordering::AcqRel)
    }

    /// Its pieces as the guest's memory, each at the address that `place` gives
    /// for its offset.
    pub(crate) fn regions(&self, place: impl Fn(u64) -> u64) -> Vec<Arc<GuestRegionMmap<()>>> {
        let mut offset = 0;
        let mut regions = Vec::new();
        for piece in &self.pieces {
            let address = GuestAddress(place(offset));
            regions.extend(GuestRegionMmap::with_arc(Arc::clone(piece), address).map(Arc::new));
            offset += piece.size() as u64;
        }
        regions
    }

    fn apply_advice(&self) {
        let merge = if self.is_mergeable() {
            libc::MADV_MERGEABLE
        } else {
            libc::MADV_UNMERGEABLE
        };
        let dump = if self.is_dumped() {
            libc::MADV_DODUMP
        } else {
            libc::MADV_DONTDUMP
        };
        for piece in &self.pieces {
            for advice in [merge, dump] {
                let _ = advise(piece, advice); // a host without the facility does without
            }
        }
    }

    fn discard(&self) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        for piece in &self.pieces {
            if let Some(file) = piece.file_offset() {
                let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                fallocate(file.file(), flags, file.start(), piece.size() as u64)?;
            }
        }
        Ok(())
    }
}

impl MemoryBackend {
    /// Drops the contents of the file, if they are to go with the object.
    pub(crate) fn drop_contents(&self) {
        if self.share && *lock(&self.discards) == Some(true) {
            let _ = self.discard(); // what cannot be dropped stays
        }
    }
}

impl Drop for MemoryBackend {
    fn drop(&mut self) {
        self.drop_contents();
    }
}

impl Object for MemoryBackend {
    fn get(&self, property: &str) -> Option<Value> {
        Some(match property {
            "size" => self.size.into(),
            "merge" => self.is_mergeable().into(),
            "dump" => self.is_dumped().into(),
            "discard-data" => (*lock(&self.discards))?.into(),
            _ => return None,
        })
    }

    fn set(&self, property: &str, value: &Value) -> Result<(), QomError> {
        let on = value.as_bool().unwrap_or_default();
        match property {
            "merge" => self.merge.store(on, Ordering::Relaxed),
            "dump" => self.dump.store(on, Ordering::Relaxed),
            _ => *lock(&self.discards) = Some(on),
        }
        self.apply_advice();
        Ok(())
    }
}

fn refuse(text: impl Into<String>) -> QomError {
    QomError::Refused(text.into())
}

/// What the system says, without the number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn number(properties: &Properties, name: &str) -> u64 {
    let value = properties.get(name);
    value.and_then(Value::as_u64).unwrap_or_default()
}

/// The size that is asked for, if it can be had.
fn wanted_size(cx: &Creation<'_>) -> Result<u64, QomError> {
    let name = cx.type_info.name;
    let id = cx.id.unwrap_or_default();
    let size = match cx.properties.get("size").and_then(Value::as_u64) {
        None => return Err(refuse("Parameter 'size' is missing")),
        Some(0) => {
            let text = format!("property 'size' of {name} doesn't take value '0'");
            return Err(refuse(text));
        }
        Some(size) => size,
    };
    if !size.is_multiple_of(PAGE) && name == FILE.name {
        return Err(refuse(format!(
            "backend '{name}' memory size must be multiple of 4 KiB"
        )));
    }
    if !size.is_multiple_of(PAGE) && name == MEMFD.name {
        let whole = size.checked_next_multiple_of(PAGE).unwrap_or(size);
        return Err(refuse(format!(
            "{id} backing store size {size:#x} is too small for 'size' option {whole:#x} plus 'offset' option 0x0"
        )));
    }
    Ok(size)
}

fn cannot_set_up(id: &str, error: &io::Error) -> QomError {
    let reason = reason(error);
    refuse(format!("cannot set up guest memory '{id}': {reason}"))
}

/// Makes a new file as long as it has to be, and checks that one that was there is.
fn fit(cx: &Creation<'_>, file: Option<&File>, size: u64, offset: u64) -> Result<(), QomError> {
    let (id, properties) = (cx.id.unwrap_or_default(), cx.properties);
    let end = size
        .checked_add(offset)
        .ok_or_else(|| refuse(format!("size {size} and offset {offset} are too large")))?;
    let Some(file) = file else {
        return Ok(());
    };
    let fail = |error: io::Error| cannot_set_up(id, &error);
    let length = || file.metadata().map(|metadata| metadata.len()).map_err(fail);
    if length()? == 0 && !properties.bool("readonly") {
        file.set_len(end).map_err(fail)?;
    }
    // What is beyond the end of a file would end the process where the guest touches it.
    let length = length()?;
    if length < end {
        return Err(refuse(format!(
            "{id} backing store size {length:#x} is too small for 'size' option {size:#x} plus 'offset' option {offset:#x}"
        )));
    }
    check_offset(offset, number(properties, "align"))?;
    if properties.bool("seal") {
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        fcntl_add_seals(file, seals).map_err(|error| fail(error.into()))?;
    }
    Ok(())
}

/// Makes an object over a file or over nothing; the words of errors are QEMU's.
fn create(
    cx: &mut Creation<'_>,
    open: impl FnOnce(&Creation<'_>, u64) -> Result<Option<File>, QomError>,
) -> Result<Arc<dyn Object>, QomError> {
    let id = cx.id.unwrap_or_default();
    let size = wanted_size(cx)?;
    let fail = |error: &io::Error| cannot_set_up(id, error);
    let properties = cx.properties;
    let (share, prealloc) = (properties.bool("share"), properties.bool("prealloc"));
    let (reserve, offset) = (properties.bool("reserve"), number(properties, "offset"));
    check_threads(cx)?;
    if prealloc && !reserve {
        return Err(refuse("'prealloc=on' and 'reserve=off' are incompatible"));
    }
    if properties
        .str("policy")
        .is_some_and(|policy| policy != "default")
    {
        return Err(refuse(
            "NUMA policies are not there: leave 'policy' out, or say 'policy=default'",
        ));
    }
    let file = open(cx, size)?;
    fit(cx, file.as_ref(), size, offset)?;
    let flag = |on: bool, flag| if on { flag } else { 0 };
    let flags = match share {
        true => libc::MAP_SHARED,
        false => libc::MAP_PRIVATE,
    } | flag(file.is_none(), libc::MAP_ANONYMOUS)
        | flag(!reserve, libc::MAP_NORESERVE)
        | flag(prealloc, libc::MAP_POPULATE);
    let is_file = file.is_some();
    let mut pieces = Vec::new();
    for (start, length) in [
        (0, size.min(HOLE_START)),
        (HOLE_START, size.saturating_sub(HOLE_START)),
    ] {
        if length == 0 {
            continue;
        }
        let file = file.as_ref().map(File::try_clone).transpose();
        let file = file.map_err(|error| fail(&error))?;
        let region = MmapRegion::build(
            file.map(|file| FileOffset::new(file, offset + start)),
            usize::try_from(length).unwrap_or(usize::MAX),
            libc::PROT_READ | libc::PROT_WRITE,
            flags,
        );
        pieces.push(Arc::new(region.map_err(|error| match error {
            MmapRegionError::Mmap(error) if is_file => {
                let reason = reason(&error);
                refuse(format!(
                    "unable to map backing store for guest RAM: {reason}"
                ))
            }
            MmapRegionError::Mmap(error) => fail(&error),
            other => refuse(format!("cannot set up guest memory '{id}': {other}")),
        })?));
    }
    let given = |name: &str| properties.get(name).and_then(Value::as_bool);
    let (discards, defaults) = (given("discard-data"), *lock(&cx.services.memory_defaults));
    let backend = MemoryBackend {
        pieces,
        size,
        share,
        prealloc,
        reserve,
        merge: AtomicBool::new(given("merge").unwrap_or(defaults.merge)),
        dump: AtomicBool::new(given("dump").unwrap_or(defaults.dump)),
        discards: Mutex::new(discards),
        in_use: AtomicBool::new(false),
    };
    backend.apply_advice();
    Ok(Arc::new(backend))
}

fn check_offset(offset: u64, align: u64) -> Result<(), QomError> {
    if !offset.is_multiple_of(PAGE) {
        return Err(refuse(format!(
            "offset {offset:#x} must be multiples of page size {PAGE:#x}"
        )));
    }
    if !align.is_multiple_of(PAGE) {
        return Err(refuse(format!(
            "alignment {align:#x} must be multiples of page size {PAGE:#x}"
        )));
    }
    if align > 0 && !align.is_power_of_two() {
        return Err(refuse(format!(
            "alignment {align:#x} must be a power of two"
        )));
    }
    if align > PAGE {
        return Err(refuse("'align' beyond 4 KiB is not there: leave it out"));
    }
    Ok(())
}

/// How many threads may make memory present; one is enough, whatever is allowed.
fn check_threads(cx: &Creation<'_>) -> Result<(), QomError> {
    match cx.properties.i64("prealloc-threads") {
        0 => Err(refuse(format!(
            "property 'prealloc-threads' of {} doesn't take value '0'",
            cx.type_info.name
        ))),
        number if u32::try_from(number).is_err() => {
            Err(refuse("Parameter 'prealloc-threads' expects uint32_t"))
        }
        _ => Ok(()),
    }
}

fn backing_file(cx: &Creation<'_>) -> Result<File, QomError> {
    let properties = cx.properties;
    let path = properties.str("mem-path");
    let path = path.ok_or_else(|| refuse("Parameter 'mem-path' is missing"))?;
    let readonly = properties.bool("readonly");
    match properties.str("rom") {
        Some("on") if !readonly => {
            return Err(refuse(
                "property 'rom' = 'on' is not supported with 'readonly' = 'off'",
            ));
        }
        Some("off") if readonly && properties.bool("share") => {
            return Err(refuse(
                "property 'rom' = 'off' is incompatible with 'readonly' = 'on' and 'share' = 'on'",
            ));
        }
        Some("on") => return Err(refuse("'rom=on' is not there: leave it out")),
        Some("auto") if readonly => {
            return Err(refuse("'readonly=on' is there with 'rom=off' only"));
        }
        _ => {}
    }
    let mut options = File::options();
    options.read(true).write(!readonly);
    if Path::new(path).is_dir() {
        options.custom_flags(libc::O_TMPFILE);
    } else {
        options.create(!readonly).truncate(false);
    }
    options.open(path).map_err(|error| {
        let reason = reason(&error);
        refuse(format!(
            "can't open backing store {path} for guest RAM: {reason}"
        ))
    })
}

fn anonymous_file(cx: &Creation<'_>, size: u64) -> Result<File, QomError> {
    let id = cx.id.unwrap_or_default();
    let properties = cx.properties;
    let huge = number(properties, "hugetlbsize");
    let mut flags = MemfdFlags::CLOEXEC;
    if properties.bool("hugetlb") {
        flags |= MemfdFlags::HUGETLB;
        if huge > 0 {
            if !huge.is_power_of_two() {
                return Err(refuse("Hugepage size must be a power of 2"));
            }
            // the logarithm is what the system has in these bits
            flags |= MemfdFlags::from_bits_retain(huge.trailing_zeros() << libc::MFD_HUGE_SHIFT);
        }
    }
    if properties.bool("seal") {
        flags |= MemfdFlags::ALLOW_SEALING;
    }
    let made = memfd_create(id, flags);
    let made = made.map_err(|error| {
        let reason = reason(&error.into());
        let flags = flags.bits();
        refuse(format!(
            "failed to create memfd with flags {flags:#x}: {reason}"
        ))
    })?;
    let file = File::from(made);
    file.set_len(size).map_err(|error| {
        let reason = reason(&error);
        refuse(format!("failed to resize memfd to {size}: {reason}"))
    })?;
    Ok(file)
}
