//! The human monitor: its commands work, and say what QEMU's say.

use proptest::prelude::*;
use qmp_runtime::client::Client;
use qmp_runtime::json::Value;
use vmm_core::guests::{self, PATTERN_ADDRESS, PATTERN_SIZE};

use crate::differential::peer::{Board, Peer, both_work, peers_beside};
use crate::fixture::kvm_works;
use crate::process::{Vmm, write_guest};

/// What a line prints, or the error instead.
fn say(peer: &mut Peer, line: &str) -> Value {
    let line = Value::from(line).to_string();
    let reply = peer.send(&format!(
        r#"{{"execute": "human-monitor-command", "arguments": {{"command-line": {line}}}}}"#
    ));
    reply.get("return").unwrap_or(&reply["error"]).clone()
}

/// Lines that print the same with both.
const SAME: &[&str] = &[
    "",
    "foo",
    "info nothing",
    "info stat",
    "info status",
    " info   status ",
    "info status x",
    "info status;stop",
    "\"stop\"",
    "help nix",
    "info name",
    "info uuid",
    "info kvm",
    "info memory-devices",
    "info memory_size_summary",
    "info dump",
    "info balloon",
    "info qom-tree /nix",
    "info registers 5",
    "info trace-events qmp_*_query_name",
    "info trace-events nix",
    "trace-event qmp_enter_query_name on",
    "info trace-events qmp_enter_query_na*",
    "trace-event qmp_enter_query_name off",
    "trace-event nix on",
    "trace-event qmp_enter_stop",
    "trace-event qmp_enter_stop maybe",
    "c x",
    "cont 1",
    "quit x",
    "stop|s",
    "cpu",
    "cpu 0",
    "cpu 7",
    "cpu x",
    "cpu -1",
    "nmi x",
    "sendkey a",
    "sendkey ctrl-alt-delete 100",
    "sendkey nokey",
    "sendkey ctrl_alt",
    "sendkey 0x1e",
    "sendkey a-",
    "sendkey",
    "balloon",
    "balloon x",
    "balloon 64 3",
    "balloon 32",
    "device_add",
    "device_add nix",
    "device_del",
    "device_del nix",
    "object_add",
    "object_add nix,id=i",
    "object_add iothread",
    "object_add iothread,id=i2",
    "object_add iothread,id=i2",
    "object_del i2",
    "object_del nix",
    "object_del",
    "chardev-add",
    "chardev-add nix",
    "chardev-add null",
    "chardev-add null,id=n1",
    "chardev-change n1 null",
    "chardev-change nix null",
    "chardev-remove n1",
    "chardev-remove nix",
    "chardev-send-break nix",
    "ringbuf_write r0 abc",
    "ringbuf_read r0 2",
    "ringbuf_read r0 1024",
    "ringbuf_read nix 10",
    "ringbuf_write",
    "ringbuf_write r0",
    "qom-list",
    "qom-list /nix",
    "qom-list /machine unused",
    "qom-get /objects/r1 filename",
    "qom-get /objects/r1 nix",
    "qom-get /objects/r1",
    "p 1+2*3",
    "p 010",
    "p +5",
    "p -1",
    "p ~1",
    "p 7%4",
    "p 0",
    "p 10 - 3 - 2",
    "p 0x10 & 0x11 | 2 ^ 1",
    "p (1 + 2) * 3",
    "p 'a'",
    "p (1+2",
    "p 1+2)",
    "p 1 2",
    "p 1 +",
    "p 1 << 2",
    "p 5/0",
    "p 99999999999999999999",
    "p $nix",
    "p $eax",
    "p $pc.base",
    "p/c 300",
    "p/c -1",
    "p/c 0x100000041",
    "help nix b c",
    "balloon -1",
    "dump-guest-memory -q x",
    "info registers -z",
    "p/x 16",
    "print/d 0x10",
    "print/c 65",
    "print/c 10",
    "print/o 8",
    "print/u 5",
    "p 65",
    "x/2s 0",
    "x/1xb",
    "xp",
    "xp/4xw 0x180000",
    "xp /2xg 0x180000",
    "xp/3dh 0x180000",
    "xp/20xb 0x180000",
    "xp/8c 0x180000",
    "xp/3o 0x180000",
    "xp/3ub 0x180000",
    "xp/3d 0x180000",
    "memsave 0",
    "memsave 0 -1 /tmp/x",
    "memsave 0 16",
    "dump-guest-memory",
    "dump-guest-memory /tmp/nix 1",
    "getfd",
    "getfd a",
    "closefd x",
    "screendump",
    "watchdog_action",
    "watchdog_action nix",
    "watchdog_action reset",
    "calc_dirty_rate",
    "calc_dirty_rate 0",
    "calc_dirty_rate -r 1",
    "system_reset now",
    "info block",
    "info block d0",
    "info block -v",
    "info block -v d0",
    "info block nix",
    "info block -n nix",
    "info dirty_rate",
    "info memdev",
    "info iothreads",
    "info qom-tree r1",
    "info qom-tree /objects/r1",
    "info blockstats",
    "info block-jobs",
    "info block-jobs x",
    "info network",
    "info numa",
    "info tpm",
    "info usb",
    "info usb x",
    "i /b 0x3fd",
    "o /b 0x3ff 0x5a",
    "i /b 0x3ff",
    "i /h 0x3ff",
    "i 0x3ff",
    "i /w 0x1234",
    "o /b 0x3ff 0",
    "i /b 0x3ff",
    "i /bx 0x3ff",
    "i",
    "i /b",
    "o",
    "o 0x80",
    "o /b 0x80",
    "i /q 1",
    "i /b 0x3fe.5",
    "i /b 0x3fe.5 7",
    "i 0x13fd",
    "i /b 0x103fd",
    "i -1",
    "o /h 0x3fe 0x1234",
    "i /b 0x3ff",
    "i /g 0x3ff",
    "print 3",
    "i 0x3fd + 2",
    "sum 0 16",
    "sum 0",
    "sum 0x100000 64",
    "sum 0xd0000000 3",
    "sum 4096 4097",
    "sum -1 1",
    "sum 1 -1",
    "gva2gpa 0x100000",
    "gva2gpa 0",
    "gva2gpa",
    "gva2gpa 0xfffffffff",
    "gva2gpa x",
    "mouse_move 1",
    "mouse_move 1 2",
    "mouse_move 1 2 3",
    "mouse_move 1 2 3 4",
    "mouse_move a b",
    "mouse_button 1",
    "mouse_button",
    "mouse_button x",
    "mouse_button 0",
    "mouse_set 7",
    "mouse_set",
    "mouse_set x",
    "block_resize x 1",
    "block_resize",
    "block_resize d1",
    "block_resize d1 x",
    "block_resize d1 1M",
    "block_resize d1 2",
    "info block d1",
    "block_resize d1 1M x",
    "block_resize d1 -1",
    "block_resize d1 512k",
    "block_resize d1 1.5M",
    "block_resize d1 1000b",
    "info block -v d1",
    "exit_preconfig",
    "exit_preconfig x",
    "x_colo_lost_heartbeat",
    "x_colo_lost_heartbeat x",
    "migrate_cancel",
    "migrate_cancel x",
    "block_resize d0 2",
    "cont",
    "info status",
    "s",
    "info status",
];

