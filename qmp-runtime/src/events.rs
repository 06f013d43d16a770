//! Events: from any thread to every client that has negotiated.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::codec::{Json, encode};
use crate::command::{Event, EventInfo};
use crate::json::{Style, Writer};
use crate::policy::CompatPolicy;

/// Takes the lines that a client is to get.
pub(crate) trait Subscriber: Send + Sync {
    /// Queues an event if the client has negotiated; must not block.
    fn event(&self, line: &EventLine);
}

/// An event in both layouts.
pub(crate) struct EventLine {
    line: Vec<u8>,
    pretty: Vec<u8>,
}

impl EventLine {
    pub(crate) fn layout(&self, style: Style) -> &[u8] {
        match style {
            Style::Line => &self.line,
            Style::Pretty => &self.pretty,
        }
    }
}

/// Sends events to all clients; cheap to clone, usable from any thread.
#[derive(Debug, Clone, Default)]
pub struct EventSink {
    subscribers: Arc<Mutex<Vec<Weak<dyn Subscriber>>>>,
    policy: Arc<Mutex<CompatPolicy>>,
}

impl std::fmt::Debug for dyn Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscriber")
    }
}

impl EventSink {
    /// A sink without clients.
    pub fn new() -> Self {
        EventSink::default()
    }

    /// Sends an event, stamped with the time of now.
    ///
    /// Never blocks: a client that does not read is disconnected when its queue is full.
    pub fn emit<E: Event>(&self, event: &E) {
        self.send(&E::INFO, event);
    }

    /// Leaves out what a policy hides.
    pub(crate) fn set_policy(&self, policy: CompatPolicy) {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    fn send(&self, info: &EventInfo, data: &dyn Json) {
        let policy = *self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        if policy.hides_event(info.features) {
            return;
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let line = EventLine {
            line: layout(info, data, now, (Style::Line, policy)),
            pretty: layout(info, data, now, (Style::Pretty, policy)),
        };
        let mut subscribers = self
            .subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|subscriber| match subscriber.upgrade() {
            Some(subscriber) => {
                subscriber.event(&line);
                true
            }
            None => false,
        });
    }

    pub(crate) fn subscribe(&self, subscriber: Weak<dyn Subscriber>) {
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(subscriber);
    }
}

fn layout(
    info: &EventInfo,
    data: &dyn Json,
    now: Duration,
    (style, policy): (Style, CompatPolicy),
) -> Vec<u8> {
    let mut out = Writer::new(style);
    out.policy = policy;
    out.begin_object();
    out.key("timestamp");
    out.begin_object();
    out.key("seconds");
    out.u64(now.as_secs());
    out.key("microseconds");
    out.u64(now.subsec_micros().into());
    out.end_object();
    out.key("event");
    out.str(info.name);
    if info.has_data {
        out.key("data");
        encode(data, &mut out);
    }
    out.end_object();
    line(out)
}

/// Ends a message as QEMU does, in CR LF on a line of its own.
pub(crate) fn line(out: Writer) -> Vec<u8> {
    let mut bytes = out.into_bytes();
    if bytes.contains(&b'\n') {
        bytes = bytes
            .split(|&byte| byte == b'\n')
            .collect::<Vec<_>>()
            .join(&b"\r\n"[..]);
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}
