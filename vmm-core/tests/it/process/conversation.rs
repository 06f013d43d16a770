//! QMP conversations with the process, by the typed client.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Instant;

use qmp_runtime::{Command, Event};
use qmp_types::qmp::types::{
    MemoryDeviceInfoType, MigrationCapability, MigrationCapabilityStatus, RunState, ShutdownCause,
};
use qmp_types::qmp::{commands, events};
use vmm_core::guests;

use super::{Vmm, command, write_guest};
use crate::fixture::{LIMIT, kvm_works};

/// The next event, which must be this one.
fn expect<E: Event>(client: &mut qmp_runtime::client::Client) -> E {
    let event = client.next_event(Some(LIMIT)).unwrap().unwrap();
    event
        .decode::<E>()
        .unwrap_or_else(|| panic!("{} came", event.name))
        .unwrap()
}

/// As QEMU 10.0.2 puts it.
#[test]
fn unstable_commands_can_be_refused() {
    let policy = [
        "-M",
        "none",
        "--preconfig",
        "-compat",
        "unstable-input=reject",
    ];
    let mut vmm = Vmm::start(&policy);
    let mut client = vmm.connect();
    let error = client.execute(&commands::XExitPreconfig {}).unwrap_err();
    let text = "Unstable command x-exit-preconfig disabled by policy";
    assert!(error.to_string().contains(text), "{error}");
    client.execute(&commands::QueryStatus {}).unwrap();
    client.execute(&commands::Quit {}).unwrap();
    assert_eq!(vmm.exit_code(), 0);
}

// proves: query-name, query-iothreads, quit
#[test]
fn machine_without_board_answers_and_quits() {
    let mut vmm = Vmm::start(&["-M", "none", "-S", "-name", "n1", "-pidfile", "{dir}/pid"]);
    let mut client = vmm.connect();
    assert_eq!(
        client
            .execute(&commands::QueryName {})
            .unwrap()
            .name
            .as_deref(),
        Some("n1")
    );
    assert_eq!(
        client.execute(&commands::QueryStatus {}).unwrap().status,
        RunState::Prelaunch
    );
    assert!(
        client
            .execute(&commands::QueryIothreads {})
            .unwrap()
            .is_empty()
    );
    assert!(
        client
            .execute(&commands::QueryCpusFast {})
            .unwrap()
            .is_empty()
    );
    assert!(vmm.path("pid").exists());
    client.execute(&commands::Quit {}).unwrap();
    let shutdown: events::Shutdown = expect(&mut client);
    assert_eq!(
        (shutdown.guest, shutdown.reason),
        (false, ShutdownCause::HostQmpQuit)
    );
    assert_eq!(vmm.exit_code(), 0);
    assert!(!vmm.path("pid").exists());
    assert!(!vmm.path("qmp").exists());
}

// proves: query-status, stop, cont, system_reset
#[test]
fn run_state_follows_stop_cont_and_reset() {
    let mut vmm = Vmm::start(&["-accel", "none", "-m", "8"]);
    let mut client = vmm.connect();
    assert_eq!(
        client.execute(&commands::QueryStatus {}).unwrap().status,
        RunState::Running
    );
    client.execute(&commands::Stop {}).unwrap();
    client.execute(&commands::Stop {}).unwrap();
    expect::<events::Stop>(&mut client);
    client.execute(&commands::SystemReset {}).unwrap();
    let reset: events::Reset = expect(&mut client);
    assert_eq!(
        (reset.guest, reset.reason),
        (false, ShutdownCause::HostQmpSystemReset)
    );
    client.execute(&commands::Cont {}).unwrap();
    expect::<events::Resume>(&mut client);
    client.execute(&commands::SystemPowerdown {}).unwrap();
    expect::<events::Powerdown>(&mut client);
    let error = client.execute(&commands::SystemWakeup {}).unwrap_err();
    assert_eq!(
        error.as_command_error().unwrap().desc(),
        "Unable to wake up: guest is not in suspended state"
    );
}

#[test]
fn signal_ends_the_machine_with_its_event() {
    for name in ["TERM", "INT", "HUP"] {
        let mut vmm = Vmm::start(&["-M", "none", "-no-shutdown"]);
        let mut client = vmm.connect();
        vmm.signal(name);
        let shutdown: events::Shutdown = expect(&mut client);
        assert_eq!(shutdown.reason, ShutdownCause::HostSignal);
        assert_eq!(vmm.exit_code(), 0);
    }
}

