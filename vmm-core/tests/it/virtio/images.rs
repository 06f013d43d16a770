//! Images that others use, too: locks, and descriptors that clients hand over.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use qmp_runtime::json::Value;
use tempfile::NamedTempFile;
use vmm_core::guests;
use vmm_core::guests::BlkRequest::{Discard, Flush, Read, Write, Zero};

use super::MODERN;
use super::blk::{complaint, same_on};
use crate::differential::peer::{Board, Peer, QEMU, both_work, peers, peers_beside};

const VMM: &str = env!("CARGO_BIN_EXE_vmm");

fn image() -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 20).unwrap();
    file
}

/// The bytes of a file that somebody has locked for reading.
fn locked(path: &Path) -> BTreeSet<u64> {
    let number = format!(":{}", fs::metadata(path).unwrap().ino());
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let mut bytes = BTreeSet::new();
    for line in locks.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, "OFDLCK", "ADVISORY", "READ", _, file, first, last] = words[..]
            && file.ends_with(&number)
        {
            let [first, last] = [first, last].map(|byte| byte.parse::<u64>().unwrap());
            bytes.extend(first..=last);
        }
    }
    bytes
}

const DISK: &str = "virtio-blk-device,drive=d";
const SHARED: &str = "virtio-blk-device,drive=d,share-rw=on";

/// Options for a drive, with a disk or without.
fn options<'o>(drive: &'o str, disk: Option<&'o str>) -> Vec<&'o str> {
    let mut options = [&MODERN[..], &["-drive", drive]].concat();
    if let Some(disk) = disk {
        options.extend(["-device", disk]);
    }
    options
}

/// One of the two processes alone has the image.
fn hold(by: usize, drive: &str, disk: Option<&str>) -> [Peer; 2] {
    let given = options(drive, disk);
    let mut all: [&[&str]; 2] = [&[], &[]];
    all[by] = &given;
    peers_beside(Board::Microvm, &guests::spin().unwrap(), all)
}

#[test]
fn same_bytes_are_locked_as_under_qemu() {
    if !both_work() {
        return;
    }
    let image = image();
    let drive = format!("if=none,id=d,format=raw,file={}", image.path().display());
    for (more, disk, expected) in [
        ("", None, &[100][..]),
        ("", Some(DISK), &[100, 101, 201]),
        ("", Some(SHARED), &[100, 101]),
        (",readonly=on", Some(DISK), &[100, 201]),
        (",file.locking=off", Some(DISK), &[]),
    ] {
        for by in 0..2 {
            let held = hold(by, &format!("{drive}{more}"), disk);
            let found: Vec<u64> = locked(image.path()).into_iter().collect();
            assert_eq!(found, expected, "{by} {more}");
            drop(held);
        }
    }
}

#[test]
fn image_that_another_process_writes_to_is_refused() {
    if !both_work() {
        return;
    }
    let image = image();
    let path = image.path().display();
    let drive = |more: &str| format!("if=none,id=d,format=raw,file={path}{more}");
    let hint = format!("Is another process using the image [{path}]?");
    for by in 0..2 {
        let held = hold(by, &drive(""), Some(DISK));
        for (more, what) in [("", "\"write\""), (",readonly=on", "shared \"write\"")] {
            for program in [QEMU, VMM] {
                let drive = drive(more);
                let said = complaint(program, &options(&drive, Some(DISK)));
                let end = format!(": Failed to get {what} lock\n{hint}\n");
                assert!(said.ends_with(&end), "{by} {program} {said}");
            }
        }
        drop(held);
    }
}

/// Who does not lock does not look either; those who only read, and drives without disks, get on.
#[test]
fn image_that_nobody_locks_or_writes_to_is_shared() {
    if !both_work() {
        return;
    }
    let image = image();
    let path = image.path().display();
    for (more, disk) in [
        (",file.locking=off", Some(DISK)),
        (",readonly=on", Some(DISK)),
        ("", Some(SHARED)),
        ("", None),
    ] {
        let drive = format!("if=none,id=d,format=raw,file={path}{more}");
        let options = options(&drive, disk);
        for mut peer in peers(&guests::spin().unwrap(), &options) {
            let reply = peer.execute("{'execute': 'query-block'}");
            let drives = reply["return"].as_array().unwrap();
            assert_eq!(drives.len(), 1, "{more}");
        }
    }
}

