//! `char.json`: character devices.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, PAD, STANDARD};
use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{
    ChardevBackend, ChardevBackendInfo, ChardevBackendType, ChardevInfo, ChardevReturn,
    ChardevSocket, DataFormat, InetSocketAddress, SocketAddressLegacy, SocketAddressLegacyType,
};
use qmp_types::qmp::{CharCommands, commands};

use super::Vmm;
use crate::char::{
    BackendConfig, CharError, Chardev, InetAddress, LogConfig, RingBuf, SocketAddress, SocketConfig,
};

/// Bytes of a ring buffer for which no size is named.
const RING_SIZE: i64 = 65536;

/// Bits behind the last byte mean nothing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    PAD.with_decode_allow_trailing_bits(true),
);

/// What a client asks for.
type Plan = (BackendConfig, Option<LogConfig>);

#[handlers]
impl CharCommands for Vmm {
    fn query_chardev(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryChardev,
    ) -> Result<Vec<ChardevInfo>, QmpError> {
        let all = self.machine.chardevs().list();
        Ok(all.iter().map(|chardev| info(chardev)).collect())
    }

    fn query_chardev_backends(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryChardevBackends,
    ) -> Result<Vec<ChardevBackendInfo>, QmpError> {
        let kinds = BackendConfig::KINDS.iter();
        Ok(kinds.map(|&name| ChardevBackendInfo::new(name)).collect())
    }

    fn ringbuf_write(
        &mut self,
        _: &mut Context<'_>,
        args: commands::RingbufWrite,
    ) -> Result<(), QmpError> {
        let ring = self.ring(&args.device)?;
        match args.format {
            Some(DataFormat::Base64) => ring.push(&decode(&args.data)?),
            _ => ring.push(args.data.as_bytes()),
        }
        Ok(())
    }

    fn ringbuf_read(
        &mut self,
        _: &mut Context<'_>,
        args: commands::RingbufRead,
    ) -> Result<String, QmpError> {
        let ring = self.ring(&args.device)?;
        let size = usize::try_from(args.size).unwrap_or(0);
        if size == 0 {
            return Err(QmpError::generic("size must be greater than zero"));
        }
        let bytes = ring.read(size);
        Ok(match args.format {
            Some(DataFormat::Base64) => STANDARD.encode(bytes),
            _ => {
                // What is behind a zero byte is lost: the documented form is a C string.
                let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
                String::from_utf8_lossy(text).into_owned()
            }
        })
    }

    fn chardev_add(
        &mut self,
        cx: &mut Context<'_>,
        args: commands::ChardevAdd,
    ) -> Result<ChardevReturn, QmpError> {
        let id = args.id;
        if self.machine.chardevs().get(&id).is_some() {
            return Err(QmpError::generic(format!(
                "Chardev with id '{id}' already exists"
            )));
        }
        let failed =
            |error: String| QmpError::generic(format!("Failed to add chardev '{id}': {error}"));
        let (config, log) = self
            .plan(cx, args.backend)
            .map_err(|error| failed(error.desc().to_owned()))?;
        let chardevs = self.machine.chardevs();
        let made = chardevs.add_logged(&id, &config, log.as_ref());
        let made = made.map_err(|error| failed(error.to_string()))?;
        Ok(made_of(&made))
    }

    fn chardev_change(
        &mut self,
        cx: &mut Context<'_>,
        args: commands::ChardevChange,
    ) -> Result<ChardevReturn, QmpError> {
        let chardevs = self.machine.chardevs().clone();
        let Some(chardev) = chardevs.get(&args.id) else {
            let text = format!("Chardev '{}' does not exist", args.id);
            return Err(QmpError::generic(text));
        };
        if chardev.is_combined() {
            return Err(QmpError::generic(CharError::Combined.to_string()));
        }
        if !chardev.is_used() {
            // as with QEMU, the old one is gone even if the new one cannot be made
            let _ = chardevs.remove(&args.id);
            let commands::ChardevChange { id, backend } = args;
            return self.chardev_add(cx, commands::ChardevAdd { id, backend });
        }
        if chardev.is_fixed() {
            return Err(QmpError::generic(CharError::Fixed.to_string()));
        }
        let (config, log) = self.plan(cx, args.backend)?;
        let made = chardevs.change(&args.id, &config, log.as_ref());
        let made = made.map_err(|error| QmpError::generic(error.to_string()))?;
        Ok(made_of(&made))
    }

