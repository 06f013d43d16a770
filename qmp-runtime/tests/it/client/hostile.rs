//! Any bytes from the other side: no panic, and the same whatever the chunks.

use proptest::prelude::*;
use qmp_runtime::client::{Builder, CallId, Client, Conversation, Incoming, Request};

use super::{event, greeting, no_arguments};

/// Feeds chunks to a conversation which has a few calls on their way, and describes what comes out.
fn converse(options: &Builder, chunks: &[&[u8]]) -> Vec<String> {
    let mut conversation = Conversation::<u8>::new(options);
    let mut seen = Vec::new();
    let mut submitted = false;
    let mut calls: Vec<CallId> = Vec::new();
    for chunk in chunks {
        let mut input = *chunk;
        loop {
            if conversation.is_out_of_step() {
                conversation.start_anew();
                seen.push("start anew".into());
            }
            if conversation.is_ready() && !submitted {
                submitted = true;
                for waiter in 0..3 {
                    let request = Request::value("query-status", &no_arguments());
                    calls.extend(conversation.submit(request, waiter));
                }
                let silent = Request::value("quit", &no_arguments()).without_answer();
                calls.extend(conversation.submit(silent, 3));
                conversation.give_up(calls[1]);
            }
            let (sending, _) = conversation.transmit();
            let count = sending.len();
            conversation.transmitted(count);
            match conversation.receive(&mut input) {
                Ok(None) => break,
                Ok(Some(Incoming::Ready)) => seen.push("ready".into()),
                Ok(Some(Incoming::Event { event, .. })) => seen.push(format!("{event:?}")),
                Ok(Some(Incoming::Reply { waiter, result })) => {
                    seen.push(format!(
                        "{waiter}: {:?}",
                        result.map(|reply| reply.decode::<()>().is_ok())
                    ));
                }
                Err(error) => {
                    seen.push(error.to_string());
                    return seen;
                }
            }
        }
    }
    conversation.hang_up(&qmp_runtime::client::ClientError::Closed);
    while conversation.leftover().is_some() {}
    assert_eq!(conversation.unanswered(), 0);
    seen
}

/// Pieces of which conversations are made, whole and broken.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let reply = (
        0..8u8,
        prop::sample::select(vec!["{}", "null", "[1, {\"a\": \"\\u00e9\"}]"]),
    )
        .prop_map(|(id, result)| {
            format!("{{\"return\": {result}, \"id\": {id}}}\r\n").into_bytes()
        });
    let error = (0..8u8).prop_map(|id| {
        format!("{{\"error\": {{\"class\": \"X\", \"desc\": \"\"}}, \"id\": {id}}}").into_bytes()
    });
    prop_oneof![
        8 => reply,
        4 => error,
        4 => Just(event("STOP").into_bytes()),
        2 => Just(greeting("[\"oob\"]").into_bytes()),
        1 => Just(b"\xFF".to_vec()),
        1 => Just(b"{\"return\": 1}".to_vec()),
        1 => Just(b"{\"event\": 3, \"id\": {}}".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

fn conversation() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..20).prop_map(|pieces| {
        let mut bytes = greeting("[\"oob\"]").into_bytes();
        bytes.extend(b"{\"return\": {}, \"id\": 1}");
        bytes.extend(pieces.concat());
        bytes
    })
}

proptest! {
    #[test]
    fn any_chunks_of_a_server_give_the_same(bytes in conversation(), size in 1..40usize) {
        let options = Client::builder().max_message(300);
        let whole = converse(&options, &[&bytes]);
        let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
        prop_assert_eq!(whole, converse(&options, &chunks));
    }

    #[test]
    fn any_bytes_of_an_agent_do_no_harm(bytes in conversation(), size in 1..40usize) {
        let options = Client::builder().agent();
        let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
        converse(&options, &chunks);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1..40usize) {
        let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
        converse(&Client::builder(), &chunks);
        converse(&Client::builder().agent(), &chunks);
    }
}
