//! Core files: what is in them, beside QEMU's and for debuggers, and how they come to be.

mod kdump;
mod sparse;

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;

use object::elf::{FileHeader32, FileHeader64, Machine, NT_PRSTATUS, NoteType, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};
use qmp_runtime::client::Client;
use qmp_runtime::json::Value;
use qmp_types::qmp::commands;
use qmp_types::qmp::types::{DumpGuestMemoryFormat, DumpStatus, RunState};
use vmm_core::guests;
use vmm_core::machine::{self, DumpFormat, DumpRequest, MachineEvent};

use crate::differential::peer::{both_work, peers};
use crate::fixture::{Fixture, kvm_works};
use crate::process::{Vmm, write_guest};

/// A range of memory in a core file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Load {
    virt: u64,
    start: u64,
    bytes: Vec<u8>,
}

/// Name, type and content of a note.
type Note = (String, NoteType, Vec<u8>);

/// What is in a core file.
struct Core {
    machine: Machine,
    loads: Vec<Load>,
    notes: Vec<Note>,
}

impl Core {
    fn parse(file: &[u8]) -> Self {
        match FileKind::parse(file).unwrap() {
            FileKind::Elf32 => Self::read::<FileHeader32<Endianness>>(file),
            FileKind::Elf64 => Self::read::<FileHeader64<Endianness>>(file),
            other => panic!("{other:?}"),
        }
    }

    fn read<F: FileHeader<Endian = Endianness>>(file: &[u8]) -> Self {
        let header = F::parse(file).unwrap();
        let endian = header.endian().unwrap();
        let (mut loads, mut notes) = (Vec::new(), Vec::new());
        for program in header.program_headers(endian, file).unwrap() {
            if program.p_type(endian) == PT_LOAD {
                loads.push(Load {
                    virt: program.p_vaddr(endian).into(),
                    start: program.p_paddr(endian).into(),
                    bytes: program.data(endian, file).unwrap().to_vec(),
                });
            }
            let mut found = match program.notes(endian, file).unwrap() {
                Some(found) => found,
                None => continue,
            };
            while let Some(note) = found.next().unwrap() {
                let name = String::from_utf8(note.name().to_vec()).unwrap();
                notes.push((name, note.n_type(endian), note.desc().to_vec()));
            }
        }
        Self {
            machine: header.e_machine(endian),
            loads,
            notes,
        }
    }

    /// The bytes at a virtual address.
    fn at(&self, virt: u64, length: usize) -> Option<&[u8]> {
        self.loads.iter().find_map(|load| {
            let offset = usize::try_from(virt.checked_sub(load.virt)?).ok()?;
            load.bytes.get(offset..offset + length)
        })
    }

    /// The word at `offset` in the first note of this name.
    fn word(&self, name: &str, offset: usize) -> u64 {
        let note = self.notes.iter().find(|note| note.0 == name).unwrap();
        u64::from_le_bytes(note.2[offset..offset + 8].try_into().unwrap())
    }
}

fn dump(protocol: &str, paging: bool) -> commands::DumpGuestMemory {
    commands::DumpGuestMemory::new(paging, protocol)
}

