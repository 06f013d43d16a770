//! A guest agent behind a channel that holds anything.

use qmp_runtime::client::{Client, ClientError, Conversation, Incoming, Request};
use serde_json::json;

use super::{LONG, Peer, SHORT, no_arguments};

#[test]
fn dirty_channel_is_cleaned_before_the_first_call() {
    let (socket, peer) = Peer::run(|mut peer| {
        // Half of an answer, a whole one, one to an older request of the same kind, and noise.
        peer.send(b"\"id\": \"a}{[\xFE\x01 true} {\"return\": 17}\n\xFF{\"return\": 5}\n{\"return\": {\"x\": ");
        let request = peer.request();
        let id = request["arguments"]["id"].clone();
        // The agent complains of the delimiter, then answers.
        peer.send(r#"{"error": {"class": "GenericError", "desc": "JSON parse error, stray"}}"#);
        peer.send([b"\xFF", json!({"return": id}).to_string().as_bytes(), b"\n"].concat());
        let request = peer.request();
        peer.send(b"{\"return\": {\"version\": \"10.0.2\"}}\n");
        request
    });
    let mut agent = Client::builder()
        .agent()
        .timeout(LONG)
        .over(socket)
        .unwrap();
    let info = agent.execute_value("guest-info", &no_arguments()).unwrap();
    assert_eq!(info, json!({"version": "10.0.2"}));
    let request = peer.join().unwrap();
    assert_eq!(
        request,
        json!({"execute": "guest-info", "arguments": {}}),
        "no id: old agents refuse one"
    );
}

#[test]
fn late_answer_is_not_taken_for_the_next() {
    let (socket, peer) = Peer::run(|mut peer| {
        peer.sync();
        assert_eq!(peer.request()["execute"], "slow");
        // The client has given up when it asks to start anew.
        peer.sync_behind("{\"return\": \"late\"}\n");
        assert_eq!(peer.request()["execute"], "fast");
        peer.send("{\"return\": \"right\"}\n");
    });
    let mut agent = Client::builder()
        .agent()
        .timeout(SHORT)
        .over(socket)
        .unwrap();
    let slow = agent.execute_value("slow", &no_arguments());
    assert!(matches!(slow, Err(ClientError::TimedOut)), "{slow:?}");
    agent.set_timeout(Some(LONG));
    assert_eq!(
        agent.execute_value("fast", &no_arguments()).unwrap(),
        "right"
    );
    peer.join().unwrap();
}

#[test]
fn agent_that_comes_late_is_asked_again() {
    let (socket, peer) = Peer::run(|mut peer| {
        let first = peer.request();
        // It started after that had gone by; an answer to it is one to any of them.
        let second = peer.request();
        assert_ne!(first["arguments"]["id"], second["arguments"]["id"]);
        peer.send(
            [
                b"\xFF",
                json!({"return": second["arguments"]["id"]})
                    .to_string()
                    .as_bytes(),
            ]
            .concat(),
        );
        peer.request();
        // And the answer to the first one does not disturb.
        peer.send(
            [
                b"\xFF",
                json!({"return": first["arguments"]["id"]})
                    .to_string()
                    .as_bytes(),
            ]
            .concat(),
        );
        peer.send("{\"return\": 4}");
    });
    let mut agent = Client::builder()
        .agent()
        .timeout(LONG)
        .over(socket)
        .unwrap();
    assert_eq!(
        agent.execute_value("guest-ping", &no_arguments()).unwrap(),
        4
    );
    peer.join().unwrap();
}

#[test]
fn agent_that_does_not_run_is_reported() {
    let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let result = Client::builder()
        .agent()
        .connect_timeout(SHORT)
        .over(ours.into());
    assert!(matches!(result, Err(ClientError::NoAgent)), "{result:?}");
}

#[test]
fn agent_that_is_gone_for_a_while_is_found_again() {
    let (socket, peer) = Peer::run(|mut peer| {
        peer.sync();
        peer.request();
        // Nobody is there for the first request to start anew.
        peer.request();
        peer.sync();
        peer.request();
        peer.send("{\"return\": 2}\n");
    });
    let mut agent = Client::builder()
        .agent()
        .timeout(SHORT)
        .connect_timeout(LONG)
        .over(socket)
        .unwrap();
    let mut ping = || agent.execute_value("guest-ping", &no_arguments());
    assert!(matches!(ping(), Err(ClientError::TimedOut)));
    assert!(matches!(ping(), Err(ClientError::NoAgent)));
    agent.set_timeout(Some(LONG));
    let mut ping = || agent.execute_value("guest-ping", &no_arguments());
    assert_eq!(ping().unwrap(), 2);
    peer.join().unwrap();
}

#[test]
fn answers_that_make_no_sense_lose_the_call_and_not_the_channel() {
    let (socket, peer) = Peer::run(|mut peer| {
        peer.sync();
        peer.request();
        peer.send("{\"return\": }\n");
        peer.sync();
        peer.request();
        // Cut off by an answer to an older request to start anew.
        peer.send(b"{\"return\": [\xFF{\"return\": 5}\n");
        peer.sync();
        peer.request();
        peer.send("{\"return\": 2}\n");
    });
    let mut agent = Client::builder()
        .agent()
        .timeout(LONG)
        .over(socket)
        .unwrap();
    let first = agent.execute_value("guest-ping", &no_arguments());
    assert!(matches!(first, Err(ClientError::Protocol(_))), "{first:?}");
    let second = agent.execute_value("guest-ping", &no_arguments());
    assert!(
        matches!(second, Err(ClientError::Protocol(_))),
        "{second:?}"
    );
    assert_eq!(
        agent.execute_value("guest-ping", &no_arguments()).unwrap(),
        2
    );
    peer.join().unwrap();
}

#[test]
fn calls_beside_one_that_is_given_up_are_lost_and_later_ones_are_not() {
    let (socket, peer) = Peer::run(|mut peer| {
        peer.sync();
        peer.request();
        peer.request();
        peer.sync();
        peer.request();
        peer.send("{\"return\": 3}\n");
    });
    let mut agent = Client::builder()
        .agent()
        .timeout(SHORT)
        .over(socket)
        .unwrap();
    let request = || Request::value("guest-ping", &no_arguments());
    let first = agent.submit_request::<i64>(request()).unwrap();
    let second = agent.submit_request::<i64>(request()).unwrap();
    assert!(matches!(agent.wait(first), Err(ClientError::TimedOut)));
    assert!(matches!(agent.wait(second), Err(ClientError::Lost)));
    agent.set_timeout(Some(LONG));
    assert_eq!(agent.call(request()).unwrap().decode::<i64>().unwrap(), 3);
    peer.join().unwrap();
}

#[test]
fn shutdown_succeeds_when_the_agent_goes_and_fails_when_it_refuses() {
    let (socket, peer) = Peer::run(|mut peer| {
        peer.sync();
        peer.request();
        peer.send(r#"{"error": {"class": "GenericError", "desc": "mode is invalid (valid values are: halt|powerdown|reboot)"}}"#);
        let probe = peer.request();
        peer.send(json!({"return": probe["arguments"]["id"]}).to_string());
        assert_eq!(peer.request()["execute"], "guest-shutdown");
    });
    let mut agent = Client::builder()
        .agent()
        .timeout(LONG)
        .over(socket)
        .unwrap();
    let shutdown = || Request::value("guest-shutdown", &no_arguments()).without_answer();
    assert!(
        agent
            .call(shutdown())
            .unwrap_err()
            .to_string()
            .contains("mode is invalid")
    );
    agent.call(shutdown()).unwrap();
    peer.join().unwrap();
}

#[test]
fn delimiter_may_stand_at_any_place_of_what_is_read() {
    let id = |conversation: &Conversation<()>| {
        let text = String::from_utf8_lossy(conversation.transmit().0).into_owned();
        let request: serde_json::Value =
            serde_json::from_str(text.trim_start_matches('\u{FFFD}')).unwrap();
        request["arguments"]["id"].to_string()
    };
    for size in 1..12 {
        let mut conversation = Conversation::<()>::new(&Client::builder().agent());
        conversation.start_anew();
        let stale = b"{\"return\": [1, \"\xFF{\"return\": {}}\n";
        let answer = format!("{{\"return\": {}}}\n", id(&conversation));
        let bytes = [&stale[..], b"\xFF", answer.as_bytes()].concat();
        let mut is_ready = false;
        for mut chunk in bytes.chunks(size) {
            while let Some(incoming) = conversation.receive(&mut chunk).unwrap() {
                is_ready |= matches!(incoming, Incoming::Ready);
            }
        }
        assert!(is_ready, "in pieces of {size}");
    }
}
