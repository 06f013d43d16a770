//! Pages compressed one by one: read by a reader of our own, and beside QEMU's.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::thread;

use flate2::read::ZlibDecoder;
use qmp_types::qmp::commands;
use qmp_types::qmp::types::DumpGuestMemoryFormat;
use vmm_core::guests;

use super::{beating, dump};
use crate::differential::peer::{both_work, peers};

const BLOCK: usize = 4096;

/// A file with offsets.
struct Kdump(Vec<u8>);

impl Kdump {
    fn short(&self, at: usize) -> usize {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap()) as usize
    }

    fn long(&self, at: usize) -> usize {
        usize::try_from(u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap())).unwrap()
    }

    /// Whether its headers are those for addresses of 64 bits: the block size is behind the time, which is larger there.
    fn is_wide(&self) -> bool {
        self.short(428) == BLOCK
    }

    /// The ten words at the end of the header, from the flags on.
    fn words(&self) -> Vec<usize> {
        let start = if self.is_wide() { 424 } else { 412 };
        (0..10).map(|word| self.short(start + 4 * word)).collect()
    }

    fn notes(&self) -> &[u8] {
        let (place, length) = match self.is_wide() {
            true => (self.long(BLOCK + 48), self.long(BLOCK + 56)),
            false => (self.long(BLOCK + 32), self.short(BLOCK + 40)),
        };
        &self.0[place..place + length]
    }

    /// The last word of the second header: one behind the last page.
    fn end(&self) -> usize {
        self.long(BLOCK + if self.is_wide() { 96 } else { 72 })
    }

    /// Numbers and contents of the pages that there are.
    fn pages(&self) -> Vec<(usize, Vec<u8>)> {
        let words = self.words();
        let bitmaps = (1 + words[2]) * BLOCK;
        let half = words[3] / 2 * BLOCK;
        let bitmap = &self.0[bitmaps..bitmaps + half];
        assert!(bitmap == &self.0[bitmaps + half..bitmaps + 2 * half]);
        let bits = (0..half * 8).filter(|page| bitmap[page / 8] & 1 << (page % 8) != 0);
        let mut description = bitmaps + 2 * half;
        let mut pages = Vec::new();
        for page in bits {
            let (place, length) = (self.long(description), self.short(description + 8));
            let (flags, page_flags) = (self.short(description + 12), self.long(description + 16));
            assert_eq!(page_flags, 0);
            description += 24;
            let bytes = &self.0[place..place + length];
            let mut content = Vec::new();
            match flags {
                0 => content.extend(bytes),
                1 => drop(ZlibDecoder::new(bytes).read_to_end(&mut content).unwrap()),
                other => panic!("{other}"),
            }
            assert_eq!(content.len(), BLOCK);
            pages.push((page, content));
        }
        pages
    }
}

/// Puts records to where they belong.
fn assemble(records: &[u8]) -> Vec<u8> {
    let number = |at: usize| i64::from_be_bytes(records[at..at + 8].try_into().unwrap());
    assert_eq!(&records[..16], b"makedumpfile\0\0\0\0");
    assert_eq!((number(16), number(24)), (1, 1));
    let (mut file, mut at) = (Vec::new(), 4096);
    while number(at) != -1 {
        let place = usize::try_from(number(at)).unwrap();
        let length = usize::try_from(number(at + 8)).unwrap();
        file.resize(file.len().max(place + length), 0);
        file[place..place + length].copy_from_slice(&records[at + 16..at + 16 + length]);
        at += 16 + length;
    }
    assert_eq!((number(at + 8), at + 16), (-1, records.len()));
    file
}

fn kdump(protocol: &str, format: DumpGuestMemoryFormat) -> commands::DumpGuestMemory {
    commands::DumpGuestMemory {
        format: Some(format),
        ..dump(protocol, false)
    }
}