/// A process whose guest has written its pattern and runs, with two CPUs and a monitor.
fn beating(options: &[&str]) -> Option<(Vmm, Client)> {
    if !kvm_works() {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let kernel = dir.path().join("heartbeat.elf");
    write_guest(&kernel, &guests::heartbeat().unwrap());
    let kernel = kernel.to_str().unwrap();
    let base = [
        "-kernel",
        kernel,
        "-smp",
        "2",
        "-serial",
        "file:{dir}/serial",
    ];
    let mut vmm = Vmm::start(&[&base, options].concat());
    let client = vmm.connect();
    vmm.await_text("serial", "heartbeat: running\n");
    Some((vmm, client))
}

fn pattern() -> Vec<u8> {
    let words = u32::try_from(guests::PATTERN_SIZE / 4).unwrap();
    let words = (0..words).map(guests::pattern);
    words.flat_map(u32::to_le_bytes).collect()
}

// proves: dump-guest-memory
#[test]
fn memory_and_registers_are_the_guests() {
    let Some((vmm, mut client)) = beating(&["-m", "16"]) else {
        return;
    };
    client.execute(&commands::Stop {}).unwrap();
    let path = |name: &str| vmm.path(name).to_str().unwrap().to_owned();
    let save = commands::Pmemsave {
        val: 0,
        size: 16 << 20,
        filename: path("memory"),
    };
    client.execute(&save).unwrap();
    let memory = fs::read(vmm.path("memory")).unwrap();
    let cpus = client.execute(&commands::QueryCpusFast {}).unwrap();
    assert_eq!(cpus.len(), 2);
    for paging in [false, true] {
        let name = format!("dump-{paging}");
        let protocol = format!("file:{}", path(&name));
        client.execute(&dump(&protocol, paging)).unwrap();
        let file = fs::read(vmm.path(&name)).unwrap();
        let core = Core::parse(&file);
        assert_eq!(core.machine, object::elf::EM_X86_64);
        // all of it is mapped where it is
        let whole = Load {
            virt: 0,
            start: 0,
            bytes: memory.clone(),
        };
        assert!(core.loads == [whole], "{paging}");
        let size = usize::try_from(guests::PATTERN_SIZE).unwrap();
        assert_eq!(core.at(guests::PATTERN_ADDRESS, size).unwrap(), pattern());
        let kinds = core
            .notes
            .iter()
            .map(|note| (note.0.as_str(), note.1, note.2.len()));
        let [status, state] = [("CORE", NT_PRSTATUS, 336), ("QEMU", NoteType(0), 440)];
        assert_eq!(kinds.collect::<Vec<_>>(), [status, status, state, state]);
        // both notes agree on rip and cs, and the first CPU is in the program
        let rip = core.word("QEMU", 8 + 16 * 8);
        assert_eq!(core.word("CORE", 112 + 16 * 8), rip);
        assert!((0x10_0000..0x11_0000).contains(&rip), "{rip:#x}");
        assert_eq!(
            core.word("CORE", 112 + 17 * 8) & 0xffff,
            core.word("QEMU", 152) & 0xffff
        );
        readers_understand(&path(&name), rip);
    }
    client.execute(&commands::Cont {}).unwrap();
}

/// `readelf` has nothing to complain of, and `gdb` finds registers and memory.
fn readers_understand(path: &str, rip: u64) {
    match Command::new("readelf").args(["-lnW", path]).output() {
        Ok(output) => {
            let all = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&all).into_owned();
            assert!(!text.contains("rror") && !text.contains("arning"), "{text}");
            assert!(text.contains("NT_PRSTATUS"), "{text}");
        }
        Err(error) => println!("skipped: readelf: {error}"),
    }
    let word = format!("x/1xw {:#x}", guests::PATTERN_ADDRESS + 4);
    let gdb = Command::new("gdb")
        .args([
            "-nx", "-batch", "-ex", "p/x $rip", "-ex", &word, "--core", path,
        ])
        .output();
    match gdb {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains(&format!("= {rip:#x}\n")), "{text}");
            let word = format!("{:#010x}\n", guests::pattern(1));
            assert!(text.contains(&word), "{text}");
        }
        Err(error) => println!("skipped: gdb: {error}"),
    }
}

