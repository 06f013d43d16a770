//! Reads ahead: definitions are looked at on a second thread while the first one reads on.
//!
//! Tokens and the expression tree concern the text alone; definitions and their comments follow at a distance and
//! never tell the reading anything but that it is no use to go on. The reading stays on the thread of the caller:
//! loaders need not be able to leave it, and the files are asked for in the same order as ever. What crosses is
//! pieces, each of them owned; they come out in the order in which they went in, so nothing that is found
//! depends on how fast the two are.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{Builder, Scope, ScopedJoinHandle, available_parallelism};
use std::time::Duration;

use crate::dialect::Dialect;
use crate::expr::Arena;
use crate::include::{Batch, Parsed};

use super::pragmas::Pragmas;
use super::{Definitions, Read};

/// So much text is worth to wake a thread for.
const SHARE: usize = 32 << 10;

/// To start one takes longer: it is worth it if the first share comes from so many parts of files, as more will
/// follow, or has become four of them.
const PARTS: usize = 6;

/// How much text goes to a second thread at a time; none where it would only take turns with the first.
pub(super) fn share() -> Option<usize> {
    // The answer is in files below /proc: too slow to ask each time.
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    let count = || available_parallelism().map_or(1, usize::from);
    (*PROCESSORS.get_or_init(count) > 1).then_some(SHARE)
}

/// So long the other thread may take to start when it is waited for.
const PATIENCE: Duration = Duration::from_micros(100);

/// Passes pieces on to whoever looks at the definitions.
pub(super) struct Ahead<'scope, 'env, 't> {
    scope: &'scope Scope<'scope, 'env>,
    dialect: Dialect,
    share: usize,
    /// What has not been passed on, and how much text it is.
    waiting: Vec<Batch<'t>>,
    size: usize,
    follower: Follower<'scope, 't>,
}

