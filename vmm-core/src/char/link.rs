//! One connection of a back end, at a time: descriptors that never block, and a bounded queue.
//!
//! A thread of the back end's own moves the bytes, so that a peer that does not read stops nobody but that
//! thread. What does not fit into the queue is lost, and so is what comes while nobody is connected.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::{CharError, InputSink};
use crate::sync::lock;

/// Output that may wait for a slow reader, in bytes.
const QUEUE_LIMIT: usize = 1 << 20;
/// How long [`Link::flush`] waits for a reader that does not read.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// What the thread of a back end shares with those who use it.
pub(super) struct Link {
    state: Mutex<State>,
    changed: Condvar,
    wake: OwnedFd,
    sink: Mutex<Option<InputSink>>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<u8>,
    /// What the connection is called, while there is one.
    peer: Option<String>,
    /// Whether there has been one.
    greeted: bool,
    closed: bool,
    /// Whether the thread has come to its end, with all that it held.
    ended: bool,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("state", &*lock(&self.state))
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Starts `run` on a thread of its own; it returns when [`wait`](Self::wait) says that the end has come.
    pub(super) fn spawn(
        name: &str,
        run: impl FnOnce(&Link) + Send + 'static,
    ) -> Result<Arc<Self>, CharError> {
        let link = Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
                .map_err(|error| CharError::Thread(error.into()))?,
            sink: Mutex::default(),
        });
        let shared = Arc::clone(&link);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                run(&shared);
                shared.change(|state| state.ended = true);
            })
            .map_err(CharError::Thread)?;
        Ok(link)
    }

    /// Queues output.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.peer.is_none() {
            return Ok(()); // as on a wire that leads nowhere
        }
        if state.queue.len() + bytes.len() > QUEUE_LIMIT {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let is_first = state.queue.is_empty();
        state.queue.extend(bytes);
        drop(state);
        if is_first {
            self.rouse();
        }
        Ok(())
    }

    /// Says where input goes. As long as it goes nowhere, it is left to wait where it is.
    pub(super) fn connect(&self, input: Option<InputSink>) {
        *lock(&self.sink) = input;
        self.rouse();
    }

    /// Waits until the queue is empty, or is not going to be soon.
    pub(super) fn flush(&self) {
        self.wait_until(FLUSH_LIMIT, |state| {
            state.queue.is_empty() || state.peer.is_none()
        });
    }

    /// Waits until somebody is, or has been, connected.
    pub(super) fn wait_for_peer(&self) {
        while !self.wait_until(FLUSH_LIMIT, |state| state.greeted || state.closed) {}
    }

    /// What the connection is called, if there is one.
    pub(super) fn peer(&self) -> Option<String> {
        lock(&self.state).peer.clone()
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        self.flush();
        lock(&self.state).closed = true;
        self.rouse();
    }

    /// The same, and waits until it has ended, unless somebody keeps it for long.
    pub(super) fn close_whole(&self) {
        self.close();
        self.wait_until(FLUSH_LIMIT, |state| state.ended);
    }

    fn wait_until(&self, limit: Duration, done: impl Fn(&State) -> bool) -> bool {
        let end = Instant::now() + limit;
        let mut state = lock(&self.state);
        while !done(&state) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    fn rouse(&self) {
        // It fails only when it has been roused very often already.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state: MutexGuard<'_, State> = lock(&self.state);
        change(&mut state);
        drop(state);
        self.changed.notify_all();
    }

    /// Sleeps until `event` comes for the descriptor, `limit` has passed, or somebody wakes the thread. The
    /// events that came; nothing at the end of the back end.
    pub(super) fn wait(
        &self,
        fd: Option<(&dyn AsFd, PollFlags)>,
        limit: Option<Duration>,
    ) -> Option<PollFlags> {
        if lock(&self.state).closed {
            return None;
        }
        let mut fds = vec![PollFd::new(&self.wake, PollFlags::IN)];
        if let Some((fd, events)) = &fd {
            fds.push(PollFd::from_borrowed_fd(fd.as_fd(), *events));
        }
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let woken = poll(&mut fds, limit.as_ref());
        let seen = match woken {
            Ok(_) => fds.get(1).map_or(PollFlags::empty(), PollFd::revents),
            Err(_) => PollFlags::empty(),
        };
        let _ = rustix::io::read(&self.wake, &mut [0; 8]); // it may not have been written
        (!lock(&self.state).closed).then_some(seen)
    }

    /// Hands input to the device.
    pub(super) fn receive(&self, bytes: &[u8]) {
        let sink = lock(&self.sink).clone();
        if let Some(sink) = sink {
            sink(bytes);
        }
    }

    /// Serves one connection until its end; false when the back end is to end, too.
    pub(super) fn serve(
        &self,
        peer: String,
        (input, output): (&File, &File),
        mut filter: impl FnMut(&mut Vec<u8>),
    ) -> bool {
        self.change(|state| {
            state.peer = Some(peer);
            state.greeted = true;
        });
        self.receive(&[]);
        let goes_on = loop {
            let wants_out = !lock(&self.state).queue.is_empty();
            let is_one = std::ptr::eq(input, output);
            let mut events = PollFlags::empty();
            events.set(PollFlags::IN, lock(&self.sink).is_some());
            events.set(PollFlags::OUT, wants_out && is_one);
            // A second descriptor that is full is looked at again after a while.
            let limit = (wants_out && !is_one).then_some(Duration::from_millis(20));
            let Some(seen) = self.wait(Some((input, events)), limit) else {
                break false;
            };
            if wants_out && self.send(output).is_err() {
                break true;
            }
            if seen.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                match take(input) {
                    Ok(bytes) if bytes.is_empty() => break true,
                    Ok(mut bytes) => {
                        filter(&mut bytes);
                        self.receive(&bytes);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => break true,
                }
            }
        };
        self.change(|state| {
            state.peer = None;
            state.queue.clear();
        });
        goes_on
    }

    /// Sends what the descriptor takes.
    fn send(&self, mut output: &File) -> io::Result<()> {
        loop {
            let chunk: Vec<u8> = {
                let state = lock(&self.state);
                state.queue.iter().take(4096).copied().collect()
            };
            if chunk.is_empty() {
                return Ok(());
            }
            match output.write(&chunk) {
                Ok(count) => self.change(|state| drop(state.queue.drain(..count))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn take(mut input: &File) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 4096];
    let count = input.read(&mut buffer)?;
    buffer.truncate(count);
    Ok(buffer)
}
