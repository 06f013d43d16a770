//! Disks.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use qmp_runtime::json::Value;
use tempfile::NamedTempFile;
use vmm_core::block::{DriveConfig, NodeConfig, NodeSource, Zeroes};
use vmm_core::guests::BlkRequest::{
    Discard, Flush, Id, Read, Unknown, Write as Put, WriteCache, Zero,
};
use vmm_core::guests::{self, BlkRequest, Guest, Wait};
use vmm_core::machine::MachineConfig;

use super::{MODERN, spec};
use crate::differential::peer::{Board, QEMU, both_work, peers, peers_beside};
use crate::differential::script::{Step, play};
use crate::fixture::{Ended, Fixture, LIMIT, direct_works};

pub(super) const SECTOR: usize = 512;
pub(super) const SECTORS: usize = 64;

/// An image; each byte of a sector is the sector's number and one.
pub(super) fn image() -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    for sector in 0..SECTORS {
        file.write_all(&[sector as u8 + 1; SECTOR]).unwrap();
    }
    file
}

fn layer(source: NodeSource) -> NodeConfig {
    NodeConfig::new(source)
}

/// Gives a machine the image as drive `d`.
pub(super) fn with_drive(
    config: &mut MachineConfig,
    image: &NamedTempFile,
    change: impl Fn(&mut NodeConfig),
) {
    let path = image.path().to_str().unwrap().to_owned();
    let mut below = layer(NodeSource::File(path));
    change(&mut below);
    let mut above = layer(NodeSource::Layer(Box::new(below)));
    change(&mut above);
    config.drives.push(DriveConfig {
        id: "d".to_owned(),
        image: Some(above),
        write_back: true,
    });
}

fn run(
    requests: &[BlkRequest],
    wait: Wait,
    device: &[(&str, &str)],
    change: impl FnOnce(&mut MachineConfig),
) -> Option<Fixture> {
    run_guest(&guests::blk(wait, requests).unwrap(), device, change)
}

pub(super) fn run_guest(
    guest: &Guest,
    device: &[(&str, &str)],
    change: impl FnOnce(&mut MachineConfig),
) -> Option<Fixture> {
    let boot = guest.boot();
    let properties = [&[("drive", "d")], device].concat();
    let fixture = Fixture::guest(boot, |config| {
        change(config);
        let device = spec("virtio-blk-device", "disk", &properties);
        config.devices.push(device);
        config.confined = true;
    })?;
    fixture.machine.wait();
    Some(fixture)
}

#[test]
fn guest_reads_writes_and_clears() {
    for wait in [Wait::Poll, Wait::Interrupt] {
        let image = image();
        let requests = [
            Id,
            Read(0, 512),
            Read(7, 2048),
            Put(2, 1024, 0xa5),
            Flush,
            Read(3, 512),
            Read(4, 512),
            Zero(5, 1, false),
            Zero(6, 1, true),
            Discard(8, 2),
            Unknown,
            Read(63, 1024), // more than there is
            Put(64, 512, 1),
            Discard(60, 5),
            Zero(0x0fff_ffff, 1, true),
        ];
        let device = [("serial", "disk-of-a-test")];
        let Some(fixture) = run(&requests, wait, &device, |config| {
            with_drive(config, &image, |node| node.unmap = true);
        }) else {
            return;
        };
        let said = "blk: 00000040\n\
                    00 disk-of-a-test\n\
                    00 0101010101010101\n\
                    00 0808080808080808\n\
                    00\n00\n\
                    00 a5a5a5a5a5a5a5a5\n\
                    00 0505050505050505\n\
                    00\n00\n00\n02\n\
                    01 0505050505050505\n\
                    01\n01\n01\nblk: done\n";
        assert_eq!(fixture.console(), said, "{wait:?}");
        let mut expected: Vec<u8> = (0..SECTORS)
            .flat_map(|sector| [sector as u8 + 1; SECTOR])
            .collect();
        expected[2 * SECTOR..4 * SECTOR].fill(0xa5);
        expected[5 * SECTOR..7 * SECTOR].fill(0);
        let mut found = fs::read(image.path()).unwrap();
        // discarded sectors may be zeroes or what they were
        expected[8 * SECTOR..10 * SECTOR].fill(0);
        found[8 * SECTOR..10 * SECTOR].fill(0);
        assert!(found == expected, "{wait:?}");
        assert_eq!(fixture.diagnostics(), [""; 0]);
        let drives = fixture.machine.block().drives();
        let discarded = drives[0].node().unwrap().bottom().statistics();
        let counts = drives[0].statistics();
        use vmm_core::block::Operation;
        let read = counts.of(Operation::Read);
        assert_eq!((read.operations, read.bytes), (4, 512 * 3 + 2048));
        assert_eq!((read.invalid, read.failed), (1, 0));
        assert_eq!(counts.of(Operation::Flush).operations, 1);
        assert_eq!(discarded.of(Operation::Unmap).bytes, 1024);
    }
}

