//! An open image file.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::sync::Mutex;

use rustix::fs::{FallocateFlags, OFlags, SeekFrom, fcntl_getfl, fcntl_setfl};

use super::direct::Direct;
use super::lock::Wishes;
use super::{Access, Aio, BlockError, NodeConfig, NodeSource, SECTOR};
use crate::char::reason;
use crate::fdset::{self, FdSetError, FdSets, Loan};

/// Bytes of a disk that keeps nothing, if nobody says how many.
pub const NOTHING: u64 = 1 << 30;

/// What is written where the file system cannot make zeroes.
static ZEROES: [u8; 1 << 16] = [0; 1 << 16];

/// An open file, and how it may be used. Accesses are synchronous, and may come
/// from any thread.
#[derive(Debug)]
pub struct Disk {
    content: Content,
    path: String,
    read_only: bool,
    is_device: bool,
    /// How to pass the host's cache by, if that is to be done.
    direct: Option<Direct>,
    /// Whether other processes are told what is done with it.
    locks: bool,
    pub(super) wishes: Mutex<Wishes>,
    /// The set that the descriptor is from, which stays as long.
    _loan: Option<Loan>,
}

#[derive(Debug)]
enum Content {
    File(File),
    /// So many zeroes, and whatever is written is lost.
    Nothing(u64),
}

impl Disk {
    /// Opens the file at `path`, as `config` says, or takes a descriptor of `sets`.
    ///
    /// # Errors
    /// It is neither a regular file nor a block device, or not the one that is asked for; the host refuses.
    pub fn open(path: &str, config: &NodeConfig, sets: &FdSets) -> Result<Self, BlockError> {
        if fdset::is_set(path) {
            return Self::borrow(path, config, sets);
        }
        let failed = |error: &io::Error| BlockError::Open {
            path: path.to_owned(),
            error: reason(error),
        };
        // asked before it is opened: a pipe would wait for its other end
        let metadata = std::fs::metadata(path).map_err(|error| failed(&error))?;
        if metadata.is_dir() && !config.read_only && !config.auto_read_only {
            return Err(failed(&io::Error::from_raw_os_error(libc::EISDIR)));
        }
        let is_device = is_device(&metadata, path, config)?;
        let open = |write| {
            let mut options = OpenOptions::new();
            options.read(true).write(write);
            match config.direct {
                true => options.custom_flags(libc::O_DIRECT).open(path),
                false => options.open(path),
            }
        };
        let (file, read_only) = match open(!config.read_only) {
            Ok(file) => (file, config.read_only),
            Err(error) if config.auto_read_only && is_refusal(&error) => {
                (open(false).map_err(|error| failed(&error))?, true)
            }
            Err(error) if config.direct && error.raw_os_error() == Some(libc::EINVAL) => {
                return Err(BlockError::NotDirect(path.to_owned()));
            }
            Err(error) => return Err(failed(&error)),
        };
        let direct = config.direct.then(|| Direct::new(&file));
        Ok(Self {
            is_device,
            direct,
            ..Self::new(
                Content::File(file),
                path.to_owned(),
                read_only,
                config.locking,
            )
        })
    }

    fn borrow(path: &str, config: &NodeConfig, sets: &FdSets) -> Result<Self, BlockError> {
        let failed = |error: FdSetError| BlockError::Refused(error.to_string());
        let flags = match config.read_only {
            true => OFlags::RDONLY,
            false => OFlags::RDWR,
        };
        let (borrowed, read_only) = match sets.borrow(path, flags) {
            Err(FdSetError::NoMatch(_)) if config.auto_read_only && !config.read_only => {
                (sets.borrow(path, OFlags::RDONLY), true)
            }
            borrowed => (borrowed, config.read_only),
        };
        let (file, loan) = borrowed.map_err(failed)?;
        let metadata = file.metadata().map_err(|error| BlockError::Open {
            path: path.to_owned(),
            error: reason(&error),
        })?;
        let is_device = is_device(&metadata, path, config)?;
        if config.direct {
            let flags = fcntl_getfl(&file).map(|flags| flags | OFlags::DIRECT);
            if flags.and_then(|flags| fcntl_setfl(&file, flags)).is_err() {
                return Err(BlockError::NotDirect(path.to_owned()));
            }
        }
        let direct = config.direct.then(|| Direct::new(&file));
        let content = Content::File(file);
        Ok(Self {
            is_device,
            direct,
            _loan: Some(loan),
            ..Self::new(content, path.to_owned(), read_only, config.locking)
        })
    }

    fn new(content: Content, path: String, read_only: bool, locks: bool) -> Self {
        Self {
            content,
            path,
            read_only,
            is_device: false,
            direct: None,
            locks,
            wishes: Mutex::default(),
            _loan: None,
        }
    }

