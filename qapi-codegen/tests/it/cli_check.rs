//! `qapi check`, and the options that other commands share with it.

use serde_json::{Value, json};

use crate::command::{Run, folder, qapi, qapi_in};

const UNKNOWN: &str = "{ 'command': 'ping',\n  'returns': 'Pong' }";

/// In old forms: the type `**`, and a flag that is a string.
const OLD: &str = "{ 'command': 'add', 'data': { 'props': '**' }, 'gen': 'no' }";

fn diagnostics(run: &Run) -> Vec<Value> {
    serde_json::from_str(&run.out).expect("it is an array")
}

#[test]
fn json_tells_everything_of_a_diagnostic() {
    let run = qapi(&["check", "--format", "json", "-"], UNKNOWN);
    assert_eq!((run.code, run.err.as_str()), (Some(1), ""));
    let expected = json!([{
        "code": "QAPI0040",
        "severity": "error",
        "message": "command's 'returns' uses unknown type 'Pong'",
        "file": "<stdin>",
        "line": 2,
        "column": 14,
        "end": { "line": 2, "column": 20 },
        "labels": [],
        "notes": [],
        "help": diagnostics(&run)[0]["help"],
        "context": { "kind": "command", "name": "ping" },
    }]);
    assert_eq!(Value::Array(diagnostics(&run)), expected);
}

#[test]
fn json_labels_have_places_of_their_own() {
    let text = "{ 'command': 'go' }\n{ 'command': 'go' }";
    let run = qapi(&["check", "--format", "json", "-"], text);
    let label = &diagnostics(&run)[0]["labels"][0];
    assert_eq!(
        (&label["file"], &label["line"]),
        (&json!("<stdin>"), &json!(1))
    );
    assert!(label["text"].is_string() && label["end"]["column"].is_u64());
}

#[test]
fn json_of_a_sound_schema_is_an_empty_array() {
    let run = qapi(&["check", "--format", "json", "-"], "{ 'command': 'go' }");
    assert_eq!(
        (run.code, run.out.as_str(), run.err.as_str()),
        (Some(0), "[]\n", "")
    );
}

#[test]
fn several_files_are_checked_each_by_itself() {
    // Both define the same name, which is no clash.
    let folder = folder(&[
        ("a.json", UNKNOWN),
        ("b.json", UNKNOWN),
        ("c.json", "{ 'command': 'ping' }"),
    ]);
    let run = qapi_in(
        folder.path(),
        &["check", "--format", "short", "a.json", "b.json", "c.json"],
        "",
    );
    let line = "json:2:14: error[QAPI0040]: command's 'returns' uses unknown type 'Pong'\n";
    assert_eq!(run.out, format!("a.{line}b.{line}"));
    assert_eq!((run.code, run.err.as_str()), (Some(1), ""));
    let run = qapi_in(
        folder.path(),
        &["check", "--format", "json", "c.json", "a.json"],
        "",
    );
    assert_eq!(diagnostics(&run).len(), 1);
}

#[test]
fn one_file_out_of_reach_ends_the_check() {
    let folder = folder(&[("a.json", UNKNOWN)]);
    let run = qapi_in(folder.path(), &["check", "a.json", "b.json"], "");
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    assert!(run.err.contains("cannot read b.json"), "{}", run.err);
    let run = qapi(&["check", "-", "-"], "");
    assert_eq!(run.code, Some(2));
    assert_eq!(
        run.err,
        "qapi: standard input can be read once only; name it once\n"
    );
}

#[test]
fn rich_findings_are_summed_up_on_standard_error() {
    let run = qapi(
        &["check", "-"],
        &format!("{UNKNOWN}\n{{ 'command': 'ping', 'data': 'Pong' }}"),
    );
    assert_eq!(
        (run.code, run.err.as_str()),
        (Some(1), "2 errors\n"),
        "{}",
        run.out
    );
    let run = qapi(&["check", "-"], OLD);
    assert_eq!(
        (run.code, run.err.as_str()),
        (Some(0), "2 notes\n"),
        "{}",
        run.out
    );
    let run = qapi(&["check", "-"], "{ 'command': 'ping' }");
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
}

#[test]
fn output_that_is_no_terminal_has_no_colours() {
    let run = qapi(&["check", "-"], UNKNOWN);
    assert!(!run.out.contains('\x1b') && run.out.contains("^^^^^^"));
}

#[test]
fn old_forms_pass_in_any_dialect_but_the_modern() {
    assert_eq!(qapi(&["check", "--dialect", "any", "-"], OLD).code, Some(0));
    assert_eq!(
        qapi(&["check", "--dialect", "modern", "-"], OLD).code,
        Some(1)
    );
    let run = qapi(&["check", "--dialect", "old", "-"], OLD);
    assert_eq!(run.code, Some(2));
    assert_eq!(
        run.err,
        "qapi: unknown dialect 'old'; there are any and modern\n"
    );
}