#[test]
fn signal_ends_a_process_that_waits_for_a_client() {
    let waiting = "unix:{dir}/waits,server=on,wait=on";
    let mut vmm = Vmm::start(&["-M", "none", "-qmp", waiting]);
    let deadline = Instant::now() + LIMIT;
    while !vmm.path("waits").exists() {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    vmm.signal("TERM");
    let status = vmm.process.wait().unwrap();
    assert_eq!(status.signal(), Some(15), "{status}");
}

// proves: x-exit-preconfig
#[test]
fn preconfig_lets_few_commands_through() {
    let mut vmm = Vmm::start(&["-M", "none", "--preconfig"]);
    let mut client = vmm.connect();
    let error = client.execute(&commands::Stop {}).unwrap_err();
    let expected =
        "The command 'stop' is permitted only after machine initialization has completed";
    assert_eq!(error.as_command_error().unwrap().desc(), expected);
    client.execute(&commands::XExitPreconfig {}).unwrap();
    expect::<events::Resume>(&mut client);
    client.execute(&commands::Stop {}).unwrap();
}

// proves: query-commands, query-qmp-schema
#[test]
fn schema_and_command_list_agree_with_what_is_implemented() {
    let mut vmm = Vmm::start(&["-M", "none"]);
    let mut client = vmm.connect();
    let commands = client.execute(&commands::QueryCommands {}).unwrap();
    let names: Vec<&str> = commands
        .iter()
        .map(|command| command.name.as_str())
        .collect();
    assert!(names.contains(&commands::Pmemsave::INFO.name));
    assert!(
        !names.contains(&commands::BlockCommit::INFO.name),
        "declared, not implemented"
    );
    let schema = client.execute(&commands::QueryQmpSchema {}).unwrap();
    let in_schema: Vec<&str> = schema
        .iter()
        .filter(|entry| entry.meta_type.tag() == qmp_types::qmp::types::SchemaMetaType::Command)
        .map(|entry| entry.name.as_str())
        .collect();
    let mut sorted = in_schema.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, names);
}

// proves: query-command-line-options
#[test]
fn command_line_options_are_told_with_their_parameters() {
    let mut vmm = Vmm::start(&["-M", "none"]);
    let mut client = vmm.connect();
    let smp = commands::QueryCommandLineOptions {
        option: Some("smp-opts".into()),
    };
    let options = client.execute(&smp).unwrap();
    assert_eq!(options.len(), 1);
    assert!(
        options[0]
            .parameters
            .iter()
            .any(|parameter| parameter.name == "cpus")
    );
    let unknown = commands::QueryCommandLineOptions {
        option: Some("nope".into()),
    };
    let error = client.execute(&unknown).unwrap_err();
    assert_eq!(
        error.as_command_error().unwrap().desc(),
        "invalid option name: nope"
    );
}

// proves: human-monitor-command
#[test]
fn human_monitor_answers_or_says_that_it_does_not_know() {
    let mut vmm = Vmm::start(&["-M", "none", "-name", "n2"]);
    let mut client = vmm.connect();
    let cases = [
        ("info status", "VM status: running\r\n"),
        ("info name", "n2\r\n"),
        ("info kvm", "kvm support: disabled\r\n"),
        ("info uuid", "00000000-0000-0000-0000-000000000000\r\n"),
        ("", ""),
        ("bogus", "unknown command: 'bogus'\r\n"),
        ("info bogus", "unknown command: 'info bogus'\r\n"),
        (
            "info kvm extra",
            "kvm: extraneous characters at the end of line\r\nTry \"help info kvm\" for more information\r\n",
        ),
    ];
    for (line, expected) in cases {
        let hmp = commands::HumanMonitorCommand {
            command_line: line.into(),
            cpu_index: None,
        };
        assert_eq!(client.execute(&hmp).unwrap(), expected, "{line}");
    }
}

// proves: memsave, pmemsave, query-kvm, query-cpus-fast, cont, inject-nmi, system_powerdown
#[test]
fn guest_is_driven_from_boot_to_power_off() {
    if !kvm_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let kernel = dir.path().join("heartbeat.elf");
    write_guest(&kernel, &guests::heartbeat().unwrap());
    let mut vmm = Vmm::start(&[
        "-kernel",
        kernel.to_str().unwrap(),
        "-m",
        "16",
        "-smp",
        "2",
        "-serial",
        "file:{dir}/serial",
        "-S",
    ]);
    let mut client = vmm.connect();
    let kvm = client.execute(&commands::QueryKvm {}).unwrap();
    assert!(kvm.enabled && kvm.present);
    let cpus = client.execute(&commands::QueryCpusFast {}).unwrap();
    assert_eq!(
        cpus.iter().map(|cpu| cpu.cpu_index).collect::<Vec<_>>(),
        [0, 1]
    );
    assert!(
        cpus.iter()
            .all(|cpu| fs::exists(format!("/proc/{}", cpu.thread_id)).unwrap_or(false))
    );
    client.execute(&commands::Cont {}).unwrap();
    expect::<events::Resume>(&mut client);
    wait_for(&vmm, "heartbeat: running");
    client.execute(&commands::Stop {}).unwrap();
    expect::<events::Stop>(&mut client);
    assert_eq!(saved(&mut client, &vmm, false), pattern());
    assert_eq!(saved(&mut client, &vmm, true), pattern());
    client.execute(&commands::Cont {}).unwrap();
    expect::<events::Resume>(&mut client);
    client.execute(&commands::InjectNmi {}).unwrap();
    wait_for(&vmm, "NMI");
    client.execute(&commands::SystemPowerdown {}).unwrap();
    expect::<events::Powerdown>(&mut client);
    let shutdown: events::Shutdown = expect(&mut client);
    assert_eq!(
        (shutdown.guest, shutdown.reason),
        (true, ShutdownCause::GuestShutdown)
    );
    assert_eq!(vmm.exit_code(), 0);
}

