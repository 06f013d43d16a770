//! A blocking connection: whole messages out, whole messages in.

use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::ClientError;
use crate::json::{Document, Item, Stream};

/// How many bytes are read at once.
const READ_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Connection {
    socket: OwnedFd,
    stream: Stream,
    buffer: Vec<u8>,
    /// What of the buffer has not been looked at yet.
    unread: std::ops::Range<usize>,
}

impl Connection {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Connection {
            socket,
            stream: Stream::new(),
            buffer: vec![0; READ_BYTES],
            unread: 0..0,
        }
    }

    pub(super) fn send(&mut self, mut bytes: &[u8]) -> Result<(), ClientError> {
        while !bytes.is_empty() {
            let sent = retry_on_intr(|| send(&self.socket, bytes, SendFlags::NOSIGNAL))
                .map_err(hung_up)?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    /// The next message.
    pub(super) fn next(&mut self, deadline: Option<Instant>) -> Result<Document, ClientError> {
        loop {
            let mut input = &self.buffer[self.unread.clone()];
            let item = self.stream.next_item(&mut input);
            self.unread.start = self.unread.end - input.len();
            match item {
                Some(Item::Message(document)) => return Ok(document),
                Some(Item::Error(_)) => {
                    return Err(ClientError::Protocol("it sends malformed JSON"));
                }
                None => self.receive(deadline)?,
            }
        }
    }

    fn receive(&mut self, deadline: Option<Instant>) -> Result<(), ClientError> {
        self.wait(deadline)?;
        let flags = RecvFlags::empty();
        let (count, _) =
            retry_on_intr(|| recv(&self.socket, &mut self.buffer[..], flags)).map_err(hung_up)?;
        if count == 0 {
            return Err(ClientError::Closed);
        }
        self.unread = 0..count;
        Ok(())
    }

    fn wait(&self, deadline: Option<Instant>) -> Result<(), ClientError> {
        let Some(deadline) = deadline else {
            return Ok(());
        };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec {
                tv_sec: left.as_secs() as i64,
                tv_nsec: left.subsec_nanos().into(),
            };
            let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return Err(ClientError::TimedOut),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(hung_up(error)),
            }
        }
    }
}

fn hung_up(error: Errno) -> ClientError {
    match error {
        Errno::PIPE | Errno::CONNRESET => ClientError::Closed,
        error => ClientError::Io(error.into()),
    }
}