/// The guest is stopped for it, and runs on.
#[test]
fn running_guest_stands_still_meanwhile() {
    let Some((vmm, mut client)) = beating(&["-m", "5G"]) else {
        return;
    };
    let file = vmm.path("dump");
    let mut part = dump(&format!("file:{}", file.display()), false);
    // across the hole below 4 GiB: the end of what is below, and the start of what is above
    (part.begin, part.length) = (Some((3 << 30) - 4096), Some((1 << 30) + 4096 + 100));
    client.execute(&part).unwrap();
    let core = Core::parse(&fs::read(file).unwrap());
    let sizes = core
        .loads
        .iter()
        .map(|load| (load.virt, load.start, load.bytes.len()));
    let below = (3 << 30) - 4096;
    assert_eq!(
        sizes.collect::<Vec<_>>(),
        [(below, below, 4096), (4 << 30, 4 << 30, 100)]
    );
    for name in ["STOP", "DUMP_COMPLETED", "RESUME"] {
        let event = client
            .next_event(Some(crate::fixture::LIMIT))
            .unwrap()
            .unwrap();
        assert_eq!(event.name, name);
    }
    let status = client.execute(&commands::QueryStatus {}).unwrap();
    assert_eq!(status.status, RunState::Running);
    let progress = client.execute(&commands::QueryDump {}).unwrap();
    assert_eq!(progress.status, DumpStatus::Completed);
    assert_eq!((progress.completed, progress.total), (4196, 4196));
}

// proves: query-dump, query-dump-guest-memory-capability
#[test]
fn dump_in_the_background_tells_how_far_it_is() {
    let Some((mut vmm, mut client)) = beating(&["-m", "16"]) else {
        return;
    };
    let formats = client
        .execute(&commands::QueryDumpGuestMemoryCapability {})
        .unwrap();
    assert!(matches!(
        formats.formats[..],
        [
            DumpGuestMemoryFormat::Elf,
            DumpGuestMemoryFormat::KdumpZlib,
            DumpGuestMemoryFormat::KdumpRawZlib
        ]
    ));
    let progress = client.execute(&commands::QueryDump {}).unwrap();
    assert_eq!((progress.status, progress.total), (DumpStatus::None, 0));

    // a pipe that nobody reads yet takes a little only
    let (mut reader, writer) = std::io::pipe().unwrap();
    let getfd = commands::Getfd {
        fdname: "out".into(),
    };
    client.execute_with_fds(&getfd, &[&writer]).unwrap();
    drop(writer);
    let mut request = dump("fd:out", true);
    request.detach = Some(true);
    client.execute(&request).unwrap();
    let progress = client.execute(&commands::QueryDump {}).unwrap();
    assert_eq!(
        (progress.status, progress.total),
        (DumpStatus::Active, 16 << 20)
    );
    let status = client.execute(&commands::QueryStatus {}).unwrap();
    assert_eq!((status.status, status.running), (RunState::SaveVm, false));
    let busy = "There is a dump in process, please wait.";
    for refused in [
        client.execute(&commands::Stop {}),
        client.execute(&commands::Cont {}),
        client.execute(&dump("file:/nonexistent/x", false)),
    ] {
        assert!(refused.unwrap_err().to_string().contains(busy));
    }
    // a reset does not wait, and the guest starts anew when the dump is done
    client.execute(&commands::SystemReset {}).unwrap();
    let mut file = Vec::new();
    reader.read_to_end(&mut file).unwrap();
    let core = Core::parse(&file);
    let size: usize = core.loads.iter().map(|load| load.bytes.len()).sum();
    assert_eq!(size, 16 << 20);
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "RESUME") {
        let event = client
            .next_event(Some(crate::fixture::LIMIT))
            .unwrap()
            .unwrap();
        names.push(event.name.to_string());
    }
    assert_eq!(names, ["STOP", "RESET", "DUMP_COMPLETED", "RESUME"]);
    let progress = client.execute(&commands::QueryDump {}).unwrap();
    assert_eq!(progress.status, DumpStatus::Completed);

    // an end in the middle of another is an end
    let (_reader, writer) = std::io::pipe().unwrap();
    client.execute_with_fds(&getfd, &[&writer]).unwrap();
    drop(writer);
    client.execute(&request).unwrap();
    client.execute(&commands::Quit {}).unwrap();
    assert_eq!(vmm.exit_code(), 0);
}

