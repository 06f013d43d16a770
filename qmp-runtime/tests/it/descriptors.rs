//! Descriptors that ride along, both ways.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use qmp_runtime::server::Server;
use qmp_runtime::{Call, Command, CommandInfo, Context, Entry, QmpError, Router, record};
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
