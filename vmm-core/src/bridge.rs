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

/// Serves a QMP monitor on this device for as long as the front end lives.
pub(crate) fn serve(server: &Arc<Server>, frontend: &Frontend, style: Style) -> io::Result<()> {
    let chardev = frontend.chardev();
    let session: Mutex<Option<Session>> = Mutex::new(None);
    if !chardev.announces_clients() {
        *lock(&session) = Some(start(server, &chardev, style)?);
    }
    let server = Arc::clone(server);
    frontend.accept_with_clients(Arc::new(move |bytes| {
        let mut session = lock(&session);
        if bytes.is_empty() {
            // Another client has nothing to do with the one before.
            session.take();
            *session = start(&server, &chardev, style).ok();
        } else if let Some(session) = &mut *session {
            let _ = session.requests.write_all(bytes); // the server may be closing
        }
    }));
    Ok(())
}

/// What one client says to the server; replies that come after its end are for nobody.
struct Session {
    requests: UnixStream,
    /// Locked while something goes out, so that nothing does when this is false.
    goes_on: Arc<Mutex<bool>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        *lock(&self.goes_on) = false;
        let _ = self.requests.shutdown(Shutdown::Both); // the server may have closed it
    }
}

/// Starts a session.
fn start(server: &Server, chardev: &Arc<Chardev>, style: Style) -> io::Result<Session> {
    let (ours, theirs) = UnixStream::pair()?;
    let address = Address::Inherited(OwnedFd::from(theirs));
    server.open(Endpoint::connect(address).style(style))?;
    let mut replies = ours.try_clone()?;
    let chardev = Arc::clone(chardev);
    let session = Session {
        requests: ours,
        goes_on: Arc::new(Mutex::new(true)),
    };
    let goes_on = Arc::clone(&session.goes_on);
    thread::Builder::new()
        .name("bridge".into())
        .spawn(move || {
            let mut buffer = vec![0; 4096];
            while let Ok(count @ 1..) = replies.read(&mut buffer) {
                let goes_on = lock(&goes_on);
                if !*goes_on {
                    return;
                }
                let _ = chardev.write(buffer.get(..count).unwrap_or_default()); // nobody may be there
            }
        })?;
    Ok(session)
}