    fn chardev_remove(
        &mut self,
        _: &mut Context<'_>,
        args: commands::ChardevRemove,
    ) -> Result<(), QmpError> {
        let removed = self.machine.chardevs().remove(&args.id);
        removed.map_err(|error| QmpError::generic(error.to_string()))
    }

    fn chardev_send_break(
        &mut self,
        _: &mut Context<'_>,
        args: commands::ChardevSendBreak,
    ) -> Result<(), QmpError> {
        let chardev = self.machine.chardevs().get(&args.id);
        chardev
            .ok_or_else(|| QmpError::generic(format!("Chardev '{}' not found", args.id)))?
            .send_break();
        Ok(())
    }
}

impl Vmm {
    fn ring(&self, label: &str) -> Result<RingBuf, QmpError> {
        let chardev = self.machine.chardevs().get(label);
        let chardev =
            chardev.ok_or_else(|| QmpError::generic(format!("Device '{label}' not found")))?;
        let ring = chardev.backend().ring();
        ring.ok_or_else(|| QmpError::generic(format!("{label} is not a ringbuf device")))
    }

    /// What a back end is to be made from.
    fn plan(&mut self, cx: &Context<'_>, backend: ChardevBackend) -> Result<Plan, QmpError> {
        #[expect(deprecated, reason = "an old name that clients may use")]
        Ok(match backend.r#type {
            ChardevBackendType::Null(null) => (
                BackendConfig::Null,
                log(null.data.logfile, null.data.logappend),
            ),
            ChardevBackendType::Stdio(stdio) => (
                BackendConfig::Stdio {
                    signal: stdio.data.signal.unwrap_or(true),
                },
                log(stdio.data.logfile, stdio.data.logappend),
            ),
            ChardevBackendType::File(file) => {
                let config = BackendConfig::File {
                    path: file.data.out.into(),
                    input: file.data.r#in.map(Into::into),
                    append: file.data.append.unwrap_or(false),
                };
                (config, log(file.data.logfile, file.data.logappend))
            }
            ChardevBackendType::Pipe(pipe) => {
                let path = pipe.data.device.into();
                (
                    BackendConfig::Pipe { path },
                    log(pipe.data.logfile, pipe.data.logappend),
                )
            }
            ChardevBackendType::Pty(pty) => {
                let link = pty.data.path.map(Into::into);
                (
                    BackendConfig::Pty { link },
                    log(pty.data.logfile, pty.data.logappend),
                )
            }
            ChardevBackendType::Ringbuf(ring) => (
                BackendConfig::RingBuf {
                    size: ring_size(ring.data.size),
                },
                log(ring.data.logfile, ring.data.logappend),
            ),
            ChardevBackendType::Memory(ring) => (
                BackendConfig::Memory {
                    size: ring_size(ring.data.size),
                },
                log(ring.data.logfile, ring.data.logappend),
            ),
            ChardevBackendType::Udp(udp) => {
                let remote = datagram(udp.data.remote)?;
                let local = udp.data.local.map(datagram).transpose()?;
                (
                    BackendConfig::Udp { remote, local },
                    log(udp.data.logfile, udp.data.logappend),
                )
            }
            ChardevBackendType::Mux(mux) => {
                let chardev = mux.data.chardev;
                (
                    BackendConfig::Mux { chardev },
                    log(mux.data.logfile, mux.data.logappend),
                )
            }
            ChardevBackendType::Hub(hub) => {
                let chardevs = hub.data.chardevs;
                (
                    BackendConfig::Hub { chardevs },
                    log(hub.data.logfile, hub.data.logappend),
                )
            }
            ChardevBackendType::Socket(socket) => self.socket(cx, socket.data)?,
            _ => return Err(QmpError::generic("this kind of chardev is not supported")),
        })
    }

    #[expect(deprecated, reason = "seconds are still understood")]
    fn socket(&mut self, cx: &Context<'_>, socket: ChardevSocket) -> Result<Plan, QmpError> {
        let fail = |text: &str| Err(QmpError::generic(text));
        let server = socket.server.unwrap_or(true);
        let has_fd = matches!(socket.addr.r#type, SocketAddressLegacyType::Fd(_));
        if has_fd && socket.reconnect.is_some() {
            return fail("'reconnect' option is incompatible with 'fd' address type");
        }
        if socket.reconnect.is_some() && socket.reconnect_ms.is_some() {
            return fail("'reconnect' and 'reconnect-ms' are mutually exclusive");
        }
        if socket.tls_authz.is_some() && socket.tls_creds.is_none() {
            return fail("'tls_authz' option requires 'tls_creds' option");
        }
        if server && socket.reconnect.is_some() {
            return fail("'reconnect' option is incompatible with socket in server listen mode");
        }
        if !server && socket.websocket == Some(true) {
            return fail("Websocket client is not implemented");
        }
        if !server && socket.wait.is_some() {
            return fail("'wait' option is incompatible with socket in client connect mode");
        }
        if socket.tn3270 == Some(true) || socket.websocket == Some(true) {
            return fail("neither TN3270 nor WebSocket is supported");
        }
        if let Some(id) = socket.tls_creds {
            return Err(QmpError::generic(format!(
                "No TLS credentials with id '{id}'"
            )));
        }
        let millis = socket
            .reconnect_ms
            .or(socket.reconnect.map(|seconds| seconds.saturating_mul(1000)));
        let millis = millis
            .and_then(|millis| u64::try_from(millis).ok())
            .filter(|&millis| millis > 0);
        let address = match socket.addr.r#type {
            SocketAddressLegacyType::Unix(unix) => {
                let unix = unix.data;
                match unix.r#abstract {
                    Some(true) => SocketAddress::Abstract {
                        name: unix.path,
                        tight: unix.tight.unwrap_or(true),
                    },
                    _ => SocketAddress::Unix(unix.path.into()),
                }
            }
            SocketAddressLegacyType::Inet(inet) => SocketAddress::Inet(internet(inet.data)),
            SocketAddressLegacyType::Fd(fd) => {
                let name = fd.data.str;
                let fd = self.fds.take(cx, name.clone())?;
                SocketAddress::Fd(Arc::new(fd), name)
            }
            _ => return fail("this kind of socket address is not supported"),
        };
        let config = SocketConfig {
            address,
            server,
            wait: socket.wait.unwrap_or(false),
            nodelay: socket.nodelay.unwrap_or(false),
            telnet: socket.telnet.unwrap_or(false),
            // A server that is told to reconnect has nothing to do about it.
            reconnect: millis.filter(|_| !server).map(Duration::from_millis),
        };
        Ok((
            BackendConfig::Socket(config),
            log(socket.logfile, socket.logappend),
        ))
    }
}