#[test]
fn thread_that_the_user_made_serves_a_disk() {
    let image = image();
    let requests = [Read(9, 4096), Put(1, 512, 9), Flush];
    let device = [("iothread", "t")];
    let Some(fixture) = run(&requests, Wait::Interrupt, &device, |config| {
        config.objects.push(spec("iothread", "t", &[]));
        with_drive(config, &image, |_| ());
    }) else {
        return;
    };
    let said = "blk: 00000040\n00 0a0a0a0a0a0a0a0a\n00\n00\nblk: done\n";
    assert_eq!(fixture.console(), said);
    assert_eq!(fs::read(image.path()).unwrap()[SECTOR], 9);
}

#[test]
fn disk_that_is_read_only_stays_as_it_is() {
    let image = image();
    let requests = [Read(1, 512), Put(1, 512, 9), Zero(2, 1, false), Flush];
    let Some(fixture) = run(&requests, Wait::Poll, &[], |config| {
        with_drive(config, &image, |node| node.read_only = true);
    }) else {
        return;
    };
    let said = "blk: 00000040\n00 0202020202020202\n01\n01\n00\nblk: done\n";
    assert_eq!(fixture.console(), said);
    assert_eq!(fs::read(image.path()).unwrap()[SECTOR], 2);
}

/// Both make the same of the same image: what they print, what they answer to
/// `commands`, and what is in their images afterwards.
#[track_caller]
fn same(requests: &[BlkRequest], drive: &str, device: &str, commands: &[&str]) {
    let images = [image(), image()];
    let paths = images.each_ref().map(|image| image.path().to_owned());
    same_on(&paths, requests, drive, device, commands);
}

