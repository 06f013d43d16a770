//! Linux' own asynchronous I/O (io_setup(2)): many accesses past the host's cache, on their way beside each other, for
//! two system calls.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// One access; its bytes are there until it is done.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    pub(crate) is_write: bool,
    pub(crate) offset: u64,
    pub(crate) bytes: &'a mut [u8],
}

/// The kernel's `struct iocb`.
#[repr(C)]
#[derive(Debug, Default)]
struct Request {
    data: u64,
    key: u32,
    rw_flags: u32,
    opcode: u16,
    priority: i16,
    fd: u32,
    bytes: u64,
    length: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    result_fd: u32,
}

/// The kernel's `struct io_event`.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
struct Event {
    data: u64,
    request: u64,
    result: i64,
    more: i64,
}

const READ: u16 = 0;
const WRITE: u16 = 1;

/// A place for accesses that are under way.
#[derive(Debug)]
pub(crate) struct Aio(libc::c_ulong);

impl Aio {
    /// Room for so many accesses at once.
    ///
    /// # Errors
    /// The host has none left, or does not have such I/O.
    pub(crate) fn new(most: u32) -> io::Result<Self> {
        let mut context: libc::c_ulong = 0;
        call(
            libc::SYS_io_setup,
            [most.into(), address(&mut context), 0, 0, 0],
        )?;
        Ok(Self(context))
    }

    /// Does all of it; how many bytes of each were moved, which may be fewer than there are.
    pub(crate) fn run(&self, file: &File, accesses: &mut [Access<'_>]) -> Vec<io::Result<usize>> {
        let mut results: Vec<io::Result<usize>> = accesses.iter().map(|_| Ok(0)).collect();
        let mut requests: Vec<Request> = (0u64..)
            .zip(accesses.iter_mut())
            .map(|(number, access)| Request {
                data: number,
                opcode: if access.is_write { WRITE } else { READ },
                fd: file.as_raw_fd().cast_unsigned(),
                bytes: access.bytes.as_mut_ptr().expose_provenance() as u64,
                length: access.bytes.len() as u64,
                offset: access.offset.cast_signed(),
                ..Request::default()
            })
            .collect();
        let pointers: Vec<*mut Request> = requests.iter_mut().map(std::ptr::from_mut).collect();
        let (mut next, mut under_way) = (0, 0);
        while next < pointers.len() || under_way > 0 {
            let rest = pointers.get(next..).unwrap_or_default();
            match self.submit(rest) {
                Ok(0) => {}
                Ok(count) => {
                    next += count;
                    under_way += count;
                }
                // no room until some are done; where none is, nothing of this one is
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {
                    next += usize::from(under_way == 0);
                }
                Err(error) => {
                    if let Some(result) = results.get_mut(next) {
                        *result = Err(error);
                    }
                    next += 1;
                }
            }
            under_way -= self.collect(under_way, &mut results);
        }
        results
    }

    fn submit(&self, requests: &[*mut Request]) -> io::Result<usize> {
        if requests.is_empty() {
            return Ok(0);
        }
        let first = requests.as_ptr().expose_provenance() as u64;
        call(
            libc::SYS_io_submit,
            [self.0, requests.len() as u64, first, 0, 0],
        )
    }

    /// Waits for all that are under way; how many were done.
    fn collect(&self, under_way: usize, results: &mut [io::Result<usize>]) -> usize {
        let mut events = vec![Event::default(); under_way];
        let mut done = 0;
        while done < under_way {
            let left = (under_way - done) as u64;
            let place = events.as_mut_ptr().expose_provenance() as u64;
            // It fails for a signal only: the context and the room are good.
            let count = call(libc::SYS_io_getevents, [self.0, left, left, place, 0]);
            let count = count.unwrap_or_default();
            for event in events.iter().take(count) {
                let place = usize::try_from(event.data).ok();
                if let Some(result) = place.and_then(|at| results.get_mut(at)) {
                    *result = usize::try_from(event.result).map_err(|_| {
                        let code = i32::try_from(-event.result).unwrap_or(libc::EIO);
                        io::Error::from_raw_os_error(code)
                    });
                }
            }
            done += count;
        }
        done
    }
}

impl Drop for Aio {
    fn drop(&mut self) {
        let _ = call(libc::SYS_io_destroy, [self.0, 0, 0, 0, 0]); // it is there, and nothing is under way
    }
}

fn address<T>(place: &mut T) -> u64 {
    std::ptr::from_mut(place).expose_provenance() as u64
}

/// A system call of this family.
#[allow(unsafe_code, reason = "no crate that is kept has these calls")]
fn call(number: libc::c_long, arguments: [u64; 5]) -> io::Result<usize> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: the callers above give addresses of places that are there until the call returns; those of the bytes
    // of an access are used by the kernel until its event has come, which `run` waits for while it borrows them.
    let result = unsafe { libc::syscall(number, a, b, c, d, e) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn accesses_are_done_and_told_each() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[7; 8192], 0).unwrap();
        let Ok(aio) = Aio::new(2) else {
            println!("skipped: there is no asynchronous I/O");
            return;
        };
        let mut places = [[1u8; 4096]; 5];
        // more than there is room for, one beyond the end, and one that cannot be
        let offsets = [0, 4096, 8192, 1 << 20, u64::MAX];
        let mut accesses: Vec<_> = places
            .iter_mut()
            .zip(offsets)
            .map(|(bytes, offset)| Access {
                is_write: offset == 4096,
                offset,
                bytes,
            })
            .collect();
        let results = aio.run(&file, &mut accesses);
        let counts: Vec<_> = results.iter().map(|result| result.as_ref().ok()).collect();
        assert_eq!(counts, [Some(&4096), Some(&4096), Some(&0), Some(&0), None]);
        assert_eq!(places[0], [7; 4096]);
        let mut written = [0; 4096];
        file.read_exact_at(&mut written, 4096).unwrap();
        assert_eq!(written, [1; 4096]);
    }
}
