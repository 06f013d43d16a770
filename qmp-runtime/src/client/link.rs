//! A connection as a descriptor that is read and written without blocking.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recv, recvmsg, send, sendmsg, sockopt,
};

use super::Conversation;

/// How many descriptors one message may carry; QEMU's limit.
const MAX_FDS: usize = 16;

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) fd: OwnedFd,
    kind: Kind,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Box<super::tls::Session>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A socket over which descriptors can be sent.
    Unix,
    Socket,
    /// A terminal, for instance.
    File,
}

impl Link {
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let kind = match sockopt::socket_domain(&fd) {
            Ok(AddressFamily::UNIX) => Kind::Unix,
            Ok(_) => Kind::Socket,
            Err(_) => {
                let flags = rustix::fs::fcntl_getfl(&fd)?;
                rustix::fs::fcntl_setfl(&fd, flags | rustix::fs::OFlags::NONBLOCK)?;
                Kind::File
            }
        };
        Ok(Link {
            fd,
            kind,
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    pub(super) fn carries_fds(&self) -> bool {
        self.kind == Kind::Unix
    }

    /// Whether a wait for input can be left to the kernel: a blocking read.
    fn can_block(&self) -> bool {
        self.kind != Kind::File && !self.reads_ahead()
    }

    /// Whether there may be something to read when the descriptor has nothing.
    #[cfg(feature = "tls")]
    fn reads_ahead(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "with the feature it is looked at")]
    fn reads_ahead(&self) -> bool {
        false
    }

    /// Reads what is there; 0 bytes at the end, `WouldBlock` when there is nothing. Descriptors that came
    /// along are added to `fds`.
    pub(super) fn read(&mut self, buffer: &mut [u8], fds: &mut Vec<OwnedFd>) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.read(&self.fd, buffer);
        }
        self.read_plain(buffer, fds, RecvFlags::DONTWAIT)
    }

    fn read_plain(
        &self,
        buffer: &mut [u8],
        fds: &mut Vec<OwnedFd>,
        flags: RecvFlags,
    ) -> io::Result<usize> {
        match self.kind {
            Kind::File => match retry_on_intr(|| rustix::io::read(&self.fd, &mut *buffer)) {
                // The other side of a pseudo-terminal has closed it.
                Err(Errno::IO) => Ok(0),
                result => Ok(result?),
            },
            Kind::Socket => Ok(retry_on_intr(|| recv(&self.fd, &mut *buffer, flags))?.0),
            Kind::Unix => {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
                let mut ancillary = RecvAncillaryBuffer::new(&mut space);
                let flags = flags | RecvFlags::CMSG_CLOEXEC;
                let mut slices = [IoSliceMut::new(buffer)];
                let message =
                    retry_on_intr(|| recvmsg(&self.fd, &mut slices, &mut ancillary, flags))?;
                for message in ancillary.drain() {
                    if let RecvAncillaryMessage::ScmRights(received) = message {
                        fds.extend(received);
                    }
                }
                Ok(message.bytes)
            }
        }
    }

    /// Writes as much as goes without blocking, `fds` with the first byte; `WouldBlock` when nothing goes.
    fn write(&mut self, bytes: &[u8], fds: &[OwnedFd]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.write(&self.fd, bytes);
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        if self.kind == Kind::File {
            return Ok(retry_on_intr(|| rustix::io::write(&self.fd, bytes))?);
        }
        if fds.is_empty() {
            return Ok(retry_on_intr(|| send(&self.fd, bytes, flags))?);
        }
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(&fds)) {
            let what = "a message carries at most 16 descriptors";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let slices = [IoSlice::new(bytes)];
        Ok(retry_on_intr(|| {
            sendmsg(&self.fd, &slices, &mut ancillary, flags)
        })?)
    }

    /// Sends what a conversation has to send, as much as goes without blocking; says whether that was all.
    pub(super) fn send<W>(&mut self, conversation: &mut Conversation<W>) -> io::Result<bool> {
        while conversation.has_output() {
            let (bytes, fds) = conversation.transmit();
            match self.write(bytes, fds) {
                Ok(sent) => conversation.transmitted(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.flush()?;
        Ok(!self.is_writing())
    }

    /// Whether it waits for room to write what it has taken.
    fn is_writing(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.is_writing();
        }
        false
    }

    /// Writes what it has taken, as much as goes without blocking.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_self, reason = "as above"))]
    fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.flush(&self.fd);
        }
        Ok(())
    }

    /// Reads as [`read`](Link::read), but waits until there is something, or room to write where
    /// `or_writable`; `WouldBlock` then, `TimedOut` behind the deadline.
    pub(super) fn wait_and_read(
        &mut self,
        buffer: &mut [u8],
        fds: &mut Vec<OwnedFd>,
        or_writable: bool,
        deadline: Option<Instant>,
    ) -> io::Result<usize> {
        if deadline.is_none() && !or_writable && self.can_block() {
            return self.read_plain(buffer, fds, RecvFlags::empty());
        }
        if self.reads_ahead() {
            match self.read(buffer, fds) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
        self.wait(or_writable, deadline)?;
        self.read(buffer, fds)
    }

    fn wait(&self, or_writable: bool, deadline: Option<Instant>) -> io::Result<()> {
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, or_writable || self.is_writing());
        loop {
            let timeout = deadline.map(|deadline| {
                let left = deadline.saturating_duration_since(Instant::now());
                Timespec {
                    tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
                    tv_nsec: left.subsec_nanos().into(),
                }
            });
            let mut fds = [PollFd::new(&self.fd, flags)];
            match poll(&mut fds, timeout.as_ref()) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(feature = "tls")]
impl Drop for Link {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.close(&self.fd);
        }
    }
}

impl AsRawFd for Link {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
