//! Options: what is said of wrong ones, and what right ones do.

use std::fs;

use vmm_core::cli::OPTIONS;
use vmm_core::guests;

use super::{run, write_guest};
use crate::fixture::kvm_works;

/// Runs `vmm` to its failure; the one line that it says.
fn complaint(options: &[&str]) -> String {
    let output = run(options);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{options:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{options:?}: {text}");
    assert!(text.starts_with("vmm: "), "{text}");
    text
}

#[test]
fn wrong_option_is_one_line_with_the_remedy() {
    let cases: [(&[&str], &str); 19] = [
        (
            &["-compat", "deprecated-input=maybe"],
            "-compat deprecated-input=maybe: 'deprecated-input=maybe' is no policy; there are ",
        ),
        (
            &["-frobnicate"],
            "-frobnicate: unknown option; see vmm --help",
        ),
        (
            &["--kernle", "x"],
            "--kernle: unknown option; did you mean -kernel? see vmm --help",
        ),
        (
            &["-kernel"],
            "-kernel: needs an argument, FILE; see vmm --help",
        ),
        (
            &["-m", "lots"],
            "-m lots: Parameter 'size' expects a non-negative number below 2^64; 'lots' is none; examples: 128, 64M, 2G",
        ),
        (
            &["-M", "pc"],
            "unsupported machine type: \"pc\"; use one of none, q-min",
        ),
        (
            &["-accel", "tcg"],
            "-accel: invalid accelerator tcg; use kvm or none",
        ),
        (&["-smp", "x"], "Parameter 'smp.cpus' expects integer"),
        (
            &["-smp", "0"],
            "Invalid CPU topology: CPU topology parameters must be greater than zero",
        ),
        (
            &["-smp", "8,maxcpus=4"],
            "sockets (1) * cores (4) * threads (1) == maxcpus (4) < smp_cpus (8)",
        ),
        (
            &["-cpu", "nope"],
            "-cpu nope: unable to find CPU model 'nope'",
        ),
        (
            &["-cpu", "qemu64,+nope"],
            "-cpu qemu64,+nope: Property 'qemu64-x86_64-cpu.nope' not found",
        ),
        (&["-m", "128,slots=2"], "slots specified but no max-size"),
        (
            &["-M", "microvm,pcie=on"],
            "pcie=on: this board has no such thing",
        ),
        (
            &["-append", "x"],
            "-append only allowed with -kernel option",
        ),
        (
            &["-serial", "chardev:c"],
            "-serial: there is no character device 'c'",
        ),
        (
            &["-qmp", "unix:"],
            "-qmp unix:: 'unix:': this is none of unix:PATH, tcp:HOST:PORT, vsock:CID:PORT, device:PATH, stdio",
        ),
        (
            &["-mon", "chardev=c,mode=readline,pretty=on"],
            "-mon chardev=c,mode=readline,pretty=on: 'pretty' is not compatible with HMP monitors",
        ),
        (
            &["disk.img"],
            "'disk.img': a disk image cannot be given; options start with '-'",
        ),
    ];
    for (options, expected) in cases {
        let text = complaint(options);
        assert!(text.contains(expected), "{options:?}: {text}");
    }
}

#[test]
fn machine_that_cannot_be_made_is_one_line_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let occupied = format!("unix:{},server=on,wait=off", dir.path().display());
    let cases: [(&[&str], &str); 3] = [
        (
            &["-accel", "none", "-kernel", "/nonexistent/kernel"],
            "/nonexistent/kernel",
        ),
        (&["-accel", "none", "-m", "1b"], "memory"),
        (&["-accel", "none", "-qmp", &occupied], "-qmp"),
    ];
    for (options, expected) in cases {
        let text = complaint(options);
        assert!(text.contains(expected), "{options:?}: {text}");
    }
}

#[test]
fn help_names_every_option() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for spec in OPTIONS {
        assert!(
            text.contains(&format!("-{}", spec.name)),
            "{} is missing",
            spec.name
        );
    }
}

#[test]
fn version_and_list_of_machines_are_printed() {
    let version = String::from_utf8(run(&["-version"]).stdout).unwrap();
    assert_eq!(version, format!("vmm {}\n", env!("CARGO_PKG_VERSION")));
    assert!(
        String::from_utf8(run(&["-M", "help"]).stdout)
            .unwrap()
            .contains("\nq-min ")
    );
}

