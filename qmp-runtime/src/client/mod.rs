//! The client: typed commands in, typed results and events out.
//!
//! [`Client`] blocks; with the feature `tokio` there is one that does not, of the same shape. Both are
//! I/O around a [`Conversation`].

mod blocking;
mod calls;
mod conversation;
mod endpoint;
mod error;
mod link;
mod message;
mod options;
mod outgoing;
mod queue;
mod request;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use blocking::{Client, Pending};
pub use conversation::{CallId, Conversation, Incoming};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::{ClientError, Gap};
pub use message::{Greeting, RawEvent, Reply};
pub use options::{Builder, Reconnect};
pub use request::Request;
