//! Many requests to a disk at once: what is adjacent is one for the host, and the guest cannot tell.

use std::fs;
use std::process::Command;

use vmm_core::block::Operation;
use vmm_core::guests::BlkRequest::{self, Flush, Read, Write as Put};
use vmm_core::guests::{self, DEEP, Guest};

use super::blk::{SECTOR, SECTORS, full_disk, image, run_guest, with_drive};
use crate::fixture::{direct_works, kvm_works};

/// What the guest prints of requests that are done one after the other, and the disk after that.
fn in_turn(requests: &[BlkRequest]) -> (String, Vec<u8>) {
    let mut disk: Vec<u8> = (0..SECTORS)
        .flat_map(|sector| [sector as u8 + 1; SECTOR])
        .collect();
    let mut said = String::new();
    for request in requests {
        let (sector, bytes) = match *request {
            Read(sector, bytes) | Put(sector, bytes, _) => (sector as usize, bytes as usize),
            _ => (0, 0),
        };
        let range = sector * SECTOR..sector * SECTOR + bytes;
        let fits = range.end <= disk.len();
        said += if fits { "00" } else { "01" };
        match request {
            Put(_, _, value) if fits => disk[range].fill(*value),
            Read(..) if fits => {
                said.push(' ');
                for byte in &disk[range][..8] {
                    said += &format!("{byte:02x}");
                }
            }
            Read(..) => said += " 0000000000000000",
            _ => {}
        }
        said.push('\n');
    }
    (said + "done\n", disk)
}

#[test]
fn requests_at_once_are_done_as_if_in_turn() {
    let overlapping = [
        Put(0, 512, 0x11),
        Put(1, 512, 0x22),
        Put(1, 512, 0x33),
        Put(2, 512, 0x44),
        Read(0, 512),
        Read(1, 512),
        Read(2, 1024),
        Put(2, 512, 0x45),
        Flush,
        Put(3, 512, 0x46),
        Read(2, 512),
        Read(3, 512),
        Read(63, 1024), // more than there is
        Read(63, 512),
        Put(64, 512, 1),
        Put(8, 1024, 0x55),
        Put(10, 512, 0x66),
        Put(11, 2048, 0x77),
        Put(9, 512, 0x56), // in the middle of what is gathered
        Read(10, 512),
        Read(9, 512), // in front of what is gathered
        Read(11, 4096),
        Read(19, 512),
    ];
    let row: Vec<_> = (0..DEEP).map(|sector| Read(sector, 512)).collect();
    let apart: Vec<_> = (0..DEEP)
        .map(|number| match number % 3 {
            0 => Put(number * 3 % 61, 1024, number as u8 | 0x80),
            _ => Read(number * 7 % 61, 512),
        })
        .collect();
    // pairs: (reads, writes) that were joined to the ones in front of them
    let all_joined = (u64::from(DEEP) - 1, 0);
    let plain = [
        (&overlapping[..], &[][..], (4, 4), false),
        (&row, &[], all_joined, false),
        (&row, &[("request-merging", "off")], (0, 0), false),
        (&apart, &[], (0, 0), false),
    ];
    // past the host's cache they are on their way beside each other; what overlaps waits, and joins less
    let mut direct = plain.map(|(requests, device, merged, _)| (requests, device, merged, true));
    direct[0].2 = (2, 4);
    let ways = if direct_works(image().path()) { 8 } else { 4 };
    let all = plain.into_iter().chain(direct);
    for (requests, device, merged, direct) in all.take(ways) {
        let image = image();
        let guest = guests::blk_at_once(requests).unwrap();
        let Some(fixture) = run_guest(&guest, device, |config| {
            with_drive(config, &image, |node| node.direct = direct);
        }) else {
            return;
        };
        let (said, disk) = in_turn(requests);
        assert_eq!(fixture.console(), said);
        assert!(fs::read(image.path()).unwrap() == disk);
        let drives = fixture.machine.block().drives();
        let counts = drives[0].statistics();
        let [read, write] = [Operation::Read, Operation::Write].map(|kind| counts.of(kind));
        assert_eq!((read.merged, write.merged), merged);
        let count = |is_it: fn(&BlkRequest) -> bool| {
            requests.iter().filter(|request| is_it(request)).count() as u64
        };
        let reads = count(|request| matches!(request, Read(..)));
        assert_eq!(read.operations + read.invalid, reads);
        let writes = count(|request| matches!(request, Put(..)));
        assert_eq!(write.operations + write.invalid, writes);
        assert_eq!((read.failed, write.failed), (0, 0));
    }
}

/// Of requests that the host refuses together, those fail that fail alone; a machine that stops goes on where it was.
#[test]
fn requests_that_fail_together_are_tried_one_by_one() {
    if !kvm_works() {
        return;
    }
    if Command::new("prlimit").arg("--version").output().is_err() {
        println!("skipped: there is no prlimit");
        return;
    }
    let requests = [
        Put(30, 512, 0xa0),
        Put(31, 512, 0xa1),
        Put(32, 512, 0xa2), // there is no room from here on
        Put(33, 512, 0xa3),
        Read(31, 512),
        Read(32, 512),
        Read(33, 512),
    ];
    let guest = guests::blk_at_once(&requests).unwrap();
    let caches = ["", ",cache=none"];
    let ways = if direct_works(image().path()) { 2 } else { 1 };
    for cache in &caches[..ways] {
        fails_one_by_one(&guest, cache);
    }
}

fn fails_one_by_one(guest: &Guest, cache: &str) {
    let ours = |policy, meanwhile| {
        let vmm = env!("CARGO_BIN_EXE_vmm");
        full_disk(vmm, &["-M", "q-min"], (cache, policy), guest, meanwhile).1
    };
    let reads = ["a1", "21", "22", "a2", "a3"].map(|byte| format!("00 {}\n", byte.repeat(8)));
    let [before, old, old_too, new, new_too] = reads;
    let done = "done\n";
    assert_eq!(
        ours("report", ""),
        format!("00\n00\n01\n01\n{before}{old}{old_too}{done}")
    );
    let all = format!("00\n00\n00\n00\n{before}{new}{new_too}{done}");
    assert_eq!(ours("stop", ""), all);
    // what waits to be tried again is part of the machine's state
    let there_and_back = r#"
        {"execute": "xen-save-devices-state", "arguments": {"filename": "{dir}/state"}}
        {"execute": "xen-load-devices-state", "arguments": {"filename": "{dir}/state"}}
    "#;
    assert_eq!(ours("stop", there_and_back), all);
}
