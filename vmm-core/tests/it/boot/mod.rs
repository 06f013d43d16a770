//! Kernels of all formats: in memory, and started.

mod guests;
mod images;
mod linux;
mod unpack;
