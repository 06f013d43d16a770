//! Any order of what can happen to a session: chunks of input, out-of-band requests, events, a worker that is
//! slow, a client that reads little or nothing. No request is lost or answered twice, in-band ones are
//! answered in their order, and what waits is bounded.
use qmp_runtime::__private::Solo;
use qmp_runtime::{
    Command, CommandInfo, Entry, Event, EventInfo, EventSink, OobEntry, Router, record,
};

/// What an event or a reply is at most, and the most that may wait besides.
const BOUND: usize = (4 << 20) + (256 << 10) + 3 * (128 << 10);

/// What happens next.
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
#[derive(Debug, Clone)]
pub enum Operation {
    /// A request, cut into pieces of so many bytes.
    InBand {
        /// How long its argument is.
        size: u16,
        /// How many bytes come at once.
        pieces: u8,
    },
    OutOfBand {
        pieces: u8,
    },
    /// A request that is none.
    Broken {
        pieces: u8,
    },
    /// The worker takes a request.
    Work,
    /// So many events of so many bytes.
    Events {
        count: u8,
        size: u16,
    },
    /// The client reads so many bytes.
    Read {
        count: u32,
    },
}

struct Echo {
    text: String,
}
record!(Echo, [("text", text)]);

impl Command for Echo {
    type Return = String;
    const INFO: CommandInfo = CommandInfo::new("echo");
}

struct Yank {}
record!(Yank, []);

impl Command for Yank {
    type Return = ();
    const INFO: CommandInfo = CommandInfo::new("yank").allow_oob();
}

struct Told {
    text: String,
}
record!(Told, [("text", text)]);

impl Event for Told {
    const INFO: EventInfo = EventInfo::new("TOLD").data();
}

static COMMANDS: [Entry<()>; 1] = [Entry::new::<Echo>(|(), _, call| {
    call.run(|echo: Echo| Ok(echo.text))
})];
static OOB: [OobEntry<()>; 1] = [OobEntry::new::<Yank>(|(), _, call| {
    call.run(|_: Yank| Ok(()))
})];

struct Client {
    solo: Solo,
    /// How many requests of each kind were sent, and answered.
    sent: [u64; 3],
    answered: [u64; 3],
    rest: Vec<u8>,
}

impl Client {
    fn send(&mut self, kind: usize, request: &str, pieces: u8) {
        self.sent[kind] += 1;
        for piece in request.as_bytes().chunks(usize::from(pieces).max(1)) {
            self.solo.receive(piece);
        }
        self.check();
    }

    fn read(&mut self, count: usize) {
        let bytes = self.solo.take(count);
        self.rest.extend_from_slice(&bytes);
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            assert!(line.ends_with(b"}\r\n"));
            let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
            if line.get("event").is_some() || line.get("QMP").is_some() {
                continue;
            }
            let kind = match line["id"].as_str() {
                Some(id) if id.starts_with('i') => 0,
                Some(id) if id.starts_with('o') => 1,
                _ => 2,
            };
            if kind < 2 {
                assert!(line.get("return").is_some(), "{line}");
                let number: u64 = line["id"].as_str().unwrap()[1..].parse().unwrap();
                assert_eq!(number, self.answered[kind], "out of order");
            }
            self.answered[kind] += 1;
        }
        self.check();
    }

    fn check(&self) {
        assert!(self.solo.backlog() <= BOUND, "{}", self.solo.backlog());
    }
}

/// Has all of this happen to a session.
pub fn run(operations: Vec<Operation>) {
    let router = Router::new()
        .mount((), &[&COMMANDS])
        .unwrap()
        .mount_oob(std::sync::Arc::new(()), &[&OOB])
        .unwrap();
    let mut solo = Solo::new(router, EventSink::new(), false);
    solo.receive(b"{'execute':'qmp_capabilities','arguments':{'enable':['oob']},'id':'n'}");
    let mut client = Client {
        solo,
        sent: [0, 0, 1],
        answered: [0; 3],
        rest: Vec::new(),
    };
    for operation in operations.into_iter().take(256) {
        match operation {
            Operation::InBand { size, pieces } => {
                let text = "x".repeat(size.into());
                let id = client.sent[0];
                let request =
                    format!("{{'execute':'echo','arguments':{{'text':'{text}'}},'id':'i{id}'}}");
                client.send(0, &request, pieces);
            }
            Operation::OutOfBand { pieces } => {
                let request = format!("{{'exec-oob':'yank','id':'o{}'}}", client.sent[1]);
                client.send(1, &request, pieces);
            }
            Operation::Broken { pieces } => client.send(2, "{]", pieces),
            Operation::Work => drop(client.solo.work()),
            Operation::Events { count, size } => {
                let told = Told {
                    text: "e".repeat(size.into()),
                };
                for _ in 0..count % 32 {
                    client.solo.events().emit(&told);
                    client.check();
                }
            }
            Operation::Read { count } => client.read(count as usize),
        }
    }
    // Once it reads and the worker works, every request gets its answer, unless it has read too little.
    loop {
        client.read(usize::MAX);
        if !client.solo.work() && client.solo.backlog() == 0 {
            break;
        }
    }
    if !client.solo.is_over() {
        assert_eq!(client.answered, client.sent);
    }
}

#[cfg(not(fuzzing))]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{Operation, run};

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![
            4 => (0..2048u16, 1..=u8::MAX)
                .prop_map(|(size, pieces)| Operation::InBand { size, pieces }),
            2 => (1..=u8::MAX).prop_map(|pieces| Operation::OutOfBand { pieces }),
            1 => (1..=u8::MAX).prop_map(|pieces| Operation::Broken { pieces }),
            3 => Just(Operation::Work),
            1 => (0..64u8, any::<u16>()).prop_map(|(count, size)| Operation::Events { count, size }),
            2 => any::<u16>().prop_map(|count| Operation::Read { count: count.into() }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_order_of_what_happens_loses_a_request_or_the_bound(
            operations in vec(operation(), 0..60)
        ) {
            run(operations);
        }
    }
}
