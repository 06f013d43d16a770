//! Stream sockets, on either side.

use std::fs::File;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{self as unix, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::net::{Shutdown, shutdown, sockopt};

use super::inet::InetAddress;
use super::link::Link;
use super::telnet::Telnet;
use super::{Backend, CharError, InputSink, reason};

/// A stream socket to be made.
#[derive(Debug, Clone)]
pub struct SocketConfig {
    /// Where it is.
    pub address: SocketAddress,
    /// Whether clients connect here.
    pub server: bool,
    /// Whether to wait for the first client, as a server.
    pub wait: bool,
    /// Whether TCP sends small packets at once.
    pub nodelay: bool,
    /// Whether to negotiate as Telnet.
    pub telnet: bool,
    /// After how long to connect again, as a client.
    pub reconnect: Option<Duration>,
}

/// Where a stream socket is.
#[derive(Debug, Clone)]
pub enum SocketAddress {
    /// A socket file.
    Unix(PathBuf),
    /// A name without a file; filled up with zeros unless `tight`.
    Abstract {
        /// The name.
        name: String,
        /// Whether the name ends where its text ends.
        tight: bool,
    },
    /// A TCP port.
    Inet(InetAddress),
    /// A socket that somebody else has opened, and what they call it.
    Fd(Arc<OwnedFd>, String),
}

/// A back end over a stream socket.
#[derive(Debug)]
pub struct Socket {
    link: Arc<Link>,
    /// The description of an end that nobody is connected to.
    idle: String,
    /// The socket file to remove at the end.
    file: Option<PathBuf>,
    /// Whether clients connect here.
    server: bool,
}

#[derive(Debug)]
enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl AsFd for Listener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        match self {
            Self::Unix(listener) => listener.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        }
    }
}

/// A connected socket and what it is called.
struct Connection {
    file: File,
    name: String,
}

impl Socket {
    /// Listens, or connects.
    ///
    /// # Errors
    /// The address cannot be had, nobody listens there and it is not to try again, or options contradict
    /// each other.
    pub fn new(config: &SocketConfig) -> Result<Self, CharError> {
        if config.server && config.reconnect.is_some() {
            return Err(CharError::Other(
                "'reconnect' option is incompatible with socket in server listen mode".into(),
            ));
        }
        if !config.server && config.wait {
            return Err(CharError::Other(
                "'wait' option is incompatible with socket in client connect mode".into(),
            ));
        }
        let own = config.clone();
        let mut file = None;
        let mut idle = config.describe();
        let link = if config.server {
            let listener = config.listen()?;
            if let Some(place) = listener.place(config) {
                idle = format!("disconnected:{place},server=on");
            }
            if let SocketAddress::Unix(path) = &config.address {
                file = Some(path.clone());
            }
            Link::spawn("chardev-socket", move |link| {
                own.accept(link, &listener);
                if !matches!(own.address, SocketAddress::Fd(..)) {
                    // A child that has not begun its program yet has it, too, for a moment.
                    let _ = shutdown(&listener, Shutdown::Both);
                }
            })?
        } else {
            let first = match config.connect() {
                Err(error) if config.reconnect.is_none() => return Err(error),
                first => first.ok(),
            };
            Link::spawn("chardev-socket", move |link| own.call(link, first))?
        };
        if config.wait || (!config.server && config.reconnect.is_none()) {
            link.wait_for_peer();
        }
        Ok(Self {
            link,
            idle,
            file,
            server: config.server,
        })
    }
}

impl Listener {
    /// Where it is in truth, which options do not say of port 0 and of sockets that are handed over.
    fn place(&self, config: &SocketConfig) -> Option<String> {
        match (self, &config.address) {
            (Listener::Tcp(listener), _) => {
                let address = listener.local_addr().ok()?;
                let (host, port) = (address.ip(), address.port());
                Some(format!("{}:{host}:{port}", config.protocol()))
            }
            (Listener::Unix(listener), SocketAddress::Fd(..)) => {
                let address = listener.local_addr().ok()?;
                Some(format!("unix:{}", address.as_pathname()?.display()))
            }
            (Listener::Unix(_), _) => None,
        }
    }
}

