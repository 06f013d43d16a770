//! `-chardev`: back ends of serial ports, and sockets for monitors.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use qmp_runtime::server::{Address, Endpoint, Tcp};

use super::ids::bad_id;
use super::params::{Params, parse_bytes};
use super::{UsageError, process};
use crate::char::{BackendConfig, InetAddress, LogConfig, SocketAddress, SocketConfig};

/// A character device that was declared.
#[derive(Debug)]
pub(super) enum Chardev {
    Backend(BackendConfig, Option<LogConfig>),
    /// For a monitor, with the label of its credentials; or for a device.
    Socket(Endpoint, Option<String>, SocketConfig, Option<LogConfig>),
}

/// Reads the argument of `-chardev`; its label, the device and whether front ends share it.
pub(super) fn parse(value: &str) -> Result<(String, Chardev, bool), UsageError> {
    let mut params = Params::parse(value, Some("backend"));
    let id = params
        .take("id")
        .ok_or_else(|| UsageError::new("chardev: no id specified"))?;
    if !crate::qom::is_id(&id) {
        return Err(bad_id());
    }
    let log = log(&mut params)?;
    let shared = params.take_switch("mux", false)?;
    let backend = match params.first().unwrap_or_default() {
        "null" => BackendConfig::Null,
        "stdio" => {
            let signal = params.take_switch("signal", true)?;
            BackendConfig::Stdio { signal }
        }
        "file" => BackendConfig::File {
            path: required(&mut params, "path")?.into(),
            input: params.take("input-path").map(PathBuf::from),
            append: params.take_switch("append", false)?,
        },
        "pipe" => BackendConfig::Pipe {
            path: required(&mut params, "path")?.into(),
        },
        "pty" => BackendConfig::Pty {
            link: params.take("path").map(PathBuf::from),
        },
        "udp" => udp(&mut params)?,
        kind @ ("ringbuf" | "memory") => {
            let is_old = kind == "memory";
            let size = params
                .take("size")
                .map_or(Ok(64 << 10), |size| ring_size(&size))?;
            match is_old {
                true => BackendConfig::Memory { size },
                false => BackendConfig::RingBuf { size },
            }
        }
        "mux" => BackendConfig::Mux {
            chardev: required(&mut params, "chardev")?,
        },
        "hub" => {
            let names = (0..).map_while(|index| params.take(&format!("chardevs.{index}")));
            BackendConfig::Hub {
                chardevs: names.collect(),
            }
        }
        "socket" => {
            let socket = socket(&mut params, log)?;
            params.finish()?;
            return Ok((id, socket, shared));
        }
        other => {
            return Err(UsageError::new(format!(
                "'{other}' is not a valid char driver name; use null, stdio, file, pipe, pty, ringbuf, socket, udp, mux or hub"
            )));
        }
    };
    params.finish()?;
    Ok((id, Chardev::Backend(backend, log), shared))
}

/// The back end that the short form of `-serial` names.
pub(super) fn short(value: &str) -> Result<BackendConfig, UsageError> {
    let wrong = || {
        UsageError::new(format!(
            "'{value}': use stdio, null, none, pty, file:PATH, pipe:PATH, unix:PATH, tcp:HOST:PORT, \
             telnet:HOST:PORT, udp:HOST:PORT or chardev:ID, \
             with mon: in front for a monitor at the same place"
        ))
    };
    let (kind, rest) = value.split_once(':').unwrap_or((value, ""));
    Ok(match (kind, rest) {
        ("stdio", "") => BackendConfig::Stdio { signal: true },
        ("null", "") => BackendConfig::Null,
        ("pty", path) => BackendConfig::Pty {
            link: (!path.is_empty()).then(|| path.into()),
        },
        ("vc", _) => {
            return Err(UsageError::new(
                "there is no display with text consoles: use pty or unix:PATH",
            ));
        }
        ("file", path) => BackendConfig::File {
            path: path.into(),
            input: None,
            append: false,
        },
        ("pipe", path) => BackendConfig::Pipe { path: path.into() },
        ("unix" | "tcp" | "telnet", rest) => short_socket(kind, rest).ok_or_else(wrong)??,
        ("udp", rest) => {
            let (remote, local) = match rest.split_once('@') {
                Some((remote, local)) => (remote, Some(inet(local).ok_or_else(wrong)?)),
                None => (rest, None),
            };
            let remote = inet(remote).ok_or_else(wrong)?;
            BackendConfig::Udp { remote, local }
        }
        _ => return Err(wrong()),
    })
}

fn short_socket(kind: &str, rest: &str) -> Option<Result<BackendConfig, UsageError>> {
    let mut params = Params::parse(rest, Some("address"));
    let place = params.first()?.to_owned();
    let address = match kind {
        "unix" => SocketAddress::Unix(place.into()),
        _ => SocketAddress::Inet(inet(&place)?),
    };
    let mut read = || {
        let server = params.take_switch("server", false)?;
        let config = SocketConfig {
            address: address.clone(),
            server,
            wait: params.take_switch("wait", true)? && server && params.take("nowait").is_none(),
            nodelay: params.take_switch("nodelay", false)?,
            telnet: kind == "telnet",
            reconnect: reconnect(&mut params)?,
        };
        params.clone().finish()?;
        Ok(BackendConfig::Socket(config))
    };
    Some(read())
}

fn inet(text: &str) -> Option<InetAddress> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some(InetAddress {
        host: host.to_owned(),
        port: port.to_owned(),
        ..InetAddress::default()
    })
}