    /// A disk of `size` bytes that keeps nothing, for measurements.
    #[must_use]
    pub fn nothing(size: u64) -> Self {
        let path = match size {
            NOTHING => "null-co://".to_owned(),
            _ => format!("json:{{\"driver\": \"null-co\", \"size\": {size}}}"),
        };
        Self::new(Content::Nothing(size), path, false, false)
    }

    /// The file, where other processes are told what is done with it.
    pub(super) fn lockable(&self) -> Option<&File> {
        self.file().filter(|_| self.locks)
    }

    fn file(&self) -> Option<&File> {
        match &self.content {
            Content::File(file) => Some(file),
            Content::Nothing(_) => None,
        }
    }

    /// Whether it keeps what is written.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.file().is_some()
    }

    /// Whether it is a block device of the host.
    #[must_use]
    pub fn is_device(&self) -> bool {
        self.is_device
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it cannot be written to.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Bytes, in whole sectors; what is beyond the end of the file reads as
    /// zeroes.
    ///
    /// # Errors
    /// What the host says.
    pub fn size(&self) -> io::Result<u64> {
        Ok(match &self.content {
            Content::File(file) if self.is_device => rustix::fs::seek(file, SeekFrom::End(0))?,
            Content::File(file) => file.metadata()?.len().next_multiple_of(SECTOR),
            Content::Nothing(size) => *size,
        })
    }

    /// Bytes that it takes on the host's disk.
    ///
    /// # Errors
    /// What the host says.
    pub fn allocated(&self) -> io::Result<u64> {
        Ok(match self.file() {
            Some(file) => file.metadata()?.blocks() * SECTOR,
            None => 0,
        })
    }

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// What the host says.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let Some(file) = self.file() else {
            bytes.fill(0);
            return Ok(());
        };
        if let Some(direct) = &self.direct {
            return direct.read(file, offset, bytes);
        }
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + done as u64) {
                Ok(0) => {
                    rest.fill(0); // beyond the end
                    return Ok(());
                }
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Puts `bytes` at `offset`.
    ///
    /// # Errors
    /// What the host says; it is open for reading only.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match (self.file(), &self.direct) {
            (Some(file), Some(direct)) => direct.write(file, offset, bytes),
            (Some(file), None) => file.write_all_at(bytes, offset),
            (None, _) => Ok(()),
        }
    }

    /// Does several accesses at once that do not overlap, where the host's cache is passed by; what comes of each.
    pub(crate) fn run(&self, aio: &Aio, accesses: &mut [Access<'_>]) -> Vec<io::Result<()>> {
        if let (Some(file), Some(direct)) = (self.file(), &self.direct) {
            return direct.run(file, aio, accesses);
        }
        let one = |access: &mut Access<'_>| match access.is_write {
            true => self.write(access.offset, access.bytes),
            false => self.read(access.offset, access.bytes),
        };
        accesses.iter_mut().map(one).collect()
    }

    /// Has everything that was written so far on stable storage.
    ///
    /// # Errors
    /// What the host says.
    pub fn flush(&self) -> io::Result<()> {
        self.file().map_or(Ok(()), File::sync_data)
    }

    /// Gives the space of a range back; it reads as zeroes where the file
    /// system can do that, and as before elsewhere.
    ///
    /// # Errors
    /// What the host says.
    pub fn discard(&self, offset: u64, length: u64) -> io::Result<()> {
        match self.punch(offset, length) {
            Err(error) if is_unsupported(&error) => Ok(()), // it was advice
            result => result,
        }
    }

    /// Makes a range read as zeroes; with `unmap` its space may go.
    ///
    /// # Errors
    /// What the host says.
    pub fn zero(&self, offset: u64, length: u64, unmap: bool) -> io::Result<()> {
        let Some(file) = self.file() else {
            return Ok(());
        };
        if unmap {
            match self.punch(offset, length) {
                Err(error) if is_unsupported(&error) => {}
                result => return result,
            }
        }
        match rustix::fs::fallocate(
            file,
            FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE,
            offset,
            length,
        ) {
            Ok(()) => return Ok(()),
            Err(error) if is_unsupported(&error.into()) => {}
            Err(error) => return Err(error.into()),
        }
        let mut done = 0;
        while done < length {
            let part = (length - done).min(ZEROES.len() as u64);
            let zeroes = ZEROES.get(..usize::try_from(part).unwrap_or_default());
            self.write(offset + done, zeroes.unwrap_or_default())?;
            done += part;
        }
        Ok(())
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match self.file() {
            Some(file) => Ok(rustix::fs::fallocate(file, flags, offset, length)?),
            None => Ok(()),
        }
    }

    /// Makes it `size` bytes long.
    ///
    /// # Errors
    /// What the host says.
    pub fn resize(&self, size: u64) -> io::Result<()> {
        match self.file() {
            Some(file) => file.set_len(size),
            None => Err(io::Error::from_raw_os_error(libc::ENOTSUP)),
        }
    }
}

