//! Readiness of a connection.
#![allow(
    unsafe_code,
    reason = "the runtime has to be promised that a descriptor stays open"
)]

use std::io;

use tokio::io::unix::AsyncFd;

use super::super::link::Link;

/// Has the runtime watch a connection.
pub(super) fn watch(link: Link) -> io::Result<AsyncFd<Link>> {
    // SAFETY: a link owns its descriptor, never exchanges it, and closes it when it is dropped itself.
    let watched = unsafe { AsyncFd::register(link) };
    watched.map_err(|error| error.into_parts().1)
}