/// The same with these images.
#[track_caller]
pub(super) fn same_on(
    images: &[PathBuf; 2],
    requests: &[BlkRequest],
    drive: &str,
    device: &str,
    commands: &[&str],
) {
    let guest = guests::blk(Wait::Interrupt, requests).unwrap();
    let options = images.each_ref().map(|image| {
        let path = image.display();
        let drive = format!("if=none,id=d,format=raw,file={path}{drive}");
        let device = format!("virtio-blk-device,drive=d{device}");
        let options = ["-no-shutdown", "-drive", &drive, "-device", &device];
        let options = MODERN.iter().chain(&options);
        options
            .map(|option| (*option).to_owned())
            .collect::<Vec<_>>()
    });
    let options = options.each_ref();
    let options = options.map(|options| options.iter().map(String::as_str).collect::<Vec<_>>());
    let peers = peers_beside(Board::Microvm, &guest, [&options[0], &options[1]]);
    let mut names = images.iter().map(|image| image.display().to_string());
    let [theirs, ours] = peers.map(|mut peer| {
        peer.send(r#"{"execute": "cont"}"#);
        peer.await_output("done\n", 1);
        for command in commands {
            peer.send(&command.replace('\'', "\""));
        }
        let name = names.next().unwrap();
        let replies = peer.replies.iter().map(|reply| sorted(reply, &name));
        (peer.output(), replies.collect::<Vec<_>>())
    });
    assert_eq!(ours.0, theirs.0, "{drive} {device}");
    assert_eq!(ours.1, theirs.1, "{drive} {device}");
    let [theirs, ours] = images.each_ref().map(|image| fs::read(image).unwrap());
    assert!(theirs == ours, "{drive} {device}");
}

/// A reply with members in order, without what differs from run to run.
fn sorted(value: &Value, image: &str) -> String {
    match value {
        Value::Object(members) => {
            let mut parts: Vec<_> = members
                .iter()
                .filter(|(name, _)| !name.ends_with("_time_ns") && *name != "node-name")
                .map(|(name, value)| format!("{name}: {}", sorted(value, image)))
                .collect();
            parts.sort();
            format!("{{{}}}", parts.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| sorted(item, image)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => text.replace(image, "IMAGE"),
        other => other.to_string(),
    }
}

// proves: query-block, query-blockstats, query-named-block-nodes
#[test]
fn guest_sees_the_same_as_under_qemu() {
    if !both_work() {
        return;
    }
    let requests = [
        Id,
        Read(0, 512),
        Read(7, 2048),
        Put(2, 1024, 0xa5),
        Flush,
        Read(3, 512),
        WriteCache(false),
        Put(9, 512, 0x77),
        WriteCache(true),
        Zero(5, 1, false),
        Zero(6, 1, true),
        Zero(6, 1, false),
        Discard(8, 2),
        Unknown,
        Read(63, 1024),
        Put(64, 512, 1),
        Put(63, 512, 1),
        Discard(60, 5),
        Zero(0x0fff_ffff, 1, true),
        Zero(0, 0x50_0000, true),
    ];
    let commands = [
        "{'execute': 'query-block'}",
        "{'execute': 'query-blockstats'}",
        "{'execute': 'query-named-block-nodes'}",
        "{'execute': 'query-blockstats', 'arguments': {'query-nodes': true}}",
        "{'execute': 'qom-get', 'arguments': {'path': 'v', 'property': 'drive'}}",
        "{'execute': 'qom-get', 'arguments': {'path': 'v', 'property': 'serial'}}",
        "{'execute': 'blockdev-del', 'arguments': {'node-name': 'no'}}",
    ];
    same(
        &requests,
        "",
        ",serial=0123456789abcdefghijklm,id=v",
        &commands,
    );
    same(&requests, ",discard=unmap", ",id=v", &commands);
    same(&requests, ",readonly=on", ",id=v", &commands);
    let few = [Read(0, 512), Put(1, 512, 3), Put(2, 1024, 4), Discard(2, 2)];
    let large = ",logical_block_size=1024,physical_block_size=4096";
    same(&few, ",cache=writethrough", large, &commands[..3]);
    same(&few, ",cache=unsafe", ",discard=off,write-zeroes=off", &[]);
}

#[test]
fn zeroes_that_are_looked_for_take_no_space_as_under_qemu() {
    if !both_work() {
        return;
    }
    let commands = [
        "{'execute': 'query-block'}",
        "{'execute': 'query-blockstats'}",
    ];
    let requests = [
        Put(0, 4096, 0),
        Put(8, 4096, 5),
        Put(16, 8192, 0),
        Put(40, 512, 0),
    ];
    for mode in [
        ",detect-zeroes=off",
        ",detect-zeroes=on",
        ",detect-zeroes=unmap",
        ",detect-zeroes=unmap,discard=unmap",
        ",detect-zeroes=on,discard=unmap",
    ] {
        same(&requests, mode, ",id=v", &commands);
    }
}

#[test]
fn space_of_zeroes_goes_where_the_user_says_so() {
    let requests = [Put(0, 4096, 0), Put(8, 4096, 5)];
    let taken = |zeroes: Zeroes, unmap: bool| {
        let image = image();
        run(&requests, Wait::Poll, &[], |config| {
            with_drive(config, &image, |node| {
                node.zeroes = zeroes;
                node.unmap = unmap;
            });
        })?;
        let content = fs::read(image.path()).unwrap();
        assert_eq!(content[..4096], [0; 4096]);
        assert_eq!(content[4096..8192], [5; 4096]);
        Some(fs::metadata(image.path()).unwrap().blocks() * 512)
    };
    let Some(whole) = taken(Zeroes::Written, true) else {
        return;
    };
    assert_eq!(taken(Zeroes::Made, true), Some(whole));
    assert_eq!(taken(Zeroes::Unmapped, false), Some(whole));
    assert_eq!(taken(Zeroes::Unmapped, true), Some(whole - 4096));
}

#[test]
fn disk_past_the_cache_of_the_host_is_the_same_as_under_qemu() {
    if !both_work() || !direct_works(image().path()) {
        return;
    }
    let requests = [
        Read(0, 512),
        Read(7, 2048),
        Put(3, 1024, 0xa5),
        Put(8, 4096, 0x11),
        Flush,
        Read(3, 512),
        Read(4, 512),
        Zero(5, 1, false),
        Zero(6, 1, true),
        Discard(24, 2),
        Read(63, 1024),
        Put(63, 512, 1),
    ];
    let shown = &[
        "{'execute': 'query-block'}",
        "{'execute': 'query-named-block-nodes'}",
    ];
    same(&requests, ",cache=none,aio=native", ",id=v", shown);
    same(&requests, ",cache=directsync,discard=unmap", ",id=v", shown);
    same(
        &requests,
        ",cache=none,aio=io_uring,detect-zeroes=on",
        "",
        shown,
    );
    same(&requests, ",cache.direct=on,cache.no-flush=on", "", shown);
    same(&requests, ",readonly=on,cache=none", "", shown);
}

// proves: blockdev-add, blockdev-del
#[test]
fn nodes_come_go_and_are_refused_alike() {
    if !both_work() {
        return;
    }
    let image = image();
    let add = |rest: &str| {
        let path = image.path().display();
        let file = format!("'driver': 'file', 'filename': '{path}'");
        let options = rest.replace("FILE", &file);
        format!("{{'execute': 'blockdev-add', 'arguments': {{{options}}}}}").replace('\'', "\"")
    };
    let delete = |name: &str| {
        format!(r#"{{"execute": "blockdev-del", "arguments": {{"node-name": "{name}"}}}}"#)
    };
    let list = r#"{"execute": "query-named-block-nodes"}"#.to_owned();
    let script = [
        add("FILE"),
        add("FILE, 'node-name': 'a', 'read-only': true"),
        add("FILE, 'node-name': 'a'"),
        add("FILE, 'node-name': '1'"),
        add("FILE, 'node-name': 'a23456789012345678901234567890123'"),
        add("'driver': 'file', 'filename': '/no/such', 'node-name': 'x'"),
        add("'driver': 'file', 'filename': '/', 'node-name': 'x'"),
        add("'driver': 'file', 'node-name': 'x'"),
        add("'driver': 'nothing', 'node-name': 'x'"),
        add("FILE, 'force-share': true"),
        add("FILE, 'node-name': 'x', 'aio': 'native'"),
        add("FILE, 'node-name': 'x', 'detect-zeroes': 'unmap'"),
        add("'driver': 'host_device', 'filename': '/proc/version', 'node-name': 'x'"),
        add("'driver': 'host_device', 'filename': '/no/such', 'node-name': 'x'"),
        add(
            "'driver': 'file', 'filename': '/proc/version', 'node-name': 'x', 'read-only': true, \
             'cache': {'direct': true}",
        ),
        add("FILE, 'node-name': 'e', 'read-only': true, 'aio': 'io_uring'"),
        add("FILE, 'node-name': 'f', 'detect-zeroes': 'unmap', 'discard': 'unmap'"),
        add("'driver': 'null-co', 'node-name': 'g', 'detect-zeroes': 'on'"),
        delete("e"),
        delete("f"),
        add("'driver': 'raw', 'node-name': 'b', 'file': 'a', 'read-only': true"),
        add("'driver': 'raw', 'node-name': 'x', 'file': 'none'"),
        add(
            "'driver': 'raw', 'node-name': 'c', 'file': {FILE, 'node-name': 'd'}, 'read-only': true",
        ),
        list.clone(),
        delete("a"),
        delete("d"),
        delete("x"),
        delete("b"),
        delete("a"),
        delete("c"),
        list,
    ];
    let guest = guests::spin().unwrap();
    let [theirs, ours] = peers(&guest, &[]).map(|mut peer| {
        for command in &script {
            peer.send(command);
        }
        let replies = peer.replies.iter().map(|reply| sorted(reply, "no image"));
        replies.collect::<Vec<_>>()
    });
    assert_eq!(ours, theirs);
}

// proves: block_resize
#[test]
fn guest_finds_a_disk_of_another_size() {
    let image = image();
    let requests = [Read(64, 512), Put(127, 512, 5)];
    let boot = guests::blk(Wait::Poll, &requests).unwrap().boot();
    let Some(fixture) = Fixture::guest(boot, |config| {
        with_drive(config, &image, |_| ());
        let device = spec("virtio-blk-device", "disk", &[("drive", "d")]);
        config.devices.push(device);
        config.paused = true;
    }) else {
        return;
    };
    let size = 128 * SECTOR as i64;
    fixture.machine.block().resize("d", "", size).unwrap();
    fixture.machine.cont().unwrap();
    fixture.machine.wait();
    let said = "blk: 00000080\n00 0000000000000000\n00\nblk: done\n";
    assert_eq!(fixture.console(), said);
    assert_eq!(fs::metadata(image.path()).unwrap().len(), size as u64);
}

#[test]
fn resizing_is_refused_alike() {
    if !both_work() {
        return;
    }
    let image = image();
    let path = image.path().display();
    let node = format!("driver=file,node-name=f,filename={path},read-only=on");
    let options = [
        "-blockdev",
        &node,
        "-blockdev",
        "driver=null-co,node-name=n",
        "-drive",
        "if=none,id=e",
    ];
    let script = [
        "{'execute': 'block_resize', 'arguments': {'device': 'e', 'size': 1}}",
        "{'execute': 'block_resize', 'arguments': {'device': 'f', 'size': 1}}",
        "{'execute': 'block_resize', 'arguments': {'node-name': 'f', 'size': 1}}",
        "{'execute': 'block_resize', 'arguments': {'node-name': 'n', 'size': 1}}",
        "{'execute': 'block_resize', 'arguments': {'node-name': 'f', 'size': -1}}",
        "{'execute': 'block_resize', 'arguments': {'size': 1}}",
        "{'execute': 'block_resize', 'arguments': {'size': -1}}",
    ];
    let script = script.map(Step::Do);
    play(&guests::spin().unwrap(), &options, &script);
}

/// What a program says of options that make no machine.
pub(crate) fn complaint(program: &str, options: &[&str]) -> String {
    let output = Command::new(program)
        .args(["-M", "microvm", "-nodefaults", "-display", "none", "-S"])
        .args(["-accel", if program == QEMU { "tcg" } else { "kvm" }])
        .args(options)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success(), "{program} {options:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Both say the same of options that make no machine.
fn refused_alike(options: &[&str]) {
    let theirs = complaint(QEMU, options);
    let theirs = theirs.lines().next().unwrap_or_default();
    // behind the program's name and the option
    let said = theirs.splitn(3, ": ").nth(2).unwrap_or_default();
    let ours = complaint(env!("CARGO_BIN_EXE_vmm"), options);
    assert!(ours.contains(said), "{options:?}\n{theirs}\n{ours}");
}

const DISK: &str = "virtio-blk-device,drive=d";

#[test]
fn drives_are_refused_alike() {
    if !both_work() {
        return;
    }
    let image = image();
    let drive = format!("if=none,id=d,format=raw,file={}", image.path().display());
    for more in ["bogus=1", "cache=x", "readonly=x"] {
        refused_alike(&["-drive", &format!("{drive},{more}")]);
    }
    for bad in [
        "if=none,id=d,format=raw,file=/no/such",
        "if=none,id=d,format=raw,file=/",
        "if=none,id=d,format=raw",
        "if=none,id=d,format=x,file=/dev/null",
    ] {
        refused_alike(&["-drive", bad]);
    }
    refused_alike(&["-drive", &drive, "-drive", &drive]);
    refused_alike(&["-drive", "if=none,id=d", "-device", DISK]);
    refused_alike(&["-drive", &drive, "-device", DISK, "-device", DISK]);
}

#[test]
fn disks_and_nodes_are_refused_alike() {
    if !both_work() {
        return;
    }
    let image = image();
    let path = image.path().display();
    refused_alike(&["-device", "virtio-blk-device"]);
    refused_alike(&["-device", DISK]);
    let drive = format!("if=none,id=d,format=raw,file={path}");
    for more in [
        "num-queues=0",
        "queue-size=3",
        "logical_block_size=3",
        "werror=x",
    ] {
        refused_alike(&["-drive", &drive, "-device", &format!("{DISK},{more}")]);
    }
    for bad in [
        "driver=file,node-name=f",
        "driver=file,filename=/x",
        "driver=x,filename=/x,node-name=f",
        "driver=file,filename=/x,node-name=f,x=1",
        "driver=raw,file=x,node-name=f",
    ] {
        refused_alike(&["-blockdev", bad]);
    }
    let node = format!("driver=file,node-name=f,filename={path}");
    let node = ["-blockdev", &node];
    let locked = format!("{},read-only=on", node[1]);
    let above = ["-blockdev", "driver=raw,node-name=r,file=f"];
    let on_node = ["-device", "virtio-blk-device,drive=f"];
    let on_layer = ["-device", "virtio-blk-device,drive=r"];
    refused_alike(&[node, node].concat());
    refused_alike(&[["-blockdev", &locked], above, on_layer].concat());
    refused_alike(&[node, on_node, on_node].concat());
    refused_alike(&[node, above, on_node, on_layer].concat());
}

/// The lines that a process prints, for those who do not wait without end.
fn lines_of(output: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        lines.try_for_each(|line| sender.send(line))
    });
    lines
}

/// Waits for an event; what is told of the disk and of the machine's halt until then is added to `seen`.
fn await_event(lines: &Receiver<String>, name: &str, seen: &mut Vec<Value>) {
    loop {
        let line = lines
            .recv_timeout(LIMIT)
            .unwrap_or_else(|error| panic!("no {name}: {error} behind {seen:?}"));
        let mut value: Value = line.parse().unwrap();
        if value.get("event").is_none() {
            continue;
        }
        let members = value.as_object_mut().unwrap();
        members.remove("timestamp");
        if let Some(Value::Object(data)) = members.get_mut("data") {
            data.remove("node-name"); // made up
        }
        let is_it = value["event"] == name;
        let told = ["BLOCK_IO_ERROR", "STOP"];
        if told.iter().any(|name| value["event"] == *name) {
            seen.push(value);
        }
        if is_it {
            return;
        }
    }
}

/// A guest whose disk is full from sector 32 on until the machine has stopped, and what it prints. Before it goes on,
/// it is asked for `meanwhile`.
pub(super) fn full_disk(
    program: &str,
    machine: &[&str],
    (cache, werror): (&str, &str),
    guest: &Guest,
    meanwhile: &str,
) -> (Vec<Value>, String) {
    let image = image();
    let dir = tempfile::tempdir().unwrap();
    let kernel = dir.path().join("guest");
    fs::write(&kernel, guest.elf()).unwrap();
    let out = dir.path().join("out");
    let path = image.path().display();
    let drive = format!("if=none,id=d,format=raw,file={path}{cache}");
    let device = format!("virtio-blk-device,id=v,drive=d,werror={werror}");
    // files may be 16 KiB long: writes beyond fail
    let script = "trap '' XFSZ; ulimit -S -f 32; exec \"$@\"";
    let process = Command::new("sh")
        .args(["-c", script, "sh", program])
        .args(machine)
        .args(MODERN)
        .args([
            "-S",
            "-no-shutdown",
            "-nodefaults",
            "-display",
            "none",
            "-m",
            "64",
            "-qmp",
            "stdio",
        ])
        .args(["-kernel", kernel.to_str().unwrap()])
        .args(["-serial", &format!("file:{}", out.display())])
        .args(["-drive", &drive, "-device", &device])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut process = Ended(process);
    let mut input = process.0.stdin.take().unwrap();
    let lines = lines_of(process.0.stdout.take().unwrap());
    let mut events: Vec<Value> = Vec::new();
    let mut say = |text: &str| input.write_all(text.as_bytes()).unwrap();
    say("{\"execute\": \"qmp_capabilities\"}\n{\"execute\": \"cont\"}\n");
    let mut next_event = |name| await_event(&lines, name, &mut events);
    next_event("BLOCK_IO_ERROR");
    if werror == "stop" {
        next_event("STOP");
        let id = process.0.id().to_string();
        let raised = Command::new("prlimit")
            .args(["--fsize=unlimited:", "--pid", &id])
            .status();
        assert!(raised.unwrap().success());
        say(&meanwhile.replace("{dir}", dir.path().to_str().unwrap()));
        say("{\"execute\": \"cont\"}\n");
    }
    let end = Instant::now() + LIMIT;
    let printed = || fs::read_to_string(&out).unwrap_or_default();
    while !printed().contains("done\n") {
        assert!(Instant::now() < end, "{program} {}", printed());
        std::thread::yield_now();
    }
    drop(process);
    let refused: Vec<String> = lines
        .try_iter()
        .filter(|line| line.contains("error"))
        .collect();
    assert!(refused.is_empty(), "{program}: {refused:?}");
    (events, printed())
}

#[test]
fn errors_are_reported_ignored_or_stop_the_machine_alike() {
    if !both_work() {
        return;
    }
    if Command::new("prlimit").arg("--version").output().is_err() {
        println!("skipped: there is no prlimit");
        return;
    }
    let theirs = ["-M", "microvm", "-accel", "tcg"];
    let ours = ["-M", "q-min"];
    let requests = [Put(0, 512, 1), Put(62, 1024, 2), Read(62, 512)];
    let guest = guests::blk(Wait::Interrupt, &requests).unwrap();
    for policy in ["report", "ignore", "auto", "stop"] {
        let theirs = full_disk(QEMU, &theirs, ("", policy), &guest, "");
        let ours = full_disk(env!("CARGO_BIN_EXE_vmm"), &ours, ("", policy), &guest, "");
        assert_eq!(ours, theirs, "{policy}");
    }
}