/// Whoever reads a dump may go away.
#[test]
fn reader_that_goes_fails_the_dump_and_no_more() {
    let Some((_vmm, mut client)) = beating(&["-m", "16"]) else {
        return;
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let getfd = commands::Getfd {
        fdname: "out".into(),
    };
    client.execute_with_fds(&getfd, &[&writer]).unwrap();
    drop(writer);
    let error = client.execute(&dump("fd:out", false)).unwrap_err();
    let text = "dump: failed to write elf header: Broken pipe";
    assert!(error.to_string().contains(text), "{error}");
    let status = client.execute(&commands::QueryStatus {}).unwrap();
    assert_eq!(status.status, RunState::Running);
}

fn commands_of(dir: &str) -> Vec<String> {
    let mut all = vec!["{'execute': 'query-dump'}".to_owned()];
    for arguments in [
        "'paging': false, 'protocol': 'file:/nonexistent/x'",
        "'paging': false, 'protocol': 'x:/nonexistent/x'",
        "'paging': false, 'protocol': 'fd:x'",
        "'paging': false, 'protocol': 'x', 'begin': 0",
        "'paging': false, 'protocol': 'x', 'length': 0",
        "'paging': true, 'protocol': 'x', 'begin': 0, 'format': 'kdump-zlib'",
        "'paging': false, 'protocol': 'x', 'format': 'kdump-lzo'",
        "'paging': false, 'protocol': 'x', 'format': 'kdump-raw-lzo'",
        "'paging': false, 'protocol': 'x', 'format': 'kdump-raw-snappy'",
        "'paging': false, 'protocol': 'x', 'length': 1, 'format': 'kdump-raw-snappy'",
        "'paging': true, 'protocol': 'x', 'format': 'win-dmp'",
        "'paging': false, 'protocol': 'x', 'format': 'elf.gz'",
        "'paging': false, 'protocol': 'file:/dev/fdset/3'",
        "'paging': false, 'protocol': 'file:/dev/fdset/'",
        "'paging': false, 'protocol': 'file:/dev/fdset/-1'",
        "'paging': false, 'protocol': 'file:DIR/empty', 'begin': -5, 'length': 0",
        "'paging': false, 'protocol': 'file:DIR/empty', 'begin': -9223372036854775808, 'length': -9223372036854775808",
        "'paging': false, 'protocol': 'file:DIR/empty', 'begin': 0, 'length': 0",
        "'paging': false, 'protocol': 'file:DIR/empty', 'begin': 99999999999, 'length': 10",
        "'paging': false, 'protocol': 'file:DIR/part', 'begin': 1048577, 'length': 4097",
        "'paging': true, 'protocol': 'file:DIR/part', 'begin': 1048577, 'length': 4097, 'detach': false",
    ] {
        let arguments = arguments.replace("DIR", dir);
        all.push(format!(
            "{{'execute': 'dump-guest-memory', 'arguments': {{{arguments}}}}}"
        ));
        all.push("{'execute': 'query-dump'}".to_owned());
    }
    all
}

#[test]
fn commands_are_answered_as_qemu_answers_them() {
    if !both_work() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let [theirs, ours] = peers(&guests::spin().unwrap(), &["-smp", "2"]).map(|mut peer| {
        for command in commands_of(dir.path().to_str().unwrap()) {
            peer.send(&command.replace('\'', "\""));
        }
        peer.send(r#"{"execute": "cont"}"#);
        peer.await_output("spin\n", 1);
        let failing = r#"{"execute": "dump-guest-memory",
            "arguments": {"paging": false, "protocol": "file:/dev/full", "begin": 1048576, "length": 4096}}"#;
        peer.send(failing);
        peer.send(r#"{"execute": "query-dump"}"#);
        peer.send(r#"{"execute": "query-status"}"#);
        (peer.replies.clone(), peer.events.clone())
    });
    assert_eq!(ours.0, theirs.0);
    assert_eq!(ours.1, theirs.1);
}

/// Whether addresses are wide is up to all of memory, not to what is asked for.
#[test]
fn class_is_that_of_the_guest() {
    if !both_work() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let guest = guests::spin().unwrap();
    let mut classes = Vec::new();
    for size in ["64", "5G"] {
        let mut names = ["theirs", "ours"].iter();
        let [theirs, ours] = peers(&guest, &["-m", size]).map(|mut peer| {
            let file = dir.path().join(names.next().unwrap());
            let reply = peer.send(&format!(
                r#"{{"execute": "dump-guest-memory", "arguments":
                    {{"paging": false, "protocol": "file:{}", "begin": 1048576, "length": 4096}}}}"#,
                file.display()
            ));
            assert!(reply.get("return").is_some(), "{reply:?}");
            let bytes = fs::read(&file).unwrap();
            fs::remove_file(file).unwrap();
            // class, kind and machine
            (FileKind::parse(&*bytes).unwrap(), bytes[16..20].to_vec())
        });
        // the end of their firmware is at 4 GiB
        if size == "5G" {
            assert_eq!(ours, theirs);
        }
        classes.push(ours.0);
    }
    assert_eq!(classes, [FileKind::Elf32, FileKind::Elf64]);
}

/// One that nobody reads is at its end when the machine is.
#[test]
fn dump_ends_with_the_machine() {
    let guest = guests::heartbeat().unwrap();
    for is_socket in [false, true] {
        let Some(fixture) = Fixture::guest(guest.boot(), |_| {}) else {
            return;
        };
        fixture.expect("heartbeat: running\n");
        let (mut reader, writer): (File, File) = match is_socket {
            true => {
                let (reader, writer) = UnixStream::pair().unwrap();
                (OwnedFd::from(reader).into(), OwnedFd::from(writer).into())
            }
            false => {
                let (reader, writer) = std::io::pipe().unwrap();
                (OwnedFd::from(reader).into(), OwnedFd::from(writer).into())
            }
        };
        let request = DumpRequest {
            file: writer,
            format: DumpFormat::Elf,
            paging: false,
            range: None,
        };
        fixture.machine.dump_in_background(request).unwrap();
        assert_eq!(
            fixture.machine.dump_progress().status,
            machine::DumpStatus::Active
        );
        let recorder = fixture.end();
        let events = recorder.events();
        let last = events.last();
        let text = "dump: the machine has been shut down";
        assert!(
            matches!(last, Some(MachineEvent::DumpCompleted { error: Some(error), .. }) if error == text),
            "{events:?}"
        );
        // nobody has the other end any more
        let mut file = Vec::new();
        reader.read_to_end(&mut file).unwrap();
        assert!(file.len() < 4 << 20);
    }
}

/// A client that waits for a dump is told when another one quits.
#[test]
fn quitting_ends_a_dump_that_is_waited_for() {
    let guest = guests::heartbeat().unwrap();
    let Some(fixture) = Fixture::guest(guest.boot(), |_| {}) else {
        return;
    };
    fixture.expect("heartbeat: running\n");
    let (_reader, writer) = std::io::pipe().unwrap();
    let file = File::from(OwnedFd::from(writer));
    let machine = &fixture.machine;
    thread::scope(|scope| {
        let request = DumpRequest {
            file,
            format: DumpFormat::Elf,
            paging: false,
            range: None,
        };
        let dump = scope.spawn(move || machine.dump(request));
        fixture.await_event(MachineEvent::Stop);
        machine.quit().unwrap();
        let error = dump.join().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "dump: the machine has been shut down");
    });
}

