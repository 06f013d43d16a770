//! Reading and writing file descriptors, with descriptors riding along on sockets.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, Shutdown, recvmsg, send,
    sockopt,
};

/// How many descriptors one message may carry; QEMU's limit.
const MAX_FDS: usize = 16;
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
}

impl Channel {
    /// A connected socket.
    pub(crate) fn socket(socket: OwnedFd) -> io::Result<Self> {
        let output = socket.try_clone()?;
        Ok(Channel {
            input: socket,
            output,
            is_socket: true,
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
        }
    }

    /// Reads what is there; 0 bytes at the end. Descriptors that came along are added to `fds`.
    pub(crate) fn read(&self, buffer: &mut [u8], fds: &mut Vec<OwnedFd>) -> io::Result<usize> {
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
                RecvFlags::CMSG_CLOEXEC,
            )
        })?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                fds.extend(received);
            }
        }
        Ok(message.bytes)
    }

    /// Writes as much as goes without blocking.
    pub(crate) fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
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

    fn is_writable(&self) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.output, PollFlags::OUT)];
        let none = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        retry(|| poll(&mut fds, Some(&none)))?;
        Ok(!fds[0].revents().is_empty())
    }

    /// Waits until more can be written.
    pub(crate) fn wait_writable(&self) -> io::Result<()> {
        let mut fds = [PollFd::new(&self.output, PollFlags::OUT)];
        retry(|| poll(&mut fds, None))?;
        Ok(())
    }

    /// Ends the conversation from this side; a reader of either end sees the end.
    pub(crate) fn shut_down(&self) {
        if !self.is_socket {
            return;
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

/// What a wait for several descriptors found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) input: bool,
    pub(crate) output: bool,
    pub(crate) wake: bool,
}

/// Waits until there is input, or room for output where `want_output`, or `wake` is readable.
pub(crate) fn wait(channel: &Channel, want_output: bool, wake: impl AsFd) -> io::Result<Ready> {
    let output = if want_output {
        PollFlags::OUT
    } else {
        PollFlags::empty()
    };
    let mut fds = [
        PollFd::new(&channel.input, PollFlags::IN),
        PollFd::new(&wake, PollFlags::IN),
        PollFd::new(&channel.output, output),
    ];
    let count = if want_output { 3 } else { 2 };
    retry(|| poll(&mut fds[..count], None))?;
    let ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
    Ok(Ready {
        input: ready(&fds[0]),
        wake: ready(&fds[1]),
        output: want_output && ready(&fds[2]),
    })
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    rustix::io::retry_on_intr(&mut call)
}
