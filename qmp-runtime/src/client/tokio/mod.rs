//! The client for programs on tokio: [`Client`] has the shape of the blocking one and can be cloned, and
//! events come from [`Events`].
//!
//! ```no_run
//! # use qmp_runtime::client::tokio::Client;
//! # use qmp_runtime::json::Map;
//! # async fn run() -> Result<(), qmp_runtime::client::ClientError> {
//! let (qmp, mut events) = Client::connect_unix("/tmp/vm.qmp").await?;
//! let watcher = tokio::spawn(async move {
//!     while let Some(event) = events.next().await {
//!         println!("{:?}", event);
//!     }
//! });
//! println!("{}", qmp.execute_value("query-status", &Map::new()).await?);
//! drop(qmp);
//! # watcher.abort();
//! # Ok(())
//! # }
//! ```

mod driver;
mod events;
mod ready;
mod shared;

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

pub use events::Events;

use super::blocking::SYNC_INTERVAL;
use super::link::Link;
use super::{Builder, CallId, ClientError, Endpoint, Greeting, Reply, Request};
use crate::command::{Command, OobCommand};
use crate::json::{Map, Value};
use shared::{Handle, Shared};

/// A client for programs on tokio; cheap to clone, all clones speak over one connection.
///
/// Dropping the future of a call gives the call up: the command may run all the same, its answer is
/// dropped, and the connection goes on. The connection ends when all clients and the [`Events`] are gone,
/// or with the runtime in which it was made.
#[derive(Debug, Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

impl Builder {
    /// Connects in a tokio runtime, and negotiates or gets into step.
    ///
    /// # Errors
    /// There is no server, it does not speak QMP, or it does not answer in time.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time enabled.
    pub async fn connect_tokio(self, endpoint: &Endpoint) -> Result<(Client, Events), ClientError> {
        let link = driver::open(endpoint, self.connect_timeout).await?;
        Client::begin(self, link, Some(endpoint.clone())).await
    }

    /// Takes a connected socket, a terminal or another descriptor that can be read, written and polled, and
    /// negotiates or gets into step. Such a connection cannot be made anew.
    ///
    /// # Errors
    /// As for [`connect_tokio`](Builder::connect_tokio).
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time enabled.
    pub async fn over_tokio(self, descriptor: OwnedFd) -> Result<(Client, Events), ClientError> {
        Client::begin(self, Link::new(descriptor)?, None).await
    }
}

impl Client {
    /// Connects to a unix socket and negotiates.
    ///
    /// # Errors
    /// There is no server, or it does not speak QMP.
    pub async fn connect_unix(path: impl AsRef<Path>) -> Result<(Client, Events), ClientError> {
        let endpoint = Endpoint::Unix(path.as_ref().into());
        Client::builder().connect_tokio(&endpoint).await
    }

    /// Connects to a TCP port, `HOST:PORT`, and negotiates.
    ///
    /// # Errors
    /// There is no server, or it does not speak QMP.
    pub async fn connect_tcp(address: &str) -> Result<(Client, Events), ClientError> {
        let endpoint = Endpoint::Tcp(address.into());
        Client::builder().connect_tokio(&endpoint).await
    }

    /// Says how the client is to behave; then it is connected with [`Builder::connect_tokio`].
    pub fn builder() -> Builder {
        Builder::default()
    }

    async fn begin(
        options: Builder,
        link: Link,
        endpoint: Option<Endpoint>,
    ) -> Result<(Client, Events), ClientError> {
        let timeout = options.connect_timeout;
        let late = options.late();
        let handle = Arc::new(Handle(Arc::new(Shared::new(options))));
        tokio::spawn(driver::run(handle.0.clone(), link, endpoint));
        let events = Events(handle.clone());
        let client = Client { handle };
        within(timeout, late, client.become_ready()).await?;
        Ok((client, events))
    }

    fn shared(&self) -> &Shared {
        &self.handle.0
    }

    /// What the server said when it was last connected to; empty for a guest agent, which does not greet.
    pub fn greeting(&self) -> Greeting {
        self.shared().lock().conversation.greeting().clone()
    }

