//! Events as a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::super::{ClientError, RawEvent};
use super::shared::Handle;

/// The events of a connection, in their order; also a [`Stream`].
///
/// An `Err` is a [`Gap`](ClientError::Gap), after which there are more events, or why the connection
/// failed; when it was closed, the stream just ends.
#[derive(Debug)]
pub struct Events(pub(super) Arc<Handle>);

impl Events {
    /// The next event; `None` when there will be none.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<RawEvent, ClientError>> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// The next event that has come already.
    pub fn try_next(&mut self) -> Option<Result<RawEvent, ClientError>> {
        self.0.0.lock().events.pop()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RawEvent, ClientError>>> {
        let mut state = self.0.0.lock();
        if let Some(event) = state.events.pop() {
            return Poll::Ready(Some(event));
        }
        match &state.over {
            None => {
                state.listener = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(cause) if cause.is_closed() || !state.has_listener => Poll::Ready(None),
            Some(cause) => {
                let cause = cause.clone();
                // It is told once.
                state.has_listener = false;
                Poll::Ready(Some(Err(cause)))
            }
        }
    }
}

impl Stream for Events {
    type Item = Result<RawEvent, ClientError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.has_listener = false;
        while state.events.pop().is_some() {}
    }
}