/// Whether what is at a path is a block device, and what is wanted there.
fn is_device(metadata: &Metadata, path: &str, config: &NodeConfig) -> Result<bool, BlockError> {
    let kind = metadata.file_type();
    let is_other = kind.is_block_device() || kind.is_char_device();
    match config.source {
        NodeSource::Device(_) if !is_other => Err(BlockError::NotDevice(path.to_owned())),
        NodeSource::Device(_) | NodeSource::Image(_) if kind.is_char_device() => {
            let text = format!("'{path}' is a character device; disks are on block devices here");
            Err(BlockError::Refused(text))
        }
        NodeSource::Device(_) => Ok(true),
        NodeSource::Image(_) if kind.is_block_device() => Ok(true),
        _ if !metadata.is_file() => Err(BlockError::NotRegular(path.to_owned())),
        _ => Ok(false),
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{NodeConfig, NodeSource};

    fn config() -> NodeConfig {
        NodeConfig::new(NodeSource::File(String::new()))
    }

    fn disk(content: &[u8]) -> (tempfile::NamedTempFile, Disk) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let disk =
            Disk::open(file.path().to_str().unwrap(), &config(), &FdSets::default()).unwrap();
        (file, disk)
    }

    #[test]
    fn end_of_the_file_is_rounded_up_to_a_sector_of_zeroes() {
        let (_file, disk) = disk(&[7; 600]);
        assert_eq!(disk.size().unwrap(), 1024);
        let mut bytes = [1; 512];
        disk.read(512, &mut bytes).unwrap();
        assert_eq!(bytes[..88], [7; 88]);
        assert_eq!(bytes[88..], [0; 424]);
    }

    #[test]
    fn what_was_written_zeroed_and_discarded_is_read() {
        let (_file, disk) = disk(&[7; 8192]);
        disk.write(4096, &[9; 4096]).unwrap();
        disk.flush().unwrap();
        disk.zero(0, 512, false).unwrap();
        disk.zero(512, 512, true).unwrap();
        disk.discard(4096, 4096).unwrap();
        let mut bytes = [1; 8192];
        disk.read(0, &mut bytes).unwrap();
        assert_eq!(bytes[..1024], [0; 1024]);
        assert_eq!(bytes[1024..4096], [7; 3072]);
        assert!(bytes[4096..] == [0; 4096] || bytes[4096..] == [9; 4096]);
        disk.resize(512).unwrap();
        assert_eq!(disk.size().unwrap(), 512);
    }

    #[test]
    fn cache_of_the_host_is_passed_by_with_a_descriptor_of_a_set_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [7; 8192]).unwrap();
        let direct = NodeConfig {
            direct: true,
            ..config()
        };
        let sets = FdSets::default();
        let handed = OpenOptions::new().read(true).write(true).open(file.path());
        sets.insert(3, handed.unwrap().into(), None);
        for path in [file.path().to_str().unwrap(), "/dev/fdset/3"] {
            let disk = match Disk::open(path, &direct, &sets) {
                Err(error) => {
                    let text =
                        format!("Could not open '{path}': filesystem does not support O_DIRECT");
                    assert_eq!(error.to_string(), text);
                    println!("skipped: {error}");
                    return;
                }
                Ok(disk) => disk,
            };
            let flags = fcntl_getfl(disk.file().unwrap()).unwrap();
            assert!(flags.contains(OFlags::DIRECT), "{path}: {flags:?}");
            let mut bytes = [1; 700];
            disk.write(100, &bytes).unwrap();
            disk.read(99, &mut bytes).unwrap();
            assert_eq!(bytes[..2], [7, 1]);
        }
    }

    #[test]
    fn what_is_no_file_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        let read_only = NodeConfig {
            read_only: true,
            ..config()
        };
        let error = Disk::open(path, &read_only, &FdSets::default()).unwrap_err();
        let text = format!("'file' driver requires '{path}' to be a regular file");
        assert_eq!(error.to_string(), text);
        let direct = NodeConfig {
            direct: true,
            ..read_only
        };
        let error = Disk::open("/proc/version", &direct, &FdSets::default()).unwrap_err();
        let text = "Could not open '/proc/version': filesystem does not support O_DIRECT";
        assert_eq!(error.to_string(), text);
        let device = NodeConfig::new(NodeSource::Device("/proc/version".to_owned()));
        let error = Disk::open("/proc/version", &device, &FdSets::default()).unwrap_err();
        let text = "'host_device' driver requires '/proc/version' to be either a character or block device";
        assert_eq!(error.to_string(), text);
        let error = Disk::open("/no/such", &config(), &FdSets::default()).unwrap_err();
        let text = "Could not open '/no/such': No such file or directory";
        assert_eq!(error.to_string(), text);
    }
}