#[test]
fn lines_print_what_qemu_prints() {
    if !both_work() {
        return;
    }
    let disks: [_; 3] = std::array::from_fn(|_| {
        let disk = tempfile::NamedTempFile::new().unwrap();
        disk.as_file().set_len(1 << 20).unwrap();
        disk
    });
    let [shared, theirs, ours] = disks.each_ref().map(|disk| disk.path().display());
    let drive = format!("if=none,id=d0,format=raw,readonly=on,file={shared}");
    let paths = [theirs, ours].map(|path| path.to_string());
    let own = paths
        .each_ref()
        .map(|path| format!("if=none,id=d1,format=raw,file={path}"));
    let options = [
        "-name",
        "guest",
        "-chardev",
        "ringbuf,id=r0",
        "-object",
        "rng-random,id=r1",
        "-drive",
        &drive,
        "-device",
        "virtio-balloon-device",
        "-drive",
    ];
    let options = own.each_ref().map(|own| [&options[..], &[own]].concat());
    let guest = guests::spin().unwrap();
    let [mut theirs, mut ours] =
        peers_beside(Board::MicrovmUnderKvm, &guest, [&options[0], &options[1]]);
    let mut different = Vec::new();
    for line in SAME {
        let (they_say, we_say) = (say(&mut theirs, line), say(&mut ours, line));
        // The names of nodes that were given none are made up.
        let plain = |said: &Value| {
            let text = said.to_string();
            let text = paths
                .iter()
                .fold(text, |text, path| text.replace(path, "DISK"));
            let mut parts = text.split("(#block");
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |text, part| {
                text + part.trim_start_matches(|c: char| c.is_ascii_digit())
            })
        };
        if plain(&they_say) != plain(&we_say) {
            different.push(format!("{line}:\n  QEMU: {they_say}\n  vmm:  {we_say}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// A text with all its numbers, and the flags of a CPU, left out.
fn layout(text: &str) -> String {
    let mut plain = String::new();
    for line in text.lines() {
        let (before, behind) = line.split_once("FL=").unwrap_or((line, ""));
        let behind = behind.split_once(']').map_or(behind, |(_, behind)| behind);
        for letter in before.chars().chain(behind.chars()) {
            let is_digit = letter.is_ascii_digit() || ('a'..='f').contains(&letter);
            plain.push(if is_digit { '0' } else { letter });
        }
        plain.push('\n');
    }
    plain
}

#[test]
fn registers_have_the_same_layout_in_long_mode() {
    if !both_work() {
        return;
    }
    let guest = guests::heartbeat().unwrap();
    let [mut theirs, mut ours] = peers_beside(Board::MicrovmUnderKvm, &guest, [&[], &[]]);
    for peer in [&mut theirs, &mut ours] {
        say(peer, "cont");
        peer.await_output("heartbeat: running", 1);
        say(peer, "stop");
    }
    let said = [&mut theirs, &mut ours].map(|peer| {
        let said = say(peer, "info registers");
        said.as_str().unwrap().to_owned()
    });
    assert!(said[0].contains("\r\nRAX="), "{}", said[0]);
    assert_eq!(layout(&said[0]), layout(&said[1]));
}

fn say_to(client: &mut Client, line: &str) -> String {
    let hmp = qmp_types::qmp::commands::HumanMonitorCommand {
        command_line: line.into(),
        cpu_index: None,
    };
    client.execute(&hmp).unwrap()
}

#[test]
fn ports_memory_and_mouse_are_reached_by_lines() {
    if !kvm_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let kernel = dir.path().join("guest");
    write_guest(&kernel, &guests::heartbeat().unwrap());
    let kernel = kernel.to_str().unwrap();
    let mut vmm = Vmm::start(&["-kernel", kernel, "-serial", "file:{dir}/out"]);
    let mut client = vmm.connect();
    vmm.await_text("out", "heartbeat: running\n");
    let mut say = |line: &str| say_to(&mut client, line);
    // The mouse, told to speak up, sends what it is made to do.
    let mut hear = |lines: &[&str], bytes: &[u8]| {
        for line in lines {
            assert_eq!(say(line), "", "{line}");
        }
        for byte in bytes {
            let heard = format!("portb[0x0060] = 0x{byte:02x}\r\n");
            assert_eq!(say("i /b 0x60"), heard, "{lines:?}");
        }
    };
    hear(
        &["o /b 0x64 0xa8", "o /b 0x64 0xd4", "o /b 0x60 0xf4"],
        &[0xfa],
    );
    hear(&["mouse_move 5 -3"], &[0x08, 5, 3]);
    hear(&["mouse_button 1"], &[0x09, 0, 0]);
    hear(&["mouse_button 0"], &[0x08, 0, 0]);
    let mice = say("info mice");
    let number = mice
        .split_once('#')
        .and_then(|(_, mouse)| mouse.split_once(':'));
    let (number, _) = number.unwrap_or_else(|| panic!("{mice}"));
    assert_eq!(say(&format!("mouse_set {number}")), "");
    let words = u32::try_from(PATTERN_SIZE / 4).unwrap();
    let pattern: u16 = (0..words)
        .flat_map(|index| guests::pattern(index).to_le_bytes())
        .fold(0, |sum: u16, byte| {
            sum.rotate_right(1).wrapping_add(byte.into())
        });
    let sum = say(&format!("sum {PATTERN_ADDRESS:#x} {PATTERN_SIZE}"));
    assert_eq!(sum, format!("{pattern:05}\r\n"));
}

// proves: human-monitor-command
#[test]
fn guest_is_driven_and_looked_at_by_lines() {
    if !kvm_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let kernel = dir.path().join("guest");
    write_guest(&kernel, &guests::heartbeat().unwrap());
    let mut vmm = Vmm::start(&[
        "-kernel",
        kernel.to_str().unwrap(),
        "-serial",
        "file:{dir}/out",
        "-smp",
        "1,maxcpus=2",
        "-object",
        "memory-backend-ram,id=m1,size=1M",
        "-object",
        "iothread,id=io0",
    ]);
    let mut client = vmm.connect();
    vmm.await_text("out", "heartbeat: running\n");
    let mut say = |line: &str| say_to(&mut client, line);
    let word = |index: u32| format!("0x{:08x}", guests::pattern(index));
    let first = format!("{PATTERN_ADDRESS:016x}: {} {}\r\n", word(0), word(1));
    assert_eq!(say(&format!("xp/2xw {PATTERN_ADDRESS:#x}")), first);
    assert_eq!(say(&format!("x/2xw {PATTERN_ADDRESS:#x}")), first);
    let nowhere = say("xp/1xw 0xfffffffffffffff0");
    assert_eq!(nowhere, "fffffffffffffff0: Cannot access memory\r\n");
    assert!(say("xp/99999999xg 0").starts_with("no more than"));
    assert_eq!(say("stop"), "");
    assert_eq!(say("info status"), "VM status: paused\r\n");
    let registers = say("info registers");
    assert!(
        registers.contains("\r\nCPU#0\r\nRAX=") && registers.contains("\r\nRIP="),
        "{registers}"
    );
    let rip = registers.split_once("RIP=").unwrap().1[..16].to_owned();
    assert_eq!(
        say("p/x $rip"),
        format!("{:#x}\r\n", u64::from_str_radix(&rip, 16).unwrap())
    );
    assert_eq!(say("p/x $cs"), "0x8\r\n");
    assert_eq!(say("p/x $cs.base"), "0\r\n");
    assert_eq!(say("p/x $ds.limit"), "0xffffffff\r\n");
    let saved = vmm.path("saved").display().to_string();
    assert_eq!(
        say(&format!("pmemsave {PATTERN_ADDRESS:#x} 8 \"{saved}\"")),
        ""
    );
    assert_eq!(
        std::fs::read(&saved).unwrap()[..4],
        guests::pattern(0).to_le_bytes()
    );
    assert!(say("info hotpluggable-cpus").contains("core-id: \"1\""));
    assert!(say("info memdev").contains("memory backend: m1\r\n  size:  1048576\r\n"));
    assert!(say("info iothreads").starts_with("io0:\r\n  thread_id="));
    assert!(say("info qom-tree /objects").contains("  /io0 (iothread)\r\n"));
    assert!(say("info chardev").contains("serial0: filename=file\r\n"));
    assert_eq!(say("info mice"), "* Mouse #2: QEMU PS/2 Mouse\r\n");
    assert!(say("info version").starts_with("10.0.2 (vmm "));
    assert!(say("help").contains("stop|s  -- pause the guest\r\n"));
    assert!(say("info").contains("info status  -- "));
    assert_eq!(
        say("help info kvm"),
        "info kvm  -- whether KVM runs the guest\r\n"
    );
    assert_eq!(say("qom-set /objects/io0 poll-max-ns 5"), "");
    assert_eq!(say("qom-get /objects/io0 poll-max-ns"), "5\r\n");
    assert_eq!(say("c"), "");
    assert_eq!(say("nmi"), "");
    vmm.await_text("out", "heartbeat: NMI\n");
    assert_eq!(say("system_powerdown"), "");
    vmm.await_text("out", "heartbeat: good night\n");
    assert_eq!(vmm.exit_code(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Whatever is typed is answered.
    #[test]
    fn any_line_is_answered(lines in prop::collection::vec("(info |p |p/|xp/|x |help |sendkey |qom-set |)[ -~]{0,24}", 64)) {
        let mut vmm = Vmm::start(&["-M", "none"]);
        let mut client = vmm.connect();
        for command_line in lines {
            let name = command_line.split_ascii_whitespace().next().unwrap_or_default();
            if ["q", "quit"].contains(&name) || name.starts_with('d') {
                continue; // it ends the machine, or may write a file
            }
            let hmp = qmp_types::qmp::commands::HumanMonitorCommand { command_line, cpu_index: None };
            prop_assert!(client.execute(&hmp).is_ok());
        }
    }
}