#[test]
fn disk_says_whether_writes_go_through_its_cache() {
    if !both_work() {
        return;
    }
    let image = image();
    let path = image.path().display();
    for (drive, disk, expected) in [
        ("", DISK, true),
        ("", "virtio-blk-device,drive=d,write-cache=off", false),
        (",cache=writethrough", DISK, false),
        (
            ",cache=writethrough",
            "virtio-blk-device,drive=d,write-cache=on",
            true,
        ),
    ] {
        let drive = format!("if=none,id=d,format=raw,file.locking=off,file={path}{drive}");
        let options = options(&drive, Some(disk));
        for mut peer in peers(&guests::spin().unwrap(), &options) {
            let reply = peer.execute("{'execute': 'query-block'}");
            let cache = &reply["return"][0]["inserted"]["cache"];
            assert_eq!(cache["writeback"], expected, "{drive} {disk}: {reply}");
        }
    }
}

/// A reply without the numbers of descriptors, which are each process' own.
fn without_numbers(mut reply: Value) -> Value {
    if let Some(info) = reply.get_mut("return").and_then(Value::as_object_mut) {
        info.remove("fd");
    }
    let sets = reply.get_mut("return").and_then(Value::as_array_mut);
    for set in sets.into_iter().flatten() {
        let fds = set.get_mut("fds").and_then(Value::as_array_mut);
        for fd in fds.into_iter().flatten() {
            fd.as_object_mut().unwrap().remove("fd");
        }
    }
    reply
}

// proves: add-fd, remove-fd, query-fdsets, blockdev-add
#[test]
fn descriptors_of_a_set_are_images_as_with_qemu() {
    if !both_work() {
        return;
    }
    let image = image();
    let open = |read, write| {
        let mut options = File::options();
        options.read(read).write(write);
        options.open(image.path()).unwrap()
    };
    let [reader, writer, both] = [open(true, false), open(false, true), open(true, true)];
    let (pipe, _writer) = std::io::pipe().unwrap();
    let add = |name: &str, set: &str, more: &str| {
        format!(
            "{{'execute': 'blockdev-add', 'arguments': {{'driver': 'file', 'node-name': '{name}', \
             'filename': '/dev/fdset/{set}'{more}}}}}"
        )
    };
    let sets = "{'execute': 'query-fdsets'}";
    let read_only = ", 'read-only': true";
    let given = "{'execute': 'add-fd', 'arguments': {'fdset-id': 1}}";
    let remove = "{'execute': 'remove-fd', 'arguments': {'fdset-id': 1}}";
    let del = |name: &str| {
        format!("{{'execute': 'blockdev-del', 'arguments': {{'node-name': '{name}'}}}}")
    };
    let [theirs, ours] = peers(&guests::spin().unwrap(), &[]).map(|mut peer| {
        for (set, more) in [("7", ""), ("x", ""), ("", read_only)] {
            peer.execute(&add("a", set, more));
        }
        peer.send_fd(given, &writer);
        peer.execute(&add("a", "1", ""));
        peer.execute(&add("a", "1", read_only));
        peer.send_fd(given, &reader);
        peer.execute(&add("a", "1", ""));
        peer.execute(&add("b", "1", ", 'auto-read-only': true"));
        peer.execute(&add("c", "1", read_only));
        peer.send_fd(given, &both);
        peer.execute(&add("d", "1", ""));
        let resize =
            "{'execute': 'block_resize', 'arguments': {'node-name': 'd', 'size': 2097152}}";
        peer.execute(resize);
        peer.execute(sets);
        // the set stays as long as an image is from it, and its number is not free
        for command in [
            remove,
            sets,
            remove,
            "{'execute': 'remove-fd', 'arguments': {'fdset-id': 1, 'fd': 3000}}",
            &add("e", "1", ""),
        ] {
            peer.execute(command);
        }
        for _ in 0..2 {
            peer.send_fd("{'execute': 'add-fd'}", &reader);
        }
        peer.execute(sets);
        for name in ["b", "c", "d"] {
            peer.execute(&del(name));
            peer.execute(sets);
        }
        peer.send_fd("{'execute': 'add-fd', 'arguments': {'fdset-id': 5}}", &pipe);
        peer.execute(&add("p", "5", read_only));
        peer.execute("{'execute': 'remove-fd', 'arguments': {'fdset-id': 5}}");
        peer.execute(sets);
        let replies = peer.replies.clone().into_iter();
        replies.map(without_numbers).collect::<Vec<_>>()
    });
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
    assert_eq!(fs::metadata(image.path()).unwrap().len(), 2 << 20);
}

