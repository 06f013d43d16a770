//! Old forms and what they become; whole old releases.

use std::path::Path;

use qapi_parser::doc::SectionKind;
use qapi_parser::schema::{Cond, EntityKind, Schema};
use qapi_parser::{
    Code, Dialect, Format, MemoryLoader, Options, Severity, check, check_file, check_str,
};

use crate::corpus;
use crate::dump::dump;

/// The dump without the predefined part, after a check that there is something to note.
fn lifted(text: &str) -> String {
    let outcome = check_str("a.json", text);
    assert!(
        outcome
            .diagnostics
            .iter()
            .any(|one| one.code == Code::Lifted)
    );
    let problems = outcome.render(Format::Short);
    let schema = outcome.schema.expect(&problems);
    let modern = Options::new().dialect(Dialect::Modern);
    let loader = MemoryLoader::new().file("a.json", text);
    assert!(
        check(Path::new("a.json"), &loader, &modern)
            .schema
            .is_none()
    );
    dump(&schema)
        .split_once("module a.json\n")
        .unwrap()
        .1
        .to_owned()
}

#[test]
fn a_type_with_nested_structs_becomes_structs() {
    let text =
        "{ 'type': 'VersionInfo', 'data': { 'qemu': { 'major': 'int' }, 'package': 'str' } }";
    insta::assert_snapshot!(lifted(text), @r"
    object VersionInfoQemu
        member major: int optional=False
    object VersionInfo
        member qemu: VersionInfoQemu optional=False
        member package: str optional=False
    ");
}

#[test]
fn flags_that_say_no_become_false() {
    let text = "{ 'command': 'c', 'gen': 'no', 'success-response': 'no', 'data': { 'x': '**' } }";
    insta::assert_snapshot!(lifted(text), @r"
    object q_obj_c-arg
        member x: any optional=False
    command c q_obj_c-arg -> None
        gen=False success_response=False boxed=False oob=False preconfig=False
    ");
}

#[test]
fn a_simple_union_becomes_a_flat_one_with_wrappers() {
    let text = "{ 'struct': 'Ss', 'data': {} }\n\
                { 'union': 'Uu', 'data': { 'a': 'Ss', 'b': { 'type': 'int', 'if': 'X' }, 'c': ['str'], 'd': 'Ss' } }";
    insta::assert_snapshot!(lifted(text), @r"
    object Ss
    enum UuKind
        member a
        member b
            if X
        member c
        member d
    object SsWrapper
        member data: Ss optional=False
    object IntWrapper
        member data: int optional=False
        if X
    object StrArrayWrapper
        member data: strList optional=False
    object q_obj_Uu-base
        member type: UuKind optional=False
    object Uu
        base q_obj_Uu-base
        tag type
        case a: SsWrapper
        case b: IntWrapper
            if X
        case c: StrArrayWrapper
        case d: SsWrapper
    ");
}

#[test]
fn an_anonymous_union_becomes_an_alternate() {
    let text = "{ 'union': 'Uu', 'discriminator': {}, 'data': { 'a': 'int', 'b': 'bool' } }";
    insta::assert_snapshot!(lifted(text), @r"
    alternate Uu
        tag type
        case a: int
        case b: bool
    ");
}

#[test]
fn a_string_discriminator_becomes_an_enumeration() {
    let text = "{ 'type': 'Base', 'data': { 'driver': 'str' } }\n\
                { 'type': 'File', 'data': { 'name': 'str' } }\n\
                { 'union': 'Uu', 'base': 'Base', 'discriminator': 'driver', 'data': { 'file': 'File' } }";
    insta::assert_snapshot!(lifted(text), @r"
    enum UuKind
        member file
    object Base
        member driver: UuKind optional=False
    object File
        member name: str optional=False
    object Uu
        base Base
        tag driver
        case file: File
    ");
}

#[test]
fn a_condition_in_c_becomes_an_expression() {
    let text = "{ 'command': 'c', 'if': 'defined(A) && !defined( B ) || defined(C)' }";
    let outcome = check_str("a.json", text);
    let schema = outcome.schema.unwrap();
    let symbol = |name: &str| Cond::Symbol(name.into());
    let both = Cond::All(Box::new([symbol("A"), Cond::Not(Box::new(symbol("B")))]));
    let expected = Cond::Any(Box::new([both, symbol("C")]));
    assert_eq!(schema.entity(schema.find("c").unwrap()).cond, expected);
}

#[test]
fn old_pragmas_become_todays() {
    let text = "{ 'pragma': { 'returns-whitelist': [ 'c' ], 'name-case-whitelist': [ 'Ss' ] } }\n\
                { 'command': 'c', 'returns': 'int' }\n\
                { 'struct': 'Ss', 'data': { 'Upper': 'int' } }";
    insta::assert_snapshot!(lifted(text), @r"
    command c None -> int
        gen=True success_response=True boxed=False oob=False preconfig=False
    object Ss
        member Upper: int optional=False
    ");
}

#[test]
fn lapses_of_old_schemas_are_warnings_beside_an_old_form_and_errors_elsewhere() {
    let lapse = "##\n# @thing\n# a thing\n##\n{ 'command': 'do_it'\n 'data': { 'A': 'int', } }\n";
    assert!(check_str("a.json", lapse).schema.is_none());
    let outcome = check_str(
        "a.json",
        &format!("{lapse}{{ 'type': 'Old', 'data': {{}} }}"),
    );
    assert!(
        outcome.schema.is_some(),
        "{}",
        outcome.render(Format::Short)
    );
    let count = |severity| {
        let found = outcome.diagnostics.iter();
        found.filter(|one| one.severity == severity).count()
    };
    // Names, and a comment for something else; the others are forms that have been read.
    assert_eq!((count(Severity::Warning), count(Severity::Note)), (3, 4));
}

fn release(path: &str) -> Option<Schema> {
    let path = corpus::folder("releases")?.join(path);
    let outcome = check_file(path);
    let problems = outcome.render(Format::Short);
    Some(outcome.schema.expect(&problems))
}

fn count(schema: &Schema, kind: fn(&EntityKind) -> bool) -> usize {
    schema
        .entities()
        .iter()
        .filter(|entity| kind(&entity.kind))
        .count()
}

#[test]
fn every_release_since_1_0_is_accepted() {
    let roots = [
        "v1.0/qapi-schema.json",
        "v1.2.0/qapi-schema.json",
        "v1.7.0/qapi-schema.json",
        "v1.7.0/qga/qapi-schema.json",
        "v2.4.0/qapi-schema.json",
        "v2.4.0/qga/qapi-schema.json",
        "v2.8.0/qapi-schema.json",
        "v2.8.0/qga/qapi-schema.json",
        "v3.1.0/qapi/qapi-schema.json",
        "v3.1.0/qga/qapi-schema.json",
        "v5.2.0/qapi/qapi-schema.json",
        "v5.2.0/qga/qapi-schema.json",
        "v9.0.0/qapi/qapi-schema.json",
        "v9.0.0/qga/qapi-schema.json",
    ];
    for root in roots {
        let Some(schema) = release(root) else { return };
        let mut text = String::new();
        for file in schema.sources().files() {
            text += file.text();
        }
        let starts = |keyword: &str| {
            let start = format!("{{'{keyword}':");
            let packed = text
                .lines()
                .map(|line| line.split_whitespace().collect::<String>());
            packed.filter(|line| line.starts_with(&start)).count()
        };
        let commands = count(&schema, |kind| matches!(kind, EntityKind::Command(_)));
        assert_eq!(commands, starts("command"), "{root}");
        let events = count(&schema, |kind| matches!(kind, EntityKind::Event(_)));
        assert_eq!(events, starts("event"), "{root}");
    }
}

#[test]
fn old_comments_keep_their_text_with_the_member() {
    let text = "##\n# @Thing\n#\n# A thing.\n#\n# @a: #optional one\n# two\n#\n# Example:\n#\n# -> x\n#\n\
                # <- y\n# Since: 1.1\n##\n{ 'type': 'Thing', 'data': { '*a': 'int' } }\n";
    let schema = check_str("a.json", text).schema.unwrap();
    let doc = schema
        .entity(schema.find("Thing").unwrap())
        .doc
        .as_ref()
        .unwrap();
    assert_eq!(doc.body, "A thing.");
    assert_eq!(doc.member("a").unwrap().text, "one\ntwo");
    assert_eq!(
        doc.section(SectionKind::Example).unwrap().text,
        "-> x\n\n<- y"
    );
    assert_eq!(doc.since(), Some("1.1"));
}
