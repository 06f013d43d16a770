//! Descriptors that tokio watches.
//!
//! The one place where the server needs `unsafe`: tokio wants a promise that what it watches stays open and
//! the same.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::fd::Channel;

/// One end of a channel.
#[derive(Debug)]
pub(super) enum Watched {
    Input(Arc<Channel>),
    Output(Arc<Channel>),
}

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Watched::Input(channel) => channel.input.as_raw_fd(),
            Watched::Output(channel) => channel.output.as_raw_fd(),
        }
    }
}

/// Watches both ends of a channel.
#[expect(unsafe_code, reason = "tokio wants a promise, see below")]
pub(super) fn channel(channel: &Arc<Channel>) -> io::Result<(AsyncFd<Watched>, AsyncFd<Watched>)> {
    let input = Watched::Input(Arc::clone(channel));
    let output = Watched::Output(Arc::clone(channel));
    // SAFETY: the channel owns both descriptors, never replaces them, and lives as long as these do.
    let input = unsafe { AsyncFd::register_with_interest(input, Interest::READABLE) }?;
    // SAFETY: as above.
    let output = unsafe { AsyncFd::register_with_interest(output, Interest::WRITABLE) }?;
    Ok((input, output))
}

/// Watches a socket that listens.
#[expect(unsafe_code, reason = "tokio wants a promise, see below")]
pub(super) fn listener(socket: BorrowedFd<'_>) -> io::Result<AsyncFd<OwnedFd>> {
    rustix::io::ioctl_fionbio(socket.as_fd(), true)?;
    let socket = socket.try_clone_to_owned()?;
    // SAFETY: it is an owned descriptor, given away for good.
    Ok(unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?)
}
