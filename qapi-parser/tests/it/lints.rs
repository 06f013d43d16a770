//! Lints, their levels, and suggestions.

use std::path::Path;

use qapi_parser::lint::LINTS;
use qapi_parser::{
    Code, Diagnostic, Format, FsLoader, Loader, MemoryLoader, Options, Outcome, check, check_str,
};

use crate::corpus;

fn run(text: &str, options: &Options) -> Outcome {
    let loader = MemoryLoader::new().file("a.json", text);
    let loader = loader
        .file("b.json", "# nothing\n")
        .file("c.json", "{ 'command': 'c' }");
    check(Path::new("a.json"), &loader, options)
}

fn short(text: &str, options: &Options) -> String {
    run(text, options).render(Format::Short)
}

#[test]
fn a_type_that_nothing_leads_to_is_unused() {
    let text = "{ 'enum': 'Tag', 'data': [ 'one', 'two' ] }\n\
                { 'struct': 'Base', 'data': { 'tag': 'Tag' } }\n\
                { 'struct': 'One', 'data': { 'far': [ 'Far' ] } }\n\
                { 'struct': 'Far', 'data': { } }\n\
                { 'union': 'Uu', 'base': 'Base', 'discriminator': 'tag', 'data': { 'one': 'One' } }\n\
                { 'struct': 'Alone', 'data': { 'other': 'Other' } }\n\
                { 'struct': 'Other', 'data': { } }\n\
                { 'command': 'go', 'data': 'Uu', 'boxed': true }\n";
    let options = Options::new().warn(Code::UnusedType);
    insta::assert_snapshot!(short(text, &options), @r"
    a.json:6:1: warning[QAPI0070]: struct 'Alone' is not used
    a.json:7:1: warning[QAPI0070]: struct 'Other' is not used
    ");
    assert_eq!(short(text, &Options::new()), "");
}

#[test]
fn an_include_of_nothing_or_for_the_second_time_is_useless() {
    let text = "{ 'include': 'b.json' }\n{ 'include': 'c.json' }\n{ 'include': 'c.json' }\n";
    insta::assert_snapshot!(short(text, &Options::new()), @r"
    a.json:1:1: warning[QAPI0072]: 'b.json' has nothing in it
    a.json:3:1: warning[QAPI0072]: 'c.json' is included a second time
    ");
}

#[test]
fn a_lint_that_is_denied_keeps_the_schema_from_being_made() {
    let text = "##\n# @c:\n#\n# Text.\n##\n{ 'command': 'c' }\n";
    let outcome = run(text, &Options::new().deny(Code::MissingSince));
    assert!(outcome.schema.is_none());
    let expected = "a.json:1:1: error[QAPI0071]: command 'c' does not say since when\n";
    assert_eq!(outcome.render(Format::Short), expected);
}

#[test]
fn notes_can_be_silenced_and_denied_but_errors_not_allowed() {
    let old = "{ 'type': 'Tt', 'data': {} }";
    assert_eq!(short(old, &Options::new().allow(Code::Lifted)), "");
    assert!(
        run(old, &Options::new().deny(Code::Lifted))
            .schema
            .is_none()
    );
    let wrong = run("{ 'command': 'X' }", &Options::new().allow(Code::NameCase));
    assert!(wrong.schema.is_none() && wrong.diagnostics[0].is_error());
}

#[test]
fn members_that_a_pragma_excepts_are_found_by_the_lint() {
    let text = "{ 'pragma': { 'documentation-exceptions': [ 'c' ] } }\n\
                ##\n# @c:\n#\n# @m: this one\n##\n\
                { 'command': 'c', 'data': { 'm': 'int', '*n': 'int' } }\n";
    let options = Options::new().warn(Code::UndocumentedMember);
    let expected = "a.json:7:41: warning[QAPI0073]: 'n' of 'c' is not described\n";
    assert_eq!(short(text, &options), expected);
}

#[test]
fn the_lints_that_are_on_by_default_find_nothing_in_qemus_schemas() {
    let Some(folder) = corpus::folder("releases") else {
        return;
    };
    for root in [
        "v9.0.0/qapi",
        "10.0.2/qapi",
        "10.0.2/qga",
        "10.0.2/storage-daemon/qapi",
    ] {
        let path = folder.join(root).join("qapi-schema.json");
        let outcome = check(&path, &FsLoader::new(), &Options::new());
        let lint = |one: &&Diagnostic| LINTS.contains(&one.code);
        let found: Vec<&Diagnostic> = outcome.diagnostics.iter().filter(lint).collect();
        assert!(
            found.is_empty(),
            "{root}: {}",
            outcome.render(Format::Short)
        );
    }
}

#[test]
fn slips_get_the_name_that_was_meant() {
    let cases = [
        (
            "{ 'command': 'c', 'returns': 'Piont' }\n{ 'struct': 'Point', 'data': {} }",
            "there is a type 'Point'",
        ),
        (
            "{ 'command': 'c', 'retruns': 'Ss' }",
            "did you mean 'returns'?",
        ),
        (
            "{ 'pragma': { 'doc-require': true } }",
            "did you mean 'doc-required'?",
        ),
        (
            "##\n# @Ss:\n#\n# @colour: x\n##\n{ 'struct': 'Ss', 'data': { 'color': 'str' } }",
            "did you mean '@color:'?",
        ),
        (
            "{ 'enum': 'Ee', 'data': [ 'fast' ] }\n{ 'struct': 'Ss', 'data': {} }\n{ 'union': 'Uu', 'base': { 'mode': 'Ee' }, 'discriminator': 'mdoe', 'data': { 'fast': 'Ss' } }",
            "did you mean 'mode'?",
        ),
        (
            "{ 'enum': 'Ee', 'data': [ 'fast' ] }\n{ 'struct': 'Ss', 'data': {} }\n{ 'union': 'Uu', 'base': { 'mode': 'Ee' }, 'discriminator': 'mode', 'data': { 'fats': 'Ss' } }",
            "did you mean 'fast'?",
        ),
    ];
    for (text, help) in cases {
        let outcome = check_str("a.json", text);
        let helps = outcome
            .diagnostics
            .iter()
            .filter_map(|one| one.help.as_deref());
        let helps: Vec<&str> = helps.collect();
        assert!(helps.contains(&help), "{text}: {helps:?}");
    }
}

#[test]
fn a_schema_file_that_no_include_reaches_is_told() {
    let files = [
        (
            "s/root.json",
            "{ 'include': 'a.json' }\n{ 'include': 'b.json' }\n{ 'include': 'sub/c.json' }",
        ),
        ("s/a.json", "{ 'command': 'a' }"),
        ("s/b.json", "{ 'include': 'a.json' }"),
        ("s/sub/c.json", "{ 'command': 'c' }"),
        (
            "s/left.json",
            "# a comment\n##\n# = Title\n##\n{ 'command': 'left' }",
        ),
        // None of these: another format, another ending, nothing in it, a folder with one file.
        ("s/data.json", "{ \"command\": \"x\" }"),
        ("s/notes.txt", "{ 'command': 'x' }"),
        ("s/empty.json", "# nothing\n"),
        ("s/sub/alone.json", "{ 'command': 'x' }"),
        ("other.json", "{ 'command': 'x' }"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut memory = MemoryLoader::new();
    std::fs::create_dir_all(folder.path().join("s/sub")).unwrap();
    for (name, text) in files {
        memory = memory.file(name, text);
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let expected = |path: &Path| {
        let path = path.join("left.json");
        format!(
            "warning[QAPI0074]: no include directive reaches '{}'\n",
            path.display()
        )
    };
    let run = |root: &Path, loader: &dyn Loader, options: &Options| {
        check(&root.join("root.json"), loader, options)
    };
    let on_disk = folder.path().join("s");
    let cases: [(&Path, &dyn Loader); 2] =
        [(Path::new("s"), &memory), (&on_disk, &FsLoader::new())];
    for (root, loader) in cases {
        let outcome = run(root, loader, &Options::new());
        assert_eq!(outcome.render(Format::Short), expected(root));
        assert!(outcome.schema.is_some());
        let quiet = run(root, loader, &Options::new().allow(Code::UnreachedFile));
        assert_eq!(quiet.render(Format::Short), "");
        let strict = run(root, loader, &Options::new().deny(Code::UnreachedFile));
        assert!(strict.schema.is_none());
    }
}
