//! Sets of descriptors that somebody else has opened: `/dev/fdset/N` names the one of set `N` that is open
//! for what is to be done.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use crate::cli::GivenFd;
use crate::sync::lock;

/// The sets, by their numbers; clones share them.
#[derive(Debug, Clone, Default)]
pub struct FdSets(Arc<Mutex<BTreeMap<i64, Vec<Member>>>>);

/// A descriptor in a set.
#[derive(Debug)]
struct Member {
    fd: OwnedFd,
    opaque: Option<String>,
}

impl Member {
    fn number(&self) -> i64 {
        self.fd.as_raw_fd().into()
    }
}

/// A descriptor's number, and what was said of it.
pub(crate) type MemberInfo = (i64, Option<String>);

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading.
    Read,
    /// Writing; whether behind what is there, or in its place.
    Write { append: bool },
}

impl FdSets {
    /// Sets of descriptors that came with the process.
    #[must_use]
    pub fn new(given: Vec<GivenFd>) -> Self {
        let sets = Self::default();
        for GivenFd { set, fd, opaque } in given {
            sets.insert(set, fd, opaque);
        }
        sets
    }

    /// Adds a descriptor to a set, which may be a new one; its number.
    pub(crate) fn insert(&self, set: i64, fd: OwnedFd, opaque: Option<String>) -> i64 {
        let member = Member { fd, opaque };
        let number = member.number();
        lock(&self.0).entry(set).or_default().push(member);
        number
    }

    /// The lowest number that no set has.
    pub(crate) fn free_number(&self) -> i64 {
        let sets = lock(&self.0);
        let mut numbers = 0..;
        numbers
            .find(|number| !sets.contains_key(number))
            .unwrap_or(i64::MAX)
    }

    /// Closes one descriptor of a set, or all of them and the set; whether there was one.
    pub(crate) fn remove(&self, set: i64, fd: Option<i64>) -> bool {
        let mut sets = lock(&self.0);
        let Some(members) = sets.get_mut(&set) else {
            return false;
        };
        let before = members.len();
        members.retain(|member| fd.is_some_and(|fd| member.number() != fd));
        let found = members.len() < before;
        if members.is_empty() {
            sets.remove(&set);
        }
        found
    }

    /// All sets, the highest number first; in each the oldest descriptor first.
    pub(crate) fn list(&self) -> Vec<(i64, Vec<MemberInfo>)> {
        let sets = lock(&self.0);
        let info = |member: &Member| (member.number(), member.opaque.clone());
        let all = sets.iter().rev();
        all.map(|(&set, members)| (set, members.iter().map(info).collect()))
            .collect()
    }

    /// Opens a file, or takes a duplicate of a descriptor.
    ///
    /// # Errors
    /// The file cannot be opened; there is no such set, or nothing in it is open for that.
    pub(crate) fn open(&self, path: &Path, purpose: Purpose) -> io::Result<File> {
        let name = path
            .to_str()
            .and_then(|path| path.strip_prefix("/dev/fdset/"));
        match (name.map(str::parse), purpose) {
            (Some(Ok(set)), _) => self.duplicate(set, purpose),
            (Some(Err(_)), _) => Err(Errno::INVAL.into()),
            (None, Purpose::Read) => File::open(path),
            (None, Purpose::Write { append }) => OpenOptions::new()
                .create(true)
                .write(true)
                .append(append)
                .truncate(!append)
                .open(path),
        }
    }

    fn duplicate(&self, set: i64, purpose: Purpose) -> io::Result<File> {
        let sets = lock(&self.0);
        let members = sets.get(&set).ok_or(Errno::NOENT)?;
        let wanted = match purpose {
            Purpose::Read => OFlags::RDONLY,
            Purpose::Write { .. } => OFlags::WRONLY,
        };
        for member in members {
            let flags = fcntl_getfl(&member.fd)?;
            if flags & OFlags::ACCMODE != wanted {
                continue;
            }
            let file = File::from(member.fd.try_clone()?);
            match purpose {
                Purpose::Read => {}
                Purpose::Write { append: true } => fcntl_setfl(&file, flags | OFlags::APPEND)?,
                // What has no length, such as a pipe, cannot be cut off.
                Purpose::Write { append: false } => drop(file.set_len(0)),
            }
            return Ok(file);
        }
        Err(Errno::ACCESS.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn descriptor_that_is_open_for_the_purpose_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "old ").unwrap();
        let sets = FdSets::default();
        sets.insert(3, File::open(&path).unwrap().into(), None);
        let write = Purpose::Write { append: true };
        let set = Path::new("/dev/fdset/3");
        let kind = |path: &Path| sets.open(path, write).map_err(|error| error.kind());
        assert_eq!(kind(set).err(), Some(io::ErrorKind::PermissionDenied));
        let writer = File::options().write(true).open(&path).unwrap();
        sets.insert(3, writer.into(), None);
        sets.open(set, write).unwrap().write_all(b"new").unwrap();
        let mut text = String::new();
        let mut reader = sets.open(set, Purpose::Read).unwrap();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "old new");
        sets.open(set, Purpose::Write { append: false }).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        let other = Path::new("/dev/fdset/4");
        assert_eq!(kind(other).err(), Some(io::ErrorKind::NotFound));
        let wrong = Path::new("/dev/fdset/x");
        assert_eq!(kind(wrong).err(), Some(io::ErrorKind::InvalidInput));
        assert!(sets.remove(3, None));
        assert_eq!(kind(set).err(), Some(io::ErrorKind::NotFound));
    }
}
