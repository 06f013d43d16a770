//! Where a monitor is.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::str::FromStr;

use super::Endpoint;

/// Where a monitor is.
///
/// The text form is that of an [`Endpoint`] that listens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Address {
    /// A unix socket at this path.
    Unix(PathBuf),
    /// A unix socket with this abstract name, which has no file.
    Abstract {
        /// The name.
        name: String,
        /// The name ends where its text ends; otherwise zeros fill it up to its greatest length.
        tight: bool,
    },
    /// A TCP port.
    Tcp(Tcp),
    /// A port for virtual machines and their host.
    #[cfg(feature = "vsock")]
    Vsock {
        /// The machine's number; 4294967295 to listen for all.
        cid: u32,
        /// The port.
        port: u32,
    },
    /// A device such as `/dev/virtio-ports/NAME` or a serial line, with one client at its other end. It stays
    /// open; a conversation that ends is followed by the next one.
    Device(PathBuf),
    /// Standard input and output; one client, which is there from the start.
    Stdio,
    /// A socket that somebody else has opened: it listens, or is connected to the only client.
    Inherited(OwnedFd),
}

/// A TCP port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tcp {
    /// The host's name or address; empty for all of this host's to listen, for this host to connect.
    pub host: String,
    /// The port.
    pub port: u16,
    /// If the port is taken, the next ones are tried up to this one.
    pub to: Option<u16>,
    /// Whether to use IPv4.
    pub ipv4: bool,
    /// Whether to use IPv6.
    pub ipv6: bool,
}

impl Tcp {
    /// This port, with IPv4 and IPv6 as far as they are there.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Tcp {
            host: host.into(),
            port,
            to: None,
            ipv4: true,
            ipv6: true,
        }
    }

    /// Reads `HOST:PORT`; an IPv6 address stands in brackets.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        Some(Tcp::new(bare.unwrap_or(host), port.parse().ok()?))
    }
}

/// Text that is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError(pub(super) String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AddressError {}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let endpoint: Endpoint = text.parse()?;
        if !endpoint.listens {
            let text = format!("'{text}': this is no address to listen at, but to connect to");
            return Err(AddressError(text));
        }
        Ok(endpoint.address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Abstract { name, .. } => write!(f, "unix:{name},abstract=on"),
            Address::Tcp(tcp) if tcp.host.contains(':') => {
                write!(f, "tcp:[{}]:{}", tcp.host, tcp.port)
            }
            Address::Tcp(tcp) => write!(f, "tcp:{}:{}", tcp.host, tcp.port),
            #[cfg(feature = "vsock")]
            Address::Vsock { cid, port } => write!(f, "vsock:{cid}:{port}"),
            Address::Device(path) => write!(f, "device:{}", path.display()),
            Address::Stdio => f.write_str("stdio"),
            Address::Inherited(fd) => {
                write!(f, "fd:{}", std::os::fd::AsRawFd::as_raw_fd(fd))
            }
        }
    }
}
