//! Where a server listens, and the way there.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt,
};

use super::link::Link;

/// The shortest time that a socket can be given.
const SHORTEST: Duration = Duration::from_millis(1);

/// Where a server or a guest agent listens.
///
/// The text form is QEMU's: `unix:PATH`, `unix:NAME,abstract=on`, `tcp:HOST:PORT`, `vsock:CID:PORT` and,
/// for a guest agent behind a serial port, `device:PATH`; a text with a `/` and without such a prefix is
/// the path of a unix socket.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Endpoint {
    /// A unix socket at this path.
    Unix(PathBuf),
    /// A unix socket with this abstract name, which has no file.
    Abstract(String),
    /// A TCP port, `HOST:PORT`.
    Tcp(String),
    /// A virtual machine, or its host (2), by number, and a port there.
    #[cfg(feature = "vsock")]
    Vsock {
        /// The machine's number.
        cid: u32,
        /// The port.
        port: u32,
    },
    /// TLS over a TCP port.
    #[cfg(feature = "tls")]
    Tls {
        /// `HOST:PORT`.
        address: String,
        /// The name that the server's certificate has to have.
        name: rustls::pki_types::ServerName<'static>,
        /// Whom to trust, and who we are.
        config: std::sync::Arc<rustls::ClientConfig>,
    },
    /// A character device, such as a serial or virtio port or a pseudo-terminal. A terminal is switched to
    /// pass bytes on as they are.
    Device(PathBuf),
}

/// Text that names no endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidEndpoint(String);

impl fmt::Display for InvalidEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidEndpoint {}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let invalid = |what: &str| Err(InvalidEndpoint(format!("'{text}': {what}")));
        let mut parts = text.split(',');
        let head = parts.next().unwrap_or_default();
        let mut is_abstract = false;
        for option in parts {
            match option {
                "abstract" | "abstract=on" => is_abstract = true,
                // Options of the side that listens, as they stand in its command line.
                "server" | "server=on" | "wait=on" | "wait=off" | "nowait" | "abstract=off" => {}
                _ => return invalid(&format!("unknown option '{option}'")),
            }
        }
        match head.split_once(':') {
            Some(("unix", "")) | None if head.is_empty() || head == "unix:" => {
                invalid("there is no path")
            }
            Some(("unix", name)) if is_abstract => Ok(Endpoint::Abstract(name.into())),
            Some(("unix", path)) => Ok(Endpoint::Unix(path.into())),
            Some(("tcp", address)) => match address.rsplit_once(':') {
                Some((host, port)) if port.parse::<u16>().is_ok() => {
                    let host = if host.is_empty() { "localhost" } else { host };
                    Ok(Endpoint::Tcp(format!("{host}:{port}")))
                }
                _ => invalid("a TCP port is written tcp:HOST:PORT"),
            },
            Some(("vsock", address)) => vsock(text, address),
            Some(("device", path)) => Ok(Endpoint::Device(path.into())),
            _ if text.contains('/') => Ok(Endpoint::Unix(text.into())),
            _ => invalid(
                "write unix:PATH, tcp:HOST:PORT, vsock:CID:PORT, device:PATH, or a path with a '/'",
            ),
        }
    }
}

#[cfg(feature = "vsock")]
fn vsock(text: &str, address: &str) -> Result<Endpoint, InvalidEndpoint> {
    let numbers = address.split_once(':').and_then(|(cid, port)| {
        Some(Endpoint::Vsock {
            cid: cid.parse().ok()?,
            port: port.parse().ok()?,
        })
    });
    numbers
        .ok_or_else(|| InvalidEndpoint(format!("'{text}': two numbers are needed, vsock:CID:PORT")))
}

#[cfg(not(feature = "vsock"))]
fn vsock(text: &str, _: &str) -> Result<Endpoint, InvalidEndpoint> {
    Err(InvalidEndpoint(format!(
        "'{text}': this program was built without the feature 'vsock'"
    )))
}

impl Endpoint {
    /// Connects; for at most this long, where the kernel lets that be limited.
    pub(super) fn link(&self, timeout: Option<Duration>) -> io::Result<Link> {
        match self {
            Endpoint::Unix(path) => unix(&SocketAddrUnix::new(path)?, timeout),
            Endpoint::Abstract(name) => unix(
                &SocketAddrUnix::new_abstract_name(name.as_bytes())?,
                timeout,
            ),
            Endpoint::Tcp(address) => Link::new(tcp(address, timeout)?),
            #[cfg(feature = "vsock")]
            Endpoint::Vsock { cid, port } => {
                Link::new(vsock::VsockStream::connect_with_cid_port(*cid, *port)?.into())
            }
            #[cfg(feature = "tls")]
            Endpoint::Tls {
                address,
                name,
                config,
            } => {
                let mut link = Link::new(tcp(address, timeout)?)?;
                let session = super::tls::Session::new(config.clone(), name.clone())?;
                link.tls = Some(Box::new(session));
                Ok(link)
            }
            Endpoint::Device(path) => {
                // A serial port must neither wait for a carrier nor become this program's terminal.
                let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                let fd = rustix::fs::open(path, flags, Mode::empty())?;
                make_raw(&fd);
                Link::new(fd)
            }
        }
    }
}

fn unix(address: &SocketAddrUnix, timeout: Option<Duration>) -> io::Result<Link> {
    let kind = SocketType::STREAM;
    let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    // A connection waits, too, when too many wait to be accepted.
    let timeout = timeout.map(|timeout| timeout.max(SHORTEST));
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, timeout)?;
    match connect(&socket, address) {
        Err(rustix::io::Errno::AGAIN) => return Err(io::ErrorKind::TimedOut.into()),
        result => result?,
    }
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, None)?;
    Link::new(socket)
}

/// Tries each address of a name, for as long as there is time.
fn tcp(address: &str, timeout: Option<Duration>) -> io::Result<OwnedFd> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match tcp_to(&address, deadline) {
            Ok(stream) => {
                // Requests are whole messages; holding them back helps nobody.
                stream.set_nodelay(true)?;
                return Ok(stream.into());
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn tcp_to(address: &SocketAddr, deadline: Option<Instant>) -> io::Result<TcpStream> {
    match deadline {
        None => TcpStream::connect(address),
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            TcpStream::connect_timeout(address, left)
        }
    }
}

/// Has a terminal pass bytes on as they are; other devices do so anyway.
fn make_raw(fd: &OwnedFd) {
    if let Ok(mut attributes) = rustix::termios::tcgetattr(fd) {
        attributes.make_raw();
        let _ = rustix::termios::tcsetattr(fd, rustix::termios::OptionalActions::Now, &attributes);
    }
}
