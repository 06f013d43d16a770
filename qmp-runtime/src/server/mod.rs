//! The server: monitors at addresses, clients one after the other on each, one router behind all.

mod address;
mod connection;
mod device;
mod endpoint;
mod listener;
mod outbox;
mod shared;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tokio")]
pub mod tokio;

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

pub use address::{Address, AddressError, Tcp};
pub use endpoint::Endpoint;
use rustix::net::getpeername;
#[cfg(feature = "tls")]
pub(crate) use tls::TlsSession;

use crate::context::MonitorId;
use crate::events::EventSink;
use crate::fd::Channel;
use crate::json::Style;
use crate::router::{Dispatcher, Router};
use crate::session::Protocol;
pub use crate::session::Version;
use listener::Source;
use shared::Shared;

/// Settings of a server.
#[derive(Debug, Default)]
pub struct ServerBuilder {
    version: Version,
    events: EventSink,
    preconfig: bool,
    held: bool,
    protocol: Protocol,
}

impl ServerBuilder {
    /// The version to greet with.
    #[must_use]
    pub fn version(mut self, major: u32, minor: u32, micro: u32, package: &str) -> Self {
        self.version = Version {
            major,
            minor,
            micro,
            package: package.to_owned(),
        };
        self
    }

    /// The sink that handlers and other threads have for events; a new one without this.
    #[must_use]
    pub fn events(mut self, events: &EventSink) -> Self {
        self.events = events.clone();
        self
    }

    /// Starts before the machine is initialised: only commands marked so are let through until
    /// [`Context::leave_preconfig`](crate::Context::leave_preconfig).
    #[must_use]
    pub fn preconfig(mut self, yes: bool) -> Self {
        self.preconfig = yes;
        self
    }

    /// Starts by greeting clients only: what they send waits for [`Server::release`]. So none of them sees
    /// the machine before it runs.
    #[must_use]
    pub fn held(mut self, yes: bool) -> Self {
        self.held = yes;
        self
    }

    /// Speaks what the guest agent speaks: no greeting, no negotiation, no events, no out-of-band commands,
    /// none of the protocol's own commands; replies end in LF. A handler of `guest-sync-delimited` calls
    /// [`Context::delimit`](crate::Context::delimit).
    #[must_use]
    pub fn agent(mut self) -> Self {
        self.protocol = Protocol::Agent;
        self
    }

    /// A server for these handlers; it answers once it listens somewhere.
    pub fn serve(self, router: Router) -> Server {
        let dispatcher = self.dispatcher(router);
        let shared = Shared::new(dispatcher, self.version, self.events, self.held);
        Server {
            shared: Arc::new(shared),
        }
    }

    /// The same for programs on tokio.
    #[cfg(feature = "tokio")]
    pub fn serve_on_tokio(self, router: Router) -> tokio::Server {
        let dispatcher = self.dispatcher(router);
        tokio::Server::new(dispatcher, self.version, self.events, self.held)
    }

    fn dispatcher(&self, router: Router) -> Dispatcher {
        let dispatcher = Dispatcher::new(router, self.protocol);
        dispatcher.catalog.set_preconfig(self.preconfig);
        self.events.set_policy(dispatcher.catalog.policy);
        dispatcher
    }
}

/// A running server; clones are the same server.
#[derive(Debug, Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

/// A place where clients connect.
#[derive(Debug, Clone)]
pub struct Monitor {
    id: MonitorId,
    local_addrs: Arc<[SocketAddr]>,
    shared: Arc<Shared>,
}

/// A client that is connected to a monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorClient {
    /// The addresses here and there, over TCP.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
}

impl MonitorClient {
    fn of(channel: &Channel) -> Self {
        let peer = getpeername(&channel.input).ok().flatten();
        let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
        Self {
            addresses: listener::local_addr(&channel.input).zip(peer),
        }
    }
}

impl Monitor {
    /// The client that is connected to it, if one is.
    pub fn client(&self) -> Option<MonitorClient> {
        self.shared.client(self.id)
    }

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
    pub fn wait_for_client(&self) {
        self.shared.wait_for_session(self.id);
    }

    /// Waits until no client can come any more: the only one, on standard input and output or a socket that
    /// was connected already, has gone, or the server is closed.
    pub fn wait_for_end(&self) {
        self.shared.wait_for_monitor_end(self.id);
    }
}

impl Server {
    /// Settings for a new server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The sink for events from outside of handlers.
    pub fn events(&self) -> &EventSink {
        &self.shared.events
    }

    /// Opens a monitor at an address and serves its clients on a thread of its own.
    ///
    /// # Errors
    /// The address cannot be opened.
    pub fn listen(&self, address: Address) -> io::Result<Monitor> {
        self.open(address.into())
    }

    /// Opens a monitor and serves its clients, one after the other, on a thread of its own.
    ///
    /// # Errors
    /// The address cannot be opened; there is nobody to connect to, and it is not to try again.
    pub fn open(&self, endpoint: Endpoint) -> io::Result<Monitor> {
        let style = endpoint.style;
        let wrap = endpoint.wrap();
        let (source, file) = Source::open(endpoint)?;
        if let Source::Listening(sockets) = &source {
            self.shared.keep(sockets, file);
        }
        self.spawn(source.local_addrs(), move |shared, id| {
            let serve = |channel| {
                if let Ok(channel) = wrap(channel) {
                    connection::serve(shared, id, channel, style);
                }
            };
            match source {
                Source::Ready(channel) => serve(channel),
                Source::Listening(sockets) => {
                    while !shared.is_closed()
                        && let Ok(channel) = listener::next_client(&sockets)
                    {
                        serve(channel);
                    }
                }
                Source::Device(mut device) => {
                    while !shared.is_closed() {
                        if let Ok(channel) = device.channel() {
                            serve(channel);
                        }
                        shared.pause(device.pause());
                    }
                }
                Source::Calling(address, pause) => {
                    while !shared.is_closed() {
                        if let Ok(channel) = listener::call(&address) {
                            serve(channel);
                        }
                        shared.pause(pause.unwrap_or_default());
                    }
                }
            }
        })
    }

    /// Serves one client over a socket that is connected already.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn serve_socket(&self, socket: OwnedFd) -> io::Result<Monitor> {
        let channel = listener::channel(socket)?;
        self.spawn(Arc::default(), move |shared, id| {
            connection::serve(shared, id, channel, Style::Line);
        })
    }

    fn spawn(
        &self,
        local_addrs: Arc<[SocketAddr]>,
        run: impl FnOnce(&Arc<Shared>, MonitorId) + Send + 'static,
    ) -> io::Result<Monitor> {
        let id = MonitorId(self.shared.next_monitor.fetch_add(1, Ordering::Relaxed));
        let shared = Arc::clone(&self.shared);
        thread::Builder::new()
            .name(format!("monitor-{}", id.0))
            .spawn(move || {
                run(&shared, id);
                shared.end_monitor(id);
            })?;
        Ok(Monitor {
            id,
            local_addrs,
            shared: Arc::clone(&self.shared),
        })
    }

    /// Begins to answer requests, if that was held.
    pub fn release(&self) {
        self.shared.release();
    }

    /// Waits until a handler quits or the server is closed.
    pub fn wait(&self) {
        self.shared.wait_for_end();
    }

    /// Ends all sessions. Requests that are being answered get their answer first, if that takes no
    /// longer than `patience`.
    pub fn close(&self, patience: Duration) {
        self.shared.stop_answering(patience);
        self.shared.end_sessions();
    }
}
