//! A round trip over a socket pair: a command, and beside it a bare echo of as many bytes each way.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;

use criterion::{Criterion, criterion_group, criterion_main};
use qmp_runtime::server::Server;
use qmp_runtime::{Command, CommandInfo, Entry, Router, record};

struct QueryStatus {}
record!(QueryStatus, []);

struct Status {
    status: String,
    running: bool,
}
record!(Status, [("status", status), ("running", running)]);

impl Command for QueryStatus {
    type Return = Status;
    const INFO: CommandInfo = CommandInfo::new("query-status");
}

static COMMANDS: [Entry<()>; 1] = [Entry::new::<QueryStatus>(|(), _, call| {
    call.run(|_: QueryStatus| {
        Ok(Status {
            status: "running".into(),
            running: true,
        })
    })
})];

const REQUEST: &[u8] = b"{\"execute\": \"query-status\"}\r\n";
const REPLY: &[u8] = b"{\"return\": {\"status\": \"running\", \"running\": true}}\r\n";

fn round_trip(socket: &mut UnixStream, buffer: &mut [u8]) -> std::io::Result<usize> {
    socket.write_all(REQUEST)?;
    socket.read(buffer)
}

fn socket(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("socket");
    let mut buffer = [0; 4096];
    let mut pairs = Vec::new();
    for _ in 0..2 {
        match UnixStream::pair() {
            Ok(pair) => pairs.push(pair),
            Err(error) => unreachable!("there are descriptors: {error}"),
        }
    }
    let [(mut client, served), (mut caller, mut echo)] =
        <[_; 2]>::try_from(pairs).unwrap_or_else(|_| unreachable!("two were made"));
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while echo.read(&mut buffer).is_ok_and(|count| count > 0) {
            if echo.write_all(REPLY).is_err() {
                return;
            }
        }
    });
    let Ok(router) = Router::new().mount((), &[&COMMANDS]) else {
        unreachable!("no command has two handlers")
    };
    let server = Server::builder().serve(router);
    let negotiated = server.serve_socket(served.into()).and_then(|_| {
        let greeting = client.read(&mut buffer)?;
        assert!(greeting > 0);
        client.write_all(b"{\"execute\": \"qmp_capabilities\"}")?;
        client.read(&mut buffer)
    });
    assert!(negotiated.is_ok());
    group.bench_function("echo", |bencher| {
        bencher.iter(|| round_trip(&mut caller, &mut buffer));
    });
    group.bench_function("command", |bencher| {
        bencher.iter(|| round_trip(&mut client, &mut buffer));
    });
    group.finish();
    assert_eq!(round_trip(&mut client, &mut buffer).ok(), Some(REPLY.len()));
}

criterion_group!(benches, socket);
criterion_main!(benches);
