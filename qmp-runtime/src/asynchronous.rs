//! Handlers with `async` methods.
//!
//! No executor comes along: the thread that reads a monitor waits for the future of its command, as
//! commands in band run in turn anyway. Commands of different monitors run beside each other, as do those
//! that may run out of band. A future of an executor's own, such as what `tokio::spawn` returns, can be
//! awaited in a handler.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::codec::encode;
use crate::command::{Call, Command, CommandInfo};
use crate::context::Context;
use crate::error::QmpError;

/// The future of a command that runs.
pub type Running<'f> = Pin<Box<dyn Future<Output = Result<(), QmpError>> + Send + 'f>>;

/// One command that a handler of type `H` implements with an `async` method.
pub struct AsyncEntry<H> {
    pub(crate) info: CommandInfo,
    pub(crate) call: for<'f, 'c> fn(&'f H, &'f mut Context<'c>, Call<'f>) -> Running<'f>,
}

impl<H> AsyncEntry<H> {
    /// The entry of the command `C`; `call` is expected to end in [`Call::run_async`].
    pub const fn new<C: Command>(
        call: for<'f, 'c> fn(&'f H, &'f mut Context<'c>, Call<'f>) -> Running<'f>,
    ) -> Self {
        AsyncEntry {
            info: C::INFO,
            call,
        }
    }
}

impl<H> fmt::Debug for AsyncEntry<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncEntry")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl<'c> Call<'c> {
    /// Decodes the arguments, runs the handler, encodes what it returns. The future fails if the arguments
    /// are not those of `C`, or the handler fails.
    pub fn run_async<C: Command, F>(mut self, handler: impl FnOnce(C) -> F) -> Running<'c>
    where
        F: Future<Output = Result<C::Return, QmpError>> + Send + 'c,
    {
        let mut arguments = C::blank();
        if let Err(error) = self.decode(&mut arguments) {
            return Box::pin(std::future::ready(Err(error)));
        }
        let result = handler(arguments);
        let out = self.into_out();
        Box::pin(async move {
            encode(&result.await?, out);
            Ok(())
        })
    }
}

/// Runs a future to its end on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = std::task::Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(value) => return value,
            // It may wake up for no reason, and then asks once more.
            Poll::Pending => thread::park(),
        }
    }
}