impl SocketConfig {
    fn protocol(&self) -> &'static str {
        if self.telnet { "telnet" } else { "tcp" }
    }

    fn server_suffix(&self) -> &'static str {
        if self.server { ",server=on" } else { "" }
    }

    fn describe(&self) -> String {
        let suffix = self.server_suffix();
        match &self.address {
            SocketAddress::Unix(path) => format!("disconnected:unix:{}{suffix}", path.display()),
            SocketAddress::Abstract { name, tight } => {
                let tight = if *tight { ",tight=on" } else { "" };
                format!("disconnected:unix:{name},abstract=on{tight}{suffix}")
            }
            SocketAddress::Inet(inet) => {
                format!(
                    "disconnected:{}:{}:{}{suffix}",
                    self.protocol(),
                    inet.host,
                    inet.port
                )
            }
            SocketAddress::Fd(_, name) => format!("disconnected:fd:{name}{suffix}"),
        }
    }

    fn listen(&self) -> Result<Listener, CharError> {
        match &self.address {
            SocketAddress::Unix(path) => {
                check_length(path)?;
                remove_stale_socket(path);
                let bound = UnixListener::bind(path);
                bound.map(Listener::Unix).map_err(|error| {
                    CharError::Other(format!(
                        "Failed to bind socket to {}: {}",
                        path.display(),
                        reason(&error)
                    ))
                })
            }
            SocketAddress::Abstract { name, tight } => {
                check_length(Path::new(name))?;
                abstract_name(name, *tight)
                    .and_then(|address| UnixListener::bind_addr(&address))
                    .map(Listener::Unix)
                    .map_err(|error| {
                        CharError::Other(format!(
                            "Failed to bind socket to {name}: {}",
                            reason(&error)
                        ))
                    })
            }
            SocketAddress::Inet(inet) => inet.listen().map(Listener::Tcp),
            SocketAddress::Fd(fd, name) => {
                let wrong = |error: io::Error| {
                    CharError::Other(format!(
                        "Failed to listen on fd socket {name}: {}",
                        reason(&error)
                    ))
                };
                check_socket(fd, name)?;
                let fd = fd.try_clone().map_err(wrong)?;
                rustix::net::listen(&fd, 1).map_err(|error| wrong(error.into()))?;
                Ok(match sockopt::socket_domain(&fd) {
                    Ok(rustix::net::AddressFamily::UNIX) => Listener::Unix(fd.into()),
                    _ => Listener::Tcp(fd.into()),
                })
            }
        }
    }

    fn connect(&self) -> Result<Connection, CharError> {
        let failed = |place: String| {
            move |error: io::Error| {
                CharError::Other(format!(
                    "Failed to connect to '{place}': {}",
                    reason(&error)
                ))
            }
        };
        let socket: OwnedFd = match &self.address {
            SocketAddress::Unix(path) => {
                check_length(path)?;
                UnixStream::connect(path)
                    .map_err(failed(path.display().to_string()))?
                    .into()
            }
            SocketAddress::Abstract { name, tight } => {
                check_length(Path::new(name))?;
                abstract_name(name, *tight)
                    .and_then(|address| UnixStream::connect_addr(&address))
                    .map_err(failed(name.clone()))?
                    .into()
            }
            SocketAddress::Inet(inet) => {
                let addresses = inet.resolve_peer()?;
                TcpStream::connect(&addresses[..])
                    .map_err(failed(format!("{}:{}", inet.host, inet.port)))?
                    .into()
            }
            SocketAddress::Fd(fd, name) => {
                check_socket(fd, name)?;
                fd.try_clone().map_err(failed(name.clone()))?
            }
        };
        self.connection(socket).map_err(CharError::Thread)
    }

    /// A connected socket, set up.
    fn connection(&self, socket: OwnedFd) -> io::Result<Connection> {
        let name = match sockopt::socket_domain(&socket)? {
            rustix::net::AddressFamily::UNIX => {
                let socket = UnixStream::from(socket.try_clone()?);
                let local = socket.local_addr().ok();
                let peer = socket.peer_addr().ok();
                let path = |address: &Option<unix::SocketAddr>| {
                    address
                        .as_ref()
                        .and_then(|address| address.as_pathname().map(Path::to_owned))
                };
                // A client has no name of its own: the other end's says more.
                let path = path(&local).or_else(|| path(&peer)).unwrap_or_default();
                format!("unix:{}{}", path.display(), self.server_suffix())
            }
            _ => {
                let socket = TcpStream::from(socket.try_clone()?);
                if self.nodelay {
                    socket.set_nodelay(true)?;
                }
                let (local, peer) = (socket.local_addr()?, socket.peer_addr()?);
                format!(
                    "{}:{local}{} <-> {peer}",
                    self.protocol(),
                    self.server_suffix()
                )
            }
        };
        set_nonblocking(&socket)?;
        Ok(Connection {
            file: File::from(socket),
            name,
        })
    }

    fn accept(&self, link: &Link, listener: &Listener) {
        loop {
            let Some(seen) = link.wait(Some((listener, PollFlags::IN)), None) else {
                return;
            };
            if !seen.contains(PollFlags::IN) {
                continue;
            }
            let socket: io::Result<OwnedFd> = match listener {
                Listener::Unix(listener) => listener.accept().map(|(socket, _)| socket.into()),
                Listener::Tcp(listener) => listener.accept().map(|(socket, _)| socket.into()),
            };
            match socket.and_then(|socket| self.connection(socket)) {
                Ok(connection) => {
                    if !self.serve(link, connection) {
                        return;
                    }
                }
                // Out of descriptors, perhaps: the client waits meanwhile.
                Err(_) => {
                    if link.wait(None, Some(Duration::from_millis(100))).is_none() {
                        return;
                    }
                }
            }
        }
    }

    fn call(&self, link: &Link, mut first: Option<Connection>) {
        loop {
            let connection = first.take().or_else(|| self.connect().ok());
            if let Some(connection) = connection
                && !self.serve(link, connection)
            {
                return;
            }
            // Without a pause there is no further attempt.
            let mut left = self.reconnect;
            loop {
                let before = std::time::Instant::now();
                if link.wait(None, left).is_none() {
                    return;
                }
                left = left.map(|left| left.saturating_sub(before.elapsed()));
                if left.is_some_and(|left| left.is_zero()) {
                    break;
                }
            }
        }
    }

    fn serve(&self, link: &Link, connection: Connection) -> bool {
        let Connection { file, name } = connection;
        let mut telnet = Telnet::default();
        if self.telnet {
            // A peer that is gone already is noticed next.
            let _ = io::Write::write_all(&mut &file, Telnet::GREETING);
        }
        link.serve(name, (&file, &file), |bytes| {
            if self.telnet {
                telnet.strip(bytes);
            }
        })
    }
}