fn info(chardev: &Chardev) -> ChardevInfo {
    ChardevInfo {
        label: chardev.label().to_owned(),
        filename: chardev.filename(),
        frontend_open: chardev.frontend_open(),
    }
}

fn made_of(chardev: &Chardev) -> ChardevReturn {
    ChardevReturn {
        pty: chardev.backend().pty(),
    }
}

/// No size at all is as good as none named.
fn ring_size(size: Option<i64>) -> usize {
    let size = size.filter(|&size| size != 0).unwrap_or(RING_SIZE);
    usize::try_from(size).unwrap_or(0)
}

fn log(path: Option<String>, append: Option<bool>) -> Option<LogConfig> {
    path.map(|path| LogConfig {
        path: path.into(),
        append: append.unwrap_or(false),
    })
}

fn datagram(address: SocketAddressLegacy) -> Result<InetAddress, QmpError> {
    match address.r#type {
        SocketAddressLegacyType::Inet(inet) => Ok(internet(inet.data)),
        _ => Err(QmpError::generic("socket type unsupported for datagram")),
    }
}

fn internet(inet: InetSocketAddress) -> InetAddress {
    InetAddress {
        host: inet.host,
        port: inet.port,
        to: inet.to,
        ipv4: inet.ipv4,
        ipv6: inet.ipv6,
        numeric: inet.numeric.unwrap_or(false),
    }
}

/// Base64 as forgiving as QEMU's decoder.
fn decode(text: &str) -> Result<Vec<u8>, QmpError> {
    let wrong = || QmpError::generic("Base64 data contains invalid characters");
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\n\r".contains(&byte);
    if !text.bytes().all(is_base64) {
        return Err(wrong());
    }
    // A group that is not whole is lost, no error.
    let bare: String = text.chars().filter(|ch| !"\n\r".contains(*ch)).collect();
    let whole = &bare[..bare.len() / 4 * 4];
    LENIENT.decode(whole).map_err(|_| wrong())
}
