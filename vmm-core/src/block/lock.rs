//! Locks that tell other processes what is done with an image.
//!
//! A byte of the file stands for each thing that can be done: from [`USED`] on for those who do it, from
//! [`UNSHARED`] on for those who do not want others to. Whoever wants something locks its byte for reading, and
//! looks whether a byte against it is locked; so nobody needs to know of whom. QEMU and its tools keep to the
//! same bytes.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use super::{BlockError, Disk};
use crate::sync::lock;

const USED: i64 = 100;
const UNSHARED: i64 = 200;

/// What can be done with an image, by the number of the byte; the names are those in QEMU's errors.
const NAMES: [&str; 4] = ["consistent read", "write", "write unchanged", "resize"];

/// Things that are done, a bit for each name.
pub(super) type Uses = u8;
/// Reading.
pub(super) const READ: Uses = 1;
/// Writing.
pub(super) const WRITE: Uses = 1 << 1;

fn has(uses: Uses, number: usize) -> bool {
    uses >> number & 1 != 0
}

/// What somebody does with an image, and does not want others to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Wish {
    used: Uses,
    unshared: Uses,
}

impl Wish {
    fn with(self, other: Self) -> Self {
        Self {
            used: self.used | other.used,
            unshared: self.unshared | other.unshared,
        }
    }

    /// The bytes that it takes, first those of what is done.
    fn bytes(self) -> impl Iterator<Item = i64> {
        let of = |uses: Uses, first: i64| {
            let numbers = (0..NAMES.len()).zip(first..);
            numbers.filter_map(move |(number, byte)| has(uses, number).then_some(byte))
        };
        of(self.used, USED).chain(of(self.unshared, UNSHARED))
    }
}

/// The wishes of all users of a file in this process, by number.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    all: Vec<(u64, Wish)>,
    next: u64,
    /// They hold no locks: another process may have the image meanwhile.
    handed_over: bool,
}

impl Wishes {
    fn sum(&self) -> Wish {
        let wishes = self.all.iter().map(|(_, wish)| *wish);
        wishes.fold(Wish::default(), Wish::with)
    }

    /// What is locked.
    fn held(&self) -> Wish {
        match self.handed_over {
            true => Wish::default(),
            false => self.sum(),
        }
    }
}

/// Leaves an image to another process, until it is taken back.
pub(super) fn hand_over(disk: &Disk) {
    let mut wishes = lock(&disk.wishes);
    let before = wishes.held();
    wishes.handed_over = true;
    if let Some(file) = disk.lockable() {
        release(file, before, Wish::default());
    }
}

/// Takes an image back that was left to another process.
///
/// # Errors
/// Another process has it.
pub(super) fn take_back(disk: &Disk) -> Result<(), BlockError> {
    let mut wishes = lock(&disk.wishes);
    let (before, wish) = (wishes.held(), wishes.sum());
    if let Some(file) = disk.lockable() {
        let taken = take(file, before, wish).and_then(|()| check(file, wish));
        if let Err(error) = taken {
            release(file, wish, before);
            return Err(error.named(disk.path()));
        }
    }
    wishes.handed_over = false;
    Ok(())
}

/// A user's locks; they go with it.
#[derive(Debug)]
pub(super) struct Claim {
    disk: Arc<Disk>,
    number: u64,
}

