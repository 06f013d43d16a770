//! The server for programs on tokio: the same shape, with `async` methods.
//!
//! Handlers with `async` methods ([`Router::mount_async`](crate::Router::mount_async)) run as part of their
//! client's task; those of other handlers on tokio's threads for what blocks.
//!
//! ```no_run
//! # use qmp_runtime::{Router, server::Server};
//! # async fn run(router: Router) -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder().version(10, 0, 2, "").serve_on_tokio(router);
//! server.listen("unix:/tmp/vm.qmp".parse()?).await?;
//! server.wait().await;
//! # Ok(())
//! # }
//! ```

mod connection;
mod hub;
mod mailbox;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::unix::AsyncFd;

use super::Address;
use super::endpoint::Endpoint;
use super::listener::{self, Source};
use crate::context::MonitorId;
use crate::events::EventSink;
use crate::fd::Channel;
use crate::json::Style;
use crate::router::Dispatcher;
use crate::session::Version;
use hub::Hub;

/// A running server; clones are the same server.
#[derive(Debug, Clone)]
pub struct Server {
    hub: Arc<Hub>,
}

/// A place where clients connect.
#[derive(Debug, Clone)]
pub struct Monitor {
    id: MonitorId,
    local_addrs: Arc<[SocketAddr]>,
    hub: Arc<Hub>,
}

impl Monitor {
    /// Where clients connect over TCP, with the port that the system has chosen for port 0; a name of a host
    /// may stand for several addresses. Empty for all other monitors.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// Its number, as handlers see it in their context.
    pub fn id(&self) -> MonitorId {
        self.id
    }

    /// Waits until a client has connected for the first time, or the server is closed.
    pub async fn wait_for_client(&self) {
        self.hub.wait_for_session(self.id).await;
    }

    /// Waits until no client can come any more: the only one, on standard input and output or a socket that
    /// was connected already, has gone, or the server is closed.
    pub async fn wait_for_end(&self) {
        self.hub.wait_for_monitor_end(self.id).await;
    }
}

impl Server {
    pub(super) fn new(
        dispatcher: Dispatcher,
        version: Version,
        events: EventSink,
        held: bool,
    ) -> Self {
        Server {
            hub: Arc::new(Hub::new(dispatcher, version, events, held)),
        }
    }

    /// The sink for events from outside of handlers.
    pub fn events(&self) -> &EventSink {
        &self.hub.events
    }

    /// Opens a monitor at an address and serves its clients in a task of its own.
    ///
    /// # Errors
    /// The address cannot be opened.
    pub async fn listen(&self, address: Address) -> io::Result<Monitor> {
        self.open(address.into()).await
    }

    /// Opens a monitor and serves its clients, one after the other, in a task of its own.
    ///
    /// # Errors
    /// The address cannot be opened; there is nobody to connect to, and it is not to try again.
    pub async fn open(&self, endpoint: Endpoint) -> io::Result<Monitor> {
        let style = endpoint.style;
        let wrap = endpoint.wrap();
        // Names may have to be looked up.
        let (source, file) = blocking(move || Source::open(endpoint)).await?;
        self.hub.keep(file);
        let local_addrs = source.local_addrs();
        let hub = Arc::clone(&self.hub);
        let id = hub.next_monitor();
        let serve = move |channel: io::Result<Channel>| {
            let hub = Arc::clone(&hub);
            let channel = channel.and_then(&wrap);
            async move {
                if let Ok(channel) = channel {
                    connection::serve(&hub, id, channel, style).await;
                }
            }
        };
        match source {
            Source::Ready(channel) => self.hub.spawn(id, async move { serve(Ok(channel)).await }),
            Source::Listening(sockets) => {
                let watched = sockets.iter().map(|socket| watch::listener(socket.as_fd()));
                let sockets = watched.collect::<io::Result<Vec<_>>>()?;
                self.hub.spawn(id, async move {
                    while let Ok(channel) = next_client(&sockets).await {
                        serve(Ok(channel)).await;
                    }
                });
            }
            Source::Device(mut device) => self.hub.spawn(id, async move {
                loop {
                    serve(device.channel()).await;
                    tokio::time::sleep(device.pause()).await;
                }
            }),
            Source::Calling(address, pause) => {
                let address = Arc::new(address);
                self.hub.spawn(id, async move {
                    loop {
                        let address = Arc::clone(&address);
                        serve(blocking(move || listener::call(&address)).await).await;
                        tokio::time::sleep(pause.unwrap_or_default()).await;
                    }
                });
            }
        }
        Ok(self.monitor(id, local_addrs))
    }

    /// Serves one client over a socket that is connected already.
    ///
    /// # Errors
    /// It is no socket.
    pub fn serve_socket(&self, socket: OwnedFd) -> io::Result<Monitor> {
        let channel = listener::channel(socket)?;
        let id = self.hub.next_monitor();
        let hub = Arc::clone(&self.hub);
        self.hub.spawn(id, async move {
            connection::serve(&hub, id, channel, Style::Line).await
        });
        Ok(self.monitor(id, Arc::default()))
    }

    fn monitor(&self, id: MonitorId, local_addrs: Arc<[SocketAddr]>) -> Monitor {
        Monitor {
            id,
            local_addrs,
            hub: Arc::clone(&self.hub),
        }
    }

    /// Begins to answer requests, if that was held.
    pub fn release(&self) {
        self.hub.release();
    }

    /// Waits until a handler quits or the server is closed.
    pub async fn wait(&self) {
        self.hub.wait_for_end().await;
    }

    /// Ends all sessions. Requests that are being answered get their answer first, if that takes no
    /// longer than `patience`.
    pub async fn close(&self, patience: Duration) {
        self.hub.stop_answering(patience).await;
        self.hub.end_sessions();
        self.hub.wait_for_end().await;
    }
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(run)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// The next client of any of the sockets.
async fn next_client(sockets: &[AsyncFd<OwnedFd>]) -> io::Result<Channel> {
    loop {
        let accepted = std::future::poll_fn(|cx| {
            for socket in sockets {
                while let std::task::Poll::Ready(ready) = socket.poll_read_ready(cx) {
                    match ready.and_then(|mut ready| {
                        ready
                            .try_io(|socket| listener::accept(socket.get_ref().as_fd()))
                            .unwrap_or_else(|_| Err(io::ErrorKind::WouldBlock.into()))
                    }) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        result => return std::task::Poll::Ready(result),
                    }
                }
            }
            std::task::Poll::Pending
        })
        .await;
        match accepted {
            Ok(socket) => return listener::channel(socket),
            Err(error) => match listener::pause_after(&error) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            },
        }
    }
}
