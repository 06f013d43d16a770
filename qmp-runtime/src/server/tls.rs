//! TLS under a session, by rustls.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::net::RecvFlags;
use rustls::{ServerConfig, ServerConnection};

use crate::fd::Channel;

/// How many bytes are read from the socket at once: a record and its frame.
const READ_BYTES: usize = 17 << 10;

/// The server's end of a TLS session.
#[derive(Debug)]
pub(crate) struct TlsSession(Mutex<ServerConnection>);

impl TlsSession {
    pub(super) fn new(config: Arc<ServerConfig>) -> io::Result<Self> {
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(TlsSession(Mutex::new(connection)))
    }

    fn lock(&self) -> MutexGuard<'_, ServerConnection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shakes hands with the client; waits for what it has to say to that unless `flags` say otherwise. It
    /// goes on where it stopped.
    pub(crate) fn shake_hands(&self, channel: &Channel, flags: RecvFlags) -> io::Result<()> {
        let mut raw = vec![0; READ_BYTES];
        while self.lock().is_handshaking() {
            if self.advance(channel, &mut raw, flags)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Reads what the client has sent, as the channel's own `receive`.
    pub(crate) fn read(
        &self,
        channel: &Channel,
        buffer: &mut [u8],
        flags: RecvFlags,
    ) -> io::Result<usize> {
        let mut raw = vec![0; READ_BYTES];
        loop {
            match self.lock().reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if self.advance(channel, &mut raw, flags)? == 0 {
                return Ok(0);
            }
        }
    }

    /// Takes in what has come on the socket.
    fn advance(&self, channel: &Channel, raw: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
        // Nobody is kept from writing by a client that sends nothing.
        let count = channel.receive_plain(raw, &mut Vec::new(), flags)?;
        let mut connection = self.lock();
        let mut input = &raw[..count];
        loop {
            // Reading nothing tells it that this is the end.
            connection.read_tls(&mut input)?;
            let result = connection.process_new_packets();
            flush(&mut connection, channel)?;
            if let Err(error) = result {
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
            if input.is_empty() {
                return Ok(count);
            }
        }
    }

    /// Takes as much as it has room for; sends as much as goes without blocking.
    pub(crate) fn write(&self, channel: &Channel, bytes: &[u8]) -> io::Result<usize> {
        let mut connection = self.lock();
        flush(&mut connection, channel)?;
        if connection.wants_write() {
            return Ok(0);
        }
        let taken = connection.writer().write(bytes)?;
        flush(&mut connection, channel)?;
        Ok(taken)
    }

    /// Whether what was taken has not gone out yet.
    pub(crate) fn holds_back(&self) -> bool {
        self.lock().wants_write()
    }

    /// Sends what was taken, as much as goes without blocking.
    pub(crate) fn flush(&self, channel: &Channel) -> io::Result<()> {
        flush(&mut self.lock(), channel)
    }

    /// Tells the client that this is the end, if that goes at once.
    pub(crate) fn close(&self, channel: &Channel) {
        let mut connection = self.lock();
        connection.send_close_notify();
        let _ = flush(&mut connection, channel);
    }
}

fn flush(connection: &mut ServerConnection, channel: &Channel) -> io::Result<()> {
    struct Below<'c>(&'c Channel);

    impl Write for Below<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.write_plain(bytes)? {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                count => Ok(count),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    while connection.wants_write() {
        match connection.write_tls(&mut Below(channel)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            result => result?,
        };
    }
    Ok(())
}