#[test]
fn pages_are_the_guests_in_both_forms() {
    for size in ["16", "4G"] {
        let Some((vmm, mut client)) = beating(&["-m", size]) else {
            return;
        };
        client.execute(&commands::Stop {}).unwrap();
        let path = |name: &str| vmm.path(name).to_str().unwrap().to_owned();
        let to_file = format!("file:{}", path("raw"));
        let raw = kdump(&to_file, DumpGuestMemoryFormat::KdumpRawZlib);
        client.execute(&raw).unwrap();
        let file = Kdump(fs::read(path("raw")).unwrap());
        assert_eq!(&file.0[..12], b"KDUMP   \x06\0\0\0");
        let notes = file.notes();
        assert_eq!(notes.len(), 2 * (20 + 336) + 2 * (20 + 440));
        let bytes: usize = match size {
            "16" => 16 << 20,
            _ => 4 << 30,
        };
        // above 3 GiB it goes on at 4 GiB
        let last = if size == "16" { bytes } else { 5 << 30 };
        assert_eq!(file.end(), last / BLOCK);
        assert_eq!(file.words()[9], 2);

        // a pipe has no offsets
        let (mut reader, writer) = std::io::pipe().unwrap();
        let writer = File::from(OwnedFd::from(writer));
        let getfd = commands::Getfd {
            fdname: "out".into(),
        };
        client.execute_with_fds(&getfd, &[&writer]).unwrap();
        let refused = kdump("fd:out", DumpGuestMemoryFormat::KdumpRawZlib);
        let error = client.execute(&refused).unwrap_err().to_string();
        assert!(
            error.contains("kdump-raw formats require a seekable file"),
            "{error}"
        );
        client.execute_with_fds(&getfd, &[&writer]).unwrap();
        drop(writer);
        let reader = thread::spawn(move || {
            let mut records = Vec::new();
            reader.read_to_end(&mut records).unwrap();
            records
        });
        let records = kdump("fd:out", DumpGuestMemoryFormat::KdumpZlib);
        client.execute(&records).unwrap();
        let assembled = assemble(&reader.join().unwrap());
        assert!(
            assembled == file.0,
            "{} and {} bytes",
            assembled.len(),
            file.0.len()
        );

        let progress = client.execute(&commands::QueryDump {}).unwrap();
        assert_eq!(progress.completed, i64::try_from(bytes).unwrap());
        if size != "16" {
            continue; // the reader is slow
        }
        let save = commands::Pmemsave {
            val: 0,
            size: 16 << 20,
            filename: path("memory"),
        };
        client.execute(&save).unwrap();
        let memory = fs::read(path("memory")).unwrap();
        let pages = file.pages();
        assert_eq!(pages.len(), bytes / BLOCK);
        for (page, content) in pages {
            assert!(
                content == memory[page * BLOCK..(page + 1) * BLOCK],
                "{page}"
            );
        }
    }
}

#[test]
fn headers_and_pages_are_as_in_qemus() {
    if !both_work() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut names = ["theirs", "ours"].iter().map(|name| dir.path().join(name));
    let options = ["-smp", "2", "-m", "5G"];
    let [theirs, ours] = peers(&guests::spin().unwrap(), &options).map(|mut peer| {
        peer.send(r#"{"execute": "cont"}"#);
        peer.await_output("spin\n", 1);
        peer.send(r#"{"execute": "stop"}"#);
        let file = names.next().unwrap();
        let reply = peer.send(&format!(
            r#"{{"execute": "dump-guest-memory", "arguments":
                {{"paging": false, "protocol": "file:{}", "format": "kdump-raw-zlib"}}}}"#,
            file.display()
        ));
        assert!(reply.get("return").is_some(), "{reply:?}");
        peer.send(r#"{"execute": "query-dump-guest-memory-capability"}"#);
        let full = r#"{"execute": "dump-guest-memory", "arguments":
            {"paging": false, "protocol": "file:/dev/full", "format": "kdump-FORM"}}"#;
        let mut failures = Vec::new();
        for form in ["zlib", "raw-zlib", "lzo"] {
            failures.push(peer.send(&full.replace("FORM", form)).clone());
        }
        (Kdump(fs::read(file).unwrap()), failures)
    });
    assert_eq!(ours.1, theirs.1);
    let [theirs, ours] = [theirs.0, ours.0];
    assert!(ours.is_wide() && theirs.is_wide());
    assert_eq!(ours.0[..424], theirs.0[..424]);
    assert_eq!(ours.words(), theirs.words());
    // the second header: nothing but places and sizes, which are the same
    assert_eq!(ours.0[BLOCK..BLOCK + 104], theirs.0[BLOCK..BLOCK + 104]);
    // the program is where it is, and zeroes where nothing was
    let low = |file: &Kdump| {
        let words = file.words();
        let bitmap = (1 + words[2]) * BLOCK;
        // as many pages as there are below the hole, without firmware
        file.0[bitmap..bitmap + (2 << 30) / BLOCK / 8].to_vec()
    };
    assert!(low(&ours) == low(&theirs));
    let page = |file: &Kdump, number: usize| {
        let words = file.words();
        let description = (1 + words[2] + words[3]) * BLOCK + 24 * number;
        let (place, length) = (file.long(description), file.short(description + 8));
        let bytes = &file.0[place..place + length];
        let mut content = Vec::new();
        match file.short(description + 12) {
            0 => content.extend(bytes),
            _ => drop(ZlibDecoder::new(bytes).read_to_end(&mut content).unwrap()),
        }
        content
    };
    for number in [0x100, 0x101, 0x8000, 0x4_0000] {
        assert!(page(&ours, number) == page(&theirs, number), "{number:#x}");
    }
}
