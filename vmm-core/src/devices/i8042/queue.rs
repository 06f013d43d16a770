//! What a PS/2 device has to say to the controller.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Bytes that a device keeps; input beyond them is lost.
pub(super) const CAPACITY: usize = 16;

/// Input of the user in order, behind answers to commands.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Queue {
    replies: VecDeque<u8>,
    input: VecDeque<u8>,
}

impl Queue {
    /// Whether `count` more bytes fit.
    pub(super) fn has_room(&self, count: usize) -> bool {
        self.replies.len() + self.input.len() + count <= CAPACITY
    }

    /// Whether a queue can have got there.
    pub(super) fn is_sane(&self) -> bool {
        self.replies.len() <= CAPACITY && self.input.len() <= CAPACITY
    }

    /// Adds input, if all of it fits.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.has_room(bytes.len()) {
            self.input.extend(bytes);
        }
    }

    /// Answers a command; what is left of an earlier answer is dropped.
    pub(super) fn reply(&mut self, bytes: &[u8]) {
        self.replies = bytes.iter().copied().collect();
    }

    pub(super) fn pop(&mut self) -> Option<u8> {
        self.replies.pop_front().or_else(|| self.input.pop_front())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.input.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_that_does_not_fit_is_lost_whole() {
        let mut queue = Queue::default();
        (0..15).for_each(|byte| queue.push(&[byte]));
        queue.push(&[0xe0, 0x48]);
        queue.push(&[99]);
        queue.push(&[100]);
        let bytes: Vec<u8> = std::iter::from_fn(|| queue.pop()).collect();
        let expected: Vec<u8> = (0..15).chain([99]).collect();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn answers_come_before_input() {
        let mut queue = Queue::default();
        queue.push(&[1]);
        queue.reply(&[0xfa, 0xaa]);
        assert_eq!(queue.pop(), Some(0xfa));
        queue.reply(&[0xfe]);
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop()],
            [Some(0xfe), Some(1), None]
        );
    }
}
