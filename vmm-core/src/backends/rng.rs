//! Sources of random bytes: `rng-builtin`, the host's generator, and
//! `rng-random`, a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use qmp_runtime::json::Value;

use crate::char::reason;
use crate::qom::{Access, Creation, Kind, Object, Property, QomError, TypeInfo, base};

/// What has random bytes.
pub(super) static RNG_BACKEND: TypeInfo = TypeInfo::new("rng-backend", &base::OBJECT)
    .abstract_type()
    .properties(&[Property::new("opened", Kind::BOOL).access(Access::Read)])
    .user_creatable();

pub(crate) static RNG_BUILTIN: TypeInfo = TypeInfo::new("rng-builtin", &RNG_BACKEND)
    .described("The host's random number generator")
    .created_by(|_| Ok(Arc::new(Entropy::builtin())));

pub(super) static RNG_RANDOM: TypeInfo = TypeInfo::new("rng-random", &RNG_BACKEND)
    .described("Random bytes from a file")
    .properties(&[Property::new("filename", Kind::STRING)
        .access(Access::Write)
        .default_str("/dev/urandom")])
    .created_by(random);

/// A source.
#[derive(Debug)]
pub struct Entropy {
    /// Without one it is the host's generator.
    file: Option<File>,
}

fn random(cx: &mut Creation<'_>) -> Result<Arc<dyn Object>, QomError> {
    let name = cx.properties.str("filename").unwrap_or_default();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(name);
    let file = file.map_err(|error| {
        QomError::Refused(format!("Could not open '{name}': {}", reason(&error)))
    })?;
    Ok(Arc::new(Entropy { file: Some(file) }))
}

impl Entropy {
    /// The host's generator.
    #[must_use]
    pub fn builtin() -> Self {
        Self { file: None }
    }

    /// Fills the beginning of `bytes`; how much of it.
    ///
    /// # Errors
    /// What the host says; `WouldBlock` if there is nothing at the moment.
    pub fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        match &self.file {
            Some(file) => (&mut &*file).read(bytes),
            None => Ok(rustix::rand::getrandom(
                bytes,
                rustix::rand::GetRandomFlags::empty(),
            )?),
        }
    }

    /// What to wait at when there is nothing at the moment.
    pub(crate) fn descriptor(&self) -> Option<RawFd> {
        self.file.as_ref().map(AsRawFd::as_raw_fd)
    }
}

impl Object for Entropy {
    fn get(&self, property: &str) -> Option<Value> {
        (property == "opened").then(|| true.into())
    }

    fn set(&self, property: &str, _value: &Value) -> Result<(), QomError> {
        let text = format!("Property '{property}' can no longer be set");
        Err(QomError::Refused(text))
    }
}
