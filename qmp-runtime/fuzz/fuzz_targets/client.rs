//! Any bytes from a server or a guest agent, in any pieces, while calls are made and given up: no panic,
//! and with a server the same comes out as from one piece.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qmp_runtime::client::{CallId, Client, ClientError, Conversation, Incoming, Request};
use qmp_runtime::json::{Map, Value};

/// How large a message may be.
const LIMIT: usize = 4096;

fn converse(agent: bool, head: &[u8], chunks: &[&[u8]]) -> Vec<String> {
    let options = Client::builder().max_message(LIMIT);
    let options = if agent { options.agent() } else { options };
    let mut conversation = Conversation::<u8>::new(&options);
    let mut seen = Vec::new();
    let mut calls: Vec<CallId> = Vec::new();
    for chunk in [head].iter().chain(chunks) {
        let mut input = *chunk;
        loop {
            if conversation.is_out_of_step() {
                conversation.start_anew();
            }
            if conversation.is_ready() && calls.is_empty() {
                for _ in 0..4 {
                    let silent = Request::value("quit", &Map::new()).without_answer();
                    for request in [Request::value("query-status", &Map::new()), silent] {
                        calls.extend(conversation.submit(request, calls.len() as u8));
                    }
                }
                conversation.give_up(calls[2]);
            }
            let count = conversation.transmit().0.len();
            conversation.transmitted(count);
            match conversation.receive(&mut input) {
                Ok(None) => break,
                Ok(Some(Incoming::Ready)) => seen.push("ready".into()),
                Ok(Some(Incoming::Event { event, size })) => {
                    assert!(size >= event.name.len());
                    seen.push(format!("{event:?}"));
                }
                Ok(Some(Incoming::Reply { waiter, result })) => {
                    let result = result.and_then(|reply| reply.decode::<Value>());
                    seen.push(format!("{waiter}: {result:?}"));
                }
                Err(error) => {
                    assert!(!agent, "{error}");
                    seen.push(error.to_string());
                    conversation.hang_up(&error);
                    return seen;
                }
            }
        }
    }
    conversation.hang_up(&ClientError::Closed);
    while conversation.leftover().is_some() {}
    assert_eq!(conversation.unanswered(), 0);
    seen
}

fuzz_target!(|input: (bool, bool, u16, &[u8])| {
    let (agent, greets, at, bytes) = input;
    let greeting: &[u8] = if greets && !agent {
        b"{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}{\"return\": {}, \"id\": 1}"
    } else {
        b""
    };
    let (head, tail) = bytes.split_at(usize::from(at).min(bytes.len()));
    let pieces = converse(agent, greeting, &[head, tail]);
    let whole = converse(agent, greeting, &[bytes]);
    if !agent {
        assert_eq!(pieces, whole);
    }
});