fn wait_for(vmm: &Vmm, line: &str) {
    let deadline = std::time::Instant::now() + LIMIT;
    while !fs::read_to_string(vmm.path("serial"))
        .unwrap_or_default()
        .contains(line)
    {
        assert!(
            std::time::Instant::now() < deadline,
            "the guest has not printed '{line}'"
        );
        std::thread::yield_now();
    }
}

fn pattern() -> Vec<u8> {
    let words = u32::try_from(guests::PATTERN_SIZE / 4).unwrap();
    (0..words)
        .flat_map(|index| guests::pattern(index).to_le_bytes())
        .collect()
}

/// The guest's pattern as `memsave` or `pmemsave` writes it.
fn saved(client: &mut qmp_runtime::client::Client, vmm: &Vmm, physical: bool) -> Vec<u8> {
    let file = vmm.path("memory");
    let (val, size) = (guests::PATTERN_ADDRESS, guests::PATTERN_SIZE);
    let filename = file.to_str().unwrap().to_owned();
    if physical {
        client
            .execute(&commands::Pmemsave {
                val,
                size,
                filename,
            })
            .unwrap();
    } else {
        client
            .execute(&commands::Memsave {
                val,
                size,
                filename,
                cpu_index: Some(0),
            })
            .unwrap();
    }
    fs::read(file).unwrap()
}

#[test]
fn memory_errors_have_their_cause() {
    let mut vmm = Vmm::start(&["-accel", "none", "-m", "8"]);
    let mut client = vmm.connect();
    let nowhere = commands::Pmemsave {
        val: 0,
        size: 1,
        filename: "/nonexistent/file".into(),
    };
    let error = client.execute(&nowhere).unwrap_err();
    let expected = "Could not open '/nonexistent/file': No such file or directory";
    assert_eq!(error.as_command_error().unwrap().desc(), expected);
    let filename = vmm.path("memory").to_str().unwrap().to_owned();
    let beyond = commands::Memsave {
        val: 0,
        size: 1,
        filename,
        cpu_index: Some(7),
    };
    let error = client.execute(&beyond).unwrap_err();
    assert_eq!(
        error.as_command_error().unwrap().desc(),
        "Parameter 'cpu-index' expects a CPU number"
    );
}