// proves: add-fd
#[test]
fn dump_goes_into_the_descriptor_of_a_set_that_is_open_for_it() {
    let Some((vmm, mut client)) = beating(&["-m", "16"]) else {
        return;
    };
    let path = vmm.path("dump");
    fs::write(&path, vec![1; 32 << 20]).unwrap();
    let add = commands::AddFd {
        fdset_id: Some(2),
        opaque: None,
    };
    let to_set = dump("file:/dev/fdset/2", false);
    for (read, write) in [(true, false), (true, true)] {
        let file = File::options().read(read).write(write).open(&path).unwrap();
        client.execute_with_fds(&add, &[&file]).unwrap();
        let error = client.execute(&to_set).unwrap_err().to_string();
        let text = "Failed to find file descriptor with matching flags=0x241";
        assert!(error.contains(text), "{error}");
    }
    let file = File::options().write(true).open(&path).unwrap();
    client.execute_with_fds(&add, &[&file]).unwrap();
    client.execute(&to_set).unwrap();
    let core = Core::parse(&fs::read(&path).unwrap());
    let size = usize::try_from(guests::PATTERN_SIZE).unwrap();
    assert_eq!(core.at(guests::PATTERN_ADDRESS, size).unwrap(), pattern());
    assert!(fs::metadata(path).unwrap().len() < 17 << 20);
}

