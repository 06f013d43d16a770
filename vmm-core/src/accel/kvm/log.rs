//! The pages that the guest has written to, for several who want to know.
//!
//! KVM has one log, and forgets what it has told. So that nobody takes from another, what it tells goes into a log of
//! each.

use std::collections::BTreeMap;

/// Who wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogUser {
    /// The measurement of the dirty rate.
    Rate,
    /// The user, for all of the machine.
    Global,
}

/// A bit for each page.
pub(super) type Bitmap = Vec<u64>;

/// Each user's pages, by the address of the memory that they are in.
#[derive(Debug, Default)]
pub(crate) struct Log(BTreeMap<LogUser, BTreeMap<u64, Bitmap>>);

impl Log {
    /// Whether anybody wants to know.
    pub(super) fn is_on(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn serves(&self, user: LogUser) -> bool {
        self.0.contains_key(&user)
    }

    /// Somebody wants to know from now on, or no longer; who does already keeps what there is.
    pub(super) fn set(&mut self, user: LogUser, on: bool) {
        match on {
            true => drop(self.0.entry(user).or_default()),
            false => drop(self.0.remove(&user)),
        }
    }

    /// These pages of the memory at `start` were written to.
    pub(super) fn add(&mut self, start: u64, written: &Bitmap) {
        for log in self.0.values_mut() {
            let known = log.entry(start).or_default();
            known.resize(known.len().max(written.len()), 0);
            for (known, new) in known.iter_mut().zip(written) {
                *known |= new;
            }
        }
    }

    /// How many pages there are for a user, who has heard of them now.
    pub(super) fn take(&mut self, user: LogUser) -> u64 {
        let Some(log) = self.0.get_mut(&user) else {
            return 0;
        };
        let words = std::mem::take(log).into_values().flatten();
        words.map(|word| u64::from(word.count_ones())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_hears_of_every_page_once() {
        let mut log = Log::default();
        log.add(0, &vec![1]); // nobody wants to know
        log.set(LogUser::Global, true);
        log.add(0, &vec![0b11]);
        log.set(LogUser::Rate, true);
        log.set(LogUser::Global, true); // already
        log.add(0, &vec![0b110, 1]);
        log.add(1 << 32, &vec![1]);
        assert_eq!(log.take(LogUser::Rate), 4);
        assert_eq!(log.take(LogUser::Rate), 0);
        assert_eq!(log.take(LogUser::Global), 5);
        log.add(0, &vec![1]);
        log.set(LogUser::Rate, false);
        assert!(log.is_on() && !log.serves(LogUser::Rate));
        assert_eq!(
            [LogUser::Rate, LogUser::Global].map(|user| log.take(user)),
            [0, 1]
        );
        log.set(LogUser::Global, false);
        assert!(!log.is_on());
    }
}
