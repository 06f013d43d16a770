//! Tests of the crate as its users see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]
#![allow(missing_docs, unreachable_pub, reason = "a test binary has no users")]

mod agent_server;
mod client;
mod descriptors;
mod introspection;
mod newer_peer;
#[cfg(feature = "tokio")]
mod on_tokio;
mod operations;
mod policy;
#[cfg(feature = "serde")]
mod serde;
mod served;
mod stream;
#[cfg(feature = "tls")]
mod tls;
mod toy;
mod transports;
mod wire;
