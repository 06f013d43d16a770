//! Reading and writing file descriptors, with descriptors riding along on sockets.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, recvmsg, send, sendmsg, sockopt,
};

/// How many descriptors one message may carry; QEMU's limit.
pub(crate) const MAX_FDS: usize = 16;
/// What a pipe takes without blocking once it is writable.
const PIPE_CHUNK: usize = 4096;
/// How often input is read to be thrown away at the end of a conversation.
const DRAIN_READS: usize = 256;

/// Two ends of a conversation: one socket, or two descriptors such as standard input and output.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) input: OwnedFd,
    pub(crate) output: OwnedFd,
    is_socket: bool,
    #[cfg(feature = "tls")]
    tls: Option<Box<crate::server::TlsSession>>,
}

impl Channel {
    /// A connected socket.
    pub(crate) fn socket(socket: OwnedFd) -> io::Result<Self> {
        let output = socket.try_clone()?;
        Ok(Channel {
            input: socket,
            output,
            is_socket: true,
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    /// Two descriptors of any kind.
    pub(crate) fn pair(input: OwnedFd, output: OwnedFd) -> Self {
        let is_socket =
            sockopt::socket_type(&input).is_ok() && sockopt::socket_type(&output).is_ok();
        Channel {
            input,
            output,
            is_socket,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Both ends are sockets: they can be read and written without blocking, and be shut down.
    pub(crate) fn is_socket(&self) -> bool {
        self.is_socket
    }

    /// With TLS on top, of which this is the server's end.
    #[cfg(feature = "tls")]
    pub(crate) fn with_tls(self, session: crate::server::TlsSession) -> Self {
        Channel {
            tls: Some(Box::new(session)),
            ..self
        }
    }

    /// Reads, and waits until there is something unless `flags` say otherwise; 0 bytes at the end.
    /// Descriptors that came along are added to `fds`.
    pub(crate) fn receive(
        &self,
        buffer: &mut [u8],
        fds: &mut Vec<OwnedFd>,
        flags: RecvFlags,
    ) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.read(self, buffer, flags);
        }
        self.receive_plain(buffer, fds, flags)
    }

    pub(crate) fn receive_plain(
        &self,
        buffer: &mut [u8],
        fds: &mut Vec<OwnedFd>,
        flags: RecvFlags,
    ) -> io::Result<usize> {
        if !self.is_socket {
            return Ok(retry(|| rustix::io::read(&self.input, &mut *buffer))?);
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let message = retry(|| {
            recvmsg(
                &self.input,
                &mut [IoSliceMut::new(buffer)],
                &mut ancillary,
                flags | RecvFlags::CMSG_CLOEXEC,
            )
        })?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                fds.extend(received);
            }
        }
        Ok(message.bytes)
    }

    /// Writes as much as goes without blocking, the descriptors with the first byte.
    pub(crate) fn write_with(&self, bytes: &[u8], fds: &[OwnedFd]) -> io::Result<usize> {
        if fds.is_empty() || sockopt::socket_domain(&self.output) != Ok(AddressFamily::UNIX) {
            return self.write_some(bytes);
        }
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&fds));
        let slices = [IoSlice::new(bytes)];
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match retry(|| sendmsg(&self.output, &slices, &mut ancillary, flags)) {
            Ok(written) => Ok(written),
            Err(rustix::io::Errno::AGAIN) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes as much as goes without blocking.
    pub(crate) fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.write(self, bytes);
        }
        self.write_plain(bytes)
    }

    pub(crate) fn write_plain(&self, bytes: &[u8]) -> io::Result<usize> {
        let result = if self.is_socket {
            retry(|| {
                send(
                    &self.output,
                    bytes,
                    SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
                )
            })
        } else if self.is_writable()? {
            retry(|| rustix::io::write(&self.output, &bytes[..bytes.len().min(PIPE_CHUNK)]))
        } else {
            return Ok(0);
        };
        match result {
            Ok(written) => Ok(written),
            Err(rustix::io::Errno::AGAIN) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Has TLS, if it is there, come to an agreement with the client; reads as [`Channel::receive`] does.
    #[cfg_attr(
        not(feature = "tls"),
        expect(
            clippy::unused_self,
            clippy::unnecessary_wraps,
            reason = "with TLS it is looked at"
        )
    )]
    pub(crate) fn shake_hands(&self, flags: RecvFlags) -> io::Result<()> {
        let _ = flags;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.shake_hands(self, flags);
        }
        Ok(())
    }

    /// Sends what was taken and has not gone out yet, as much as goes without blocking.
    #[cfg_attr(
        not(feature = "tls"),
        expect(
            clippy::unused_self,
            clippy::unnecessary_wraps,
            reason = "with TLS it is looked at"
        )
    )]
    pub(crate) fn flush(&self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.flush(self);
        }
        Ok(())
    }

    /// Whether bytes that were taken have not gone out yet.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_self, reason = "with TLS it is looked at")
    )]
    pub(crate) fn holds_back(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.holds_back();
        }
        false
    }

    fn is_writable(&self) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.output, PollFlags::OUT)];
        let none = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        retry(|| poll(&mut fds, Some(&none)))?;
        Ok(!fds[0].revents().is_empty())
    }

    /// Waits until more can be written, or `wake` is readable.
    pub(crate) fn wait_writable(&self, wake: Option<&OwnedFd>) -> io::Result<()> {
        wait(&self.output, PollFlags::OUT, wake)
    }

    /// Waits until there is something to read, or `wake` is readable.
    pub(crate) fn wait_readable(&self, wake: Option<&OwnedFd>) -> io::Result<()> {
        wait(&self.input, PollFlags::IN, wake)
    }

    /// Ends the conversation from this side; a reader of either end sees the end.
    pub(crate) fn shut_down(&self) {
        if !self.is_socket {
            return;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            tls.close(self);
        }
        // A socket that goes with input unread resets the connection, and the other side may lose
        // what was sent to it; so take the input first. It may all have gone already.
        let _ = rustix::net::shutdown(&self.output, Shutdown::Write);
        let mut buffer = [0; PIPE_CHUNK];
        for _ in 0..DRAIN_READS {
            match rustix::net::recv(&self.input, &mut buffer, RecvFlags::DONTWAIT) {
                Ok((1.., _)) => {}
                _ => break,
            }
        }
        let _ = rustix::net::shutdown(&self.output, Shutdown::Both);
    }
}

fn wait(end: &OwnedFd, flags: PollFlags, wake: Option<&OwnedFd>) -> io::Result<()> {
    let mut fds = [
        PollFd::new(end, flags),
        PollFd::new(wake.unwrap_or(end), PollFlags::IN),
    ];
    let count = 1 + usize::from(wake.is_some());
    retry(|| poll(&mut fds[..count], None))?;
    Ok(())
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    rustix::io::retry_on_intr(&mut call)
}
