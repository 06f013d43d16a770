//! `-chardev`: back ends of serial ports, and sockets for monitors.

use std::os::fd::{BorrowedFd, RawFd};
use std::path::PathBuf;
use std::time::Duration;

use qmp_runtime::server::{Address, Endpoint, Tcp};

use super::UsageError;
use super::params::{Params, parse_size};
use crate::char::BackendConfig;

/// A character device that was declared.
#[derive(Debug)]
pub(super) enum Chardev {
    Backend(BackendConfig),
    /// For a monitor, and the label of its credentials.
    Socket(Endpoint, Option<String>),
}

/// Reads the argument of `-chardev`; its label and the device.
pub(super) fn parse(value: &str) -> Result<(String, Chardev), UsageError> {
    let mut params = Params::parse(value, Some("backend"));
    let id = params
        .take("id")
        .ok_or_else(|| UsageError::new("needs a label: add id=LABEL"))?;
    let chardev = match params.first().unwrap_or_default() {
        "null" => Chardev::Backend(BackendConfig::Null),
        "stdio" => {
            params.take("signal");
            Chardev::Backend(BackendConfig::Stdio)
        }
        "file" => Chardev::Backend(BackendConfig::File {
            path: required(&mut params, "path")?.into(),
            input: params.take("input-path").map(PathBuf::from),
            append: params.take_switch("append", false)?,
        }),
        "ringbuf" => {
            let size = params
                .take("size")
                .map_or(Ok(64 << 10), |size| parse_bytes(&size))?;
            Chardev::Backend(BackendConfig::RingBuf { size })
        }
        "socket" => socket(&mut params)?,
        other => {
            return Err(UsageError::new(format!(
                "'{other}': use null, stdio, file, ringbuf or socket"
            )));
        }
    };
    params.finish()?;
    Ok((id, chardev))
}

fn required(params: &mut Params, key: &str) -> Result<String, UsageError> {
    params
        .take(key)
        .ok_or_else(|| UsageError::new(format!("needs {key}=…")))
}

/// A plain number is bytes here, not MiB.
fn parse_bytes(text: &str) -> Result<usize, UsageError> {
    let text = if text.ends_with(|ch: char| ch.is_ascii_digit()) {
        format!("{text}b")
    } else {
        text.to_owned()
    };
    usize::try_from(parse_size(&text)?)
        .map_err(|_| UsageError::new(format!("'{text}' is too large")))
}

fn socket(params: &mut Params) -> Result<Chardev, UsageError> {
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
    let mut endpoint = match params.take_switch("server", false)? {
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
    Ok(Chardev::Socket(endpoint, params.take("tls-creds")))
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
    params.take("nodelay");
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
#[expect(
    unsafe_code,
    reason = "a number on the command line has no owner in the type system"
)]
fn inherited(text: &str) -> Result<Address, UsageError> {
    let closed = || UsageError::new(format!("descriptor '{text}' is not open"));
    let number: RawFd = text.parse().map_err(|_| closed())?;
    if number < 0 || !std::fs::exists(format!("/proc/self/fd/{number}")).unwrap_or(false) {
        return Err(closed());
    }
    // SAFETY: the descriptor is open, as was just seen, and nothing closes it meanwhile: there is one
    // thread, and by QEMU's convention the number is handed over with the option. It is only
    // duplicated here, so naming it twice does no harm.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    descriptor
        .try_clone_to_owned()
        .map(Address::Inherited)
        .map_err(|_| closed())
}
