//! Tests of the bindings.

mod examples;
mod real_qemu;