fn check_socket(fd: &OwnedFd, name: &str) -> Result<(), CharError> {
    match sockopt::socket_type(fd) {
        Ok(_) => Ok(()),
        Err(_) => {
            let text = format!("File descriptor '{name}' is not a socket");
            Err(CharError::Other(text))
        }
    }
}

fn check_length(path: &Path) -> Result<(), CharError> {
    if path.as_os_str().len() > 107 {
        return Err(CharError::Other(format!(
            "UNIX socket path '{}' is too long",
            path.display()
        )));
    }
    Ok(())
}

fn abstract_name(name: &str, tight: bool) -> io::Result<unix::SocketAddr> {
    let mut bytes = name.as_bytes().to_vec();
    if !tight {
        bytes.resize(bytes.len().max(107), 0);
    }
    unix::SocketAddr::from_abstract_name(bytes)
}

/// Another server's socket file stays after it; anything else at the path is left alone.
fn remove_stale_socket(path: &Path) {
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        let _ = std::fs::remove_file(path); // binding says what is wrong
    }
}

pub(super) fn set_nonblocking(fd: impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(&fd)?;
    Ok(fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?)
}

impl Backend for Socket {
    fn kind(&self) -> &'static str {
        "socket"
    }

    fn filename(&self) -> String {
        self.link.peer().unwrap_or_else(|| self.idle.clone())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.link.write(bytes)
    }

    fn connect(&self, input: Option<InputSink>) {
        self.link.connect(input);
    }

    fn flush(&self) {
        self.link.flush();
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // What is removed takes nobody any more, and its address is free. A client may be busy with
        // connecting, and holds nothing.
        match self.server {
            true => self.link.close_whole(),
            false => self.link.close(),
        }
        if let Some(file) = &self.file {
            let _ = std::fs::remove_file(file); // somebody may have removed it
        }
    }
}
