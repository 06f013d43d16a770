//! What this machine does not have, QEMU may not have either: then both say so in the same words.

use std::io::Write;
use std::process::{Command, Stdio};

use qmp_runtime::json::{Item, Stream, Value};

use crate::fixture::kvm_works;

const QEMU: &str = "qemu-system-x86_64";

/// What a program without a board answers to these commands, where `'` stands for `"`.
fn answers(program: &str, options: &[&str], commands: &[&str]) -> Vec<Value> {
    let mut process = Command::new(program)
        .args([
            "-M",
            "none",
            "-accel",
            "kvm",
            "-nodefaults",
            "-display",
            "none",
        ])
        .args(["-qmp", "stdio"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    input
        .write_all(b"{\"execute\": \"qmp_capabilities\"}\n")
        .unwrap();
    for command in commands.iter().chain(&["{'execute': 'quit'}"]) {
        input
            .write_all(command.replace('\'', "\"").as_bytes())
            .unwrap();
    }
    let output = process.wait_with_output().unwrap();
    drop(input);
    let mut bytes = &output.stdout[..];
    let mut stream = Stream::new();
    let mut answers = Vec::new();
    while let Some(Item::Message(document)) = stream.next_item(&mut bytes) {
        let answer = document.value(document.root()).unwrap();
        if answer.get("return").is_some() || answer.get("error").is_some() {
            answers.push(answer);
        }
    }
    assert!(answers.len() > commands.len(), "{program}: {answers:?}");
    answers.drain(1..=commands.len()).collect()
}

fn compare(options: &[&str], commands: &[&str]) {
    let version = Command::new(QEMU).arg("--version").output();
    let version = version.map(|version| String::from_utf8_lossy(&version.stdout).into_owned());
    if !version.is_ok_and(|version| version.contains("version 10.0.2")) {
        println!("skipped: there is no {QEMU} 10.0.2");
        return;
    }
    if !kvm_works() {
        return;
    }
    let theirs = answers(QEMU, options, commands);
    let ours = answers(env!("CARGO_BIN_EXE_vmm"), options, commands);
    for ((command, ours), theirs) in commands.iter().zip(ours).zip(theirs) {
        assert_eq!(ours, theirs, "{command}");
    }
}

// as QEMU: query-block, query-blockstats, query-named-block-nodes, query-tpm, query-jobs
#[test]
fn machine_without_disks_and_jobs_lists_none() {
    compare(
        &[],
        &[
            "{'execute': 'query-block'}",
            "{'execute': 'query-blockstats'}",
            "{'execute': 'query-blockstats', 'arguments': {'query-nodes': true}}",
            "{'execute': 'query-named-block-nodes'}",
            "{'execute': 'query-named-block-nodes', 'arguments': {'flat': true}}",
            "{'execute': 'query-block-jobs'}",
            "{'execute': 'query-jobs'}",
            "{'execute': 'query-tpm'}",
            "{'execute': 'query-migrate'}",
        ],
    );
}

#[test]
fn hardware_for_confidential_guests_is_missed_alike() {
    compare(
        &[],
        &[
            "{'execute': 'query-sev'}",
            "{'execute': 'query-sev-capabilities'}",
            "{'execute': 'query-sev-launch-measure'}",
            "{'execute': 'query-sev-attestation-report', 'arguments': {'mnonce': 'aaaa'}}",
            "{'execute': 'sev-inject-launch-secret', 'arguments': {'packet-header': 'a', 'secret': 'b'}}",
            "{'execute': 'query-sgx'}",
            "{'execute': 'query-sgx-capabilities'}",
        ],
    );
}

#[test]
fn silence_is_described_alike() {
    let json = r#"{"id": "a", "driver": "none", "timer-period": 5, "in": {"frequency": 8000}}"#;
    let options = ["-audiodev", json, "-audiodev", "none,id=b,out.voices=3"];
    compare(&options, &["{'execute': 'query-audiodevs'}"]);
    compare(&[], &["{'execute': 'query-audiodevs'}"]);
}

#[test]
fn cpu_models_take_the_same_properties() {
    let expand = |props: &str| {
        format!(
            "{{'execute': 'query-cpu-model-expansion', 'arguments': {{'type': 'full', 'model': {{'name': 'base', 'props': {{{props}}}}}}}}}"
        )
    };
    let wrong = [
        "'family': 'x'",
        "'family': 271",
        "'model': -1",
        "'model': 1.5",
        "'stepping': 16",
        "'min-level': 4294967296",
        "'min-level': '5'",
        "'vendor': 'me'",
        "'model-id': 5",
        "'fpu': 5",
        "'migratable': false",
        "'nope': true",
        "'nope': 1",
    ]
    .map(expand);
    compare(&[], &wrong.each_ref().map(String::as_str));
}

#[test]
fn parameters_of_options_are_told_in_the_same_order() {
    let groups = [
        "accel",
        "action",
        "boot-opts",
        "device",
        "global",
        "memory",
        "mon",
        "object",
        "overcommit",
        "rtc",
        "sandbox",
        "smp-opts",
        "nope",
    ];
    let commands = groups.map(|group| {
        format!("{{'execute': 'query-command-line-options', 'arguments': {{'option': '{group}'}}}}")
    });
    compare(&[], &commands.each_ref().map(String::as_str));
}

// as QEMU: query-rocker, query-rocker-ports, query-rocker-of-dpa-flows, query-rocker-of-dpa-groups
#[test]
fn switches_are_not_found_alike() {
    compare(
        &[],
        &[
            "{'execute': 'query-rocker', 'arguments': {'name': 'sw1'}}",
            "{'execute': 'query-rocker-ports', 'arguments': {'name': 'sw1'}}",
            "{'execute': 'query-rocker-of-dpa-flows', 'arguments': {'name': 'sw1', 'tbl-id': 1}}",
            "{'execute': 'query-rocker-of-dpa-groups', 'arguments': {'name': 'sw1', 'type': 1}}",
        ],
    );
}

// as QEMU: x-colo-lost-heartbeat, dump-skeys, query-gic-capabilities
#[test]
fn what_others_replicate_or_other_targets_have_is_refused_alike() {
    compare(
        &[],
        &[
            "{'execute': 'x-colo-lost-heartbeat'}",
            "{'execute': 'dump-skeys', 'arguments': {'filename': '/nonexistent'}}",
            "{'execute': 'query-gic-capabilities'}",
        ],
    );
}

// as QEMU: change, block_passwd, x-blockdev-del, x-blockdev-remove-medium, x-blockdev-insert-medium
// as QEMU: migrate_set_speed, migrate_set_downtime, migrate-set-cache-size, query-migrate-cache-size
// as QEMU: get-win32-socket
#[test]
fn commands_of_the_past_and_of_other_systems_are_gone_alike() {
    compare(
        &[],
        &[
            "{'execute': 'change', 'arguments': {'device': 'vnc', 'target': 'x'}}",
            "{'execute': 'block_passwd', 'arguments': {'device': 'x', 'password': 'y'}}",
            "{'execute': 'x-blockdev-del', 'arguments': {'node-name': 'x'}}",
            "{'execute': 'x-blockdev-remove-medium', 'arguments': {'device': 'x'}}",
            "{'execute': 'x-blockdev-insert-medium', 'arguments': {'device': 'x', 'node-name': 'y'}}",
            "{'execute': 'migrate_set_speed', 'arguments': {'value': 1}}",
            "{'execute': 'migrate_set_downtime', 'arguments': {'value': 1}}",
            "{'execute': 'migrate-set-cache-size', 'arguments': {'value': 1}}",
            "{'execute': 'query-migrate-cache-size'}",
            "{'execute': 'get-win32-socket', 'arguments': {'info': 'x', 'fdname': 'y'}}",
        ],
    );
}

// as QEMU: query-rx-filter, set_link, netdev_del
#[test]
fn networks_are_not_found_alike() {
    compare(
        &[],
        &[
            "{'execute': 'query-rx-filter'}",
            "{'execute': 'query-rx-filter', 'arguments': {'name': 'net0'}}",
            "{'execute': 'set_link', 'arguments': {'name': 'net0', 'up': false}}",
            "{'execute': 'netdev_del', 'arguments': {'id': 'net0'}}",
        ],
    );
}

// as QEMU: migrate_cancel, migrate-incoming
#[test]
fn machine_that_stays_where_it_is_says_so_alike() {
    compare(
        &[],
        &[
            "{'execute': 'migrate_cancel'}",
            "{'execute': 'query-migrate'}",
            "{'execute': 'migrate-incoming', 'arguments': {'uri': 'tcp:localhost:1'}}",
            "{'execute': 'migrate-incoming', 'arguments': {'uri': 'x', 'channels': []}}",
            "{'execute': 'migrate-incoming', 'arguments': {}}",
        ],
    );
}

// as QEMU: job-pause, job-resume, job-cancel, job-complete, job-dismiss, job-finalize
// as QEMU: block-job-cancel, block-job-pause, block-job-resume, block-job-complete, block-job-set-speed
// as QEMU: block-job-dismiss, block-job-finalize, block-job-change
#[test]
fn jobs_are_not_found_alike() {
    let jobs = [
        "pause", "resume", "cancel", "complete", "dismiss", "finalize",
    ];
    let mut commands = Vec::new();
    for job in jobs {
        let id = match job {
            "dismiss" | "finalize" => "id",
            _ => "device",
        };
        commands.extend([
            format!("{{'execute': 'job-{job}', 'arguments': {{'id': 'x'}}}}"),
            format!("{{'execute': 'block-job-{job}', 'arguments': {{'{id}': 'x'}}}}"),
            format!("{{'execute': 'block-job-{job}', 'arguments': {{'{id}': 5}}}}"),
        ]);
    }
    commands.extend(
        [
            "{'execute': 'block-job-set-speed', 'arguments': {'device': 'x', 'speed': 1}}",
            "{'execute': 'block-job-change', 'arguments': {'id': 'x', 'type': 'commit'}}",
            "{'execute': 'query-block-jobs'}",
        ]
        .map(str::to_owned),
    );
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    compare(&[], &commands);
}

// as QEMU: blockdev-snapshot-internal-sync, blockdev-snapshot-delete-internal-sync
// as QEMU: change-backing-file, x-blockdev-change
#[test]
fn images_without_snapshots_and_backing_files_are_alike() {
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(1 << 20).unwrap();
    let drive = format!("if=none,id=d,format=raw,file={}", image.path().display());
    let options = [
        "-drive",
        &drive,
        "-blockdev",
        "driver=null-co,node-name=n",
        "-blockdev",
        "driver=raw,node-name=r,file=n",
        "-blockdev",
        "driver=null-co,node-name=alone",
        "-drive",
        "if=none,id=e",
    ];
    let mut commands = Vec::new();
    for device in ["d", "r", "n", "alone", "x", "e", ""] {
        for (command, first, more) in [
            ("blockdev-snapshot-internal-sync", "device", ", 'name': 's'"),
            ("blockdev-snapshot-internal-sync", "device", ", 'name': ''"),
            (
                "blockdev-snapshot-delete-internal-sync",
                "device",
                ", 'name': 's'",
            ),
            (
                "blockdev-snapshot-delete-internal-sync",
                "device",
                ", 'id': '1'",
            ),
            ("blockdev-snapshot-delete-internal-sync", "device", ""),
            (
                "change-backing-file",
                "device",
                ", 'image-node-name': 'r', 'backing-file': 'z'",
            ),
            (
                "change-backing-file",
                "device",
                ", 'image-node-name': 'n', 'backing-file': 'z'",
            ),
            (
                "change-backing-file",
                "device",
                ", 'image-node-name': 'x', 'backing-file': 'z'",
            ),
            ("x-blockdev-change", "parent", ""),
            ("x-blockdev-change", "parent", ", 'child': 'file'"),
            ("x-blockdev-change", "parent", ", 'child': 'c'"),
            ("x-blockdev-change", "parent", ", 'node': 'n'"),
            ("x-blockdev-change", "parent", ", 'node': 'x'"),
            (
                "x-blockdev-change",
                "parent",
                ", 'node': 'n', 'child': 'file'",
            ),
        ] {
            commands.push(format!(
                "{{'execute': '{command}', 'arguments': {{'{first}': '{device}'{more}}}}}"
            ));
        }
    }
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    compare(&options, &commands);
}
