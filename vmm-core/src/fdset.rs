//! Sets of descriptors that somebody else has opened: `/dev/fdset/N` names the one of set `N` that is open
//! for what is to be done.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl, ftruncate};
use rustix::io::Errno;

use crate::cli::GivenFd;
use crate::sync::lock;

/// The sets, by their numbers; clones share them.
#[derive(Debug, Clone, Default)]
pub struct FdSets(Arc<Mutex<BTreeMap<i64, Set>>>);

#[derive(Debug, Default)]
struct Set {
    members: Vec<Member>,
    /// How many duplicates are lent out; the set stays until all are back.
    lent: usize,
}

/// Keeps a set while a duplicate from it is in use.
#[derive(Debug)]
pub(crate) struct Loan {
    sets: FdSets,
    number: i64,
}

impl Drop for Loan {
    fn drop(&mut self) {
        let mut sets = lock(&self.sets.0);
        if let Some(set) = sets.get_mut(&self.number) {
            set.lent = set.lent.saturating_sub(1);
            if set.lent == 0 && set.members.is_empty() {
                sets.remove(&self.number);
            }
        }
    }
}

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

/// Why no descriptor of a set is to be had; the words are QEMU's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FdSetError {
    /// The path does not end in a number.
    #[error("Could not parse fdset {0}")]
    Name(String),
    /// There is no set with this number.
    #[error("Failed to find fdset /dev/fdset/{0}")]
    NoSet(i64),
    /// No descriptor of the set is open for that.
    #[error("Failed to find file descriptor with matching flags={:#x}", .0.bits())]
    NoMatch(OFlags),
    /// The host refuses.
    #[error("Failed to dup() given file descriptor fd={0}")]
    Duplicate(i64),
}

impl From<FdSetError> for io::Error {
    fn from(error: FdSetError) -> Self {
        match error {
            FdSetError::Name(_) => Errno::INVAL.into(),
            FdSetError::NoSet(_) => Errno::NOENT.into(),
            FdSetError::NoMatch(_) => Errno::ACCESS.into(),
            FdSetError::Duplicate(_) => Errno::INVAL.into(),
        }
    }
}

const PREFIX: &str = "/dev/fdset/";

/// Whether a path leads to a set.
pub(crate) fn is_set(path: &str) -> bool {
    path.starts_with(PREFIX)
}

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
        lock(&self.0).entry(set).or_default().members.push(member);
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

    /// Closes one descriptor of a set, or all of them, and the set when it is neither filled nor used; whether there
    /// was one.
    pub(crate) fn remove(&self, number: i64, fd: Option<i64>) -> bool {
        let mut sets = lock(&self.0);
        let Some(set) = sets.get_mut(&number) else {
            return false;
        };
        let before = set.members.len();
        set.members
            .retain(|member| fd.is_some_and(|fd| member.number() != fd));
        let found = fd.is_none() || set.members.len() < before;
        if set.members.is_empty() && set.lent == 0 {
            sets.remove(&number);
        }
        found
    }

    /// All sets, the highest number first; in each the oldest descriptor first.
    pub(crate) fn list(&self) -> Vec<(i64, Vec<MemberInfo>)> {
        let sets = lock(&self.0);
        let info = |member: &Member| (member.number(), member.opaque.clone());
        let all = sets.iter().rev();
        all.map(|(&number, set)| (number, set.members.iter().map(info).collect()))
            .collect()
    }

    /// Opens a file, or takes a duplicate of a descriptor.
    ///
    /// # Errors
    /// The file cannot be opened; there is no such set, or nothing in it is open for that.
    pub(crate) fn open(&self, path: &Path, purpose: Purpose) -> io::Result<File> {
        let set = path.to_str().filter(|path| is_set(path));
        match (set, purpose) {
            (Some(set), Purpose::Read) => Ok(self.duplicate(set, OFlags::RDONLY)?),
            (Some(set), Purpose::Write { append }) => {
                let flags = match append {
                    true => OFlags::APPEND,
                    false => OFlags::empty(),
                };
                let file = self.duplicate(set, OFlags::WRONLY | flags)?;
                if !append {
                    drop(file.set_len(0)); // what has no length, such as a pipe, cannot be cut off
                }
                Ok(file)
            }
            (None, Purpose::Read) => File::open(path),
            (None, Purpose::Write { append }) => OpenOptions::new()
                .create(true)
                .write(true)
                .append(append)
                .truncate(!append)
                .open(path),
        }
    }

    /// Takes a duplicate of a descriptor that is open with just this access mode, and gives it those of
    /// `flags` that can be given later.
    ///
    /// # Errors
    /// There is no such set, nothing in it is open that way, or it cannot be cut off where that is asked for.
    pub(crate) fn duplicate(&self, path: &str, flags: OFlags) -> Result<File, FdSetError> {
        let number = number(path).ok_or_else(|| FdSetError::Name(path.to_owned()))?;
        Self::duplicate_of(&lock(&self.0), number, flags)
    }

    fn duplicate_of(
        sets: &BTreeMap<i64, Set>,
        number: i64,
        flags: OFlags,
    ) -> Result<File, FdSetError> {
        let set = sets.get(&number).ok_or(FdSetError::NoSet(number))?;
        for member in &set.members {
            let fail = |_| FdSetError::Duplicate(member.number());
            let now = fcntl_getfl(&member.fd).map_err(fail)?;
            if now & OFlags::ACCMODE != flags & OFlags::ACCMODE {
                continue;
            }
            let file = member
                .fd
                .try_clone()
                .map_err(|_| FdSetError::Duplicate(member.number()))?;
            let file = File::from(file);
            if flags.contains(OFlags::APPEND) {
                fcntl_setfl(&file, now | OFlags::APPEND).map_err(fail)?;
            }
            if flags.contains(OFlags::TRUNC) {
                ftruncate(&file, 0).map_err(fail)?;
            }
            return Ok(file);
        }
        Err(FdSetError::NoMatch(flags))
    }

    /// The same for longer: as long as the loan is there, so is the set.
    ///
    /// # Errors
    /// As [`duplicate`](Self::duplicate).
    pub(crate) fn borrow(&self, path: &str, flags: OFlags) -> Result<(File, Loan), FdSetError> {
        let number = number(path).ok_or_else(|| FdSetError::Name(path.to_owned()))?;
        let mut sets = lock(&self.0);
        let file = Self::duplicate_of(&sets, number, flags)?;
        sets.entry(number).or_default().lent += 1;
        drop(sets);
        let sets = self.clone();
        Ok((file, Loan { sets, number }))
    }
}

/// The set that the path of one, `/dev/fdset/N`, names.
fn number(path: &str) -> Option<i64> {
    let digits = path.strip_prefix(PREFIX)?.trim_start();
    let number: i32 = digits.parse().ok()?;
    (number >= 0).then_some(number.into())
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