#[test]
fn file_says_the_same_as_qemus() {
    if !both_work() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for paging in [false, true] {
        let mut names = ["theirs", "ours"].into_iter().map(path);
        let [theirs, ours] = peers(&guests::spin().unwrap(), &["-smp", "2"]).map(|mut peer| {
            peer.send(r#"{"execute": "cont"}"#);
            peer.await_output("spin\n", 1);
            peer.send(r#"{"execute": "stop"}"#);
            let file = names.next().unwrap();
            peer.send(&format!(
                r#"{{"execute": "dump-guest-memory", "arguments": {{"paging": {paging}, "protocol": "file:{file}"}}}}"#
            ));
            let reply: &Value = peer.replies.last().unwrap();
            assert!(reply.get("return").is_some(), "{reply:?}");
            let mut bytes = Vec::new();
            File::open(file).unwrap().read_to_end(&mut bytes).unwrap();
            Core::parse(&bytes)
        });
        assert_eq!(ours.machine, theirs.machine);
        let shape = |core: &Core| -> Vec<_> {
            let notes = core.notes.iter();
            notes
                .map(|note| (note.0.clone(), note.1, note.2.len()))
                .collect()
        };
        assert_eq!(shape(&ours), shape(&theirs));
        let process = |core: &Core, index: usize| core.notes[index].2[32..36].to_vec();
        for index in 0..2 {
            assert_eq!(process(&ours, index), process(&theirs, index));
        }
        // rsp, cs, ss, gdt, idt, cr0, cr3, cr4
        let state = 8 + 18 * 8;
        let places = [
            8 + 6 * 8,
            state,
            state + 8,
            state + 16,
            state + 5 * 24,
            state + 5 * 24 + 8,
            state + 8 * 24 + 16,
            state + 9 * 24 + 16,
            state + 10 * 24,
            state + 10 * 24 + 24,
            state + 10 * 24 + 32,
        ];
        for place in places {
            // where code is emulated, flags have bits of the limit, and miss that of the access
            let mask = match [state + 8, state + 5 * 24 + 8].contains(&place) {
                true => 0x00f0_fe00,
                false => u64::MAX,
            };
            let [ours, theirs] = [&ours, &theirs].map(|core| core.word("QEMU", place) & mask);
            assert_eq!(ours, theirs, "{place}");
        }
        // it takes every virtual address for one of the upper half
        let low = |address: u64| address & 0xffff_ffff_ffff;
        let first = |core: &Core| (low(core.loads[0].virt), core.loads[0].start);
        assert_eq!(first(&ours), first(&theirs));
        if paging {
            continue; // where two pieces of memory meet, their file has the first one only
        }
        // the program is where it is, and firmware of theirs elsewhere
        let program = |core: &Core| core.at(0x10_0000, 4096).unwrap().to_vec();
        assert!(program(&ours) == program(&theirs), "{paging}");
        let end = |core: &Core| {
            let ends = core
                .loads
                .iter()
                .map(|load| load.virt + load.bytes.len() as u64);
            ends.filter(|&end| end <= 64 << 20).max()
        };
        assert_eq!(end(&ours), end(&theirs), "{paging}");
    }
}
