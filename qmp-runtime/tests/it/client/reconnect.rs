//! Connections that are lost and made anew.

use std::os::unix::net::UnixListener;
use std::time::Duration;

use qmp_runtime::client::{Client, ClientError, Endpoint, Gap, Reconnect};

use super::{LONG, Peer, event, no_arguments};

const QUICK: Reconnect = Reconnect {
    first_delay: Duration::from_millis(1),
    max_delay: Duration::from_millis(10),
    attempts: None,
};

#[test]
fn call_in_flight_fails_and_the_next_one_goes_over_a_new_connection() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qmp");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let mut first = Peer::new(listener.accept().unwrap().0);
        first.negotiate("[]");
        first.send(event("FIRST"));
        first.request();
        drop(first);
        let mut second = Peer::new(listener.accept().unwrap().0);
        second.negotiate("[]");
        second.send(event("SECOND"));
        let request = second.request();
        second.answer(&request, "2");
        second.request();
    });
    let mut client = Client::builder()
        .reconnect(QUICK)
        .timeout(LONG)
        .connect(&Endpoint::Unix(path))
        .unwrap();
    let first = client.execute_value("a", &no_arguments());
    assert!(
        first.unwrap_err().is_closed(),
        "it may have run, so it is not sent again"
    );
    assert_eq!(client.execute_value("b", &no_arguments()).unwrap(), 2);
    assert_eq!(
        client.next_event(Some(LONG)).unwrap().unwrap().name,
        "FIRST"
    );
    let gap = client.next_event(Some(LONG)).unwrap_err();
    assert!(matches!(gap, ClientError::Gap(Gap::Reconnected)), "{gap:?}");
    assert_eq!(
        client.next_event(Some(LONG)).unwrap().unwrap().name,
        "SECOND"
    );
    drop(client);
    server.join().unwrap();
}

#[test]
fn listener_for_events_gets_a_gap_and_then_those_of_the_new_connection() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qmp");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        for name in ["FIRST", "SECOND"] {
            let mut peer = Peer::new(listener.accept().unwrap().0);
            peer.negotiate("[]");
            peer.send(event(name));
        }
    });
    let options = Client::builder().reconnect(QUICK);
    let mut client = options.connect(&Endpoint::Unix(path)).unwrap();
    assert_eq!(client.next_event(None).unwrap().unwrap().name, "FIRST");
    assert!(matches!(
        client.next_event(None),
        Err(ClientError::Gap(Gap::Reconnected))
    ));
    assert_eq!(client.next_event(None).unwrap().unwrap().name, "SECOND");
    server.join().unwrap();
}

#[test]
fn attempts_in_vain_end_with_their_cause() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qmp");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        Peer::new(listener.accept().unwrap().0).negotiate("[]");
    });
    let attempts = Some(3);
    let options = Client::builder().reconnect(Reconnect { attempts, ..QUICK });
    let mut client = options.connect(&Endpoint::Unix(path.clone())).unwrap();
    server.join().unwrap();
    std::fs::remove_file(path).unwrap();
    assert!(
        client
            .execute_value("a", &no_arguments())
            .unwrap_err()
            .is_closed()
    );
    for _ in 0..2 {
        let error = client.execute_value("b", &no_arguments()).unwrap_err();
        assert!(matches!(&error, ClientError::Io(_)), "{error:?}");
    }
    assert!(matches!(client.next_event(None), Err(ClientError::Io(_))));
}

#[test]
fn without_a_policy_every_call_fails_with_the_cause() {
    let (socket, peer) = Peer::run_ready(|mut peer| {
        peer.request();
        peer.send("{\"return\": ]");
    });
    let mut client = Client::over_socket(socket).unwrap();
    for _ in 0..2 {
        let error = client.execute_value("a", &no_arguments()).unwrap_err();
        assert!(matches!(&error, ClientError::Protocol(_)), "{error:?}");
    }
    peer.join().unwrap();
}

#[test]
fn guest_agent_that_is_restarted_serves_the_next_call() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qga");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let mut first = Peer::new(listener.accept().unwrap().0);
        first.sync();
        first.request();
        drop(first);
        let mut second = Peer::new(listener.accept().unwrap().0);
        second.sync();
        second.request();
        second.send("{\"return\": 2}");
    });
    let options = Client::builder().agent().reconnect(QUICK).timeout(LONG);
    let mut agent = options.connect(&Endpoint::Unix(path)).unwrap();
    assert!(
        agent
            .execute_value("a", &no_arguments())
            .unwrap_err()
            .is_closed()
    );
    assert_eq!(agent.execute_value("b", &no_arguments()).unwrap(), 2);
    server.join().unwrap();
}
