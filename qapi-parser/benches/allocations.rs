//! How much memory is asked for to read and check a schema of QEMU's size: counts, not times.
#![allow(unsafe_code, reason = "an allocator that counts is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use qapi_parser::check_file;

const RELEASE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../shared/corpus/releases/10.0.2/qapi/qapi-schema.json"
);

static COUNT: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

struct Counting;

fn note(size: usize) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(size, Ordering::Relaxed);
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    if !Path::new(RELEASE).is_file() {
        println!("skipped: {RELEASE} is not there");
        return;
    }
    let mut best = f64::MAX;
    let (mut count, mut bytes) = (0, 0);
    for _ in 0..200 {
        let before = (COUNT.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
        let start = Instant::now();
        let outcome = check_file(RELEASE);
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
        count = COUNT.load(Ordering::Relaxed) - before.0;
        bytes = BYTES.load(Ordering::Relaxed) - before.1;
        drop(outcome);
    }
    println!("{count} allocations, {bytes} bytes, {best:.2} ms at best of 200");
}
