//! Hosts and ports, as the system's resolver reads them: names of services are ports, too.

use std::io;
use std::net::{SocketAddr, TcpListener};

use dns_lookup::{AddrInfoHints, getaddrinfo};

use super::{CharError, reason};

/// A host and a port, of TCP or UDP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InetAddress {
    /// The host's name or address; empty for any.
    pub host: String,
    /// The port.
    pub port: String,
    /// The last port to try, to listen.
    pub to: Option<u16>,
    /// Whether IPv4 may be used.
    pub ipv4: Option<bool>,
    /// Whether IPv6 may be used.
    pub ipv6: Option<bool>,
    /// Whether neither the host nor the port to listen at is a name.
    pub numeric: bool,
}

impl InetAddress {
    /// The addresses to connect to.
    pub(super) fn resolve_peer(&self) -> Result<Vec<SocketAddr>, CharError> {
        let flags = libc::AI_CANONNAME | libc::AI_V4MAPPED | libc::AI_ADDRCONFIG;
        let (host, port) = (self.host.as_str(), self.port.as_str());
        self.resolve(Some(host), Some(port), flags, libc::SOCK_STREAM)
    }

    /// The addresses to receive datagrams at.
    pub(super) fn resolve_datagram(&self) -> Result<Vec<SocketAddr>, CharError> {
        self.resolve_own(libc::AI_PASSIVE, libc::SOCK_DGRAM)
    }

    fn resolve_own(&self, flags: i32, kind: i32) -> Result<Vec<SocketAddr>, CharError> {
        let host = Some(self.host.as_str()).filter(|host| !host.is_empty());
        let port = Some(self.port.as_str()).filter(|port| !port.is_empty());
        self.resolve(host, port, flags, kind)
    }

    fn resolve(
        &self,
        host: Option<&str>,
        port: Option<&str>,
        flags: i32,
        kind: i32,
    ) -> Result<Vec<SocketAddr>, CharError> {
        let hints = AddrInfoHints {
            flags,
            address: self.family()?,
            socktype: kind,
            protocol: 0,
        };
        let failed = |why: &str| {
            CharError::Other(format!(
                "address resolution failed for {}:{}: {why}",
                self.host, self.port
            ))
        };
        if host.is_none() && port.is_none() {
            return Err(failed("Name or service not known"));
        }
        let found = getaddrinfo(host, port, Some(hints)).map_err(|error| {
            let text = error.to_string();
            let (_, why) = text.rsplit_once(": ").unwrap_or(("", &text));
            failed(why)
        })?;
        let addresses = found.filter_map(|one| Some(one.ok()?.sockaddr));
        Ok(addresses.collect())
    }

    fn family(&self) -> Result<i32, CharError> {
        Ok(match (self.ipv4, self.ipv6) {
            (Some(false), Some(false)) => {
                let text = "Cannot disable IPv4 and IPv6 at same time";
                return Err(CharError::Other(text.to_owned()));
            }
            (Some(true), Some(true)) | (None, None) => libc::AF_UNSPEC,
            (_, Some(true)) | (Some(false), _) => libc::AF_INET6,
            _ => libc::AF_INET,
        })
    }

    /// Listens, at the first port that is free.
    pub(super) fn listen(&self) -> Result<TcpListener, CharError> {
        let numeric = match self.numeric {
            true => libc::AI_NUMERICHOST | libc::AI_NUMERICSERV,
            false => 0,
        };
        let flags = libc::AI_PASSIVE | numeric;
        let mut taken = io::Error::from_raw_os_error(libc::EADDRINUSE);
        for mut address in self.resolve_own(flags, libc::SOCK_STREAM)? {
            let first = address.port();
            for port in first..=self.to.unwrap_or(first) {
                address.set_port(port);
                match TcpListener::bind(address) {
                    Ok(listener) => return Ok(listener),
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken = error,
                    Err(error) => {
                        let text = format!("Failed to bind socket: {}", reason(&error));
                        return Err(CharError::Other(text));
                    }
                }
            }
        }
        Err(CharError::Other(format!(
            "Failed to find an available port: {}",
            reason(&taken)
        )))
    }
}