/// A guest that stands still leaves its image to whoever goes on from the state, and gets it back with `cont`.
// proves: xen-save-devices-state
#[test]
fn image_goes_with_the_state_as_under_qemu() {
    if !both_work() {
        return;
    }
    let images = [image(), image(), image()];
    let [theirs, ours, taken] = images.each_ref().map(|image| image.path());
    let drives =
        [theirs, ours].map(|path| format!("if=none,id=d,format=raw,file={}", path.display()));
    let given = drives.each_ref().map(|drive| options(drive, Some(DISK)));
    let guest = guests::spin().unwrap();
    let mut peers = peers_beside(Board::Microvm, &guest, [&given[0], &given[1]]);
    let save = |live: &str| {
        format!(
            r#"{{"execute": "xen-save-devices-state", "arguments": {{"filename": "{}"{live}}}}}"#,
            taken.display()
        )
    };
    let plain = |name: &str| format!(r#"{{"execute": "{name}"}}"#);
    let resize = r#"{"execute": "block_resize", "arguments": {"device": "d", "size": 512}}"#;
    let used: &[u64] = &[100, 101, 201];
    let script = [
        (save(r#", "live": false"#), used),
        (save(""), &[]),
        (plain("query-block"), &[]),
        (resize.to_owned(), &[]),
        (plain("cont"), used),
        (save(r#", "live": true"#), used), // it runs
        (plain("stop"), used),
        (save(r#", "live": true"#), &[]),
        (save(r#", "live": true"#), &[]),
        (plain("cont"), used),
    ];
    for (command, expected) in script {
        let [theirs_say, ours_say] = peers.each_mut().map(|peer| {
            let reply = peer.send(&command);
            let text = reply.to_string().replace(' ', "");
            let left = text.matches("\"active\":false").count();
            (reply.get("error").cloned(), left)
        });
        assert_eq!(ours_say, theirs_say, "{command}");
        let shows_it = command == plain("query-block");
        assert_eq!(theirs_say.1 > 0, shows_it, "{command}");
        for path in [theirs, ours] {
            let found: Vec<u64> = locked(path).into_iter().collect();
            assert_eq!(found, expected, "{command}");
        }
    }
}

/// A block device of the host over an image; it goes with this.
struct Loop(String);

impl Loop {
    /// Nothing where there can be none.
    fn new(image: &Path) -> Option<Self> {
        let made = Command::new("losetup")
            .args(["-f", "--show"])
            .arg(image)
            .output();
        let made = made.ok().filter(|made| made.status.success());
        if made.is_none() {
            println!("skipped: losetup makes no block device of a file here");
        }
        let name = String::from_utf8(made?.stdout).unwrap();
        Some(Self(name.trim().to_owned()))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.0]).status();
    }
}

#[test]
fn block_device_of_the_host_is_a_disk_as_under_qemu() {
    let images = [image(), image()];
    let [Some(theirs), Some(ours)] = images.each_ref().map(|image| Loop::new(image.path())) else {
        return;
    };
    if !both_work() {
        return;
    }
    let commands = [
        "{'execute': 'query-block'}",
        "{'execute': 'query-blockstats', 'arguments': {'query-nodes': true}}",
        "{'execute': 'query-named-block-nodes'}",
        "{'execute': 'block_resize', 'arguments': {'device': 'd', 'size': 4096}}",
        "{'execute': 'block_resize', 'arguments': {'device': 'd', 'size': 1048576}}",
        "{'execute': 'block_resize', 'arguments': {'device': 'd', 'size': 2097152}}",
        "{'execute': 'query-block'}",
    ];
    let requests = [
        Write(0, 512, 1),
        Write(9, 4096, 2),
        Flush,
        Read(9, 512),
        Zero(12, 2, true),
        Discard(14, 1),
        Read(12, 512),
        Read(2047, 512),
        Read(2048, 512),
    ];
    let devices = [&theirs, &ours].map(|device| PathBuf::from(&device.0));
    for drive in ["", ",cache=none,aio=native", ",discard=unmap"] {
        same_on(&devices, &requests, drive, ",id=v", &commands);
    }
}
