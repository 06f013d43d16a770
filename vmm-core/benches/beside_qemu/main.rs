//! `vmm` and QEMU 10.0.2 in turn, each with the same guests: a table for docs/performance.md.
//!
//! `cargo bench -p vmm-core --bench beside_qemu [-- ROUNDS]`. Without QEMU there is the one column; without KVM there
//! is nothing.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run must say so"
)]

mod peer;
mod table;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use qmp_types::qmp::commands::{Cont, DumpGuestMemory, Stop};
use vmm_core::accel::kvm;
use vmm_core::guests::{self, BlkRequest, Guest, Wait};

use peer::{Kind, Peer};
use table::Table;

/// Runs of each program for a row unless it is said otherwise.
const ROUNDS: usize = 10;
/// Starts in a round: the first one comes while the kernel still clears up behind the program before.
const STARTS: usize = 10;
/// Stops and continues in a round.
const STOPS: usize = 50;
/// Of a port.
const ACCESSES: u32 = 200_000;
/// Runs of a guest that accesses ports, in a round: what the programs add to an exit is a small part of it.
const PORT_RUNS: usize = 4;
/// How libvirt starts QEMU, and `vmm` is by itself: what a filter costs, it costs at each exit.
const CONFINED: [&str; 2] = [
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
];
const REQUESTS: u32 = 10_000;
/// Rounds of [`guests::DEEP`] requests.
const DEEP_ROUNDS: u32 = 1_000;
/// The same past the host's cache.
const DIRECT_ROUNDS: u32 = 200;
/// What firmware and kernels write to for a little delay.
const DELAY_PORT: u16 = 0x80;
/// The scratch register of a serial port.
const SCRATCH: u16 = 0x3ff;
/// Bytes of a request.
const REQUEST: u32 = 4096;
const DISK: u64 = 16 << 20;
/// MiB of guest memory in a dump.
const DUMP: u32 = 512;

fn main() {
    if kvm::probe().is_err() {
        println!("skipped: there is no KVM");
        return;
    }
    let rounds = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok());
    let rounds: usize = rounds.unwrap_or(ROUNDS);
    let mut table = Table::default();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        for kind in Kind::present() {
            for _ in 0..STARTS {
                boot(&mut table, kind);
            }
            stay(&mut table, kind);
            disk(&mut table, kind);
            deep_disk(&mut table, kind);
            direct_disk(&mut table, kind);
            dump(&mut table, kind);
            full_dump(&mut table, kind);
        }
        for _ in 0..PORT_RUNS {
            for kind in Kind::present() {
                ports(&mut table, kind);
            }
        }
    }
    print!("{}", table.render());
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn boot(table: &mut Table, kind: Kind) {
    let start = Instant::now();
    let mut peer = Peer::start(kind, &guests::hello().unwrap(), &[]);
    peer.await_text("h");
    table.add(
        "exec to first serial byte, ms",
        kind,
        millis(start.elapsed()),
    );
    peer.await_text("hello from q-min\n");
    table.add(
        "exec to the whole greeting, ms",
        kind,
        millis(start.elapsed()),
    );
}

