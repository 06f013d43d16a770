//! Clients that mean no good: what they cost stays bounded, and other clients notice nothing.

use std::fs;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use qmp_runtime::client::Client;
use qmp_types::qmp::commands::{QueryStatus, Stop};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, connect, sendmsg, socket_with,
};

use super::Vmm;
use crate::fixture::LIMIT;

const MIB: u64 = 1 << 20;
const PLAIN: &[u8] = br#"{"execute":"qmp_capabilities"}"#;
const OOB: &[u8] = br#"{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}"#;

/// A server under attack on one monitor, and a client on the other.
struct Siege {
    vmm: Vmm,
    other: Client,
    /// What the process takes before anybody attacks it, in KiB.
    idle: u64,
}

impl Siege {
    fn new() -> Self {
        let second = "unix:{dir}/attacked,server=on,wait=off";
        let mut vmm = Vmm::start(&["-M", "none", "-qmp", second]);
        let mut other = vmm.connect();
        other.execute(&QueryStatus {}).unwrap();
        let idle = peak(vmm.id());
        Siege { vmm, other, idle }
    }

    fn attack(&self, negotiate: &[u8]) -> UnixStream {
        let deadline = Instant::now() + LIMIT;
        let mut socket = loop {
            match UnixStream::connect(self.vmm.path("attacked")) {
                Ok(socket) => break socket,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::yield_now();
        };
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket.write_all(negotiate).unwrap();
        if !negotiate.is_empty() {
            while !line(&mut socket).contains("return") {}
        }
        socket
    }

    /// The other client is served as if nothing were.
    fn other_is_served(&mut self) {
        let start = Instant::now();
        self.other.execute(&QueryStatus {}).unwrap();
        let took = start.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
    }

    /// The attack has cost less memory than this, in MiB.
    fn costs_less_than(&self, mib: u64) {
        let cost = (peak(self.vmm.id()) - self.idle) / 1024;
        println!("{cost} MiB, bound {mib} MiB, idle {} KiB", self.idle);
        assert!(cost < mib, "{cost} MiB");
    }

    fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.vmm.process.id());
        fs::read_dir(folder).unwrap().count()
    }
}

/// The most memory that a process has had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

fn line(socket: &mut UnixStream) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

/// Writes as much as the server takes, or this much.
fn flood(socket: &mut UnixStream, piece: &[u8], limit: u64) -> u64 {
    socket
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut sent = 0;
    while sent < limit {
        match socket.write(piece) {
            Ok(count) => sent += count as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    sent
}

#[test]
fn half_a_message_keeps_nobody_waiting() {
    let mut siege = Siege::new();
    let mut slow = siege.attack(PLAIN);
    for byte in br#"{"execute":"query-st"# {
        slow.write_all(&[*byte]).unwrap();
        siege.other_is_served();
    }
    // It goes without a word, and the next one is served.
    drop(slow);
    siege.attack(PLAIN);
    siege.costs_less_than(4);
}

#[test]
fn message_that_never_ends_costs_no_more_than_a_message_may() {
    let mut siege = Siege::new();
    let mut endless = siege.attack(PLAIN);
    endless.write_all(b"[\"").unwrap();
    flood(&mut endless, &[b'x'; 1 << 16], 200 * MIB);
    siege.other_is_served();
    siege.costs_less_than(146);
}

#[test]
fn string_of_nearly_64_mib_is_echoed_within_the_bound() {
    let mut siege = Siege::new();
    let mut large = siege.attack(PLAIN);
    let length = (64 << 20) - 64;
    let mut reader = large.try_clone().unwrap();
    let reply = std::thread::spawn(move || {
        let (mut count, mut buffer) = (0, vec![0; 1 << 16]);
        while buffer[..].first() != Some(&b'\n') && count < length {
            count += reader.read(&mut buffer).unwrap();
        }
        count
    });
    large
        .write_all(b"{\"execute\":\"query-name\",\"id\":\"")
        .unwrap();
    large.write_all(&vec![b'x'; length]).unwrap();
    large.write_all(b"\"}").unwrap();
    assert!(reply.join().unwrap() >= length);
    siege.other_is_served();
    siege.costs_less_than(252);
}

#[test]
fn queue_of_large_requests_is_bounded_in_bytes() {
    let mut siege = Siege::new();
    let mut greedy = siege.attack(OOB);
    let id = "x".repeat(30 << 20);
    let request = format!("{{\"execute\":\"query-name\",\"id\":\"{id}\"}}");
    // Nobody reads the replies, so the first one keeps the others waiting.
    flood(&mut greedy, request.as_bytes(), 20 * 30 * MIB);
    siege.other_is_served();
    siege.costs_less_than(446);
}

#[test]
fn client_that_never_reads_its_replies_is_read_no_more() {
    let mut siege = Siege::new();
    let mut lazy = siege.attack(PLAIN);
    let request = br#"{"execute":"query-commands"}"#.repeat(1000);
    let sent = flood(&mut lazy, &request, 64 * MIB);
    assert!(sent < 64 * MIB, "all was read");
    siege.other_is_served();
    siege.costs_less_than(12);
}

#[test]
fn client_that_never_reads_its_events_is_cut_off() {
    let mut siege = Siege::new();
    let mut lazy = siege.attack(PLAIN);
    let mut unread = Vec::new();
    for _ in 0..100 {
        for _ in 0..500 {
            siege.other.execute(&Stop {}).unwrap();
            siege
                .other
                .execute(&qmp_types::qmp::commands::Cont {})
                .unwrap();
        }
        // The other one reads its own.
        while siege
            .other
            .next_event(Some(Duration::ZERO))
            .is_ok_and(|event| event.is_some())
        {}
    }
    lazy.read_to_end(&mut unread).unwrap();
    assert!((unread.len() as u64) < 5 * MIB, "{} bytes", unread.len());
    siege.attack(PLAIN);
    siege.costs_less_than(28);
}

#[test]
fn flood_of_connections_waits_outside() {
    let mut siege = Siege::new();
    let first = siege.attack(PLAIN);
    let before = siege.descriptors();
    let address = SocketAddrUnix::new(siege.vmm.path("attacked")).unwrap();
    let mut waiting = Vec::new();
    for _ in 0..400 {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let kind = SocketType::STREAM;
        let socket = socket_with(AddressFamily::UNIX, kind, flags, None).unwrap();
        if connect(&socket, &address).is_ok() {
            waiting.push(socket);
        }
    }
    assert!(waiting.len() < 200, "{} wait", waiting.len());
    assert_eq!(siege.descriptors(), before);
    siege.other_is_served();
    drop(waiting);
    drop(first);
    siege.attack(PLAIN);
    siege.costs_less_than(4);
}

#[test]
fn flood_of_descriptors_keeps_those_of_the_last_message() {
    let mut siege = Siege::new();
    let mut giver = siege.attack(PLAIN);
    let before = siege.descriptors();
    let null = fs::File::open("/dev/null").unwrap();
    let fds = [null.as_fd(); 16];
    for _ in 0..500 {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
        let slices = [IoSlice::new(b" ")];
        sendmsg(&giver, &slices, &mut ancillary, SendFlags::empty()).unwrap();
    }
    // Once this is answered, all of them have been read.
    giver.write_all(br#"{"execute":"query-name"}"#).unwrap();
    line(&mut giver);
    assert!(siege.descriptors() <= before + 16);
    siege.other_is_served();
    drop(giver);
    siege.attack(PLAIN);
    // There may have been some more at first, of a client that had just left.
    assert!(siege.descriptors() <= before);
}
