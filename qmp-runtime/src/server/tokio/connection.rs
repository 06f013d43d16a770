//! One client: reads requests, runs them, lets out-of-band ones overtake.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::net::RecvFlags;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use super::hub::Hub;
use super::mailbox::Mailbox;
use super::watch::{self, Watched};
use crate::context::{Context, MonitorId};
use crate::events::Subscriber;
use crate::fd::Channel;
use crate::json::{Item, Style, Writer};
use crate::session::{self, Begun, Incoming, LeftFds, Negotiated, Protocol, Received, Session};

/// How many bytes are read at once at first; most requests are smaller.
const READ_BYTES: usize = 2 << 10;
/// How many bytes are read at once by a session that has sent more than that at a time.
const READ_MANY_BYTES: usize = 32 << 10;

/// Serves a client until it goes, or the server is closed.
pub(super) async fn serve(hub: &Arc<Hub>, monitor: MonitorId, channel: Channel, style: Style) {
    let channel = Arc::new(channel);
    // A file cannot be watched, and is no conversation.
    let Ok((input, output)) = watch::channel(&channel) else {
        return;
    };
    let protocol = hub.dispatcher.catalog.protocol;
    let client = Arc::new(Client {
        hub: Arc::clone(hub),
        monitor,
        style,
        mailbox: Arc::new(Mailbox::new(channel, style)),
        fds: LeftFds::default(),
        state: Mutex::new(State::new(protocol)),
        queue_changed: Notify::new(),
    });
    let _end = End(Arc::clone(&client));
    hub.begin(monitor, &client.mailbox);
    let subscriber: Arc<dyn Subscriber> = Arc::<Mailbox>::clone(&client.mailbox);
    hub.events.subscribe(Arc::downgrade(&subscriber));
    let mailbox = Arc::clone(&client.mailbox);
    let sender = tokio::spawn(async move {
        if mailbox.send_rest(&output).await.is_err() {
            mailbox.close();
        }
    });
    if client.shake_hands(&input).await.is_ok() {
        if protocol == Protocol::Monitor {
            let greeting = session::greeting(&hub.version, style);
            client.mailbox.reply(&greeting, Vec::new()).await;
        }
        hub.wait_for_release().await;
        // It ends with the conversation, by whatever error.
        let _ = client.read(&input).await;
    }
    client.end();
    // The mailbox is closed.
    let _ = sender.await;
}

