//! TLS on top of a socket, by rustls.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

/// A TLS session.
#[derive(Debug)]
pub(super) struct Session(ClientConnection);

/// The socket below, never blocking.
struct Below<'f>(&'f OwnedFd);

impl Read for Below<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| recv(self.0, &mut *buffer, RecvFlags::DONTWAIT))?.0)
    }
}

impl Write for Below<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(retry_on_intr(|| send(self.0, bytes, flags))?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Session {
    pub(super) fn new(
        config: Arc<rustls::ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        Ok(Session(
            ClientConnection::new(config, name).map_err(io::Error::other)?,
        ))
    }

    pub(super) fn read(&mut self, fd: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            self.flush(fd)?;
            self.0.read_tls(&mut Below(fd))?;
            if let Err(error) = self.0.process_new_packets() {
                // The other side learns why.
                let _ = self.flush(fd);
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }

    pub(super) fn write(&mut self, fd: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
        self.flush(fd)?;
        let taken = self.0.writer().write(bytes)?;
        self.flush(fd)?;
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(taken)
    }

    pub(super) fn is_writing(&self) -> bool {
        self.0.wants_write()
    }

    pub(super) fn flush(&mut self, fd: &OwnedFd) -> io::Result<()> {
        while self.0.wants_write() {
            match self.0.write_tls(&mut Below(fd)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                result => result?,
            };
        }
        Ok(())
    }

    /// Tells the other side that this is the end, if that goes at once.
    pub(super) fn close(&mut self, fd: &OwnedFd) {
        self.0.send_close_notify();
        let _ = self.flush(fd);
    }
}