#[test]
fn guest_prints_to_the_file_of_its_serial_port() {
    if !kvm_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let kernel = dir.path().join("hello.elf");
    write_guest(&kernel, &guests::hello().unwrap());
    let log = dir.path().join("serial");
    let serial = format!("file:{}", log.display());
    let output = run(&[
        "-nodefaults",
        "-m",
        "16",
        "-kernel",
        kernel.to_str().unwrap(),
        "-serial",
        &serial,
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        fs::read_to_string(&log).unwrap().contains("hello"),
        "{output:?}"
    );
}

#[test]
fn guest_prints_to_standard_output() {
    if !kvm_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let kernel = dir.path().join("hello.elf");
    write_guest(&kernel, &guests::hello().unwrap());
    let output = run(&[
        "-nographic",
        "-m",
        "16",
        "-kernel",
        kernel.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("hello"));
}

#[test]
fn inherited_socket_carries_a_monitor() {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixListener;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qmp");
    let listener = UnixListener::bind(&path).unwrap();
    // What a child inherits must not be closed on exec.
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).unwrap();
    let socket = format!("socket,id=m,fd={},server=on,wait=off", listener.as_raw_fd());
    let mut process = super::command()
        .args([
            "-M",
            "none",
            "-nodefaults",
            "-chardev",
            &socket,
            "-mon",
            "chardev=m,mode=control",
        ])
        .spawn()
        .unwrap();
    drop(listener);
    let mut client = qmp_runtime::client::Client::connect_unix(&path).unwrap();
    client.execute(&qmp_types::qmp::commands::Quit {}).unwrap();
    assert!(process.wait().unwrap().success());
    assert_eq!(
        run(&["-chardev", "socket,id=m,fd=999,server=on"])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn global_holds_for_devices_that_are_not_told_otherwise() {
    let options = [
        "-accel",
        "none",
        "-S",
        "-chardev",
        "null,id=a",
        "-chardev",
        "null,id=b",
    ];
    let globals = ["-global", "isa-serial.iobase=0x3e8"];
    let last = ["-global", "driver=isa-device,property=nope,value=1"];
    let devices = ["-device", "isa-serial,id=s,chardev=a"];
    let other = ["-device", "isa-serial,id=t,chardev=b,iobase=0x2e8"];
    let both = [&options[..], &globals, &devices, &other].concat();
    let mut vmm = super::Vmm::start(&both);
    let mut client = vmm.connect();
    let mut get = |path: &str, property: &str| {
        let get = qmp_types::qmp::commands::QomGet::new(path, property);
        client.execute(&get).unwrap()
    };
    assert_eq!(get("s", "iobase"), 0x3e8);
    assert_eq!(get("t", "iobase"), 0x2e8);
    for (options, expected) in [
        (&last[..], "-global: Property 'isa-device.nope' not found"),
        (
            &globals,
            "-global: the board's own isa-serial stays as it is",
        ),
        (&["-global", "foo"], "-global foo: needs driver="),
        (
            &["-global", "host-x86_64-cpu.avx=off"],
            "-global: Property 'host-x86_64-cpu.avx' is not writable",
        ),
    ] {
        let text = complaint(options);
        assert!(text.contains(expected), "{options:?}: {text}");
    }
}

#[test]
fn serial_port_of_a_users_writes_to_an_inherited_file() {
    use std::os::fd::AsRawFd;

    if !kvm_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let kernel = dir.path().join("hello.elf");
    write_guest(&kernel, &guests::hello().unwrap());
    let path = dir.path().join("out");
    let file = fs::File::options()
        .append(true)
        .create(true)
        .open(&path)
        .unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let add = format!("fd={},set=2", file.as_raw_fd());
    let output = run(&[
        "-nodefaults",
        "-m",
        "16",
        "-kernel",
        kernel.to_str().unwrap(),
        "-add-fd",
        &add,
        "-chardev",
        "file,id=c,path=/dev/fdset/2,append=on",
        "-device",
        r#"{"driver": "isa-serial", "chardev": "c", "id": "serial0", "index": 0}"#,
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("hello"), "{text:?}");
    let missing = ["-chardev", "file,id=c,path=/dev/fdset/9", "-accel", "none"];
    let text = complaint(&missing);
    assert!(
        text.contains("Could not open '/dev/fdset/9': No such file or directory"),
        "{text}"
    );
}

#[test]
fn memory_that_does_not_fit_the_machine_is_refused_as_by_qemu() {
    let ram = ["-object", "memory-backend-ram,id=r,size=128M"];
    let cases: [(&[&str], &str); 5] = [
        (
            &["-m", "64M", "-M", "microvm,memory-backend=r"],
            "Machine memory size does not match the size of the memory backend",
        ),
        (
            &["-M", "microvm,memory-backend=nope"],
            "Memory backend 'nope' not found",
        ),
        (
            &["-M", "microvm,memory-backend=r", "-mem-path", "/tmp"],
            "'-mem-path' can't be used together with'-machine memory-backend'",
        ),
        (
            &["-M", "microvm", "-mem-path", "/nonexistent/x"],
            "can't open backing store /nonexistent/x for guest RAM: No such file or directory",
        ),
        (
            &[
                "-M",
                "microvm",
                "-object",
                "memory-backend-ram,id=microvm.ram,size=1M",
            ],
            "object's id 'microvm.ram' is reserved for the default RAM backend, it can't be used for any other purposes",
        ),
    ];
    for (options, text) in cases {
        let options = [options, &ram[..]].concat();
        let ours = run(&[&options[..], &["-accel", "none"]].concat());
        let ours = String::from_utf8(ours.stderr).unwrap();
        assert!(ours.contains(text), "{text} in {ours}");
        let mut qemu = std::process::Command::new("qemu-system-x86_64");
        qemu.args(&options);
        qemu.args(["-accel", "tcg", "-display", "none", "-S"]);
        match qemu.output() {
            Ok(qemu) => {
                let theirs = String::from_utf8(qemu.stderr).unwrap();
                assert!(theirs.contains(text), "{text} in {theirs}");
            }
            Err(error) => println!("skipped: no QEMU to compare with: {error}"),
        }
    }
}
