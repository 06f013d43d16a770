//! Diagnostics as text.

use std::path::Path;

use qapi_parser::{Format, MemoryLoader, Options, Renderer, check, check_str};

#[test]
fn a_second_definition_is_shown_with_the_first_one() {
    let text = "{ 'command': 'ping' }\n\n{ 'command': 'ping',\n  'data': { 'n': 'int' } }\n";
    let outcome = check_str("a.json", text);
    insta::assert_snapshot!(outcome.render(Format::Rich));
    insta::assert_snapshot!(outcome.render(Format::Qemu), @r"
    a.json: In command 'ping':
    a.json:3: 'ping' is already defined
    a.json: In command 'ping':
    a.json:1: previous definition
    ");
}

#[test]
fn an_error_in_an_included_file_names_the_way_to_it() {
    let loader = MemoryLoader::new()
        .file("root.json", "{ 'include': 'a.json' }")
        .file("a.json", "\n{ 'include': 'b.json' }")
        .file(
            "b.json",
            "{ 'command': 'c', 'data': 'Nothin' }\n{ 'struct': 'Nothing', 'data': {} }",
        );
    let outcome = check(Path::new("root.json"), &loader, &Options::new());
    insta::assert_snapshot!(outcome.render(Format::Rich));
    insta::assert_snapshot!(outcome.render(Format::Qemu), @r"
    In file included from root.json:1:
    In file included from a.json:2:
    b.json: In command 'c':
    b.json:1: command's 'data' uses unknown type 'Nothin'
    ");
}

#[test]
fn an_unknown_key_comes_with_the_valid_ones() {
    let outcome = check_str("a.json", "{ 'event': 'GONE',\n  'date': { 'n': 'int' } }\n");
    insta::assert_snapshot!(outcome.render(Format::Rich));
}

#[test]
fn a_tab_counts_as_qemu_prints_it_and_as_one_character_for_editors() {
    let outcome = check_str("a.json", "{\t'command' 'x' }");
    assert!(outcome.render(Format::Qemu).starts_with("a.json:1:12: "));
    assert!(outcome.render(Format::Short).starts_with("a.json:1:13: "));
}

#[test]
fn colours_are_given_on_request_only() {
    let outcome = check_str("a.json", "{ 'command': 'X' }");
    let renderer = Renderer::new(&outcome.sources, Format::Rich);
    let first = &outcome.diagnostics[0];
    assert!(!renderer.render(first).contains('\u{1b}'));
    assert!(renderer.color(true).render(first).contains('\u{1b}'));
}

#[test]
fn a_failure_displays_short_and_debugs_rich() {
    let failure = check_str("a.json", "{ 'command': 'X' }")
        .into_result()
        .unwrap_err();
    assert!(
        failure
            .to_string()
            .starts_with("a.json:1:14: error[QAPI0031]: ")
    );
    assert!(format!("{failure:?}").contains("-->"));
}

#[test]
fn qemus_format_has_the_first_error_and_no_warning() {
    let run = |text: &str| {
        let loader = MemoryLoader::new().file("a.json", text).file("x.json", "");
        check(Path::new("a.json"), &loader, &Options::new())
    };
    let outcome = run("{ 'event': 'x' }\n{ 'event': 'y' }\n");
    assert_eq!(outcome.render(Format::Short).lines().count(), 2);
    let expected = "a.json: In event 'x':\na.json:1: name of event must not use lowercase or '-'\n";
    assert_eq!(outcome.render(Format::Qemu), expected);
    let outcome = run("{ 'include': 'x.json' }\n{ 'include': 'x.json' }\n");
    assert!(!outcome.render(Format::Short).is_empty());
    assert_eq!(outcome.render(Format::Qemu), "");
}