/// Who looks at the definitions. They are in its arena, as two threads cannot use one.
enum Follower<'scope, 't> {
    /// This thread, as they come.
    Here(Box<Definitions<'t>>),
    /// Another thread once there is a share, this one if all is read before.
    Undecided(&'t mut Arena),
    /// Another thread that has been started.
    Called(Beside<'scope, 't>, Call<'t>),
    /// Another thread at work.
    Beside(Beside<'scope, 't>),
    /// Nobody any more, as there will be no result.
    Nobody,
}

/// The other thread.
struct Beside<'scope, 't> {
    sender: Sender<Message<'t>>,
    handle: Option<ScopedJoinHandle<'scope, Option<Read>>>,
}

/// What the other thread gets.
enum Message<'t> {
    Share(Vec<Batch<'t>>, Arc<Pragmas>),
    /// All has been read.
    End(Parsed),
}

/// A call to do the work: whoever takes it, this thread or the other, does it.
struct Call<'t> {
    work: Arc<Mutex<Option<Work<'t>>>>,
    /// Hears of it when the other one has taken it.
    taken: Receiver<()>,
}

type Work<'t> = (&'t mut Arena, Receiver<Message<'t>>);

fn take<T>(work: &Mutex<Option<T>>) -> Option<T> {
    work.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl<'scope, 'env, 't: 'scope> Ahead<'scope, 'env, 't> {
    /// With a share, a second thread gets so much text at a time.
    pub(super) fn new(
        scope: &'scope Scope<'scope, 'env>,
        arena: &'t mut Arena,
        dialect: Dialect,
        share: Option<usize>,
    ) -> Ahead<'scope, 'env, 't> {
        let follower = match share {
            Some(_) => Follower::Undecided(arena),
            None => Follower::Here(Box::new(Definitions::in_advance(arena, dialect))),
        };
        Ahead {
            scope,
            dialect,
            share: share.unwrap_or(0),
            waiting: Vec::new(),
            size: 0,
            follower,
        }
    }

    /// Takes the next pieces. Breaks when it is known that [`Ahead::finish`] will be without result.
    pub(super) fn take(&mut self, batch: Batch<'t>, pragmas: &Arc<Pragmas>) -> ControlFlow<()> {
        self.size += batch.size;
        self.waiting.push(batch);
        if !self.is_enough() {
            return ControlFlow::Continue(());
        }
        self.size = 0;
        let batches = std::mem::take(&mut self.waiting);
        self.follower = match std::mem::replace(&mut self.follower, Follower::Nobody) {
            Follower::Undecided(arena) => self.call(arena),
            Follower::Called(beside, call) => self.wait(beside, &call),
            follower => follower,
        };
        let goes_on = match &mut self.follower {
            Follower::Here(definitions) => definitions.take_all(batches, pragmas),
            Follower::Called(beside, _) | Follower::Beside(beside) => {
                let message = Message::Share(batches, Arc::clone(pragmas));
                beside.sender.send(message).is_ok()
            }
            Follower::Undecided(_) | Follower::Nobody => false,
        };
        match goes_on {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }

    /// Whether what waits is to be passed on.
    fn is_enough(&self) -> bool {
        let shares = match self.follower {
            Follower::Undecided(_) if self.waiting.len() < PARTS => 4,
            _ => 1,
        };
        self.size >= self.share.saturating_mul(shares)
    }

    /// Starts the other thread.
    fn call(&self, arena: &'t mut Arena) -> Follower<'scope, 't> {
        let (sender, messages) = channel();
        let (taking, taken) = channel();
        let work = Arc::new(Mutex::new(Some((arena, messages))));
        let (open, dialect) = (Arc::clone(&work), self.dialect);
        let follow = move || {
            let (arena, messages) = take(&open)?;
            // Nobody may wait any more.
            let _ = taking.send(());
            follow(Definitions::in_advance(arena, dialect), messages)
        };
        let thread = Builder::new().name("qapi definitions".to_owned());
        let handle = thread.spawn_scoped(self.scope, follow).ok();
        Follower::Called(Beside { sender, handle }, Call { work, taken })
    }

    /// Waits for the other thread, or does what it should have done if it does not come.
    ///
    /// Systems put a new thread behind the one that started it now and then, with an idle processor at hand. There
    /// it would stay until all is read: to wait is what lets it start, and this thread wakes up on the other processor.
    fn wait(&self, beside: Beside<'scope, 't>, call: &Call<'t>) -> Follower<'scope, 't> {
        let comes = call.taken.recv_timeout(PATIENCE).is_ok();
        let work = if comes { None } else { take(&call.work) };
        let Some((arena, messages)) = work else {
            return Follower::Beside(beside);
        };
        let mut definitions = Box::new(Definitions::in_advance(arena, self.dialect));
        for message in messages.try_iter() {
            if let Message::Share(batches, pragmas) = message
                && !definitions.take_all(batches, &pragmas)
            {
                return Follower::Nobody;
            }
        }
        Follower::Here(definitions)
    }

    /// What comes of all pieces; none if an old form was among them.
    pub(super) fn finish(self, parsed: Parsed) -> Option<Read> {
        let mut definitions = match self.follower {
            Follower::Here(definitions) => definitions,
            Follower::Undecided(arena) => Box::new(Definitions::in_advance(arena, self.dialect)),
            Follower::Called(beside, call) => {
                beside.end(self.waiting, parsed);
                return match take(&call.work) {
                    Some((arena, messages)) => {
                        follow(Definitions::in_advance(arena, self.dialect), messages)
                    }
                    None => beside.join(),
                };
            }
            Follower::Beside(beside) => {
                beside.end(self.waiting, parsed);
                return beside.join();
            }
            Follower::Nobody => return None,
        };
        let new = definitions.take_all(self.waiting, &parsed.pragmas);
        new.then(|| definitions.finish(parsed))
    }
}

impl<'t> Beside<'_, 't> {
    /// Sends the last pieces. Nobody receives them when an old form has been found.
    fn end(&self, batches: Vec<Batch<'t>>, parsed: Parsed) {
        let pragmas = Arc::clone(&parsed.pragmas);
        let _ = self.sender.send(Message::Share(batches, pragmas));
        let _ = self.sender.send(Message::End(parsed));
    }

    /// The result; a panic goes on in this thread.
    fn join(self) -> Option<Read> {
        let result = self.handle?.join();
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// Does what the messages say. Without an end, the reading was given up.
fn follow<'t>(mut definitions: Definitions<'t>, messages: Receiver<Message<'t>>) -> Option<Read> {
    for message in messages {
        match message {
            Message::Share(batches, pragmas) => {
                if !definitions.take_all(batches, &pragmas) {
                    return None;
                }
            }
            Message::End(parsed) => return Some(definitions.finish(parsed)),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::text::Whole;

    fn starts(parts: usize, size: usize) -> bool {
        let file = Whole::default();
        let mut arena = Arena::default();
        std::thread::scope(|scope| {
            let share = Some(SHARE);
            let mut ahead = Ahead::new(scope, &mut arena, Dialect::Any, share);
            let pragmas = Arc::default();
            for _ in 0..parts {
                let batch = Batch {
                    pieces: Vec::new(),
                    lines: Vec::new(),
                    file: &file,
                    size,
                };
                assert!(ahead.take(batch, &pragmas).is_continue());
            }
            let started = !matches!(ahead.follower, Follower::Undecided(_));
            assert!(ahead.finish(Parsed::default()).is_some());
            started
        })
    }

    #[test]
    fn a_small_schema_starts_no_thread() {
        assert!(!starts(0, 0));
        assert!(!starts(100, 100), "many small files");
        assert!(!starts(2, SHARE), "one file of some size");
        assert!(starts(4, SHARE), "one large file");
        assert!(starts(10, SHARE / 8), "several files");
    }

    #[test]
    fn a_reading_that_is_given_up_ends_the_thread() {
        let file = Whole::default();
        let mut arena = Arena::default();
        std::thread::scope(|scope| {
            let mut ahead = Ahead::new(scope, &mut arena, Dialect::Any, Some(0));
            let batch = Batch {
                pieces: Vec::new(),
                lines: Vec::new(),
                file: &file,
                size: 1,
            };
            assert!(ahead.take(batch, &Arc::default()).is_continue());
            assert!(!matches!(ahead.follower, Follower::Undecided(_)));
        });
    }
}
