//! Without a terminal.

use serde_json::{Value, json};

use crate::run;
use crate::stub::Stub;

/// What `echo` was sent for these words.
fn echo(words: &[&str]) -> Value {
    let stub = Stub::start();
    let arguments = [&["--json", stub.path(), "echo"], words].concat();
    let outcome = run(&arguments, "");
    assert_eq!(outcome.code, 0, "{outcome:?}");
    stub.join();
    let answer: Value = serde_json::from_str(&outcome.out).unwrap();
    answer["return"].clone()
}

/// What is said to a command that fails.
fn fails(words: &[&str]) -> String {
    let stub = Stub::start();
    let outcome = run(&[&[stub.path()], words].concat(), "");
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert_eq!(outcome.out, "");
    stub.join();
    outcome.err
}

#[test]
fn values_are_converted_by_the_types_of_the_server() {
    assert_eq!(
        echo(&[
            "kind=red",
            "name=17",
            "flag=on",
            "heat=1.5",
            "colors=red,dark-blue"
        ]),
        json!({"kind": "red", "name": "17", "flag": true, "heat": 1.5, "colors": ["red", "dark-blue"]})
    );
    assert_eq!(
        echo(&[
            "kind=dark-blue",
            "depth=0x10",
            "nested.count=-3",
            "name=a b=c"
        ]),
        json!({"kind": "dark-blue", "depth": 16, "nested": {"count": -3}, "name": "a b=c"})
    );
    assert_eq!(
        echo(&[
            "kind=red",
            "many.0.count=1",
            "many.1.count=2",
            "either.count=5"
        ]),
        json!({"kind": "red", "many": [{"count": 1}, {"count": 2}], "either": {"count": 5}})
    );
    assert_eq!(echo(&["kind=red", "either=true"])["either"], json!(true));
    assert_eq!(
        echo(&["kind=red", "either='true'"])["either"],
        json!("true")
    );
    assert_eq!(
        echo(&["kind=red", "either={'count': 5}"])["either"],
        json!({"count": 5})
    );
    assert_eq!(
        echo(&["kind=red", "nested={\"count\": 5}"])["nested"],
        json!({"count": 5})
    );
    assert_eq!(echo(&["kind=red", "unknown=5"])["unknown"], json!(5));
    assert_eq!(echo(&["kind=red", "unknown=5x"])["unknown"], json!("5x"));
    assert_eq!(
        echo(&["{'kind': 'red'}", "name="]),
        json!({"kind": "red", "name": ""})
    );
}

#[test]
fn mistakes_are_explained() {
    assert_eq!(
        fails(&["ehco"]),
        "there is no command 'ehco'; did you mean 'echo'?\n"
    );
    assert_eq!(
        fails(&["xyzzy"]),
        "there is no command 'xyzzy'; 'help' lists what there is\n"
    );
    assert_eq!(
        fails(&["echo", "kind=darkblue"]),
        "argument 'kind': 'darkblue' is no value of it; did you mean 'dark-blue'?\n"
    );
    assert_eq!(
        fails(&["echo", "nested.count=x"]),
        "argument 'nested.count': 'x' is no integer\n"
    );
    assert_eq!(
        fails(&["echo", "flag=perhaps"]),
        "argument 'flag': 'perhaps' is neither true nor false\n"
    );
    assert_eq!(
        fails(&["echo", "red"]),
        "'red' is no argument; write KEY=VALUE\n"
    );
    assert_eq!(
        fails(&["echo", "kind=red", "kind=red"]),
        "argument 'kind': the same was given before\n"
    );
    assert!(fails(&["echo", "nested=5"]).contains("write KEY={…}, or KEY.MEMBER=VALUE"));
    assert!(fails(&["echo", "nested={5"]).contains("argument 'nested': JSON parse error"));
}

#[test]
fn refusals_of_the_server_come_with_advice() {
    assert_eq!(
        fails(&["echo", "nmae=x"]),
        "GenericError: Parameter 'nmae' is unexpected; did you mean 'name'?\n"
    );
    assert_eq!(
        fails(&["echo", "wrong=x"]),
        "GenericError: Parameter 'wrong' is unexpected; there are kind, name, flag, colors, nested, many, either\n"
    );
    assert_eq!(
        fails(&["echo"]),
        "GenericError: Parameter 'kind' is missing; give one of red, dark-blue\n"
    );
}

