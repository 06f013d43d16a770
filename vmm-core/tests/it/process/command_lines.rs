//! Command lines beside QEMU: both take them, or both refuse them, and say the same.

use std::process::{Command, Stdio};

use super::run;
use crate::differential::peer::{QEMU, both_work};

/// How a program ended, and the first line that it complained in.
fn outcome(output: &std::process::Output) -> (bool, String) {
    let text = String::from_utf8_lossy(&output.stderr);
    // Hosts lack what QEMU's default CPU has.
    let mut lines = text
        .lines()
        .filter(|line| !line.contains("host doesn't support"));
    (
        output.status.success(),
        lines.next().unwrap_or_default().to_owned(),
    )
}

/// Options that end at once, and what both say of them; options that are taken have no text.
const LINES: &[(&str, &str)] = &[
    ("-m size=64,slots=2", "slots specified but no max-size"),
    (
        "-m size=64,maxmem=32",
        "invalid value of maxmem: maximum memory size (0x20) must be at least the initial memory size (0x4000000)",
    ),
    (
        "-m x",
        "Parameter 'size' expects a non-negative number below 2^64",
    ),
    (
        "-m 64X",
        "Parameter 'size' expects a non-negative number below 2^64",
    ),
    ("-m 16E", "Value '16E' is out of range for parameter 'size'"),
    ("-m 64,foo=1", "Invalid parameter 'foo'"),
    (
        "-m 64,slots=x,maxmem=1G",
        "Parameter 'slots' expects a number",
    ),
    ("-smp x", "Parameter 'smp.cpus' expects integer"),
    ("-smp 2,cores=x", "Parameter 'smp.cores' expects integer"),
    ("-smp 2,foo=1", "Parameter 'smp.foo' is unexpected"),
    (
        "-smp 0",
        "Invalid CPU topology: CPU topology parameters must be greater than zero",
    ),
    (
        "-smp 2,books=2",
        "books > 1 not supported by this machine's CPU topology",
    ),
    ("-cpu nope", "unable to find CPU model 'nope'"),
    ("-cpu =", "unable to find CPU model '='"),
    (
        "-cpu host,nope=x",
        "Property 'host-x86_64-cpu.nope' not found",
    ),
    ("-accel nope", "invalid accelerator nope"),
    ("-accel kvm,nope=1", "Property 'kvm-accel.nope' not found"),
    (
        "-accel kvm,kernel-irqchip=x",
        "Parameter 'kernel-irqchip' does not accept value 'x'",
    ),
    (
        "-accel kvm,dirty-ring-size=5",
        "dirty-ring-size must be a power of two.",
    ),
    (
        "-M none,accel=kvm -accel kvm",
        "The -accel and \"-machine accel=\" options are incompatible",
    ),
    (
        "-M none -accel kvm -enable-kvm",
        "The -accel and \"-machine accel=\" options are incompatible",
    ),
    ("-M nope", "unsupported machine type: \"nope\""),
    ("-M none,nope=on", "Property 'none-machine.nope' not found"),
    (
        "-M microvm,rtc=x",
        "Parameter 'rtc' does not accept value 'x'",
    ),
    (
        "-M microvm,mem-merge=x",
        "Parameter 'mem-merge' expects 'on' or 'off'",
    ),
    (
        "-M microvm,isa-serial=x",
        "Parameter 'isa-serial' expects 'on' or 'off'",
    ),
    ("-uuid x", "failed to parse UUID string: wrong format"),
    ("-name x,foo=1", "Invalid parameter 'foo'"),
    (
        "-name x,debug-threads=x",
        "Parameter 'debug-threads' expects 'on' or 'off'",
    ),
    ("-rtc base=x", "invalid datetime format"),
    ("-rtc foo=1", "Invalid parameter 'foo'"),
    (
        "-action panic=x",
        "Parameter 'panic' does not accept value 'x'",
    ),
    (
        "-watchdog-action x",
        "Parameter 'watchdog' does not accept value 'x'",
    ),
    (
        "-msg timestamp=x",
        "Parameter 'timestamp' expects 'on' or 'off'",
    ),
    ("-sandbox on,spawn=x", "invalid argument for spawn"),
    ("-mon mode=control", "Parameter 'chardev' is missing"),
    ("-mon chardev=x", "chardev \"x\" not found"),
    (
        "-chardev null,id=n -mon chardev=n,mode=x",
        "Parameter 'mode' does not accept value 'x'",
    ),
    ("-chardev null", "chardev: no id specified"),
    (
        "-chardev nope,id=x",
        "'nope' is not a valid char driver name",
    ),
    ("-chardev null,id=1", "Parameter 'id' expects an identifier"),
    (
        "-chardev null,id=n -chardev null,id=n",
        "Duplicate ID 'n' for chardev",
    ),
    (
        "-chardev socket,id=s,path=/x,server=x",
        "Parameter 'server' expects 'on' or 'off'",
    ),
    (
        "-object nope,help",
        "Parameter 'qom-type' does not accept value 'nope'",
    ),
];

