//! Datagrams.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use rustix::event::PollFlags;

use super::link::Link;
use super::{Backend, CharError, InetAddress, InputSink, reason};

/// A back end over UDP; what is written at once is one datagram.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    link: Arc<Link>,
}

impl Udp {
    /// A socket at `local`, or any free port, whose datagrams go to `remote`.
    ///
    /// # Errors
    /// An address is wrong, or cannot be had.
    pub fn new(remote: &InetAddress, local: Option<&InetAddress>) -> Result<Self, CharError> {
        if remote.port.is_empty() {
            return Err(CharError::Other("remote port not specified".into()));
        }
        let mut named = remote.clone();
        if named.host.is_empty() {
            "localhost".clone_into(&mut named.host);
        }
        let remote = named.resolve_peer()?;
        let mut local = local.cloned().unwrap_or_default();
        if local.port.is_empty() {
            "0".clone_into(&mut local.port);
        }
        // The two ends are of one family.
        let is_v4 = remote.first().is_none_or(SocketAddr::is_ipv4);
        (local.ipv4, local.ipv6) = (Some(is_v4), Some(!is_v4));
        let here = local.resolve_datagram()?;
        let set_up = |what: &'static str| {
            move |error: io::Error| {
                CharError::Other(format!("Failed to {what} socket: {}", reason(&error)))
            }
        };
        let socket = UdpSocket::bind(&here[..]).map_err(set_up("bind"))?;
        socket.connect(&remote[..]).map_err(set_up("connect"))?;
        socket.set_nonblocking(true).map_err(CharError::Thread)?;
        let own = socket.try_clone().map_err(CharError::Thread)?;
        let link = Link::spawn("chardev-udp", move |link| {
            let mut buffer = vec![0; 65536];
            while let Some(seen) = link.wait(Some((&own, PollFlags::IN)), None) {
                if !seen.is_empty()
                    && let Ok(count) = own.recv(&mut buffer)
                {
                    link.receive(&buffer[..count]);
                }
            }
        })?;
        Ok(Self { socket, link })
    }
}

impl Backend for Udp {
    fn kind(&self) -> &'static str {
        "udp"
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.socket.send(bytes).map(drop)
    }

    fn connect(&self, input: Option<InputSink>) {
        self.link.connect(input);
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        self.link.close();
    }
}