    /// Whether commands can be run out of band.
    pub fn has_oob(&self) -> bool {
        self.shared().lock().conversation.has_oob()
    }

    /// Runs a command.
    ///
    /// Of a command whose success is not answered (`guest-shutdown`), the result is known when the server
    /// answers a later request, which the client sends by itself, or hangs up.
    ///
    /// # Errors
    /// The server refuses it, its reply is not that of the command, or the connection fails.
    pub async fn execute<C: Command>(&self, command: &C) -> Result<C::Return, ClientError> {
        self.call(Request::command(command)).await?.decode()
    }

    /// Runs a command out of band: beside and before those that run or wait.
    ///
    /// # Errors
    /// As for [`execute`](Client::execute); or the server does not offer this.
    pub async fn execute_oob<C: OobCommand>(&self, command: &C) -> Result<C::Return, ClientError> {
        self.call(Request::out_of_band(command)).await?.decode()
    }

    /// Runs a command with copies of descriptors riding along, as for `getfd` and `add-fd`.
    ///
    /// # Errors
    /// As for [`execute`](Client::execute); or the connection is no unix socket.
    pub async fn execute_with_fds<C: Command>(
        &self,
        command: &C,
        fds: &[impl AsFd],
    ) -> Result<C::Return, ClientError> {
        let request = Request::command(command).with_fds(fds)?;
        self.call(request).await?.decode()
    }

    /// Runs a command that the bindings need not know.
    ///
    /// # Errors
    /// The server refuses it, or the connection fails.
    pub async fn execute_value(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> Result<Value, ClientError> {
        self.call(Request::value(name, arguments)).await?.decode()
    }

    /// The descriptors that have come from the server, the oldest first; of more than 16 the last ones.
    pub fn take_fds(&self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.shared().lock().fds)
    }

    /// Runs any request.
    ///
    /// # Errors
    /// The server refuses it, or the connection fails.
    pub async fn call(&self, request: Request) -> Result<Reply, ClientError> {
        let timeout = self.shared().options.timeout;
        within(timeout, ClientError::TimedOut, self.call_in_turn(request)).await
    }

    async fn call_in_turn(&self, request: Request) -> Result<Reply, ClientError> {
        let options = &self.shared().options;
        if !options.agent {
            self.become_ready().await?;
            return self.call_now(request).await;
        }
        // A guest agent serves one after the other. Out here, a call that is given up takes none with it.
        let _turn = self.shared().turn.lock().await;
        within(options.connect_timeout, options.late(), self.become_ready()).await?;
        self.call_now(request).await
    }

    async fn call_now(&self, request: Request) -> Result<Reply, ClientError> {
        let (sender, receiver) = oneshot::channel();
        let call = self.shared().submit(request, sender)?;
        let _given_up = GiveUp {
            shared: self.shared(),
            call,
        };
        // Without an answer, the runtime of the connection is gone.
        receiver.await.unwrap_or(Err(ClientError::Closed))
    }

    /// Waits until commands can be sent; gets a guest agent into step.
    async fn become_ready(&self) -> Result<(), ClientError> {
        loop {
            let mut changed = pin!(self.shared().changed.notified());
            changed.as_mut().enable();
            if self.shared().is_ready()? {
                return Ok(());
            }
            if self.shared().options.agent {
                self.shared().start_anew();
                // Not answered in time, it is asked again.
                let _ = tokio::time::timeout(SYNC_INTERVAL, changed).await;
            } else {
                changed.await;
            }
        }
    }
}

/// Gives a call up that has been answered or whose future is dropped; the former does no harm.
struct GiveUp<'s> {
    shared: &'s Shared,
    call: CallId,
}

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.shared.lock().conversation.give_up(self.call);
    }
}

async fn within<T>(
    timeout: Option<Duration>,
    late: ClientError,
    future: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    match timeout {
        None => future.await,
        Some(timeout) => tokio::time::timeout(timeout, future)
            .await
            .unwrap_or(Err(late)),
    }
}
