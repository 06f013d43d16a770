//! `-chardev`: back ends of serial ports, and sockets for monitors.

use std::net::ToSocketAddrs;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::PathBuf;

use qmp_runtime::server::Address;

use super::UsageError;
use super::params::{Params, parse_size};
use crate::char::BackendConfig;

/// A character device that was declared.
#[derive(Debug)]
pub(super) enum Chardev {
    Backend(BackendConfig),
    /// For a monitor: where it listens, and whether to wait for the first client.
    Listener(Address, bool),
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
    if !params.take_switch("server", false)? {
        return Err(UsageError::new("a monitor listens: add server=on"));
    }
    let wait = params.take_switch("wait", true)?;
    let address = if let Some(path) = params.take("path") {
        Address::Unix(path.into())
    } else if let Some(fd) = params.take("fd") {
        inherited(&fd)?
    } else {
        let port = required(params, "port")?;
        let host = params.take("host").unwrap_or_default();
        let address = format!("{host}:{port}");
        if !host.is_empty() && address.to_socket_addrs().is_err() {
            return Err(UsageError::new(format!(
                "'{address}' is no address of this host"
            )));
        }
        Address::Tcp(address)
    };
    Ok(Chardev::Listener(address, wait))
}

/// A duplicate of a listening socket that the parent process has opened.
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