#[test]
fn lines_of_input_are_run_one_after_the_other() {
    let stub = Stub::start();
    let input = "echo kind=red name='a b'\n\n# a comment\n{'execute': 'echo', 'id': 'mine',\n 'arguments': {'kind': 'red'}}\necho\nnothing\n!stop-now\nquit\n";
    let outcome = run(&["-j", stub.path()], input);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let answers: Vec<Value> = outcome
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        answers[0],
        json!({"return": {"kind": "red", "name": "a b"}})
    );
    assert_eq!(answers[1], json!({"return": {"kind": "red"}, "id": "mine"}));
    assert_eq!(answers[2]["error"]["class"], "GenericError");
    assert_eq!(answers[3]["error"]["class"], "ShellError");
    assert_eq!(answers[4], json!({"return": {"oob": true}}));
    assert_eq!(answers[5], json!({"return": {}}));
    assert_eq!(answers.len(), 6);
    stub.join();
}

#[test]
fn result_for_people_is_laid_out() {
    let stub = Stub::start();
    let outcome = run(&[stub.path(), "echo", "kind=red", "colors=red"], "");
    assert_eq!(
        outcome.out,
        "{\n  \"kind\": \"red\",\n  \"colors\": [\n    \"red\"\n  ]\n}\n"
    );
    stub.join();
}

#[test]
fn watched_events_are_printed_until_the_end() {
    let stub = Stub::start();
    let outcome = run(&["-j", "-w", stub.path()], "stop-now\nquit\n");
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let event = json!({"timestamp": {"seconds": 3661, "microseconds": 5000}, "event": "TICK", "data": {"count": 3}});
    assert!(outcome.out.contains(&event.to_string()), "{outcome:?}");
    stub.join();
    let stub = Stub::start();
    let outcome = run(&["-w", stub.path()], "stop-now\nquit\n");
    assert!(
        outcome.out.contains("01:01:01.005 TICK {\"count\": 3}\n"),
        "{outcome:?}"
    );
    stub.join();
}

#[test]
fn loss_of_the_connection_has_an_exit_status_of_its_own() {
    let stub = Stub::start();
    let outcome = run(&[stub.path()], "quit\necho kind=red\n");
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert_eq!(outcome.err, "the server hung up\n");
    stub.join();
    let outcome = run(&["/nowhere/qmp", "stop"], "");
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(outcome.err.contains("/nowhere/qmp"), "{outcome:?}");
}

#[test]
fn command_without_answer_ends_in_time() {
    let stub = Stub::start();
    let outcome = run(&["-t", "0.2", stub.path(), "hang"], "");
    assert_eq!(
        (outcome.code, outcome.err.as_str()),
        (1, "no answer came in time\n")
    );
    stub.join();
}

#[test]
fn help_shows_arguments_values_and_variants() {
    let stub = Stub::start();
    let outcome = run(&[stub.path(), "help", "echo"], "");
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for line in [
        "command echo",
        "  kind=<red|dark-blue>",
        "  [flag=<bool>]",
        "    count=<int>",
        "  … and more, depending on kind: help COMMAND kind=…",
        "returns any",
    ] {
        assert!(
            outcome.out.contains(&format!("{line}\n")),
            "{line}: {}",
            outcome.out
        );
    }
    stub.join();
    let stub = Stub::start();
    let outcome = run(&[stub.path(), "help", "echo", "kind=red"], "");
    assert!(
        outcome.out.contains("  [heat=<number>]\n") && !outcome.out.contains("depth"),
        "{outcome:?}"
    );
    stub.join();
    let stub = Stub::start();
    let outcome = run(&[stub.path(), "help", "stop-now"], "");
    assert!(
        outcome
            .out
            .contains("command stop-now  (unstable, can run out of band)\n"),
        "{outcome:?}"
    );
    stub.join();
    let stub = Stub::start();
    let outcome = run(&[stub.path(), "help", "TOCK"], "");
    assert_eq!(
        (outcome.code, outcome.err.as_str()),
        (1, "there is no 'TOCK'; did you mean 'TICK'?\n")
    );
    stub.join();
}

#[test]
fn types_without_end_are_followed_for_a_while() {
    let stub = Stub::start();
    let input = "mad list=a choice=b self.self.self.choice=1\nquit\n";
    let outcome = run(&["-j", stub.path()], input);
    assert_eq!(outcome.out, "{\"return\":{}}\n{\"return\":{}}\n");
    stub.join();
    let stub = Stub::start();
    let outcome = run(&[stub.path(), "help", "mad"], "");
    assert!(
        outcome
            .out
            .starts_with("command mad\n  list=<[[[[any]]]]>\n"),
        "{outcome:?}"
    );
    stub.join();
}

#[test]
fn wrong_usage_is_told() {
    for (arguments, part) in [
        (&[][..], "no address is given"),
        (&["--frobnicate"], "invalid option '--frobnicate'"),
        (&["-t", "x", "a"], "x"),
    ] {
        let outcome = run(arguments, "");
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.err.contains(part), "{outcome:?}");
    }
    assert!(run(&["--help"], "").out.contains("Usage: qmp-shell "));
    let outcome = run(&["tcp:nowhere", "stop"], "");
    assert!(outcome.err.contains("tcp:HOST:PORT"), "{outcome:?}");
}
