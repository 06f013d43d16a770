//! The command `qapi`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::command::qapi;
use crate::snapshots::file;

#[test]
fn sound_schema_passes_check() {
    let output = qapi(&["check", "-"], "{ 'command': 'ping' }");
    assert_eq!((output.code, output.out.as_str()), (Some(0), ""));
}

#[test]
fn unsound_schema_fails_check_in_each_format() {
    let text = "{ 'command': 'ping', 'returns': 'Pong' }";
    let check = |format| {
        let output = qapi(&["check", "--format", format, "-"], text);
        assert_eq!(output.code, Some(1));
        output.out.as_str().to_owned()
    };
    let short = "<stdin>:1:33: error[QAPI0040]: command's 'returns' uses unknown type 'Pong'\n";
    assert_eq!(check("short"), short);
    assert!(check("rich").contains("^^^^^^"));
    assert!(check("qemu").contains("In command 'ping':"));
    let array: serde_json::Value = serde_json::from_str(&check("json")).expect("it is JSON");
    let object = &array[0];
    assert_eq!(
        (&object["code"], &object["line"], &object["column"]),
        (&"QAPI0040".into(), &1.into(), &33.into())
    );
}

#[test]
fn wrong_usage_is_explained() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "no command given"),
        (
            &["frobnicate"],
            "unknown command 'frobnicate'; there are check, ",
        ),
        (
            &["check"],
            "no schema given; name its root file, or - for standard input",
        ),
        (
            &["check", "--format", "xml", "-"],
            "unknown format 'xml'; there are rich, short, json and qemu",
        ),
        (
            &["dump", "a", "b"],
            "more than one schema: 'a' is the first",
        ),
        (
            &["gen", "-"],
            "no output folder given; say where with -o DIR",
        ),
        (&["introspect", "--mask", "-"], "invalid option '--mask'"),
        (
            &["check", "/nowhere/x.json"],
            "cannot read /nowhere/x.json: No such file or directory",
        ),
        (&["check", "/"], "cannot read /: Is a directory"),
    ];
    for (arguments, message) in cases {
        let output = qapi(arguments, "");
        assert_eq!(output.code, Some(2), "{arguments:?}");
        assert!(
            output.err.as_str().contains(message),
            "{arguments:?}: {}",
            output.err.as_str()
        );
    }
}

#[test]
fn help_and_version_are_printed() {
    for arguments in [
        &["--help"][..],
        &["check", "--help"],
        &["gen", "-h"],
        &["introspect", "-h"],
    ] {
        let output = qapi(arguments, "");
        assert_eq!(output.code, Some(0));
        assert!(
            output.out.as_str().contains("Usage: qapi "),
            "{arguments:?}"
        );
    }
    assert_eq!(
        qapi(&["-V"], "").out,
        format!("qapi {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn introspection_is_printed_by_options() {
    let text =
        "{ 'struct': 'State', 'data': { } } { 'command': 'query', 'returns': 'State', 'if': 'X' }";
    assert!(
        qapi(&["introspect", "-"], text)
            .out
            .contains("\"ret-type\":\"1\"")
    );
    assert!(
        qapi(&["introspect", "--unmasked", "-"], text)
            .out
            .contains("\"ret-type\":\"State\"")
    );
    assert!(
        qapi(&["introspect", "--conditions", "-"], text)
            .out
            .contains("\"if\":\"X\"")
    );
    assert!(
        !qapi(&["introspect", "-D", "Y", "-"], text)
            .out
            .contains("\"query\"")
    );
    assert!(
        qapi(&["introspect", "-D", "X", "-"], text)
            .out
            .contains("\"query\"")
    );
    assert_eq!(qapi(&["introspect", "-"], "{").code, Some(1));
}

#[test]
fn generated_folder_is_made_checked_and_cleaned() {
    let folder = tempfile::tempdir().expect("there is room");
    let target = folder.path().join("out");
    let target = target.to_str().expect("it is text");
    let (commands, events) = (file("commands"), file("events"));
    let commands = commands.to_str().expect("it is text");
    let events = events.to_str().expect("it is text");

    let output = qapi(&["gen", commands, "-o", target, "--check"], "");
    assert_eq!(output.code, Some(1));
    assert!(output.err.as_str().contains("out of date: "));
    assert!(!Path::new(target).exists());

    assert_eq!(qapi(&["gen", commands, "-o", target], "").code, Some(0));
    assert_eq!(
        qapi(&["gen", commands, "-o", target, "--check"], "").code,
        Some(0)
    );

    // Bindings of another schema in a folder below are none of its business.
    let below = format!("{target}/below");
    assert_eq!(qapi(&["gen", commands, "-o", &below], "").code, Some(0));
    let own = Path::new(target).join("own.rs");
    std::fs::write(&own, "// not generated\n").expect("there is room");
    assert_eq!(qapi(&["gen", events, "-o", target], "").code, Some(0));
    assert!(!Path::new(target).join("commands/commands.rs").exists());
    assert!(!Path::new(target).join("handlers").exists());
    assert!(Path::new(&below).join("commands/commands.rs").exists());
    assert!(own.exists() && Path::new(target).join("events/events.rs").exists());
}

#[test]
fn closed_output_is_no_failure() {
    let schema = file("structs");
    let mut command = Command::new(env!("CARGO_BIN_EXE_qapi"));
    command
        .arg("introspect")
        .arg(schema)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("qapi starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("qapi ends");
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), b"".as_slice())
    );
}
