//! The blocking client.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use qmp_runtime::client::{Client, ClientError, Endpoint, Gap, Request};
use qmp_runtime::json::Value;
use serde_json::json;

use super::{LONG, Peer, SHORT, event, greeting, leaf, no_arguments, serve_leaves};

#[test]
fn many_calls_at_once_are_collected_in_any_order() {
    let (socket, peer) = Peer::run_ready(serve_leaves);
    let mut client = Client::over_socket(socket).unwrap();
    let all: Vec<_> = (0..100).map(|n| leaf(&n.to_string())).collect();
    let mut pending = client.submit_all(&all).unwrap();
    let last = client.submit(&leaf("last")).unwrap();
    assert_eq!(client.wait(last).unwrap().id, "last");
    assert_eq!(client.execute(&leaf("between")).unwrap().id, "between");
    assert_eq!(client.wait(pending.remove(70)).unwrap().id, "70");
    pending.truncate(10); // the others are given up
    for (n, pending) in pending.into_iter().enumerate() {
        assert_eq!(client.wait(pending).unwrap().id, n.to_string());
    }
    drop(client);
    peer.join().unwrap();
}

#[test]
fn neither_side_waits_for_the_other_when_both_have_much_to_say() {
    let long = "x".repeat(10_000);
    let (socket, peer) = Peer::run_ready(serve_leaves);
    let mut client = Client::over_socket(socket).unwrap();
    client.set_timeout(Some(LONG));
    // 3 MB, more than a socket holds, in both directions.
    let all: Vec<_> = (0..300).map(|_| leaf(&long)).collect();
    for pending in client.submit_all(&all).unwrap() {
        assert_eq!(client.wait(pending).unwrap().id.len(), long.len());
    }
    drop(client);
    peer.join().unwrap();
}

#[test]
fn errors_tell_their_class() {
    let (socket, peer) = Peer::run_ready(|mut peer| {
        for class in [
            "CommandNotFound",
            "DeviceNotFound",
            "DeviceNotActive",
            "KVMMissingCap",
            "NewInTwelve",
        ] {
            let id = peer.request()["id"].clone();
            peer.send(json!({"id": id, "error": {"class": class, "desc": "no"}}).to_string());
        }
    });
    let mut client = Client::over_socket(socket).unwrap();
    let mut fail = || client.execute(&leaf("a")).unwrap_err();
    assert!(fail().is_command_not_found());
    assert!(fail().is_device_not_found());
    assert!(fail().is_device_not_active());
    assert!(fail().is_kvm_missing_cap());
    assert_eq!(fail().class().unwrap().as_str(), "NewInTwelve");
    peer.join().unwrap();
}

#[test]
fn flood_of_events_does_not_put_off_the_end_of_a_time_out() {
    let (socket, peer) = Peer::run(|mut peer| {
        peer.negotiate("[]");
        let socket = peer.input.get_mut();
        // Until the client goes.
        while socket
            .write_all(event("TICK").repeat(100).as_bytes())
            .is_ok()
        {}
    });
    let options = Client::builder().timeout(SHORT).max_events(10_000);
    let mut client = options.over(socket).unwrap();
    let start = Instant::now();
    let result = client.execute(&leaf("a"));
    assert!(matches!(result, Err(ClientError::TimedOut)), "{result:?}");
    assert!(start.elapsed() < LONG);
    let gap = client.next_event(Some(LONG)).unwrap_err();
    assert!(
        matches!(gap, ClientError::Gap(Gap::Overflow { dropped: 1.. })),
        "{gap:?}"
    );
    assert_eq!(client.next_event(Some(LONG)).unwrap().unwrap().name, "TICK");
    drop(client);
    peer.join().unwrap();
}

#[test]
fn hang_up_ends_each_wait_with_its_cause() {
    for words in ["", "{\"return\": ", "{\"event\": \"STOP\"}"] {
        let (socket, peer) = Peer::run_ready(move |mut peer| {
            peer.request();
            peer.send(words);
        });
        let mut client = Client::over_socket(socket).unwrap();
        let pending = client.submit(&leaf("a")).unwrap();
        assert!(client.wait(pending).unwrap_err().is_closed());
        assert!(client.execute(&leaf("b")).unwrap_err().is_closed());
        assert!(matches!(
            client.submit(&leaf("c")),
            Err(ClientError::Closed)
        ));
        peer.join().unwrap();
    }
}