#[test]
fn notes_are_allowed_and_denied_by_code() {
    let check = |arguments: &[&str]| {
        let mut all = vec!["check", "--format", "json"];
        all.extend(arguments);
        all.push("-");
        let run = qapi(&all, OLD);
        let severities = diagnostics(&run);
        let first = severities.first().map(|one| one["severity"].clone());
        (run.code, first)
    };
    assert_eq!(check(&[]), (Some(0), Some(json!("note"))));
    assert_eq!(check(&["--allow", "QAPI0090"]), (Some(0), None));
    assert_eq!(check(&["--deny", "90"]), (Some(1), Some(json!("error"))));
    // The last one counts.
    assert_eq!(check(&["--deny", "90", "--allow", "90"]), (Some(0), None));
}

#[test]
fn lints_are_told_once_asked_for() {
    let text = "{ 'command': 'go' } { 'struct': 'Lonely', 'data': { } }";
    let check = |arguments: &[&str]| {
        let mut all = vec!["check"];
        all.extend(arguments);
        all.push("-");
        let run = qapi(&all, text);
        (run.code, run.err)
    };
    assert_eq!(check(&[]), (Some(0), String::new()));
    assert_eq!(
        check(&["--warn", "QAPI0070"]),
        (Some(0), "1 warning\n".to_owned())
    );
    assert_eq!(
        check(&["--deny", "qapi0070"]),
        (Some(1), "1 error\n".to_owned())
    );
}

#[test]
fn errors_cannot_be_allowed() {
    assert_eq!(
        qapi(&["check", "--allow", "40", "-"], UNKNOWN).code,
        Some(1)
    );
}

#[test]
fn unknown_code_of_an_option_is_explained() {
    let run = qapi(&["check", "--deny", "QAPI0400", "-"], "");
    assert_eq!(run.code, Some(2));
    assert!(
        run.err
            .contains("unknown code 'QAPI0400'; close to it:\n  QAPI0"),
        "{}",
        run.err
    );
}

#[test]
fn include_folders_serve_all_commands() {
    let folder = folder(&[
        (
            "a/root.json",
            "{ 'include': 'shared.json' } { 'command': 'get', 'returns': 'Shared' }",
        ),
        ("b/shared.json", "{ 'struct': 'Shared', 'data': { } }"),
    ]);
    let folder = folder.path();
    let commands: [&[&str]; 4] = [
        &["check", "a/root.json"],
        &["introspect", "a/root.json"],
        &["dump", "a/root.json"],
        &["gen", "-o", "out", "a/root.json"],
    ];
    for command in commands {
        let run = qapi_in(folder, command, "");
        assert_eq!(run.code, Some(1), "{command:?}");
        for option in [&["-I", "b"][..], &["--include", "c", "--include=b"]] {
            let run = qapi_in(folder, &[command, option].concat(), "");
            assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{command:?}");
        }
    }
    assert!(folder.join("out/mod.rs").exists());
}

#[test]
fn bindings_of_a_usual_root_are_named_for_its_folder() {
    let folder = folder(&[("engine/qapi-schema.json", "{ 'command': 'start' }")]);
    let run = qapi_in(
        folder.path(),
        &["gen", "-o", "out", "engine/qapi-schema.json"],
        "",
    );
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    let handlers = folder.path().join("out/handlers");
    let text: String = std::fs::read_dir(handlers)
        .expect("it was made")
        .filter_map(|entry| std::fs::read_to_string(entry.expect("it can be read").path()).ok())
        .collect();
    assert!(text.contains("pub trait EngineCommands"), "{text}");
}

#[test]
fn every_command_has_help_of_its_own() {
    let main = qapi(&["--help"], "").out;
    for command in [
        "check",
        "explain",
        "fmt",
        "diff",
        "gen",
        "introspect",
        "dump",
    ] {
        assert!(main.contains(&format!("\n  {command} ")), "{command}");
        let run = qapi(&[command, "--help"], "");
        assert_eq!(run.code, Some(0));
        assert!(
            run.out.contains(&format!("Usage: qapi {command} ")),
            "{command}"
        );
        assert!(run.out.contains("Exit status: 0"), "{command}");
        assert_eq!(qapi(&["help", command], "").out, run.out);
        assert!(run.out.lines().all(|line| line.len() <= 80), "{command}");
    }
}

#[cfg(unix)]
#[test]
fn endless_file_is_refused() {
    for command in ["check", "fmt", "dump"] {
        let run = qapi(&[command, "/dev/zero"], "");
        assert_eq!(run.code, Some(1), "{command}");
        assert!(
            format!("{}{}", run.out, run.err).contains("error[QAPI0003]"),
            "{command}: {}",
            run.err
        );
    }
}
