//! The task that reads and writes.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};

use super::super::blocking::READ_BYTES;
use super::super::error::says_hung_up;
use super::super::link::Link;
use super::super::{ClientError, Endpoint};
use super::ready::watch;
use super::shared::Shared;

/// Connects without holding up the runtime's thread.
pub(super) async fn open(
    endpoint: &Endpoint,
    timeout: Option<Duration>,
) -> Result<Link, ClientError> {
    let endpoint = endpoint.clone();
    let opened = tokio::task::spawn_blocking(move || endpoint.link(timeout)).await;
    // The runtime is shutting down, if it was not run.
    Ok(opened.map_err(io::Error::other)??)
}

/// Says that the connection is over, however the driver ends: with its runtime, too.
struct End<'s>(&'s Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end(ClientError::Closed);
    }
}

/// Speaks over `link`, and over others made anew at `endpoint`, until all is over.
pub(super) async fn run(shared: Arc<Shared>, link: Link, endpoint: Option<Endpoint>) {
    let _end = End(&shared);
    let mut cause = speak(&shared, link).await;
    let Some((policy, endpoint)) = shared.options.reconnect.zip(endpoint) else {
        return shared.end(cause);
    };
    let mut attempt = 0;
    while !shared.is_abandoned() {
        shared.lost(&cause);
        let link = tokio::select! {
            link = open(&endpoint, shared.options.connect_timeout) => link,
            () = abandoned(&shared) => break,
        };
        let since = Instant::now();
        cause = match link {
            Ok(link) => speak(&shared, link).await,
            Err(error) => error,
        };
        if shared.lock().conversation.is_ready() || since.elapsed() > policy.max_delay {
            attempt = 0;
            continue;
        }
        let Some(delay) = policy.delay(attempt) else {
            break;
        };
        attempt += 1;
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = abandoned(&shared) => break,
        }
    }
    shared.end(cause);
}

async fn abandoned(shared: &Shared) {
    while !shared.is_abandoned() {
        shared.wake.notified().await;
    }
}

/// Speaks over `link` until it is of no more use; tells why.
async fn speak(shared: &Shared, link: Link) -> ClientError {
    let carries_fds = link.carries_fds();
    let mut connection = match watch(link) {
        Ok(fd) => Connection {
            fd,
            buffer: vec![0; READ_BYTES],
        },
        Err(error) => return error.into(),
    };
    shared.connected(carries_fds);
    let deadline = (!shared.options.agent)
        .then_some(shared.options.connect_timeout)
        .flatten();
    let mut greeted = pin!(tokio::time::sleep(deadline.unwrap_or_default()));
    let mut is_awaited = deadline.is_some();
    while !shared.is_abandoned() {
        is_awaited &= !shared.lock().conversation.is_ready();
        let result = tokio::select! {
            result = connection.step(shared) => result,
            () = shared.wake.notified() => Ok(()),
            () = &mut greeted, if is_awaited => return ClientError::NoGreeting,
        };
        if let Err(error) = result {
            return error;
        }
    }
    ClientError::Closed
}

struct Connection {
    fd: AsyncFd<Link>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Writes what there is to write, then waits for input or for room to write more. Cancelling it loses
    /// nothing.
    async fn step(&mut self, shared: &Shared) -> Result<(), ClientError> {
        let Connection { fd, buffer } = self;
        let interest = if send(shared, fd.get_mut(), buffer)? {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let mut guard = fd.ready_mut(interest).await?;
        let ready = guard.ready();
        if ready.is_readable() && !receive(shared, guard.get_inner_mut(), buffer)? {
            guard.clear_ready_matching(Ready::READABLE);
        }
        if interest.is_writable()
            && ready.is_writable()
            && !send(shared, guard.get_inner_mut(), buffer)?
        {
            guard.clear_ready_matching(Ready::WRITABLE);
        }
        Ok(())
    }
}

/// Reads once and takes in what comes; says whether anything came.
fn receive(shared: &Shared, link: &mut Link, buffer: &mut [u8]) -> Result<bool, ClientError> {
    let mut fds = Vec::new();
    match link.read(buffer, &mut fds) {
        Ok(0) => Err(ClientError::Closed),
        Ok(count) => shared.take_in(&buffer[..count], fds).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Sends what goes without waiting; says whether that was all.
fn send(shared: &Shared, link: &mut Link, buffer: &mut [u8]) -> Result<bool, ClientError> {
    let result = {
        let conversation = &mut shared.lock().conversation;
        link.send(conversation)
    };
    match result {
        Err(error) if says_hung_up(&error) => {
            // What the server said before it hung up comes first.
            while receive(shared, link, buffer)? {}
            Err(ClientError::Closed)
        }
        result => Ok(result?),
    }
}