#[test]
fn last_words_of_a_server_are_heard_when_it_reads_no_more() {
    let (socket, peer) = Peer::run_ready(|mut peer| {
        let request = peer.request();
        peer.answer(&request, r#"{"id": "bye", "colors": []}"#);
        peer.send(event("SHUTDOWN"));
    });
    let mut client = Client::over_socket(socket).unwrap();
    let pending = client.submit(&leaf("a")).unwrap();
    peer.join().unwrap();
    assert!(matches!(
        client.execute(&leaf("b")),
        Err(ClientError::Closed)
    ));
    assert_eq!(client.wait(pending).unwrap().id, "bye");
    assert_eq!(client.next_event(None).unwrap().unwrap().name, "SHUTDOWN");
    assert!(client.next_event(None).unwrap_err().is_closed());
}

#[test]
fn server_that_does_not_greet_is_reported() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let result = Client::builder().connect_timeout(SHORT).over(ours.into());
    assert!(matches!(result, Err(ClientError::NoGreeting)), "{result:?}");
}

#[test]
fn greeting_that_drips_is_awaited_no_longer_than_agreed() {
    let (socket, peer) = Peer::run(|mut peer| {
        let blanks = peer.input.get_mut();
        while blanks.write_all(b"   ").is_ok() {}
    });
    let result = Client::builder().connect_timeout(SHORT).over(socket);
    assert!(matches!(result, Err(ClientError::NoGreeting)), "{result:?}");
    peer.join().unwrap();
}

#[test]
fn descriptors_ride_on_their_command() {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    let (socket, peer) = Peer::run_ready(|mut peer| {
        let request = peer.request();
        peer.answer(&request, r#"{"id": "x", "colors": []}"#);
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 4096];
        let socket = peer.input.get_ref().as_fd();
        let slices = &mut [std::io::IoSliceMut::new(&mut bytes)];
        let count = recvmsg(socket, slices, &mut ancillary, RecvFlags::empty())
            .unwrap()
            .bytes;
        let request: Value = serde_json::from_slice(&bytes[..count]).unwrap();
        let mut texts = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                for fd in fds {
                    let mut text = String::new();
                    File::from(fd).read_to_string(&mut text).unwrap();
                    texts.push(text);
                }
            }
        }
        peer.answer(&request, r#"{"id": "y", "colors": []}"#);
        texts
    });
    let mut client = Client::over_socket(socket).unwrap();
    let files: Vec<File> = ["one", "two"]
        .map(|text| {
            let (reader, mut writer) = std::io::pipe().unwrap();
            writer.write_all(text.as_bytes()).unwrap();
            std::os::fd::OwnedFd::from(reader).into()
        })
        .into();
    client.execute(&leaf("x")).unwrap();
    client.execute_with_fds(&leaf("y"), &files).unwrap();
    assert_eq!(peer.join().unwrap(), ["one", "two"]);
}

#[test]
fn descriptors_from_the_server_are_kept_up_to_a_number() {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let (socket, peer) = Peer::run_ready(|mut peer| {
        let request = peer.request();
        let (reader, _writer) = std::io::pipe().unwrap();
        for _ in 0..100 {
            let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            let fds = [reader.as_fd()];
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
            let socket = peer.input.get_ref().as_fd();
            sendmsg(
                socket,
                &[std::io::IoSlice::new(b" ")],
                &mut ancillary,
                SendFlags::empty(),
            )
            .unwrap();
        }
        peer.answer(&request, r#"{"id": "y", "colors": []}"#);
    });
    let mut client = Client::over_socket(socket).unwrap();
    client.execute(&leaf("y")).unwrap();
    assert_eq!(client.take_fds().len(), 16);
    assert!(client.take_fds().is_empty());
    peer.join().unwrap();
}

#[test]
fn descriptors_cannot_be_sent_over_tcp() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(greeting("[]").as_bytes()).unwrap();
        socket.write_all(b"{\"return\": {}, \"id\": 1}").unwrap();
        socket
    });
    let mut client = Client::connect_tcp(address).unwrap();
    let result = client.execute_with_fds(&leaf("y"), &[std::io::stdin()]);
    assert!(
        matches!(result, Err(ClientError::Unsupported(_))),
        "{result:?}"
    );
    drop(peer.join().unwrap());
}

