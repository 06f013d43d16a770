//! A QMP monitor on a character device that is more than a socket of its own, such as a multiplexer or a terminal.
//!
//! Its bytes go through a socket pair to the server, which answers there as it does anywhere else.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;

use qmp_runtime::json::Style;
use qmp_runtime::server::{Address, Endpoint, Server};

use crate::char::{Chardev, Frontend};
use crate::sync::lock;
use crate::terminal::announces_clients;

/// Serves a QMP monitor on this device for as long as the front end lives.
pub(crate) fn serve(server: &Arc<Server>, frontend: &Frontend, style: Style) -> io::Result<()> {
    let chardev = frontend.chardev();
    let session: Mutex<Option<UnixStream>> = Mutex::new(None);
    if !announces_clients(&chardev) {
        *lock(&session) = Some(start(server, &chardev, style)?);
    }
    let server = Arc::clone(server);
    frontend.accept_with_clients(Arc::new(move |bytes| {
        let mut session = lock(&session);
        if bytes.is_empty() {
            // Another client has nothing to do with the one before.
            if let Some(old) = session.take() {
                let _ = old.shutdown(Shutdown::Both);
            }
            *session = start(&server, &chardev, style).ok();
        } else if let Some(session) = &mut *session {
            let _ = session.write_all(bytes); // the server may be closing
        }
    }));
    Ok(())
}

/// Starts a session; the end that requests are written to.
fn start(server: &Server, chardev: &Arc<Chardev>, style: Style) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let address = Address::Inherited(OwnedFd::from(theirs));
    server.open(Endpoint::connect(address).style(style))?;
    let mut replies = ours.try_clone()?;
    let chardev = Arc::clone(chardev);
    thread::Builder::new()
        .name("bridge".into())
        .spawn(move || {
            let mut buffer = vec![0; 4096];
            while let Ok(count @ 1..) = replies.read(&mut buffer) {
                let _ = chardev.write(buffer.get(..count).unwrap_or_default()); // nobody may be there
            }
        })?;
    Ok(ours)
}
