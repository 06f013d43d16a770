//! Where the channels of a monitor come from: sockets that listen, connections that are made, a channel that
//! is there already.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect,
    getsockname, listen, socket_with, sockopt,
};

use super::address::{Address, Tcp};
use super::device::Device;
use super::endpoint::Endpoint;
use crate::fd::Channel;

/// How long to wait for the process to close something, when no more can be opened.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);
/// How many clients wait to be served before the kernel refuses one.
const BACKLOG: i32 = 128;
/// How long an abstract name can be.
const NAME_BYTES: usize = 107;

/// Where channels come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Clients connect to these sockets.
    Listening(Arc<Vec<OwnedFd>>),
    /// The monitor connects, for the next time after this pause.
    Calling(Address, Option<Duration>),
    /// One client after the other is at the other end of a device.
    Device(Device),
    /// One client is there.
    Ready(Channel),
}

impl Source {
    /// Opens an endpoint; the source, and the socket file to remove at the end.
    pub(super) fn open(endpoint: Endpoint) -> io::Result<(Self, Option<PathBuf>)> {
        let is_device = matches!(endpoint.address, Address::Device(_));
        if endpoint.listens && endpoint.reconnect.is_some() && !is_device {
            let text =
                "a monitor that listens does not reconnect: say server=off, or leave reconnect out";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let address = endpoint.address;
        match address {
            Address::Stdio => {
                let input = io::stdin().as_fd().try_clone_to_owned()?;
                let output = io::stdout().as_fd().try_clone_to_owned()?;
                Ok((Source::Ready(Channel::pair(input, output)), None))
            }
            Address::Inherited(socket) => Ok((inherited(socket)?, None)),
            Address::Device(path) => {
                Ok((Source::Device(Device::new(path, endpoint.reconnect)?), None))
            }
            address if !endpoint.listens => {
                let source = match endpoint.reconnect {
                    None => Source::Ready(call(&address)?),
                    pause => Source::Calling(address, pause),
                };
                Ok((source, None))
            }
            address => {
                let (sockets, file) = listen_at(address, endpoint.permissions)?;
                Ok((Source::Listening(Arc::new(sockets)), file))
            }
        }
    }

    /// Where clients connect over TCP, with the ports that the system has chosen.
    pub(super) fn local_addrs(&self) -> Arc<[SocketAddr]> {
        match self {
            Source::Listening(sockets) => sockets.iter().filter_map(local_addr).collect(),
            Source::Calling(..) | Source::Device(_) | Source::Ready(_) => Arc::default(),
        }
    }
}

/// The own end of a socket, over TCP.
pub(super) fn local_addr(socket: &OwnedFd) -> Option<SocketAddr> {
    SocketAddr::try_from(getsockname(socket).ok()?).ok()
}

/// A socket that listens goes on to do so; one that is connected has one client.
fn inherited(socket: OwnedFd) -> io::Result<Source> {
    let kind = sockopt::socket_type(&socket).ok();
    if kind != Some(SocketType::STREAM) {
        let text = "the descriptor is no stream socket";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    if sockopt::socket_acceptconn(&socket)? {
        Ok(Source::Listening(Arc::new(vec![socket])))
    } else {
        Ok(Source::Ready(channel(socket)?))
    }
}

/// A channel over a connected socket.
pub(super) fn channel(socket: OwnedFd) -> io::Result<Channel> {
    let domain = sockopt::socket_domain(&socket)?;
    if matches!(domain, AddressFamily::INET | AddressFamily::INET6) {
        // Replies are whole messages; holding them back helps nobody.
        sockopt::set_tcp_nodelay(&socket, true)?;
    }
    Channel::socket(socket)
}

/// Connects to a client that listens.
pub(super) fn call(address: &Address) -> io::Result<Channel> {
    let unix = |address: SocketAddrUnix| {
        let socket = unix_socket()?;
        retry_on_intr(|| connect(&socket, &address))?;
        channel(socket)
    };
    match address {
        Address::Unix(path) => unix(SocketAddrUnix::new(path)?),
        Address::Abstract { name, tight } => unix(abstract_name(name, *tight)?),
        Address::Tcp(tcp) => {
            let addresses: Vec<SocketAddr> = resolve(tcp, tcp.port, "localhost")?;
            channel(std::net::TcpStream::connect(&addresses[..])?.into())
        }
        #[cfg(feature = "vsock")]
        Address::Vsock { cid, port } => {
            let stream = vsock::VsockStream::connect_with_cid_port(*cid, *port)?;
            channel(stream.as_fd().try_clone_to_owned()?)
        }
        Address::Stdio | Address::Inherited(_) | Address::Device(_) => {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

fn unix_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    Ok(socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        flags,
        None,
    )?)
}

fn abstract_name(name: &str, tight: bool) -> io::Result<SocketAddrUnix> {
    let mut bytes = name.as_bytes().to_vec();
    if !tight {
        bytes.resize(bytes.len().max(NAME_BYTES), 0);
    }
    Ok(SocketAddrUnix::new_abstract_name(&bytes)?)
}

fn listen_at(
    address: Address,
    permissions: Option<u32>,
) -> io::Result<(Vec<OwnedFd>, Option<PathBuf>)> {
    match address {
        Address::Unix(path) => {
            let socket = unix_listener(&path, permissions)?;
            Ok((vec![socket], Some(path)))
        }
        Address::Abstract { name, tight } => {
            let socket = unix_socket()?;
            bind(&socket, &abstract_name(&name, tight)?)?;
            listen(&socket, BACKLOG)?;
            Ok((vec![socket], None))
        }
        Address::Tcp(tcp) => Ok((tcp_listeners(&tcp)?, None)),
        #[cfg(feature = "vsock")]
        Address::Vsock { cid, port } => {
            let listener = vsock::VsockListener::bind_with_cid_port(cid, port)?;
            Ok((vec![listener.as_fd().try_clone_to_owned()?], None))
        }
        // These do not listen.
        Address::Stdio | Address::Inherited(_) | Address::Device(_) => {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

fn unix_listener(path: &Path, permissions: Option<u32>) -> io::Result<OwnedFd> {
    remove_stale_socket(path)?;
    let socket = unix_socket()?;
    if let Some(mode) = permissions {
        // The file takes them over from the socket, so nobody gets in before they are set.
        rustix::fs::fchmod(&socket, mode.into())?;
    }
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    if let Some(mode) = permissions {
        // What the umask took away.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// Another server's socket file stays after it; anything else at the path is left alone.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

/// Sockets for all addresses of the host, at the first port that is free at all of them.
fn tcp_listeners(tcp: &Tcp) -> io::Result<Vec<OwnedFd>> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for port in tcp.port..=tcp.to.unwrap_or(tcp.port) {
        let addresses = resolve(tcp, port, "")?;
        let sockets: io::Result<Vec<OwnedFd>> = addresses.iter().map(tcp_listener).collect();
        match sockets {
            Ok(sockets) => return Ok(sockets),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn tcp_listener(address: &SocketAddr) -> io::Result<OwnedFd> {
    let domain = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = socket_with(domain, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // IPv4 has sockets of its own.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// The addresses of a host, of the kinds that are wanted; `any` stands for a host without a name.
fn resolve(tcp: &Tcp, port: u16, any: &str) -> io::Result<Vec<SocketAddr>> {
    let wanted = |address: &SocketAddr| match address {
        SocketAddr::V4(_) => tcp.ipv4,
        SocketAddr::V6(_) => tcp.ipv6,
    };
    let host = if tcp.host.is_empty() { any } else { &tcp.host };
    let mut addresses: Vec<SocketAddr> = if host.is_empty() {
        let mut all = vec![SocketAddr::from(([0; 4], port))];
        // A host may be without IPv6.
        if std::path::Path::new("/proc/net/if_inet6").exists() || !tcp.ipv4 {
            all.push(SocketAddr::from(([0u16; 8], port)));
        }
        all
    } else {
        (host, port).to_socket_addrs()?.collect()
    };
    addresses.retain(wanted);
    addresses.dedup();
    if addresses.is_empty() {
        let text = format!("'{host}' has no address of the kind that is asked for");
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    Ok(addresses)
}

/// The next client; ends only when a listening socket itself is of no use.
pub(super) fn next_client(sockets: &[OwnedFd]) -> io::Result<Channel> {
    loop {
        match wait(sockets).and_then(|socket| accept(socket.as_fd())) {
            Ok(client) => return channel(client),
            Err(error) => std::thread::sleep(pause_after(&error).ok_or(error)?),
        }
    }
}

/// The socket that has a client.
fn wait(sockets: &[OwnedFd]) -> io::Result<&OwnedFd> {
    if let [socket] = sockets {
        return Ok(socket);
    }
    let mut fds: Vec<PollFd<'_>> = sockets
        .iter()
        .map(|socket| PollFd::new(socket, PollFlags::IN))
        .collect();
    poll(&mut fds, None)?;
    let at = fds.iter().position(|fd| !fd.revents().is_empty());
    Ok(&sockets[at.ok_or(Errno::AGAIN)?])
}

/// Takes a client that has connected.
pub(super) fn accept(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    Ok(accept_with(socket, SocketFlags::CLOEXEC)?)
}

/// How long to wait before the next attempt to accept; nothing if there is no use in it.
pub(super) fn pause_after(error: &io::Error) -> Option<Duration> {
    match error.raw_os_error().map(Errno::from_raw_os_error)? {
        // The client has gone already, or a signal came.
        Errno::CONNABORTED | Errno::INTR | Errno::AGAIN => Some(Duration::ZERO),
        // The process has too much open just now; the client waits meanwhile.
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => Some(BETWEEN_ATTEMPTS),
        _ => None,
    }
}