/// Ends the session of a task that is aborted.
struct End(Arc<Client>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Client {
    hub: Arc<Hub>,
    monitor: MonitorId,
    style: Style,
    mailbox: Arc<Mailbox>,
    fds: LeftFds,
    state: Mutex<State>,
    queue_changed: Notify,
}

#[derive(Debug)]
struct State {
    session: Session,
    closed: bool,
    /// A task works through the queue; it starts when out-of-band commands are enabled.
    has_worker: bool,
}

impl State {
    fn new(protocol: Protocol) -> Self {
        State {
            session: Session::new(protocol),
            closed: false,
            has_worker: false,
        }
    }
}

/// A request that was answered, and with what.
struct Answered {
    item: Item,
    out: Writer,
    negotiated: Negotiated,
    replies: bool,
    sends: Vec<OwnedFd>,
    quit: bool,
}

impl Answered {
    fn new(
        item: Item,
        out: Writer,
        negotiated: Negotiated,
        replies: bool,
        cx: Context<'_>,
    ) -> Self {
        Answered {
            item,
            out,
            negotiated,
            replies,
            sends: cx.sends,
            quit: cx.quit,
        }
    }
}

impl Client {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn shake_hands(&self, input: &AsyncFd<Watched>) -> io::Result<()> {
        loop {
            match self.mailbox.channel.shake_hands(RecvFlags::DONTWAIT) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    input.readable().await?.clear_ready();
                }
                result => return result,
            }
        }
    }

    async fn read(self: &Arc<Self>, input: &AsyncFd<Watched>) -> io::Result<()> {
        let channel = &self.mailbox.channel;
        let mut buffer = vec![0; READ_BYTES];
        let mut out = self.writer();
        // What cannot be read without blocking is read when there is something.
        let mut known_ready = channel.is_socket();
        while !self.mailbox.is_closed() {
            let mut received = Vec::new();
            if !known_ready {
                input.readable().await?.clear_ready();
            }
            match channel.receive(&mut buffer, &mut received, RecvFlags::DONTWAIT) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    known_ready = channel.is_socket();
                    self.lock().session.receive_fds(received);
                    out = self.receive(&buffer[..count], out).await;
                    if count == buffer.len() {
                        buffer.resize(READ_MANY_BYTES, 0);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => known_ready = false,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn receive(self: &Arc<Self>, mut input: &[u8], mut out: Writer) -> Writer {
        loop {
            let changed = self.queue_changed.notified();
            match self.next(&mut input) {
                Received::Nothing => return out,
                Received::Now(incoming) => out = self.answer(incoming, out).await,
                Received::Queued => self.queue_changed.notify_waiters(),
                Received::Full => changed.await,
            }
        }
    }

    /// What is to be done with the input; nothing once the session has ended.
    fn next(self: &Arc<Self>, input: &mut &[u8]) -> Received {
        let mut state = self.lock();
        if state.closed {
            return Received::Nothing;
        }
        let received = state.session.receive(input);
        if matches!(received, Received::Queued) && !state.has_worker {
            state.has_worker = true;
            let client = Arc::clone(self);
            tokio::spawn(async move { client.work().await });
        }
        received
    }

    /// Works through the queue until it is closed.
    async fn work(self: &Arc<Self>) {
        let mut out = self.writer();
        loop {
            let changed = self.queue_changed.notified();
            if self.lock().closed {
                return;
            }
            let next = self.next_in_band();
            match next {
                Some(incoming) => {
                    self.queue_changed.notify_waiters();
                    out = self.answer(incoming, out).await;
                }
                None => changed.await,
            }
        }
    }

    fn next_in_band(&self) -> Option<Incoming> {
        self.lock().session.next_in_band()
    }

    /// Drops what waits; the running command finishes, and nobody hears of it.
    fn end(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.session.clear();
        drop(state);
        self.queue_changed.notify_waiters();
        self.mailbox.close();
    }

    async fn answer(self: &Arc<Self>, incoming: Incoming, out: Writer) -> Writer {
        if !self.hub.begin_answer() {
            return out;
        }
        let before = self.lock().session.negotiated;
        let blocks = session::command_of(&incoming.item)
            .is_some_and(|name| self.hub.dispatcher.blocks(&name));
        let answered = if blocks {
            let client = Arc::clone(self);
            let run = move || client.run_blocking(incoming, out, before);
            tokio::task::spawn_blocking(run).await.ok()
        } else {
            Some(self.run(incoming, out, before).await)
        };
        let Some(answered) = answered else {
            // Tokio is shutting down.
            self.hub.end_answer(false);
            return self.writer();
        };
        if answered.negotiated != before {
            self.lock().session.negotiated = answered.negotiated;
            self.mailbox.subscribe();
        }
        if answered.replies {
            let bytes = answered.out.bytes();
            self.mailbox.reply(bytes, answered.sends).await;
        }
        self.hub.end_answer(answered.quit);
        if answered.quit {
            self.end();
            self.hub.end_sessions();
        }
        self.lock().session.recycle(answered.item);
        answered.out
    }

    fn writer(&self) -> Writer {
        let protocol = self.hub.dispatcher.catalog.protocol;
        protocol.writer(self.style)
    }

    fn context(&self, fds: Vec<OwnedFd>) -> Context<'_> {
        let (events, catalog) = (&self.hub.events, &self.hub.dispatcher.catalog);
        Context::new(events, catalog, self.monitor, self.fds.with(fds))
    }

    fn run_blocking(
        &self,
        incoming: Incoming,
        mut out: Writer,
        mut negotiated: Negotiated,
    ) -> Answered {
        let Incoming { item, fds } = incoming;
        let mut cx = self.context(fds);
        let dispatcher = &self.hub.dispatcher;
        let replies = session::answer(&item, &mut negotiated, dispatcher, &mut cx, &mut out);
        self.fds.leave(cx.left_fds());
        Answered::new(item, out, negotiated, replies, cx)
    }

    async fn run(
        &self,
        incoming: Incoming,
        mut out: Writer,
        mut negotiated: Negotiated,
    ) -> Answered {
        let Incoming { item, fds } = incoming;
        let mut cx = self.context(fds);
        let replies = match session::begin(&item, &mut negotiated, &mut out) {
            Begun::Answered => true,
            Begun::Call(document, request) => {
                cx.out_of_band = request.out_of_band;
                let call = request.call(document, &mut out);
                let dispatcher = &self.hub.dispatcher;
                let result = unpanicked(dispatcher.call_async(&request.command, &mut cx, call));
                let result = result.await;
                session::finish(document, &request, result, cx.delimits, &mut out)
            }
        };
        self.fds.leave(cx.left_fds());
        Answered::new(item, out, negotiated, replies, cx)
    }
}

/// A handler's panic costs its own command, not the client's task.
async fn unpanicked<T>(future: impl Future<Output = T>) -> std::thread::Result<T> {
    let mut future = pin!(future);
    std::future::poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => std::task::Poll::Ready(Err(panic)),
        },
    )
    .await
}
