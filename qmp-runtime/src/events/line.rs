//! The text of an event.

use std::sync::OnceLock;
use std::time::Duration;

use crate::codec::{AnyJson, encode};
use crate::command::EventInfo;
use crate::json::{Item, Stream, Style, Writer};
use crate::policy::CompatPolicy;

/// An event as it goes to clients.
#[derive(Debug)]
pub(crate) struct EventLine {
    line: Vec<u8>,
    /// In the other layout, made for the first client that wants it.
    pretty: OnceLock<Vec<u8>>,
}

impl EventLine {
    /// The event with this data, which happened at `now` since the epoch.
    pub(crate) fn new(
        info: &EventInfo,
        data: &dyn AnyJson,
        now: Duration,
        policy: CompatPolicy,
    ) -> Self {
        let mut out = Writer::new(Style::Line);
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
        out.end_message();
        EventLine {
            line: out.into_bytes(),
            pretty: OnceLock::new(),
        }
    }

    pub(crate) fn layout(&self, style: Style) -> &[u8] {
        match style {
            Style::Line => &self.line,
            Style::Pretty => self.pretty.get_or_init(|| pretty(&self.line)),
        }
    }
}

fn pretty(line: &[u8]) -> Vec<u8> {
    let mut out = Writer::new(Style::Pretty);
    // It was written here, so it is one message.
    if let Some(Item::Message(document)) = Stream::new().next_item(&mut &*line) {
        out.node(&document, document.root());
    }
    out.end_message();
    out.into_bytes()
}
