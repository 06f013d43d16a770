//! How a client is to behave, and the ways to a connection.

use std::os::fd::OwnedFd;
use std::time::Duration;

use super::{Client, ClientError, Endpoint};
use crate::json::MAX_TOKEN_BYTES;

/// How long a server may take to greet, or a guest agent to get into step.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// What events that nobody takes may take, in bytes of memory.
const MAX_EVENTS: usize = 16 << 20;

/// When and how often to connect anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconnect {
    /// How long to wait after a first attempt in vain; doubled each time.
    pub first_delay: Duration,
    /// How long to wait at most.
    pub max_delay: Duration,
    /// How many attempts in turn; without end for `None`.
    pub attempts: Option<u32>,
}

impl Default for Reconnect {
    /// Without end, from 10 ms to 1 s apart.
    fn default() -> Self {
        Reconnect {
            first_delay: Duration::from_millis(10),
            max_delay: Duration::from_secs(1),
            attempts: None,
        }
    }
}

impl Reconnect {
    /// How long to wait after an attempt in vain, the first being 0; `None` to give up.
    pub(super) fn delay(&self, attempt: u32) -> Option<Duration> {
        if self
            .attempts
            .is_some_and(|attempts| attempt + 1 >= attempts)
        {
            return None;
        }
        let delay = self.first_delay.saturating_mul(1 << attempt.min(20));
        Some(delay.min(self.max_delay))
    }
}

/// How a client is to behave; then one of the ways to a connection.
///
/// ```no_run
/// # use std::time::Duration;
/// # use qmp_runtime::client::{Client, Reconnect};
/// let mut agent = Client::builder()
///     .agent()
///     .timeout(Duration::from_secs(5))
///     .reconnect(Reconnect::default())
///     .connect(&"unix:/run/vm.qga".parse()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    pub(super) agent: bool,
    pub(super) oob: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) reconnect: Option<Reconnect>,
    pub(super) max_message: usize,
    pub(super) max_events: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            agent: false,
            oob: true,
            timeout: None,
            connect_timeout: Some(CONNECT_TIMEOUT),
            reconnect: None,
            max_message: MAX_TOKEN_BYTES,
            max_events: MAX_EVENTS,
        }
    }
}

impl Builder {
    /// What it is called when the other side is not ready in time.
    pub(super) fn late(&self) -> ClientError {
        if self.agent {
            ClientError::NoAgent
        } else {
            ClientError::NoGreeting
        }
    }

    /// The other side is a guest agent: it does not greet, and the channel to it may hold what others
    /// have left. The client brings it into step with `guest-sync-delimited`, at first and after each
    /// call that was given up.
    pub fn agent(mut self) -> Self {
        self.agent = true;
        self
    }

    /// Whether to enable out-of-band commands where the server offers them; yes if not said otherwise.
    pub fn oob(mut self, enable: bool) -> Self {
        self.oob = enable;
        self
    }

    /// How long to wait for an answer; without end if not said.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// How long a connection may take to be made, the greeting or the agent's answer included; 30 s if
    /// not said, `None` for without end.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = timeout.into();
        self
    }

    /// Connects anew when the connection is lost. Calls that were waiting fail, for they may have run;
    /// later ones wait for the new connection. In the sequence of events stands
    /// [`Gap::Reconnected`](super::Gap).
    pub fn reconnect(mut self, policy: Reconnect) -> Self {
        self.reconnect = Some(policy);
        self
    }

    /// How many bytes a message from the server may have; 64 MiB if not said, which is also the most.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes.min(MAX_TOKEN_BYTES);
        self
    }

    /// About how many bytes of memory events may take that nobody takes out; 16 MiB if not said. Beyond
    /// that the oldest are dropped, and [`Gap::Overflow`](super::Gap) stands in their place.
    pub fn max_events(mut self, bytes: usize) -> Self {
        self.max_events = bytes;
        self
    }

    /// Connects, and negotiates or gets into step.
    ///
    /// # Errors
    /// There is no server, it does not speak QMP, or it does not answer in time.
    pub fn connect(self, endpoint: &Endpoint) -> Result<Client, ClientError> {
        Client::make(self, endpoint)
    }

    /// Takes a connected socket, a terminal or another descriptor that can be read and written, and
    /// negotiates or gets into step. Such a connection cannot be made anew.
    ///
    /// # Errors
    /// As for [`connect`](Builder::connect).
    pub fn over(self, descriptor: OwnedFd) -> Result<Client, ClientError> {
        Client::over_descriptor(self, descriptor)
    }
}