#[test]
fn standard_streams_carry_a_monitor() {
    let mut process = command()
        .args(["-M", "none", "-nodefaults", "-qmp", "stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input =
        br#"{"execute":"qmp_capabilities"}{"execute":"query-status","id":1}{"execute":"quit"}"#;
    process.stdin.take().unwrap().write_all(input).unwrap();
    let output = process.wait_with_output().unwrap();
    let lines: Vec<&str> = std::str::from_utf8(&output.stdout)
        .unwrap()
        .split_terminator("\r\n")
        .collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(
        lines[2].contains(r#""status": "running""#) && lines[2].ends_with(r#""id": 1}"#),
        "{lines:?}"
    );
    assert!(lines[3].contains("SHUTDOWN"), "{lines:?}");
    assert!(output.status.success());
}

// as QEMU: add_client
#[test]
fn client_for_a_display_that_is_not_there_is_hung_up_on() {
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    let mut vmm = Vmm::start(&["-M", "none"]);
    let mut client = vmm.connect();
    let mut add = |protocol: &str, fd: OwnedFd| {
        let getfd = commands::Getfd::new("it");
        client.execute_with_fds(&getfd, &[fd]).unwrap();
        let answer = client.execute(&commands::AddClient::new(protocol, "it"));
        answer.map(drop).map_err(|error| error.to_string())
    };
    for (protocol, expected) in [
        ("vnc", None),
        ("spice", Some("SPICE is not in use")),
        ("@dbus-display", Some("D-Bus display is not in use")),
        ("bogus", Some("protocol 'bogus' is invalid")),
    ] {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(LIMIT)).unwrap();
        match (add(protocol, theirs.into()), expected) {
            (Ok(()), None) => {}
            (Err(text), Some(expected)) => assert!(text.contains(expected), "{text}"),
            (answer, _) => panic!("{protocol}: {answer:?}"),
        }
        assert_eq!(ours.read(&mut [0]).unwrap(), 0, "{protocol}");
    }
    let file = fs::File::open("/dev/null").unwrap();
    let error = add("vnc", file.into()).unwrap_err();
    assert!(
        error.contains("parameter @fdname must name a socket"),
        "{error}"
    );
}

// as QEMU: query-tpm-models, query-tpm-types
#[test]
fn there_is_no_tpm_and_nothing_behind_one() {
    let mut vmm = Vmm::start(&["-M", "none"]);
    let mut client = vmm.connect();
    assert_eq!(client.execute(&commands::QueryTpmModels {}).unwrap(), []);
    assert_eq!(client.execute(&commands::QueryTpmTypes {}).unwrap(), []);
    let types = commands::QomListTypes::default();
    let types = client.execute(&types).unwrap();
    assert!(types.iter().all(|known| !known.name.starts_with("tpm-")));
}

#[test]
fn events_are_all_that_a_migration_could_have() {
    let mut vmm = Vmm::start(&["-M", "none"]);
    let mut client = vmm.connect();
    let mut set = |capability, state| {
        let wanted = MigrationCapabilityStatus::new(capability, state);
        client
            .execute(&commands::MigrateSetCapabilities::new(vec![wanted]))
            .map_err(|error| error.to_string())?;
        let known = client.execute(&commands::QueryMigrateCapabilities {});
        let known = known.unwrap().into_iter();
        Ok::<_, String>(known.map(|one| one.state).collect::<Vec<_>>())
    };
    assert_eq!(set(MigrationCapability::Events, true).unwrap(), [true]);
    assert_eq!(set(MigrationCapability::Multifd, false).unwrap(), [true]);
    let error = set(MigrationCapability::Multifd, true).unwrap_err();
    assert!(error.contains("'multifd' is not supported"), "{error}");
    assert_eq!(set(MigrationCapability::Events, false).unwrap(), [false]);
}

// proves: query-memdev
#[test]
fn memory_of_the_host_is_listed_while_it_is_set_up() {
    let ram = r#"{"qom-type": "memory-backend-ram", "id": "pc.ram", "size": 8192}"#;
    let options = ["-M", "none", "-object", ram];
    let memfd = ["-object", "memory-backend-memfd,id=other,size=4k"];
    let mut vmm = Vmm::start(&[&options[..], &memfd].concat());
    let mut client = vmm.connect();
    let list = |client: &mut qmp_runtime::client::Client| {
        let all = client.execute(&commands::QueryMemdev {}).unwrap();
        let mut all: Vec<_> = all
            .into_iter()
            .map(|one| (one.id.unwrap(), one.size, one.share))
            .collect();
        all.sort();
        all
    };
    let (ram, other) = (("pc.ram".into(), 8192, false), ("other".into(), 4096, true));
    assert_eq!(list(&mut client), [other, ram.clone()]);
    client.execute(&commands::ObjectDel::new("other")).unwrap();
    assert_eq!(list(&mut client), [ram]);
}

// proves: query-memory-devices, query-memdev
#[test]
fn memory_of_the_machine_is_an_object_and_modules_are_told_of() {
    let memfd = "memory-backend-memfd,id=pc.ram,size=64M";
    let mut vmm = Vmm::start(&[
        "-M",
        "q-min,memory-backend=pc.ram",
        "-accel",
        "none",
        "-m",
        "64M,slots=1,maxmem=128M",
        "-object",
        memfd,
        "-object",
        "memory-backend-ram,id=more,size=4M,merge=off,prealloc=on",
        "-device",
        "pc-dimm,id=d,memdev=more",
    ]);
    let mut client = vmm.connect();
    let devices = client.execute(&commands::QueryMemoryDevices {}).unwrap();
    let [device] = &devices[..] else {
        panic!("{} devices", devices.len());
    };
    let MemoryDeviceInfoType::Dimm(dimm) = &device.r#type else {
        panic!("no module");
    };
    let dimm = &dimm.data;
    assert_eq!((dimm.addr, dimm.size, dimm.slot), (4 << 30, 4 << 20, 0));
    assert_eq!((&*dimm.memdev, dimm.hotplugged), ("/objects/more", false));
    assert_eq!(dimm.id.as_deref(), Some("d"));
    let more = client.execute(&commands::QueryMemdev {}).unwrap();
    let more = more.iter().find(|one| one.id.as_deref() == Some("more"));
    let more = more.unwrap();
    assert!(more.prealloc && !more.merge && more.dump && !more.share);
    for id in ["pc.ram", "more"] {
        let error = client.execute(&commands::ObjectDel::new(id)).unwrap_err();
        let text = format!("object '{id}' is in use, can not be deleted");
        assert!(error.to_string().contains(&text), "{error}");
    }
}