#[test]
fn abstract_socket_is_connected_to() {
    use std::os::linux::net::SocketAddrExt as _;
    let name = format!("qmp-runtime-test-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let listener = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
    let peer = std::thread::spawn(move || {
        let mut peer = Peer::new(listener.accept().unwrap().0);
        peer.negotiate("[]");
        serve_leaves(peer);
    });
    let endpoint: Endpoint = format!("unix:{name},abstract=on").parse().unwrap();
    let mut client = Client::builder().connect(&endpoint).unwrap();
    assert_eq!(client.execute(&leaf("a")).unwrap().id, "a");
    drop(client);
    peer.join().unwrap();
}

#[cfg(feature = "vsock")]
#[test]
fn vsock_port_is_connected_to() {
    let Ok(listener) = vsock::VsockListener::bind_with_cid_port(vsock::VMADDR_CID_ANY, 47_124)
    else {
        println!("skipped: no vsock");
        return;
    };
    let peer = std::thread::spawn(move || {
        let socket = std::os::fd::OwnedFd::from(listener.accept().unwrap().0);
        let mut peer = Peer::new(socket.into());
        peer.negotiate("[]");
        serve_leaves(peer);
    });
    match Client::builder().connect(&"vsock:1:47124".parse().unwrap()) {
        Ok(mut client) => {
            assert_eq!(client.execute(&leaf("a")).unwrap().id, "a");
            drop(client);
            peer.join().unwrap();
        }
        Err(error) => {
            assert!(matches!(error, ClientError::Io(_)), "{error:?}");
            println!("skipped: no vsock loopback: {error}");
        }
    }
}

#[test]
fn endpoints_are_read_as_qemu_writes_them() {
    let read = |text: &str| text.parse::<Endpoint>();
    assert!(
        matches!(read("unix:/a,server=on,wait=off"), Ok(Endpoint::Unix(path)) if path.ends_with("a"))
    );
    assert!(matches!(read("./a"), Ok(Endpoint::Unix(_))));
    assert!(matches!(read("unix:a,abstract=on"), Ok(Endpoint::Abstract(name)) if name == "a"));
    assert!(matches!(read("tcp::4444"), Ok(Endpoint::Tcp(address)) if address == "localhost:4444"));
    assert!(
        matches!(read("tcp:[::1]:4444"), Ok(Endpoint::Tcp(address)) if address == "[::1]:4444")
    );
    assert!(matches!(
        read("device:/dev/vport0p1"),
        Ok(Endpoint::Device(_))
    ));
    for wrong in [
        "",
        "unix:",
        "tcp:host",
        "tcp:host:name",
        "unix:/a,tls=on",
        "host",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn late_answers_after_a_time_out_are_dropped() {
    let (socket, peer) = Peer::run_ready(|mut peer| {
        let first = peer.request();
        let second = peer.request();
        peer.answer(&first, r#"{"id": "late", "colors": []}"#);
        peer.answer(&second, r#"{"id": "right", "colors": []}"#);
    });
    let mut client = Client::over_socket(socket).unwrap();
    client.set_timeout(Some(SHORT));
    assert!(matches!(
        client.execute(&leaf("a")),
        Err(ClientError::TimedOut)
    ));
    client.set_timeout(Some(LONG));
    assert_eq!(client.execute(&leaf("b")).unwrap().id, "right");
    peer.join().unwrap();
}

#[test]
fn next_event_ends_in_time_and_takes_what_is_there() {
    let (socket, peer) = Peer::run_ready(|mut peer| {
        let request = peer.request();
        peer.send(event("A"));
        peer.answer(&request, "{}");
        peer.request();
    });
    let mut client = Client::over_socket(socket).unwrap();
    assert!(client.next_event(Some(SHORT)).unwrap().is_none());
    client.call(Request::value("x", &no_arguments())).unwrap();
    assert_eq!(
        client
            .next_event(Some(Duration::ZERO))
            .unwrap()
            .unwrap()
            .name,
        "A"
    );
    assert!(client.next_event(Some(Duration::ZERO)).unwrap().is_none());
    drop(client);
    peer.join().unwrap();
}
