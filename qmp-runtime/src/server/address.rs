//! Where a monitor listens.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use rustix::io::Errno;

use crate::fd::Channel;

/// How long to wait for the process to close something, when no more can be opened.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);

/// Where a monitor listens.
///
/// The text form is QEMU's: `unix:PATH`, `tcp:HOST:PORT` or `stdio`, the first two with options such
/// as `,server=on,wait=off` behind, which may be left out: a monitor is always the listening side.
#[derive(Debug)]
pub enum Address {
    /// A unix socket that is made at this path.
    Unix(PathBuf),
    /// A TCP port, `HOST:PORT`.
    Tcp(String),
    /// Standard input and output; one client, which is there from the start.
    Stdio,
    /// A listening socket that somebody else has opened.
    Inherited(OwnedFd),
}

/// Text that is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError(String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AddressError {}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut parts = text.split(',');
        let head = parts.next().unwrap_or_default();
        for option in parts {
            match option {
                "server" | "server=on" | "wait=on" | "wait=off" | "nowait" | "nodelay" => {}
                "server=off" => {
                    return Err(AddressError(format!(
                        "'{text}': a monitor listens, it cannot be a client"
                    )));
                }
                _ => return Err(AddressError(format!("'{text}': unknown option '{option}'"))),
            }
        }
        match head.split_once(':') {
            None if head == "stdio" => Ok(Address::Stdio),
            Some(("unix", path)) if !path.is_empty() => Ok(Address::Unix(path.into())),
            Some(("tcp", address)) if address.contains(':') => Ok(Address::Tcp(address.into())),
            _ => Err(AddressError(format!(
                "'{text}' is none of unix:PATH, tcp:HOST:PORT, stdio"
            ))),
        }
    }
}

impl Address {
    pub(super) fn socket_file(&self) -> Option<PathBuf> {
        match self {
            Address::Unix(path) => Some(path.clone()),
            _ => None,
        }
    }
}

/// An open address.
#[derive(Debug)]
pub(super) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
    Stdio,
}

impl Listener {
    pub(super) fn open(address: Address) -> io::Result<Self> {
        Ok(match address {
            Address::Unix(path) => {
                remove_stale_socket(&path)?;
                Listener::Unix(UnixListener::bind(path)?)
            }
            Address::Tcp(address) => {
                // QEMU leaves the host out for "any".
                let address = address
                    .strip_prefix(':')
                    .map_or(address.clone(), |port| format!("0.0.0.0:{port}"));
                Listener::Tcp(TcpListener::bind(address)?)
            }
            Address::Stdio => Listener::Stdio,
            Address::Inherited(socket) => inherited(socket)?,
        })
    }

    /// The next client.
    pub(super) fn accept(&self) -> io::Result<Channel> {
        Ok(match self {
            Listener::Unix(listener) => Channel::socket(accept(|| {
                listener.accept().map(|(socket, _)| socket.into())
            })?)?,
            Listener::Tcp(listener) => {
                let socket = accept(|| listener.accept())?.0;
                // Replies are whole messages; holding them back helps nobody.
                socket.set_nodelay(true)?;
                Channel::socket(socket.into())?
            }
            Listener::Stdio => Channel::pair(
                io::stdin().as_fd().try_clone_to_owned()?,
                io::stdout().as_fd().try_clone_to_owned()?,
            ),
        })
    }

    pub(super) fn accepts_again(&self) -> bool {
        !matches!(self, Listener::Stdio)
    }
}

/// Accepts the next client; ends only when the listening socket itself is of no use.
fn accept<T>(mut accept: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        let error = match accept() {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            // The client has gone already, or a signal came.
            Some(Errno::CONNABORTED | Errno::INTR | Errno::AGAIN) => {}
            // The process has too much open just now; the client waits meanwhile.
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                std::thread::sleep(BETWEEN_ATTEMPTS);
            }
            _ => return Err(error),
        }
    }
}

/// Another server's socket file stays after it; anything else at the path is left alone.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

fn inherited(socket: OwnedFd) -> io::Result<Listener> {
    use rustix::net::{AddressFamily, sockopt};
    match sockopt::socket_domain(&socket)? {
        AddressFamily::UNIX => Ok(Listener::Unix(socket.into())),
        AddressFamily::INET | AddressFamily::INET6 => Ok(Listener::Tcp(socket.into())),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the descriptor is no unix or TCP socket",
        )),
    }
}