fn log(params: &mut Params) -> Result<Option<LogConfig>, UsageError> {
    let append = params.take_switch("logappend", false)?;
    let path = params.take("logfile").map(PathBuf::from);
    Ok(path.map(|path| LogConfig { path, append }))
}

fn udp(params: &mut Params) -> Result<BackendConfig, UsageError> {
    let remote = InetAddress {
        host: params.take("host").unwrap_or_default(),
        port: required(params, "port")?,
        ..InetAddress::default()
    };
    let (host, port) = (params.take("localaddr"), params.take("localport"));
    let is_local = host.is_some() || port.is_some();
    let local = is_local.then(|| InetAddress {
        host: host.unwrap_or_default(),
        port: port.unwrap_or_default(),
        ..InetAddress::default()
    });
    Ok(BackendConfig::Udp { remote, local })
}

fn required(params: &mut Params, key: &str) -> Result<String, UsageError> {
    params
        .take(key)
        .ok_or_else(|| UsageError::new(format!("needs {key}=…")))
}

fn ring_size(text: &str) -> Result<usize, UsageError> {
    usize::try_from(parse_bytes("size", text)?)
        .map_err(|_| UsageError::new(format!("'{text}' is too large")))
}

fn socket(params: &mut Params, log: Option<LogConfig>) -> Result<Chardev, UsageError> {
    let address = if let Some(path) = params.take("path") {
        if params.take_switch("abstract", false)? {
            let tight = params.take_switch("tight", true)?;
            Address::Abstract { name: path, tight }
        } else {
            Address::Unix(path.into())
        }
    } else if let Some(fd) = params.take("fd") {
        inherited(&fd)?
    } else {
        Address::Tcp(tcp(params)?)
    };
    let mode = params.take("mode");
    let reconnect = reconnect(params)?;
    let wait = params.take_switch("wait", true)?;
    let server = params.take_switch("server", false)?;
    let config = SocketConfig {
        address: device_address(&address)?,
        server,
        wait: wait && server,
        nodelay: params.take_switch("nodelay", false)?,
        telnet: params.take_switch("telnet", false)?,
        reconnect,
    };
    let mut endpoint = match server {
        true => Endpoint::listen(address).wait(wait),
        false => Endpoint::connect(address),
    };
    if let Some(mode) = mode {
        let mode = u32::from_str_radix(&mode, 8)
            .ok()
            .filter(|&mode| mode <= 0o777)
            .ok_or_else(|| UsageError::new("write permissions as in mode=0600"))?;
        endpoint = endpoint.permissions(mode);
    }
    if let Some(pause) = reconnect {
        endpoint = endpoint.reconnect(pause);
    }
    Ok(Chardev::Socket(
        endpoint,
        params.take("tls-creds"),
        config,
        log,
    ))
}

/// The same address for the socket of a device.
fn device_address(address: &Address) -> Result<SocketAddress, UsageError> {
    Ok(match address {
        Address::Abstract { name, tight } => SocketAddress::Abstract {
            name: name.clone(),
            tight: *tight,
        },
        Address::Tcp(tcp) => SocketAddress::Inet(InetAddress {
            host: tcp.host.clone(),
            port: tcp.port.to_string(),
            to: tcp.to,
            ipv4: (!tcp.ipv4).then_some(false),
            ipv6: (!tcp.ipv6).then_some(false),
            ..InetAddress::default()
        }),
        Address::Inherited(fd) => {
            let own = fd
                .try_clone()
                .map_err(|error| UsageError::new(error.to_string()))?;
            SocketAddress::Fd(Arc::new(own), "inherited".into())
        }
        Address::Unix(path) => SocketAddress::Unix(path.clone()),
        other => {
            return Err(UsageError::new(format!(
                "'{other}' is no address of a socket"
            )));
        }
    })
}

fn tcp(params: &mut Params) -> Result<Tcp, UsageError> {
    let host = params.take("host").unwrap_or_default();
    let text = required(params, "port")?;
    let port = |text: &str| {
        text.parse()
            .map_err(|_| UsageError::new(format!("'{text}' is no port")))
    };
    let mut tcp = Tcp::new(host, port(&text)?);
    tcp.to = params.take("to").as_deref().map(port).transpose()?;
    // Asking for one kind of address alone leaves the other out.
    let (v4, v6) = (params.take("ipv4"), params.take("ipv6"));
    let is_on = |value: &Option<String>| value.as_deref().map(|value| value != "off");
    tcp.ipv4 = is_on(&v4).unwrap_or(is_on(&v6) != Some(true));
    tcp.ipv6 = is_on(&v6).unwrap_or(is_on(&v4) != Some(true));
    // Replies are whole messages, which are never held back.
    params.take("delay");
    Ok(tcp)
}

/// After how long to connect again; never for 0.
fn reconnect(params: &mut Params) -> Result<Option<Duration>, UsageError> {
    let number = |text: String| {
        text.parse::<u32>()
            .map_err(|_| UsageError::new(format!("'{text}' is no number")))
    };
    let millis = params.take("reconnect-ms").map(number).transpose()?;
    let seconds = params.take("reconnect").map(number).transpose()?;
    let pause = millis
        .map(|millis| Duration::from_millis(millis.into()))
        .or(seconds.map(|seconds| Duration::from_secs(seconds.into())));
    Ok(pause.filter(|pause| !pause.is_zero()))
}

/// A duplicate of a socket, listening or connected, that the parent process has opened.
fn inherited(text: &str) -> Result<Address, UsageError> {
    let fd = text.parse().ok().and_then(process::inherited);
    fd.map(Address::Inherited)
        .ok_or_else(|| UsageError::new(format!("descriptor '{text}' is not open")))
}
