//! What a command costs without transport: time and allocations, from the bytes of a request to those of its
//! reply.

use std::alloc::System;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use qmp_runtime::__private::Solo;
use qmp_runtime::{Command, CommandInfo, Entry, EventSink, Router, record};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Stop {}
record!(Stop, []);

impl Command for Stop {
    type Return = ();
    const INFO: CommandInfo = CommandInfo::new("stop");
}

struct Add {
    left: i64,
    right: Option<u32>,
}
record!(Add, [("left", left), ("right", right)]);

impl Command for Add {
    type Return = i64;
    const INFO: CommandInfo = CommandInfo::new("add");
}

struct Name {
    name: String,
}
record!(Name, [("name", name)]);

impl Command for Name {
    type Return = Name;
    const INFO: CommandInfo = CommandInfo::new("name");
}

static COMMANDS: [Entry<()>; 3] = [
    Entry::new::<Stop>(|(), _, call| call.run(|_: Stop| Ok(()))),
    Entry::new::<Add>(|(), _, call| {
        call.run(|add: Add| Ok(add.left + i64::from(add.right.unwrap_or(0))))
    }),
    Entry::new::<Name>(|(), _, call| call.run(|name: Name| Ok(name))),
];

/// Requests by what they show, and how many allocations each may take.
const REQUESTS: [(&str, &str, usize); 4] = [
    ("no arguments", "{\"execute\": \"stop\"}\n", 0),
    ("id", "{\"execute\": \"stop\", \"id\": \"libvirt-42\"}\n", 0),
    (
        "integers",
        "{\"execute\": \"add\", \"arguments\": {\"left\": 40, \"right\": 2}, \"id\": 7}\n",
        0,
    ),
    (
        "string",
        "{\"execute\": \"name\", \"arguments\": {\"name\": \"vm\"}}\n",
        1,
    ),
];

fn session(criterion: &mut Criterion) {
    let Ok(router) = Router::new().mount((), &[&COMMANDS]) else {
        unreachable!("no command has two handlers")
    };
    let mut solo = Solo::new(router, EventSink::new(), false);
    solo.receive(b"{\"execute\": \"qmp_capabilities\"}");
    let mut group = criterion.benchmark_group("session");
    for (name, request, most) in REQUESTS {
        let mut answer = || {
            solo.receive(black_box(request.as_bytes()));
            assert!(solo.skip() > 0);
        };
        // Buffers grow at first.
        (0..10).for_each(|_| answer());
        let region = Region::new(ALLOCATOR);
        (0..1000).for_each(|_| answer());
        let change = region.change();
        let count = (change.allocations + change.reallocations) / 1000;
        println!("{name}: {count} allocations a command");
        assert!(count <= most, "{name}: more than {most} allocations");
        group.bench_function(name, |bencher| bencher.iter(&mut answer));
    }
    group.finish();
}

criterion_group!(benches, session);
criterion_main!(benches);
