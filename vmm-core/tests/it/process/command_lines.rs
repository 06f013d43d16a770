//! Command lines beside QEMU: both take them, or both refuse them, and say the same.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::run;
use crate::differential::peer::{QEMU, both_work};

const VMM: &str = env!("CARGO_BIN_EXE_vmm");

/// How a program ended, and the first line that it complained in.
fn outcome(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stderr);
    // Hosts lack what QEMU's default CPU has.
    let lines = text
        .lines()
        .filter(|line| !line.contains("host doesn't support"));
    (output.status.code(), lines.collect::<Vec<_>>().join("\n"))
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
    (
        "-object tls-creds-x509,id=t,dir=/nix",
        "Unable to access credentials /nix/ca-cert.pem: No such file or directory",
    ),
    (
        "-object tls-creds-x509,id=t,dir=/nix,endpoint=server",
        "Unable to access credentials /nix/ca-cert.pem: No such file or directory",
    ),
    (
        "-object {\"qom-type\":\"tls-creds-x509\",\"id\":\"t\",\"dir\":\"/nix\"}",
        "Unable to access credentials /nix/ca-cert.pem: No such file or directory",
    ),
    (
        "-object tls-creds-x509,id=t,endpoint=server",
        "Missing 'dir' property value",
    ),
    (
        "-object tls-creds-x509,dir=/nix",
        "Parameter 'id' is missing",
    ),
    (
        "-object tls-creds-x509,id=t,dir=/nix,endpoint=x",
        "Parameter 'endpoint' does not accept value 'x'",
    ),
    (
        "-object tls-creds-x509,id=t,dir=/nix,verify-peer=x",
        "Parameter 'verify-peer' expects 'on' or 'off'",
    ),
    (
        "-object tls-creds-x509,id=t,dir=/nix,foo=x",
        "-object tls-creds-x509,id=t,dir=/nix,foo=x: Invalid parameter 'foo'",
    ),
    (
        "-object iothread,id=o -object iothread,id=o",
        "-object iothread,id=o: Duplicate ID 'o' for object",
    ),
    (
        "-object {\"qom-type\":\"iothread\",\"id\":\"o\"} -object iothread,id=o",
        "attempt to add duplicate property 'o' to object (type 'container')",
    ),
    (
        "-object iothread,id=1",
        "-object iothread,id=1: Parameter 'id' expects an identifier",
    ),
    (
        "-device virtio-rng-device,id=d -device virtio-rng-device,id=d",
        "-device virtio-rng-device,id=d: Duplicate ID 'd' for device",
    ),
    (
        "-device {\"driver\":\"virtio-rng-device\",\"id\":\"d\"} -device virtio-rng-device,id=d",
        "Duplicate device ID 'd'",
    ),
    (
        "-drive if=none,id=d,file=/dev/null,format=raw -drive if=none,id=d,file=/dev/null,format=raw",
        "-drive if=none,id=d,file=/dev/null,format=raw: Duplicate ID 'd' for drive",
    ),
    (
        "-drive if=none,id=1",
        "-drive if=none,id=1: Parameter 'id' expects an identifier",
    ),
    (
        "-blockdev null-co,node-name=n -blockdev null-co,node-name=n",
        "Duplicate nodes with node-name='n'",
    ),
    (
        "-mon chardev=x,id=m -mon chardev=x,id=m",
        "-mon chardev=x,id=m: Duplicate ID 'm' for mon",
    ),
    (
        "-M none -smp 2",
        "Invalid SMP CPUs 2. The max CPUs supported by machine 'none' is 1",
    ),
    (
        "-M none -smp 1,maxcpus=3",
        "Invalid SMP CPUs 3. The max CPUs supported by machine 'none' is 1",
    ),
    (
        "-M microvm,smp.cpus=x",
        "Parameter 'smp.cpus' expects integer",
    ),
    ("-M microvm,smp.foo=2", "Parameter 'smp.foo' is unexpected"),
    (
        "-M microvm,smp=2",
        "Invalid parameter type for 'smp', expected: object",
    ),
    (
        "-M microvm,smp.cpus=2,smp.maxcpus=1",
        "Invalid CPU topology: maxcpus must be equal to or greater than smp: sockets (1) * cores (1) * threads (1) == maxcpus (1) < smp_cpus (2)",
    ),
    (
        "-M microvm,smp.books=2",
        "books > 1 not supported by this machine's CPU topology",
    ),
    (
        "-M microvm,memory.size=x",
        "Parameter 'memory.size' expects size",
    ),
    (
        "-M microvm,memory.slots=2",
        "slots specified but no max-size",
    ),
    (
        "-M microvm,memory.foo=1",
        "Parameter 'memory.foo' is unexpected",
    ),
    (
        "-M microvm,append=x",
        "-append only allowed with -kernel option",
    ),
    ("-initrd x", "-initrd only allowed with -kernel option"),
    ("-M microvm,boot.order=x", "Invalid boot device 'x'"),
    ("-boot cc", "Boot device 'c' was given twice"),
    (
        "-boot once=d",
        "no function defined to set boot device list for this architecture",
    ),
    (
        "-boot strict=x",
        "Parameter 'boot.strict' expects 'on' or 'off'",
    ),
    ("-boot foo=1", "Parameter 'boot.foo' is unexpected"),
    (
        "-boot splash-time=x",
        "Parameter 'boot.splash-time' expects integer",
    ),
    (
        "-boot splash-time=-1",
        "splash-time is invalid,it should be a value between 0 and 65535",
    ),
    (
        "-boot reboot-timeout=65536",
        "reboot timeout is invalid,it should be a value between -1 and 65535",
    ),
    (
        "-readconfig /nix",
        "-readconfig /nix: Could not open '/nix': No such file or directory",
    ),
    ("-set x", "-set x: can't parse: \"x\""),
    ("-set device.r", "-set device.r: can't parse: \"device.r\""),
    (
        "-set device..x=1",
        "-set device..x=1: can't parse: \"device..x=1\"",
    ),
    (
        "-set nope.r.x=1",
        "-set nope.r.x=1: There is no option group 'nope'",
    ),
    (
        "-set device.r.x=1",
        "-set device.r.x=1: there is no device \"r\" defined",
    ),
    (
        "-object iothread,id=o -set object.o.x=1",
        "-set object.o.x=1: -set is not supported with object",
    ),
    (
        "-device virtio-rng-device,id=r -set device.r.nope=1",
        "-device virtio-rng-device,id=r: Property 'virtio-rng-device.nope' not found",
    ),
    (
        "-chardev null,id=c -set chardev.c.nope=1",
        "Invalid parameter 'nope'",
    ),
    ("-trace events=/nix", "/nix: No such file or directory"),
    (
        "-device virtio-blk-device,drive=nope",
        "-device virtio-blk-device,drive=nope: Property 'virtio-blk-device.drive' can't find value 'nope'",
    ),
    (
        "-device virtio-rng-device,id=1x",
        "-device virtio-rng-device,id=1x: Parameter 'id' expects an identifier\nIdentifiers consist of letters",
    ),
    (
        "-chardev null,id=1x",
        "Parameter 'id' expects an identifier\nIdentifiers consist of letters",
    ),
    (
        "-drive if=none,id=1x",
        "Parameter 'id' expects an identifier\nIdentifiers consist of letters",
    ),
    (
        "-device pvpanic,ioport=x",
        "-device pvpanic,ioport=x: Parameter 'ioport' expects integer",
    ),
    (
        "-device pvpanic,ioport=-1",
        "Parameter 'ioport' expects uint16_t",
    ),
    (
        "-device virtio-rng-device,max-bytes=-1",
        "'max-bytes' parameter must be positive, and less than 2^63",
    ),
    (
        "-object memory-backend-ram,id=m,size=x",
        "Parameter 'size' expects a size value",
    ),
    (
        "-object iothread,id=i,poll-max-ns=x",
        "Parameter 'poll-max-ns' expects an int64 value",
    ),
    ("-object iothread,id=i,nope=1", "Invalid parameter 'nope'"),
    (
        "-object {bad",
        "-object {bad: JSON parse error, invalid keyword 'bad'",
    ),
    (
        "-object {}{}",
        "-object {}{}: Expecting at most one JSON value",
    ),
    (
        "-blockdev {\"a\":\"b",
        "-blockdev {\"a\":\"b: JSON parse error, stray '\"b'",
    ),
    (
        "-blockdev driver=null-co,node-name=n -blockdev driver=null-co,node-name=o -device virtio-blk-device,drive=n,bootindex=1 -device virtio-blk-device,drive=o,bootindex=1",
        "-device virtio-blk-device,drive=o,bootindex=1: The bootindex 1 has already been used",
    ),
    (
        "-blockdev driver=null-co,node-name=n -device virtio-blk-device,drive=n,id=a -device virtio-blk-device,drive=n,id=b,share-rw=on",
        "permissions 'write' are both required by block device 'b' (uses node 'n' as 'root' child) and unshared by block device 'a'",
    ),
    (
        "-device pc-dimm -global pc-dimm.slot=x",
        "-device pc-dimm: can't apply global pc-dimm.slot=x: Parameter 'slot' expects int64",
    ),
    (
        "-device pvpanic -global pvpanic.ioport=x",
        "-device pvpanic: can't apply global pvpanic.ioport=x: Parameter 'ioport' expects uint64",
    ),
    (
        "-serial file:/nix/x",
        "-serial file:/nix/x: Could not open '/nix/x': No such file or directory",
    ),
    (
        "-chardev file,id=c,path=/nix/x",
        "-chardev file,id=c,path=/nix/x: Could not open '/nix/x': No such file or directory",
    ),
    (
        "-blockdev driver=file,node-name=n,filename=/nix",
        "-blockdev driver=file,node-name=n,filename=/nix: Could not open '/nix': No such file or directory",
    ),
    (
        "-drive if=none,id=d,format=raw,file=/nix",
        "-drive if=none,id=d,format=raw,file=/nix: Could not open '/nix': No such file or directory",
    ),
    (
        "-drive if=none,id=d,format=raw,file=/proc/version,readonly=on,aio=native",
        "-drive if=none,id=d,format=raw,file=/proc/version,readonly=on,aio=native: aio=native was specified, but it requires cache.direct=on, which was not specified.",
    ),
    (
        "-drive if=none,id=d,format=raw,file=/proc/version,readonly=on,aio=foo",
        "-drive if=none,id=d,format=raw,file=/proc/version,readonly=on,aio=foo: invalid aio option",
    ),
    (
        "-drive if=none,id=d,format=raw,file=/proc/version,readonly=on,cache=foo",
        "-drive if=none,id=d,format=raw,file=/proc/version,readonly=on,cache=foo: invalid cache option",
    ),
    (
        "-drive if=none,id=d,format=raw,file=/proc/version,readonly=on,detect-zeroes=foo",
        "-drive if=none,id=d,format=raw,file=/proc/version,readonly=on,detect-zeroes=foo: invalid parameter value: foo",
    ),
    (
        "-drive if=none,id=d,format=raw,file=/proc/version,readonly=on,cache=none",
        "-drive if=none,id=d,format=raw,file=/proc/version,readonly=on,cache=none: Could not open '/proc/version': filesystem does not support O_DIRECT",
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
        for (who, (code, text)) in [("QEMU", theirs), ("vmm", ours)] {
            if code != Some(1) || !text.contains(words) {
                different.push(format!("{line}: {who}: {code:?} {text}"));
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
    "-M microvm,smp.cpus=2,smp.cores=2",
    "-M microvm -M smp.cpus=2 -smp 1",
    "-M microvm,memory.size=64M",
    "-M none -smp 1",
    "-boot order=nc,menu=on,strict=on,splash-time=5,reboot-timeout=-1",
    "-boot c",
    "-blockdev driver=null-co,node-name=n -device virtio-blk-device,drive=n,bootindex=1,write-cache=on",
    "-blockdev driver=null-co,node-name=n -device virtio-blk-device,drive=n,share-rw=on \
     -device virtio-blk-device,drive=n,share-rw=on,request-merging=off",
    "-chardev null,id=c -mon chardev=c,id=m -set mon.m.mode=control",
    "-device virtio-rng-device,id=r -set device.r.max-bytes=5 -object iothread,id=r",
    "-vga none -net none -nic none -parallel none -vnc none -gdb none",
];

/// Runs a program, says `input` to its monitor and then that it is to end.
fn talk(program: &str, options: &[&str], input: &str) -> Output {
    let talk = Command::new(program)
        .args(["-nodefaults", "-display", "none", "-S", "-qmp", "stdio"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut talk = talk.unwrap();
    let said = format!("{{'execute': 'qmp_capabilities'}}{input}{{'execute': 'quit'}}");
    // A process that has ended already takes nothing: its status tells.
    let mut stdin = talk.stdin.take().unwrap();
    let _ = stdin.write_all(said.as_bytes());
    talk.wait_with_output().unwrap()
}

#[test]
fn command_lines_are_taken_alike() {
    if !both_work() {
        return;
    }
    for line in TAKEN {
        let options: Vec<&str> = line.split(' ').collect();
        let has_board = options.contains(&"-M");
        let microvm: &[&str] = if has_board { &[] } else { &["-M", "microvm"] };
        for (program, board) in [(QEMU, microvm), (VMM, &[])] {
            let output = talk(program, &[board, &options].concat(), "");
            assert!(output.status.success(), "{program} {line}: {output:?}");
        }
    }
}

#[test]
fn defaults_for_devices_that_there_are_not_are_warned_of() {
    if !both_work() {
        return;
    }
    let options = ["-M", "none", "-global", "nope.disable_s3=1"];
    for program in [QEMU, VMM] {
        let output = talk(program, &options, "");
        assert!(output.status.success(), "{program}: {output:?}");
        let (_, warning) = outcome(&output);
        let expected = ": warning: global nope.disable_s3 has invalid class name";
        assert!(warning.ends_with(expected), "{warning}");
    }
}

#[test]
fn options_in_a_file_are_those_of_the_command_line() {
    if !both_work() {
        return;
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = "# a comment\n[machine]\n  type = \"microvm\"\n\n[smp-opts]\n  cpus = \"2\"\n\
                [name]\n  guest = \"one,two\"\n[device \"r\"]\n  driver = \"virtio-rng-device\"\n";
    file.write_all(text.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let options = ["-readconfig", path, "-set", "device.r.max-bytes=77"];
    let get = "{'execute': 'qom-get', 'arguments': {'path': 'r', 'property': 'max-bytes'}}";
    let input = format!("{get}{{'execute': 'query-name'}}{{'execute': 'query-cpus-fast'}}");
    for program in [QEMU, VMM] {
        let output = talk(program, &options, &input);
        let said = String::from_utf8(output.stdout).unwrap();
        let said: Vec<&str> = said.lines().skip(2).collect();
        assert_eq!(said[0], "{\"return\": 77}", "{program}");
        assert_eq!(
            said[1], "{\"return\": {\"name\": \"one,two\"}}",
            "{program}"
        );
        assert_eq!(said[2].matches("\"cpu-index\"").count(), 2, "{program}");
    }
}

#[test]
fn broken_files_of_options_are_refused_with_the_line() {
    for (text, expected) in [
        ("a = \"b\"\n", ":1: no group defined"),
        ("\n[nope]\n", ":2: There is no option group 'nope'"),
        ("[device \"r\"\n", ":1: parse error"),
        ("[device r]\n", ":1: parse error"),
        ("[device]\n driver = x\n", ":2: parse error"),
        (
            "[machine]\n\n[smp-opts]\n  cpus = \"x\"\n",
            "Parameter 'smp.cpus' expects integer",
        ),
        (
            "[chardev \"c\"]\n  backend = \"nope\"\n",
            ":1: 'nope' is not a valid char driver name",
        ),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let output = run(&["-readconfig", file.path().to_str().unwrap()]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}: {said}");
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn certificates_are_looked_at_though_nobody_uses_them() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let path = dir.path().join("ca-cert.pem");
    std::fs::write(path, certificate.cert.pem()).unwrap();
    let object = |rest: &str| format!("tls-creds-x509,id=t,dir={}{rest}", dir.path().display());
    let client = talk(VMM, &["-M", "none", "-object", &object("")], "");
    assert!(client.status.success(), "{client:?}");
    let server = run(&["-M", "none", "-object", &object(",endpoint=server")]);
    let said = String::from_utf8(server.stderr).unwrap();
    let expected = format!(
        "vmm: Unable to access credentials {}/server-cert.pem: No such file or directory\n",
        dir.path().display()
    );
    assert_eq!(said, expected);
}

#[test]
fn warning_of_a_trace_event_names_the_option_that_has_it() {
    for (options, expected) in [
        (
            ["-d", "trace:nix"],
            "vmm: warning: trace event 'nix' does not exist\n",
        ),
        (
            ["-trace", "nix"],
            "vmm: -trace nix: warning: trace event 'nix' does not exist\n",
        ),
    ] {
        let output = talk(VMM, &[&["-M", "none"], &options[..]].concat(), "");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
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
