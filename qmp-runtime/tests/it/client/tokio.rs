//! The client on tokio.

use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use ::tokio::time::timeout;
use qmp_runtime::client::tokio::Client;
use qmp_runtime::client::{ClientError, Endpoint, Gap, Reconnect};
use serde_json::json;

use super::{LONG, Peer, SHORT, event, leaf, no_arguments, serve_leaves};
use crate::toy::commands;

const QUICK: Reconnect = Reconnect {
    first_delay: Duration::from_millis(1),
    max_delay: Duration::from_millis(10),
    attempts: Some(100),
};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn calls_of_many_clones_get_their_own_answers() {
    let (socket, peer) = Peer::run_ready(|mut peer| {
        let requests: Vec<_> = (0..50).map(|_| peer.request()).collect();
        for request in requests.iter().rev() {
            let result = json!({"id": request["arguments"]["id"], "colors": []}).to_string();
            peer.answer(request, &result);
        }
        peer.send(event("DONE"));
        peer.request()
    });
    let (client, mut events) = Client::builder().over_tokio(socket).await.unwrap();
    assert_eq!(client.greeting().version.major, 10);
    let calls: Vec<_> = (0..50)
        .map(|n| {
            let client = client.clone();
            ::tokio::spawn(async move { client.execute(&leaf(&n.to_string())).await.unwrap().id })
        })
        .collect();
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), n.to_string());
    }
    assert_eq!(events.next().await.unwrap().unwrap().name, "DONE");
    drop((client, events));
    assert!(
        peer.join().unwrap().is_null(),
        "the connection ends with its last owner"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn dropped_call_leaves_the_connection_as_it_was() {
    let (socket, peer) = Peer::run_ready(|mut peer| {
        let first = peer.request();
        let second = peer.request();
        peer.answer(&first, r#"{"id": "late", "colors": []}"#);
        peer.answer(&second, r#"{"id": "right", "colors": []}"#);
    });
    let (client, _events) = Client::builder().over_tokio(socket).await.unwrap();
    assert!(timeout(SHORT, client.execute(&leaf("a"))).await.is_err());
    assert_eq!(client.execute(&leaf("b")).await.unwrap().id, "right");
    peer.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn time_out_of_the_client_is_told() {
    let (socket, peer) = Peer::run_ready(|mut peer| {
        peer.request();
        peer.request()
    });
    let options = Client::builder().timeout(SHORT);
    let (client, events) = options.over_tokio(socket).await.unwrap();
    let result = client.execute(&leaf("a")).await;
    assert!(matches!(result, Err(ClientError::TimedOut)), "{result:?}");
    drop((client, events));
    peer.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn out_of_band_call_overtakes() {
    let (socket, peer) = Peer::run_ready(|mut peer| {
        let (mut slow, mut fast) = (peer.request(), peer.request());
        if fast["exec-oob"].is_null() {
            std::mem::swap(&mut slow, &mut fast);
        }
        assert_eq!(fast["exec-oob"], "stop-now");
        peer.answer(&fast, "{}");
        assert_eq!(
            peer.request()["execute"],
            "x",
            "sent when the other was answered"
        );
        peer.answer(&slow, r#"{"id": "slow", "colors": []}"#);
        peer.request()
    });
    let (client, _events) = Client::builder().over_tokio(socket).await.unwrap();
    assert!(client.has_oob());
    let other = client.clone();
    let slow = ::tokio::spawn(async move { other.execute(&leaf("slow")).await });
    client.execute_oob(&commands::StopNow {}).await.unwrap();
    assert!(
        timeout(SHORT, client.execute_value("x", &no_arguments()))
            .await
            .is_err()
    );
    assert_eq!(slow.await.unwrap().unwrap().id, "slow");
    drop((client, _events));
    peer.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn connection_is_made_anew_and_events_tell_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qmp");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let mut first = Peer::new(listener.accept().unwrap().0);
        first.negotiate("[]");
        first.send(event("FIRST"));
        first.request();
        drop(first);
        // Accepted and dropped: as good as not there.
        drop(listener.accept().unwrap());
        let mut second = Peer::new(listener.accept().unwrap().0);
        second.negotiate("[]");
        second.send(event("SECOND"));
        let request = second.request();
        second.answer(&request, "2");
        second.request()
    });
    let options = Client::builder().reconnect(QUICK);
    let (client, mut events) = options.connect_tokio(&Endpoint::Unix(path)).await.unwrap();
    assert!(
        client
            .execute_value("a", &no_arguments())
            .await
            .unwrap_err()
            .is_closed()
    );
    assert_eq!(client.execute_value("b", &no_arguments()).await.unwrap(), 2);
    assert_eq!(events.next().await.unwrap().unwrap().name, "FIRST");
    let gap = events.next().await.unwrap();
    assert!(
        matches!(gap, Err(ClientError::Gap(Gap::Reconnected))),
        "{gap:?}"
    );
    assert_eq!(events.next().await.unwrap().unwrap().name, "SECOND");
    assert!(events.try_next().is_none());
    drop((client, events));
    server.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn hang_up_fails_all_calls_and_ends_the_events() {
    let (socket, peer) = Peer::run_ready(|mut peer| {
        peer.request();
        peer.request();
        peer.send(event("LAST"));
    });
    let (client, mut events) = Client::builder().over_tokio(socket).await.unwrap();
    let (a, b) = (leaf("a"), leaf("b"));
    let (first, second) = ::tokio::join!(client.execute(&a), client.execute(&b));
    assert!(first.unwrap_err().is_closed() && second.unwrap_err().is_closed());
    assert!(client.execute(&a).await.unwrap_err().is_closed());
    assert_eq!(events.next().await.unwrap().unwrap().name, "LAST");
    assert!(events.next().await.is_none());
    peer.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn malformed_bytes_are_the_cause_that_is_told() {
    let (socket, peer) = Peer::run_ready(|mut peer| {
        peer.request();
        peer.send("{]");
    });
    let (client, mut events) = Client::builder().over_tokio(socket).await.unwrap();
    let error = client.execute(&leaf("a")).await.unwrap_err();
    assert!(matches!(error, ClientError::Protocol(_)), "{error:?}");
    let error = events.next().await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::Protocol(_)), "{error:?}");
    assert!(events.next().await.is_none());
    let error = client.execute(&leaf("a")).await.unwrap_err();
    assert!(matches!(error, ClientError::Protocol(_)), "{error:?}");
    peer.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn silence_in_place_of_a_greeting_is_reported() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let options = Client::builder().connect_timeout(SHORT);
    let result = options.over_tokio(ours.into()).await;
    assert!(matches!(result, Err(ClientError::NoGreeting)), "{result:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn much_to_say_in_both_directions_goes_through() {
    let long = "x".repeat(10_000);
    let (socket, peer) = Peer::run_ready(serve_leaves);
    let (client, events) = Client::builder().over_tokio(socket).await.unwrap();
    let calls: Vec<_> = (0..300)
        .map(|_| {
            let (client, long) = (client.clone(), long.clone());
            ::tokio::spawn(async move { client.execute(&leaf(&long)).await.unwrap().id.len() })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), long.len());
    }
    drop((client, events));
    peer.join().unwrap();
}

#[test]
fn end_of_the_runtime_ends_calls_elsewhere() {
    let (socket, peer) = Peer::run_ready(|mut peer| {
        peer.request();
        peer.request()
    });
    let home = ::tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (client, _events) = home.block_on(Client::builder().over_tokio(socket)).unwrap();
    let other = ::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let call = std::thread::spawn(move || other.block_on(client.execute(&leaf("a"))));
    home.shutdown_timeout(LONG);
    assert!(call.join().unwrap().unwrap_err().is_closed());
    assert!(peer.join().unwrap().is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn agent_call_that_is_dropped_takes_no_other_with_it() {
    let (socket, peer) = Peer::run(|mut peer| {
        peer.sync();
        assert_eq!(peer.request()["execute"], "slow");
        peer.sync_behind("{\"return\": \"late\"}\n");
        for n in 0..3 {
            peer.request();
            peer.send(format!("{{\"return\": {n}}}\n"));
        }
    });
    let options = Client::builder().agent();
    let (agent, _events) = options.over_tokio(socket).await.unwrap();
    assert!(
        timeout(SHORT, agent.execute_value("slow", &no_arguments()))
            .await
            .is_err()
    );
    let none = no_arguments();
    let call = || agent.execute_value("fast", &none);
    let (a, b, c) = ::tokio::join!(call(), call(), call());
    assert_eq!(
        [a.unwrap(), b.unwrap(), c.unwrap()],
        [json!(0), json!(1), json!(2)]
    );
    peer.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn calls_and_events_can_move_between_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let (socket, peer) = Peer::run_ready(|mut peer| peer.request());
    let (client, mut events) = is_send(Client::builder().over_tokio(socket)).await.unwrap();
    let arguments = no_arguments();
    drop(is_send(client.execute(&leaf("a"))));
    drop(is_send(client.execute_value("a", &arguments)));
    drop(is_send(client.execute_oob(&commands::StopNow {})));
    drop(is_send(events.next()));
    drop((client, events));
    peer.join().unwrap();
}
