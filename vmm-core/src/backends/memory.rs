//! `memory-backend-ram`, `-file`, `-memfd`: memory of the host's that is set up ahead of its use.

use std::fs::File;
use std::io;
use std::sync::Arc;

use qmp_runtime::json::Value;
use rustix::fs::{MemfdFlags, memfd_create};
use vm_memory::FileOffset;
use vm_memory::mmap::{MmapRegion, MmapRegionError};

use crate::qom::{Creation, Kind, Object, Property, QomError, TypeInfo, base};

const fn share(default: bool) -> Property {
    Property::new("share", Kind::BOOL)
        .default_bool(default)
        .described("Whether other processes can see what is written to it")
}

pub(super) static MEMORY_BACKEND: TypeInfo = TypeInfo::new("memory-backend", &base::OBJECT)
    .abstract_type()
    .properties(&[Property::new("size", Kind::SIZE).described("How long it is")]);

pub(super) static RAM: TypeInfo = TypeInfo::new("memory-backend-ram", &MEMORY_BACKEND)
    .described("Memory")
    .properties(&[share(false)])
    .user_creatable()
    .created_by(|cx| create(cx, |_| Ok(None)));

pub(super) static FILE: TypeInfo = TypeInfo::new("memory-backend-file", &MEMORY_BACKEND)
    .described("Memory that is a file's contents")
    .properties(&[
        share(false),
        Property::new("mem-path", Kind::STRING).described("The file; made if it is missing"),
    ])
    .user_creatable()
    .created_by(|cx| create(cx, |cx| backing_file(cx).map(Some)));

pub(super) static MEMFD: TypeInfo = TypeInfo::new("memory-backend-memfd", &MEMORY_BACKEND)
    .described("Memory that can be handed on as a descriptor")
    .properties(&[share(true)])
    .user_creatable()
    .created_by(|cx| create(cx, |cx| anonymous_file(cx).map(Some)));

/// A piece of memory; it goes with the object.
#[derive(Debug)]
pub struct MemoryBackend {
    region: MmapRegion,
    share: bool,
}

impl MemoryBackend {
    /// Bytes of it.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.region.size() as u64
    }

    /// Whether other processes can see what is written to it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.share
    }
}

impl Object for MemoryBackend {
    fn get(&self, property: &str) -> Option<Value> {
        (property == "size").then(|| self.size().into())
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

/// Makes an object over a file or over nothing; the words of errors are QEMU's.
fn create(
    cx: &mut Creation<'_>,
    open: impl FnOnce(&Creation<'_>) -> Result<Option<File>, QomError>,
) -> Result<Arc<dyn Object>, QomError> {
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
    let fail = |error: &io::Error| {
        let reason = reason(error);
        refuse(format!("cannot set up guest memory '{id}': {reason}"))
    };
    let share = cx.properties.bool("share");
    let file = open(cx)?;
    if let Some(file) = &file
        && file.metadata().map_err(|error| fail(&error))?.len() < size
    {
        file.set_len(size).map_err(|error| fail(&error))?;
    }
    let sharing = if share {
        libc::MAP_SHARED
    } else {
        libc::MAP_PRIVATE
    };
    let anonymous = if file.is_some() {
        0
    } else {
        libc::MAP_ANONYMOUS
    };
    let region = MmapRegion::build(
        file.map(|file| FileOffset::new(file, 0)),
        usize::try_from(size).unwrap_or(usize::MAX),
        libc::PROT_READ | libc::PROT_WRITE,
        sharing | anonymous,
    );
    let region = region.map_err(|error| match error {
        MmapRegionError::Mmap(error) => fail(&error),
        other => refuse(format!("cannot set up guest memory '{id}': {other}")),
    })?;
    Ok(Arc::new(MemoryBackend { region, share }))
}

fn backing_file(cx: &Creation<'_>) -> Result<File, QomError> {
    let path = cx
        .properties
        .str("mem-path")
        .filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| refuse("Parameter 'mem-path' is missing"))?;
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(|error| {
        let reason = reason(&error);
        refuse(format!(
            "can't open backing store {path} for guest RAM: {reason}"
        ))
    })
}

fn anonymous_file(cx: &Creation<'_>) -> Result<File, QomError> {
    let id = cx.id.unwrap_or_default();
    let made = memfd_create(id, MemfdFlags::CLOEXEC);
    let made = made.map_err(|error| {
        let reason = reason(&error.into());
        refuse(format!("failed to create memfd: {reason}"))
    })?;
    Ok(File::from(made))
}
