//! The calls that wait for an answer, and which answer is whose.

use std::collections::VecDeque;

/// Calls that wait for an answer, each with whoever waits for it.
///
/// In-band commands are answered in the order in which they were sent; so an answer tells, too, that
/// whatever was sent before it has been dealt with.
#[derive(Debug)]
pub(super) struct Calls<W> {
    in_band: VecDeque<Call<W>>,
    out_of_band: Vec<Call<W>>,
}

#[derive(Debug)]
pub(super) struct Call<W> {
    pub(super) id: u64,
    /// Only failure is answered.
    pub(super) silent: bool,
    /// Who waits; nobody once the call was given up.
    pub(super) waiter: Option<W>,
}

impl<W> Default for Calls<W> {
    fn default() -> Self {
        Calls {
            in_band: VecDeque::new(),
            out_of_band: Vec::new(),
        }
    }
}

impl<W> Calls<W> {
    /// Adds a call, whose id is larger than those before.
    pub(super) fn push(&mut self, call: Call<W>, oob: bool) {
        if oob {
            self.out_of_band.push(call);
        } else {
            self.in_band.push_back(call);
        }
    }

    /// Nobody waits for the answer any more; says whether somebody did.
    pub(super) fn give_up(&mut self, id: u64) -> bool {
        let call = match self.in_band.binary_search_by_key(&id, |call| call.id) {
            Ok(at) => self.in_band.get_mut(at),
            Err(_) => self.out_of_band.iter_mut().find(|call| call.id == id),
        };
        call.is_some_and(|call| call.waiter.take().is_some())
    }

    /// Takes the call with this id. The silent ones in front of it have succeeded, which `succeeded`
    /// gets to know; those that nobody waits for are done with.
    pub(super) fn answered(&mut self, id: u64, mut succeeded: impl FnMut(W)) -> Option<Call<W>> {
        if let Some(at) = self.out_of_band.iter().position(|call| call.id == id) {
            return Some(self.out_of_band.swap_remove(at));
        }
        let at = self
            .in_band
            .binary_search_by_key(&id, |call| call.id)
            .ok()?;
        let call = self.in_band.remove(at);
        let mut front = at;
        while front > 0 {
            front -= 1;
            if !self.in_band[front].silent && self.in_band[front].waiter.is_some() {
                continue;
            }
            let done = self.in_band.remove(front);
            if let Some(waiter) = done.and_then(|call| call.waiter) {
                succeeded(waiter);
            }
        }
        call
    }

    /// Takes the call that an answer without an id is for. Silent ones are passed by when it is a
    /// success.
    pub(super) fn next(&mut self, success: bool, mut succeeded: impl FnMut(W)) -> Option<Call<W>> {
        loop {
            let call = self.in_band.pop_front()?;
            if !(call.silent && success) {
                return Some(call);
            }
            if let Some(waiter) = call.waiter {
                succeeded(waiter);
            }
        }
    }

    /// Takes all of them.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Call<W>> + use<W> {
        let in_band = std::mem::take(&mut self.in_band);
        let out_of_band = std::mem::take(&mut self.out_of_band);
        in_band.into_iter().chain(out_of_band)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.in_band.len() + self.out_of_band.len()
    }
}
