//! Tests of the crate as its users see it.
#![allow(missing_docs, unreachable_pub, reason = "a test binary has no users")]

mod introspection;
mod served;
mod stream;
mod toy;
mod transcripts;
mod wire;