impl Claim {
    /// Locks what says that `used` is done with the image, and that others are not to do `unshared`.
    ///
    /// # Errors
    /// Another process does that, or does not want it done.
    pub(super) fn new(disk: &Arc<Disk>, used: Uses, unshared: Uses) -> Result<Self, BlockError> {
        let mut wishes = lock(&disk.wishes);
        let wish = Wish { used, unshared };
        if let Some(file) = disk.lockable().filter(|_| !wishes.handed_over) {
            let before = wishes.sum();
            let after = before.with(wish);
            let taken = take(file, before, after).and_then(|()| check(file, wish));
            if let Err(error) = taken {
                release(file, after, before);
                return Err(error.named(disk.path()));
            }
        }
        let number = wishes.next;
        wishes.next += 1;
        wishes.all.push((number, wish));
        drop(wishes);
        Ok(Self {
            disk: Arc::clone(disk),
            number,
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut wishes = lock(&self.disk.wishes);
        let before = wishes.held();
        wishes.all.retain(|(number, _)| *number != self.number);
        if let Some(file) = self.disk.lockable() {
            release(file, before, wishes.held());
        }
    }
}

/// Why a lock is not to be had.
enum Refusal {
    /// Somebody is against it.
    Taken(String),
    /// The host says so, of a byte.
    Host(i64, io::Error),
}

impl Refusal {
    fn named(self, path: &str) -> BlockError {
        match self {
            Self::Taken(what) => BlockError::Locked {
                what,
                path: path.to_owned(),
            },
            Self::Host(byte, error) => BlockError::Refused(format!(
                "Failed to lock byte {byte}: {}",
                crate::char::reason(&error)
            )),
        }
    }
}

fn take(file: &File, before: Wish, after: Wish) -> Result<(), Refusal> {
    for byte in after.bytes() {
        if !before.bytes().any(|held| held == byte) {
            let taken = set(file, byte, libc::F_RDLCK);
            taken.map_err(|error| Refusal::Host(byte, error))?;
        }
    }
    Ok(())
}

fn release(file: &File, before: Wish, after: Wish) {
    for byte in before.bytes() {
        if !after.bytes().any(|held| held == byte) {
            let _ = set(file, byte, libc::F_UNLCK); // it was not locked, then
        }
    }
}

/// Looks whether others are against it.
fn check(file: &File, wish: Wish) -> Result<(), Refusal> {
    for (uses, against, how) in [(wish.used, UNSHARED, ""), (wish.unshared, USED, "shared ")] {
        for (number, (name, byte)) in NAMES.iter().zip(against..).enumerate() {
            if !has(uses, number) {
                continue;
            }
            let held = is_held(file, byte).map_err(|error| Refusal::Host(byte, error))?;
            if held {
                return Err(Refusal::Taken(format!("{how}\"{name}\"")));
            }
        }
    }
    Ok(())
}

fn set(file: &File, byte: i64, kind: libc::c_int) -> io::Result<()> {
    call(file, libc::F_OFD_SETLK, &mut request(byte, kind))
}

/// Whether a lock of somebody else's is on a byte.
fn is_held(file: &File, byte: i64) -> io::Result<bool> {
    let mut found = request(byte, libc::F_WRLCK);
    call(file, libc::F_OFD_GETLK, &mut found)?;
    Ok(libc::c_int::from(found.l_type) != libc::F_UNLCK)
}

fn request(byte: i64, kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind.try_into().unwrap_or_default(),
        l_whence: libc::SEEK_SET.try_into().unwrap_or_default(),
        l_start: byte,
        l_len: 1,
        l_pid: 0, // as the system wants it for locks of descriptors
    }
}

/// Locks of open files: unlike those of processes, they do not go when another descriptor is closed.
#[allow(unsafe_code, reason = "rustix has the locks of processes only")]
fn call(file: &File, command: libc::c_int, request: &mut libc::flock) -> io::Result<()> {
    // SAFETY: the descriptor is open, and both commands read and write one `flock`, which is there.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, request) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{NodeConfig, NodeSource};
    use crate::fdset::FdSets;

    fn disk(path: &str) -> Arc<Disk> {
        let config = NodeConfig::new(NodeSource::File(path.to_owned()));
        Arc::new(Disk::open(path, &config, &FdSets::default()).unwrap())
    }

    #[test]
    fn one_who_writes_and_does_not_share_keeps_others_off() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let [one, other] = [disk(path), disk(path)];
        let text =
            |claim: Result<Claim, BlockError>| claim.map_err(|error| error.to_string()).err();
        let reader = Claim::new(&one, READ, 0).unwrap();
        let _other_reader = Claim::new(&other, READ, 0).unwrap();
        let writer = Claim::new(&one, READ | WRITE, WRITE).unwrap();
        // those of the same open file are checked elsewhere
        let _second = Claim::new(&one, WRITE, 0).unwrap();
        let taken = text(Claim::new(&other, WRITE, 0));
        assert_eq!(taken.as_deref(), Some("Failed to get \"write\" lock"));
        let taken = text(Claim::new(&other, READ, WRITE));
        assert_eq!(
            taken.as_deref(),
            Some("Failed to get shared \"write\" lock")
        );
        drop(writer);
        // what failed has left nothing, and the second one goes on writing
        let third = Claim::new(&one, 0, WRITE).unwrap();
        drop((third, reader));
        Claim::new(&other, WRITE, 0).unwrap();
        assert!(text(Claim::new(&other, READ, WRITE)).is_some());
    }

    #[test]
    fn image_that_is_handed_over_is_another_s_until_it_is_taken_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let [one, other] = [disk(path), disk(path)];
        let claim = Claim::new(&one, READ | WRITE, WRITE).unwrap();
        hand_over(&one);
        let others = Claim::new(&other, WRITE, WRITE).unwrap();
        let later = Claim::new(&one, READ, 0).unwrap(); // nothing is locked for it yet
        let error = take_back(&one).unwrap_err();
        assert_eq!(error.to_string(), "Failed to get \"write\" lock");
        drop(others);
        take_back(&one).unwrap();
        assert!(Claim::new(&other, WRITE, 0).is_err());
        drop((claim, later));
        Claim::new(&other, WRITE, WRITE).unwrap();
    }
}