#[test]
fn wrong_command_lines_are_refused_in_the_same_words() {
    if !both_work() {
        return;
    }
    let mut different = Vec::new();
    for (line, words) in LINES {
        let options: Vec<&str> = line.split(' ').collect();
        let ours = outcome(&run(&options));
        let board: &[&str] = match options.contains(&"-M") {
            true => &["-display", "none", "-S"],
            false => &["-M", "microvm", "-display", "none", "-S"],
        };
        let theirs = Command::new(QEMU)
            .args(board)
            .args(&options)
            .stdin(Stdio::null())
            .output();
        let theirs = outcome(&theirs.unwrap());
        for (who, (is_fine, text)) in [("QEMU", theirs), ("vmm", ours)] {
            if is_fine || !text.contains(words) {
                different.push(format!("{line}: {who}: {text}"));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Options that both take.
const TAKEN: &[&str] = &[
    "-m 0.1G",
    "-m 0",
    "-m 64,slots=2,maxmem=268435456",
    "-smp 2,books=1,clusters=1,modules=1",
    "-accel hvf -accel kvm",
    "-accel kvm -accel tcg",
    "-accel accel=kvm",
    "-enable-kvm",
    "-accel kvm,kernel-irqchip=on",
    "-accel kvm,device=/dev/kvm,notify-vmexit=disable",
    "-M microvm,accel=nope:kvm",
    "-M microvm,kernel-irqchip=split,smm=off,suppress-vmdesc=on",
    "-name guest=x,process=y,debug-threads=on",
    "-watchdog-action none",
    "-vga none -net none -nic none -parallel none -vnc none -gdb none",
];

#[test]
fn command_lines_are_taken_alike() {
    if !both_work() {
        return;
    }
    for line in TAKEN {
        let options: Vec<&str> = line.split(' ').collect();
        let has_board = options.contains(&"-M");
        let microvm: &[&str] = if has_board { &[] } else { &["-M", "microvm"] };
        for (program, board) in [(QEMU, microvm), (env!("CARGO_BIN_EXE_vmm"), &[])] {
            let talk = Command::new(program)
                .args(["-nodefaults", "-display", "none", "-S", "-qmp", "stdio"])
                .args(board)
                .args(&options)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn();
            let mut talk = talk.unwrap();
            let quit = b"{'execute': 'qmp_capabilities'}{'execute': 'quit'}";
            // A process that has ended already takes nothing: its status tells.
            let mut input = talk.stdin.take().unwrap();
            let _ = std::io::Write::write_all(&mut input, quit);
            let output = talk.wait_with_output().unwrap();
            assert!(output.status.success(), "{program} {line}: {output:?}");
        }
    }
}

#[test]
fn process_has_the_name_that_is_asked_for() {
    let mut vmm = super::Vmm::start(&["-M", "none", "-name", "guest=x,process=other"]);
    vmm.connect();
    let comm = std::fs::read_to_string(format!("/proc/{}/comm", vmm.id())).unwrap();
    assert_eq!(comm, "other\n");
}

#[test]
fn help_lists_what_there_is() {
    for (options, expected) in [
        (["-cpu", "help"], "\n  qemu64\n"),
        (["-accel", "help"], "\nkvm\n"),
        (["-device", "help"], "name \"virtio-rng-device\", bus "),
        (["-device", "isa-serial,help"], "\n  chardev=<str>"),
        (["-object", "help"], "\n  iothread\n"),
        (["-object", "iothread,help"], "\n  poll-max-ns=<int>"),
        (["-chardev", "help"], "\n  ringbuf\n"),
    ] {
        let output = run(&options);
        assert!(output.status.success(), "{options:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(expected), "{options:?}: {text}");
    }
}