/// Memory, and how soon a guest that never waits stands still.
fn stay(table: &mut Table, kind: Kind) {
    let mut peer = Peer::start(kind, &guests::spin().unwrap(), &["-m", "128"]);
    peer.await_text("spin\n");
    let memory = peer.memory();
    table.add("resident, MB", kind, memory.resident);
    table.add("private, MB", kind, memory.private);
    table.add("private and written to, MB", kind, memory.dirty);
    let mut client = peer.connect();
    for _ in 0..STOPS {
        let start = Instant::now();
        client.execute(&Stop {}).unwrap();
        table.add("stop, ms", kind, millis(start.elapsed()));
        let start = Instant::now();
        client.execute(&Cont {}).unwrap();
        table.add("cont, ms", kind, millis(start.elapsed()));
        // It has to be in guest code again.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How long a guest takes from one text to another.
fn between(kind: Kind, guest: &Guest, options: &[&str], texts: [&str; 2]) -> f64 {
    let mut peer = Peer::start(kind, guest, options);
    peer.await_text(texts[0]);
    let start = Instant::now();
    peer.await_text(texts[1]);
    start.elapsed().as_secs_f64()
}

fn ports(table: &mut Table, kind: Kind) {
    let (writes, reads) = (guests::ports, guests::port_reads);
    for (guest, what) in [
        (
            writes(DELAY_PORT, ACCESSES),
            "writes to port 0x80, per second",
        ),
        (
            writes(SCRATCH, ACCESSES),
            "writes to a port of a device, per second",
        ),
        (
            reads(SCRATCH, ACCESSES),
            "reads of a port of a device, per second",
        ),
    ] {
        let guest = guest.unwrap();
        let seconds = between(kind, &guest, &CONFINED, ["ports\n", "done\n"]);
        table.add(what, kind, f64::from(ACCESSES) / seconds);
    }
}

fn disk(table: &mut Table, kind: Kind) {
    let image = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    image.as_file().set_len(DISK).unwrap();
    let drive = format!("if=none,id=d,format=raw,file={}", image.path().display());
    let options = ["-drive", &drive, "-device", "virtio-blk-device,drive=d"];
    // By interrupts it would be QEMU's other wiring that the guest has to know.
    let requests = [BlkRequest::Again(REQUEST, REQUESTS)];
    let guest = guests::blk(Wait::Poll, &requests).unwrap();
    let seconds = between(kind, &guest, &options, ["blk: 00", "blk: done\n"]);
    let what = "disk requests of 4 KiB, one at a time, per second";
    table.add(what, kind, f64::from(REQUESTS) / seconds);
}

/// As many requests at once as a guest's kernel has under load, next to each other and not.
fn deep_disk(table: &mut Table, kind: Kind) {
    let image = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    image.as_file().set_len(DISK).unwrap();
    let drive = format!("if=none,id=d,format=raw,file={}", image.path().display());
    let options = ["-drive", &drive, "-device", "virtio-blk-device,drive=d"];
    let sectors = REQUEST / 512;
    for (stride, what) in [
        (
            sectors,
            "disk requests of 4 KiB, 32 at once in a row, per second",
        ),
        (
            3 * sectors,
            "disk requests of 4 KiB, 32 at once apart, per second",
        ),
    ] {
        let guest = guests::deep_blk(REQUEST, stride, DEEP_ROUNDS).unwrap();
        let seconds = between(kind, &guest, &options, ["deep\n", "done\n"]);
        table.add(what, kind, f64::from(DEEP_ROUNDS * guests::DEEP) / seconds);
    }
}

/// The same past the host's cache, where the scratch folder is on a disk that can do that.
fn direct_disk(table: &mut Table, kind: Kind) {
    let mut image = tempfile::NamedTempFile::new().unwrap();
    image.write_all(&vec![0x5a; DISK as usize]).unwrap();
    image.as_file().sync_all().unwrap();
    let mut direct = OpenOptions::new();
    direct.read(true).custom_flags(libc::O_DIRECT);
    if direct.open(image.path()).is_err() {
        return;
    }
    let path = image.path().display();
    let drive = format!("if=none,id=d,format=raw,cache=none,aio=native,file={path}");
    let options = ["-drive", &drive, "-device", "virtio-blk-device,drive=d"];
    let guest = guests::deep_blk(REQUEST, 3 * REQUEST / 512, DIRECT_ROUNDS).unwrap();
    let seconds = between(kind, &guest, &options, ["deep\n", "done\n"]);
    let what = "the same past the host's cache (`cache=none`), per second";
    table.add(
        what,
        kind,
        f64::from(DIRECT_ROUNDS * guests::DEEP) / seconds,
    );
}

/// Memory that nobody has touched, but for a few pages.
fn dump(table: &mut Table, kind: Kind) {
    let what = "dump of 512 MiB, hardly touched, MB per second";
    timed_dump(table, kind, what, &["-m", &DUMP.to_string()]);
}

/// Memory without a page of zeroes.
fn full_dump(table: &mut Table, kind: Kind) {
    let mut memory = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    let page: Vec<u8> = (0..4096u32).map(|byte| (byte % 251) as u8 + 1).collect();
    let part = page.repeat(256);
    for _ in 0..DUMP {
        memory.write_all(&part).unwrap();
    }
    let size = DUMP.to_string();
    let path = memory.path().display();
    let backend = format!("memory-backend-file,id=m,size={size}M,mem-path={path},share=on");
    let options = [
        "-m",
        &size,
        "-object",
        &backend,
        "-machine",
        "memory-backend=m",
    ];
    let what = "dump of 512 MiB, full of data, MB per second";
    timed_dump(table, kind, what, &options);
}

fn timed_dump(table: &mut Table, kind: Kind, what: &'static str, options: &[&str]) {
    let mut peer = Peer::start(kind, &guests::spin().unwrap(), options);
    peer.await_text("spin\n");
    let file = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    let protocol = format!("file:{}", file.path().display());
    let mut client = peer.connect();
    let start = Instant::now();
    client
        .execute(&DumpGuestMemory::new(false, protocol))
        .unwrap();
    let seconds = start.elapsed().as_secs_f64();
    table.add(what, kind, f64::from(DUMP) / seconds);
}
