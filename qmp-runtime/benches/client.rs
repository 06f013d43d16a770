//! Calls of the clients over a socket pair, beside a bare exchange of bytes of the same length; and what the
//! client itself costs, without any I/O, in time and in allocations.

use std::alloc::System;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qmp_runtime::client::{Client, Conversation, Incoming, Request};
use qmp_runtime::{Command, CommandInfo, record};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many calls are on their way at once.
const AT_ONCE: usize = 64;

#[derive(Clone)]
struct QueryStatus {}
record!(QueryStatus, []);

impl Command for QueryStatus {
    type Return = Status;
    const INFO: CommandInfo = CommandInfo::new("query-status");
}

struct Status {
    running: bool,
}
record!(Status, [("running", running)]);

const GREETING: &[u8] =
    b"{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n{\"return\": {}, \"id\": 1}\r\n";

/// The reply to a request: no more than its id is looked for.
fn answer(request: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"return\": {\"status\": \"running\", \"running\": true}, \"id\": ");
    let id = request
        .rsplit(|&byte| byte == b' ')
        .next()
        .unwrap_or_default();
    out.extend_from_slice(id);
}

/// A peer that answers what it has read at once.
fn serve(socket: &UnixStream, greets: bool) {
    let mut input = BufReader::new(socket);
    let mut out = Vec::new();
    let mut output = socket;
    if greets && (output.write_all(GREETING).is_err() || input.read_until(b'\n', &mut out).is_err())
    {
        return;
    }
    out.clear();
    let mut line = Vec::new();
    while input
        .read_until(b'\n', &mut line)
        .is_ok_and(|count| count > 0)
    {
        answer(&line, &mut out);
        line.clear();
        if !input.buffer().contains(&b'\n') {
            if output.write_all(&out).is_err() {
                return;
            }
            out.clear();
        }
    }
}

fn peer(greets: bool) -> UnixStream {
    let (ours, theirs) = match UnixStream::pair() {
        Ok(pair) => pair,
        Err(error) => unreachable!("{error}"),
    };
    std::thread::spawn(move || serve(&theirs, greets));
    ours
}

/// Requests and replies as they are on the wire, and nothing around them.
fn bare(criterion: &mut Criterion) {
    let mut socket = peer(false);
    let request = b"{\"execute\": \"query-status\", \"arguments\": {}, \"id\": 1000}\n";
    let mut reply = Vec::new();
    answer(request, &mut reply);
    let mut group = criterion.benchmark_group("client");
    group.throughput(Throughput::Elements(1));
    group.bench_function("bare exchange", |bencher| {
        bencher.iter(|| {
            let written = socket.write_all(request);
            written.and_then(|()| socket.read_exact(&mut reply)).is_ok()
        });
    });
}

fn blocking(criterion: &mut Criterion) {
    let Ok(mut client) = Client::over_socket(peer(true).into()) else {
        unreachable!("the peer greets")
    };
    let mut group = criterion.benchmark_group("client");
    group.throughput(Throughput::Elements(1));
    group.bench_function("blocking, one at a time", |bencher| {
        bencher.iter(|| {
            client
                .execute(&QueryStatus {})
                .is_ok_and(|status| status.running)
        });
    });
    group.throughput(Throughput::Elements(AT_ONCE as u64));
    let commands = vec![QueryStatus {}; AT_ONCE];
    group.bench_function("blocking, 64 at once", |bencher| {
        bencher.iter(|| {
            let pending = client.submit_all(&commands).unwrap_or_default();
            pending
                .into_iter()
                .all(|call| client.wait(call).is_ok_and(|status| status.running))
        });
    });
}

#[cfg(feature = "tokio")]
fn on_tokio(criterion: &mut Criterion) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        unreachable!("there is room for a runtime")
    };
    let connected = runtime.block_on(Client::builder().over_tokio(peer(true).into()));
    let Ok((client, _events)) = connected else {
        unreachable!("the peer greets")
    };
    let mut group = criterion.benchmark_group("client");
    group.throughput(Throughput::Elements(1));
    group.bench_function("tokio, one at a time", |bencher| {
        bencher.iter(|| {
            let status = runtime.block_on(client.execute(&QueryStatus {}));
            status.is_ok_and(|status| status.running)
        });
    });
    group.throughput(Throughput::Elements(AT_ONCE as u64));
    group.bench_function("tokio, 64 at once", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let calls = (0..AT_ONCE).map(|_| {
                    let client = client.clone();
                    tokio::spawn(async move { client.execute(&QueryStatus {}).await.is_ok() })
                });
                let calls: Vec<_> = calls.collect();
                for call in calls {
                    std::hint::black_box(call.await.is_ok());
                }
            });
        });
    });
}

#[cfg(not(feature = "tokio"))]
fn on_tokio(_: &mut Criterion) {}

/// A call without I/O: request made, reply read and decoded.
fn core(criterion: &mut Criterion) {
    let mut conversation = Conversation::new(&Client::builder());
    let mut input = GREETING;
    while let Ok(Some(_)) = conversation.receive(&mut input) {}
    let mut reply = Vec::new();
    let mut call = |conversation: &mut Conversation<()>| {
        let _ = conversation.submit(Request::command(&QueryStatus {}), ());
        reply.clear();
        answer(conversation.transmit().0, &mut reply);
        let sent = conversation.transmit().0.len();
        conversation.transmitted(sent);
        match conversation.receive(&mut &reply[..]) {
            Ok(Some(Incoming::Reply { result, .. })) => result
                .and_then(|reply| reply.decode::<Status>())
                .is_ok_and(|status| status.running),
            _ => false,
        }
    };
    for _ in 0..1000 {
        assert!(call(&mut conversation));
    }
    let region = Region::new(ALLOCATOR);
    for _ in 0..1000 {
        assert!(call(&mut conversation));
    }
    let change = region.change();
    println!(
        "client/core: {} allocations and {} reallocations in 1000 calls",
        change.allocations, change.reallocations
    );
    criterion
        .benchmark_group("client")
        .bench_function("core", |bencher| bencher.iter(|| call(&mut conversation)));
}

criterion_group!(benches, core, bare, blocking, on_tokio);
criterion_main!(benches);
