//! Descriptors that ride along, both ways.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use qmp_runtime::__private::Solo;
use qmp_runtime::server::Server;
use qmp_runtime::{
    Call, Command, CommandInfo, Context, Entry, EventSink, QmpError, Router, record,
};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

struct Swap {}
record!(Swap, []);

impl Command for Swap {
    type Return = ();
    const INFO: CommandInfo = CommandInfo::new("swap");
}

/// Takes the descriptor that came and sends it back after what the holder has.
fn swap(held: &mut Vec<OwnedFd>, cx: &mut Context<'_>, call: Call<'_>) -> Result<(), QmpError> {
    for fd in held.drain(..) {
        cx.send_fd(fd);
    }
    held.extend(cx.take_fd());
    call.run(|_: Swap| Ok(()))
}

static COMMANDS: [Entry<Vec<OwnedFd>>; 1] = [Entry::new::<Swap>(swap)];

struct Client(UnixStream);

impl Client {
    fn new(server: &Server) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        server.serve_socket(theirs.into()).unwrap();
        let mut client = Client(ours);
        client.line();
        client
            .0
            .write_all(br#"{"execute": "qmp_capabilities"}"#)
            .unwrap();
        client.line();
        client
    }

    /// The next line, byte by byte, and what came along.
    fn line(&mut self) -> (String, Vec<OwnedFd>) {
        let (mut line, mut fds) = (Vec::new(), Vec::new());
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(32))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [IoSliceMut::new(&mut byte)];
            let flags = RecvFlags::empty();
            let got = recvmsg(&self.0, &mut slices, &mut ancillary, flags).unwrap();
            assert_eq!(got.bytes, 1, "the server hung up");
            for message in ancillary.drain() {
                if let RecvAncillaryMessage::ScmRights(received) = message {
                    fds.extend(received);
                }
            }
            line.push(byte[0]);
        }
        (String::from_utf8(line).unwrap(), fds)
    }

    fn send(&self, text: &str, fd: &impl AsFd) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let fds = [fd.as_fd()];
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
        let slices = [IoSlice::new(text.as_bytes())];
        sendmsg(&self.0, &slices, &mut ancillary, SendFlags::empty()).unwrap();
    }
}

#[test]
fn descriptors_come_with_requests_and_go_with_their_replies() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let router = Router::new().mount(Vec::new(), &[&COMMANDS]).unwrap();
    let server = Server::builder().serve(router);
    let mut client = Client::new(&server);
    client.send(r#"{"execute": "swap", "id": 1}"#, &reader);
    let (line, fds) = client.line();
    assert!(line.contains("\"id\": 1") && fds.is_empty());
    // Two replies at once: only the first one has it.
    let both = r#"{"execute": "swap", "id": 2}{"execute": "swap", "id": 3}"#;
    client.0.write_all(both.as_bytes()).unwrap();
    let (line, mut fds) = client.line();
    assert!(line.contains("\"id\": 2"));
    assert_eq!(fds.len(), 1);
    assert_eq!(client.line().1.len(), 0);
    writer.write_all(b"same").unwrap();
    let mut same = [0; 4];
    File::from(fds.remove(0)).read_exact(&mut same).unwrap();
    assert_eq!(&same, b"same");
}

#[test]
fn client_that_reads_late_gets_each_descriptor_with_its_reply() {
    let router = Router::new().mount(Vec::new(), &[&COMMANDS]).unwrap();
    let server = Server::builder().serve(router);
    let mut client = Client::new(&server);
    let null = File::open("/dev/null").unwrap();
    let padding = "x".repeat(20_000);
    let sender = Client(client.0.try_clone().unwrap());
    let requests = std::thread::spawn(move || {
        for id in 0..40 {
            let text = format!(r#"{{"execute": "swap", "id": "{id} {padding}"}}"#);
            sender.send(&text[..10], &null);
            (&sender.0).write_all(&text.as_bytes()[10..]).unwrap();
        }
    });
    for id in 0..40 {
        let (line, fds) = client.line();
        assert!(line.contains(&format!("\"id\": \"{id} ")));
        assert_eq!(fds.len(), usize::from(id > 0), "reply {id}");
    }
    requests.join().unwrap();
}

/// The inodes of the descriptors that requests took, in their order.
type Taken = Arc<Mutex<Vec<Option<u64>>>>;

fn note(taken: &mut Taken, cx: &mut Context<'_>, call: Call<'_>) -> Result<(), QmpError> {
    let fd = cx.take_fd();
    let inode = fd.map(|fd| rustix::fs::fstat(fd).unwrap().st_ino);
    taken.lock().unwrap().push(inode);
    call.run(|_: Swap| Ok(()))
}

static NOTING: [Entry<Taken>; 1] = [Entry::new::<Swap>(note)];

/// Two different descriptors and their inodes.
fn two_pipes() -> [(OwnedFd, Option<u64>); 2] {
    std::array::from_fn(|_| {
        let fd = OwnedFd::from(std::io::pipe().unwrap().0);
        let inode = rustix::fs::fstat(&fd).unwrap().st_ino;
        (fd, Some(inode))
    })
}

fn noting(capabilities: &str) -> (Solo, Taken) {
    let taken = Taken::default();
    let router = Router::new().mount(Arc::clone(&taken), &[&NOTING]).unwrap();
    let mut solo = Solo::new(router, EventSink::new(), false);
    solo.receive(format!("{{'execute': 'qmp_capabilities'{capabilities}}}").as_bytes());
    (solo, taken)
}

#[test]
fn descriptor_that_comes_with_the_end_of_a_request_belongs_to_the_next_one() {
    let (mut solo, taken) = noting("");
    let [(first, one), (second, two)] = two_pipes();
    solo.give_fds(vec![first]);
    solo.receive(b"{'execute':");
    solo.give_fds(vec![second]);
    solo.receive(b"'swap'}{'exec");
    solo.receive(b"ute': 'swap'}{'execute': 'swap'}");
    assert_eq!(*taken.lock().unwrap(), [one, two, None]);
}

#[test]
fn later_descriptor_of_the_same_request_replaces_the_first() {
    let (mut solo, taken) = noting("");
    let [(first, _), (second, two)] = two_pipes();
    solo.give_fds(vec![first]);
    solo.receive(b"{'execute':");
    solo.give_fds(vec![second]);
    solo.receive(b"'sw");
    solo.receive(b"ap'}{'execute': 'swap'}");
    assert_eq!(*taken.lock().unwrap(), [two, None]);
}

#[test]
fn descriptors_wait_in_the_queue_with_their_requests() {
    let (mut solo, taken) = noting(", 'arguments': {'enable': ['oob']}");
    let [(first, one), (second, two)] = two_pipes();
    solo.receive(b"{'execute': 'swap'}");
    for fd in [first, second] {
        solo.give_fds(vec![fd]);
        solo.receive(b"{'execute': 'swap'}");
    }
    while solo.work() {}
    assert_eq!(*taken.lock().unwrap(), [None, one, two]);
}

#[test]
fn descriptor_that_a_request_left_is_there_for_a_later_one() {
    let (mut solo, taken) = noting("");
    let [(first, one), _] = two_pipes();
    solo.give_fds(vec![first]);
    solo.receive(b"{'execute': 'unknown'}{'execute': 'swap'}{'execute': 'swap'}");
    assert_eq!(*taken.lock().unwrap(), [one, None]);
}
