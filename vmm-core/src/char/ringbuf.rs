//! The last bytes of output, in memory, for someone to fetch.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::{Backend, CharError};
use crate::sync::lock;

/// A buffer of fixed size that forgets its oldest bytes; clones share it.
#[derive(Debug, Clone)]
pub struct RingBuf {
    shared: Arc<Shared>,
    size: usize,
    kind: &'static str,
}

#[derive(Debug, Default)]
struct Shared {
    bytes: Mutex<VecDeque<u8>>,
    grown: Condvar,
}

impl RingBuf {
    /// The largest size, in bytes.
    pub const MAX_SIZE: usize = 1 << 30;

    /// An empty buffer for `size` bytes.
    ///
    /// # Errors
    /// The size is no power of two or above [`MAX_SIZE`](Self::MAX_SIZE).
    pub fn new(size: usize) -> Result<Self, CharError> {
        if !size.is_power_of_two() || size > Self::MAX_SIZE {
            return Err(CharError::RingSize);
        }
        Ok(Self {
            shared: Arc::default(),
            size,
            kind: "ringbuf",
        })
    }

    /// The same under its old name.
    #[must_use]
    pub(super) fn into_memory(self) -> Self {
        Self {
            kind: "memory",
            ..self
        }
    }

    /// Takes up to `max` of the oldest bytes out.
    pub fn read(&self, max: usize) -> Vec<u8> {
        let mut bytes = lock(&self.shared.bytes);
        let count = max.min(bytes.len());
        bytes.drain(..count).collect()
    }

    /// Puts `data` in; the oldest bytes make room.
    pub fn push(&self, data: &[u8]) {
        let mut bytes = lock(&self.shared.bytes);
        let kept = &data[data.len().saturating_sub(self.size)..];
        let excess = (bytes.len() + kept.len()).saturating_sub(self.size);
        bytes.drain(..excess);
        bytes.extend(kept);
        self.shared.grown.notify_all();
    }

    /// Waits until the buffer holds `text`, without taking anything out; for
    /// those who drive a guest by its console. False when `limit` has passed.
    #[must_use]
    pub fn wait_for(&self, text: &[u8], limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut bytes = lock(&self.shared.bytes);
        loop {
            if text.is_empty()
                || bytes
                    .make_contiguous()
                    .windows(text.len())
                    .any(|w| w == text)
            {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            bytes = match self.shared.grown.wait_timeout(bytes, left) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// How many bytes wait to be read.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.shared.bytes).len()
    }

    /// Whether nothing waits to be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes fit.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Backend for RingBuf {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.push(bytes);
        Ok(())
    }

    fn ring(&self) -> Option<RingBuf> {
        Some(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_forgets_the_oldest() {
        let ring = RingBuf::new(8).unwrap();
        ring.push(b"abcdef");
        ring.push(b"ghij");
        assert_eq!(ring.read(3), b"cde");
        ring.push(b"0123456789");
        assert_eq!(ring.len(), 8);
        assert_eq!(ring.read(100), b"23456789");
        assert!(ring.is_empty());
    }

    #[test]
    fn size_must_be_a_power_of_two() {
        for size in [0, 3, 100, RingBuf::MAX_SIZE * 2] {
            assert!(RingBuf::new(size).is_err(), "{size}");
        }
        assert!(RingBuf::new(1).is_ok());
    }

    #[test]
    fn waiting_ends_when_the_text_is_there() {
        let ring = RingBuf::new(64).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| ring.wait_for(b"ready", Duration::from_secs(10)));
            ring.push(b"not yet, rea");
            ring.push(b"dy");
            assert!(waiter.join().unwrap());
        });
        assert!(!ring.wait_for(b"never", Duration::ZERO));
    }
}
