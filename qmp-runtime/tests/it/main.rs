//! Tests of the crate as its users see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]
#![allow(missing_docs, unreachable_pub, reason = "a test binary has no users")]

mod client;
mod introspection;
mod newer_peer;
mod policy;
#[cfg(feature = "serde")]
mod serde;
mod served;
mod stream;
mod toy;
mod transcripts;
mod wire;
