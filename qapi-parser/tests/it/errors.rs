//! One small schema for each check, and what is said about it.

use std::collections::BTreeSet;
use std::path::Path;

use qapi_parser::include::MAX_INCLUDE_DEPTH;
use qapi_parser::lint::LINTS;
use qapi_parser::source::MAX_FILE_SIZE;
use qapi_parser::source::MAX_FILES;
use qapi_parser::{Code, Dialect, Format, MemoryLoader, Options, Outcome, check};

fn run(text: impl Into<Vec<u8>>, dialect: Dialect) -> Outcome {
    let loader = MemoryLoader::new().file("a.json", text);
    check(
        Path::new("a.json"),
        &loader,
        &Options::new().dialect(dialect),
    )
}

/// A schema in today's dialect and the short form of its errors, without the path.
const CASES: &[(&str, &str)] = &[
    // Characters and tokens.
    (
        "{ 'command': #\n 'x' ; }",
        "2:6: error[QAPI0010]: stray ';'",
    ),
    (
        "{ 'command': 'x",
        "1:14: error[QAPI0011]: missing terminating \"'\"",
    ),
    (
        "{ 'command': 'x\u{e9}' }",
        "1:16: error[QAPI0012]: funny character in string",
    ),
    (
        "{ 'command': 'a\\n' }",
        "1:17: error[QAPI0013]: unknown escape \\n",
    ),
    ("{ 'command' 'x' }", "1:13: error[QAPI0014]: expected ':'"),
    (
        "{ 'command': 'x', 'data': {}, 'data': {} }",
        "1:31: error[QAPI0015]: duplicate key 'data'",
    ),
    (
        "'x'",
        "1:1: error[QAPI0017]: top-level expression must be an object",
    ),
    // Directives.
    (
        "{ 'include': 'b.json', 'x': true }",
        "1:1: error[QAPI0006]: invalid 'include' directive",
    ),
    (
        "{ 'include': 'b.json' }",
        "1:14: error[QAPI0001]: can't read include file 'b.json': No such file or directory (in memory)",
    ),
    (
        "{ 'include': 'a.json' }",
        "1:14: error[QAPI0005]: inclusion loop for a.json",
    ),
    (
        "{ 'pragma': true }",
        "1:13: error[QAPI0025]: value of 'pragma' must be an object",
    ),
    (
        "{ 'pragma': {}, 'x': {} }",
        "1:1: error[QAPI0025]: invalid 'pragma' directive",
    ),
    (
        "{ 'pragma': { 'x': true } }",
        "1:15: error[QAPI0026]: unknown pragma 'x'",
    ),
    // Shapes.
    (
        "{ 'thing': 'X' }",
        "1:1: error[QAPI0018]: expression must have exactly one key 'enum', 'struct', 'union', \
         'alternate', 'command', 'event'",
    ),
    (
        "{ 'enum': 'Ee', 'data': {} }",
        "1:25: error[QAPI0020]: 'data' must be an array",
    ),
    (
        "{ 'alternate': 'Aa', 'data': {} }",
        "1:30: error[QAPI0020]: 'data' must not be empty",
    ),
    (
        "{ 'command': 'c', 'returns': {} }",
        "1:30: error[QAPI0020]: 'returns' should be a type name or array",
    ),
    (
        "{ 'struct': 'Ss', 'data': 'Ss' }",
        "1:27: error[QAPI0020]: 'data' should be an object or type name",
    ),
    (
        "{ 'struct': 'Ss' }",
        "1:1: error[QAPI0021]: struct misses key 'data'",
    ),
    (
        "{ 'struct': 'Ss', 'data': {}, 'b': true, 'a': true }",
        "1:31: error[QAPI0022]: struct has unknown keys 'a', 'b'",
    ),
    (
        "{ 'struct': 'Ss', 'data': {}, 'if': { 'all': [] } }",
        "1:46: error[QAPI0023]: 'if' condition [] of struct is useless",
    ),
    (
        "{ 'command': 'c', 'allow-oob': true, 'coroutine': true }",
        "1:19: error[QAPI0024]: flags 'allow-oob' and 'coroutine' are incompatible",
    ),
    // Names.
    (
        "{ 'struct': 'not!ok', 'data': {} }",
        "1:13: error[QAPI0030]: struct has an invalid name",
    ),
    (
        "{ 'struct': 'lower', 'data': {} }",
        "1:13: error[QAPI0031]: name of struct must use CamelCase",
    ),
    (
        "{ 'event': 'Event' }",
        "1:12: error[QAPI0031]: name of event must not use lowercase or '-'",
    ),
    (
        "{ 'command': 'a_b' }",
        "1:14: error[QAPI0031]: name of command must not use uppercase or '_'",
    ),
    (
        "{ 'struct': 'SomeList', 'data': {} }",
        "1:13: error[QAPI0032]: struct name should not end in 'List'",
    ),
    (
        "{ 'command': 'a' }\n{ 'command': 'a' }",
        "2:1: error[QAPI0033]: 'a' is already defined",
    ),
    (
        "{ 'pragma': { 'member-name-exceptions': [ 'E' ] } }\n\
         { 'enum': 'Ee', 'data': [ 'x', 'x' ] }",
        "2:32: error[QAPI0034]: value 'x' collides with value 'x'",
    ),
    (
        "{ 'command': 'c', 'features': [ 'f', 'f' ] }",
        "1:38: error[QAPI0034]: feature 'f' collides with feature 'f'",
    ),
    // Types.
    (
        "{ 'command': 'c', 'returns': 'St' }\n{ 'struct': 'Str', 'data': {} }",
        "1:30: error[QAPI0040]: command's 'returns' uses unknown type 'St'",
    ),
    (
        "{ 'event': 'E', 'data': 'int' }",
        "1:25: error[QAPI0041]: event's 'data' cannot take built-in type 'int'",
    ),
    (
        "{ 'struct': 'Aa', 'base': 'Bb', 'data': {} }\n{ 'struct': 'Bb', 'base': 'Aa', 'data': {} }",
        "1:1: error[QAPI0042]: object Aa contains itself",
    ),
    (
        "{ 'union': 'Uu', 'base': { 't': 'str' }, 'discriminator': 't', 'data': {} }",
        "1:59: error[QAPI0044]: discriminator member 't' of 'base' must be of enum type",
    ),
    (
        "{ 'enum': 'Ee', 'data': [ 'a' ] }\n{ 'struct': 'Ss', 'data': {} }\n\
         { 'union': 'Uu', 'base': { 't': 'Ee' }, 'discriminator': 't', 'data': { 'b': 'Ss' } }",
        "3:73: error[QAPI0045]: branch 'b' is not a value of enum type 'Ee'",
    ),
    (
        "{ 'alternate': 'Aa', 'data': { 'a': 'int', 'b': 'number' } }",
        "1:44: error[QAPI0046]: branch 'b' can't be distinguished from 'a'",
    ),
    (
        "{ 'event': 'E', 'data': { 'm': { 'type': 'int', 'if': 'X' } } }",
        "1:1: error[QAPI0047]: conditional event arguments require 'boxed': true",
    ),
    (
        "{ 'enum': 'Ee', 'data': [], 'features': [ 'unstable' ] }",
        "1:43: error[QAPI0048]: feature 'unstable' is not supported for types",
    ),
    (
        "{ 'enum': 'Ee', 'data': [] }\n\
         { 'union': 'Uu', 'base': { 't': 'Ee' }, 'discriminator': 't', 'data': {} }",
        "2:58: error[QAPI0050]: union has no branches",
    ),
    // Comments.
    (
        "{ 'pragma': { 'doc-required': true } }\n{ 'command': 'c' }",
        "2:14: error[QAPI0060]: documentation comment required",
    ),
    (
        "##\n# @d:\n##\n{ 'command': 'c' }",
        "4:14: error[QAPI0061]: documentation comment is for 'd'",
    ),
    (
        "##\n# @d:\n##\n",
        "1:1: error[QAPI0061]: documentation for 'd' is not followed by the definition",
    ),
    (
        "##\n# text\n",
        "2:7: error[QAPI0062]: documentation comment must end with '##'",
    ),
    (
        "##\n# @:\n##\n{ 'command': 'c' }",
        "2:1: error[QAPI0063]: name required after '@'",
    ),
    (
        "##\n# text\n##\n{ 'command': 'c' }",
        "1:1: error[QAPI0063]: definition documentation required",
    ),
    (
        "##\n# @E:\n#\n# Errors: x\n##\n{ 'event': 'E' }",
        "4:1: error[QAPI0064]: 'Errors' section is only valid for commands",
    ),
    (
        "##\n# @c:\n#\n# Note: x\n##\n{ 'command': 'c' }",
        "4:1: error[QAPI0064]: The 'Note' section is no longer supported. \
         Please use rST's '.. note::' or '.. admonition:: notes' directives, \
         or another suitable admonition instead.",
    ),
    (
        "##\n# @c:\n#\n# Features:\n# @f: x\n##\n{ 'command': 'c' }",
        "5:1: error[QAPI0065]: documented feature 'f' does not exist",
    ),
    (
        "##\n# @c:\n##\n{ 'command': 'c', 'data': { 'm': 'int' } }",
        "4:29: error[QAPI0066]: member 'm' lacks documentation",
    ),
    (
        "##\n# wide wide wide wide wide wide wide wide wide wide wide wide wide abcd\n##\n",
        "2:1: error[QAPI0067]: documentation line longer than 70 characters",
    ),
    (
        "##\n# See e.g. This.  1. That! (And so on)\n#\n# ::\n#\n#  Free. Here\n# A\n##\n",
        "2:21: error[QAPI0067]: Use two spaces between sentences",
    ),
    (
        "##\n#text\n##\n",
        "2:1: error[QAPI0067]: missing space after #",
    ),
    (
        "##\n# @c:\n#\n# @m: x\n#     y\n#   z\n##\n{ 'command': 'c', 'data': { 'm': 'int' } }",
        "6:1: error[QAPI0067]: unexpected de-indent (expected at least 4 spaces)",
    ),
    (
        "##\n# @c:\n#\n# @m: x\n#     y\n# z\n##\n{ 'command': 'c', 'data': { 'm': 'int' } }",
        "6:1: error[QAPI0067]: unexpected de-indent (expected at least 4 spaces)",
    ),
    (
        "##\n# @c:\n#\n# Since: 1\n#\n# @m n:x\n##\n{ 'command': 'c' }",
        "6:1: error[QAPI0064]: description of '@m n:' follows a section",
    ),
    (
        "##\n# @c:\n#\n# @m:\n##\n{ 'command': 'c', 'data': { 'm': 'int' } }",
        "4:1: error[QAPI0064]: text required after 'Member:'",
    ),
    (
        "{ 'pragma': { 'member-name-exceptions': ['c'] } }\n{ 'command': 'c', 'data': { 'M': 'int' } }",
        "2:29: error[QAPI0031]: name of 'data' member 'M' must not use uppercase or '_'",
    ),
    (
        "##\n# @c:\n#\n# @m: x\n# @m: y\n##\n{ 'command': 'c', 'data': { 'm': 'int' } }",
        "5:1: error[QAPI0068]: 'm' parameter name duplicated",
    ),
];

#[test]
fn malformed_schemas_get_one_error_with_its_place() {
    for (text, expected) in CASES {
        let found = run(*text, Dialect::Modern).render(Format::Short);
        assert_eq!(found, format!("a.json:{expected}\n"), "{text}");
    }
}

/// Errors that take more than a line of schema.
fn large_cases() -> Vec<(Code, Outcome)> {
    let deep = format!("{{ 'enum': {}", "[".repeat(10_000));
    let mut chain = String::from("{ 'struct': 'S0', 'data': {} }\n");
    for i in 1..1000 {
        chain += &format!(
            "{{ 'struct': 'S{i}x', 'base': 'S{}x', 'data': {{}} }}\n",
            i + 1
        );
    }
    let mut unions = String::from("{ 'enum': 'Ee', 'data': [ 'a', 'b' ] }\n");
    for i in 0..1000 {
        unions += &format!(
            "{{ 'union': 'U{i}x', 'base': {{ 't{i}': 'Ee' }}, 'discriminator': 't{i}', \
             'data': {{ 'a': 'U{0}x', 'b': 'U{0}x' }} }}\n",
            i + 1
        );
    }
    let values: Vec<String> = (0..1000).map(|i| format!("'v{i}'")).collect();
    let mut wide = format!("{{ 'enum': 'Ee', 'data': [ {} ] }}\n", values.join(", "));
    for i in 0..1100 {
        wide += &format!(
            "{{ 'union': 'Uu{i}x', 'base': {{ 't': 'Ee' }}, 'discriminator': 't', 'data': {{}} }}\n"
        );
    }
    let features: Vec<String> = (0..63).map(|i| format!("'f{i}'")).collect();
    let features = format!(
        "{{ 'command': 'c', 'features': [ {} ] }}",
        features.join(", ")
    );
    let includes = (0..=MAX_INCLUDE_DEPTH).fold(MemoryLoader::new(), |loader, i| {
        loader.file(
            format!("{i}.json"),
            format!("{{ 'include': '{}.json' }}", i + 1),
        )
    });
    vec![
        (Code::NotUtf8, run(b"# \xff\n".to_vec(), Dialect::Any)),
        (
            Code::FileTooLarge,
            run(vec![b' '; MAX_FILE_SIZE + 1], Dialect::Any),
        ),
        (Code::NestedTooDeeply, run(deep, Dialect::Any)),
        (Code::TypesTooDeep, run(chain, Dialect::Any)),
        (Code::TypesTooDeep, run(unions, Dialect::Any)),
        (Code::ExpandsTooMuch, run(wide, Dialect::Any)),
        (Code::TooManyFeatures, run(features, Dialect::Any)),
        (
            Code::TooManyFiles,
            check(Path::new("0.json"), &includes, &Options::new()),
        ),
    ]
}

#[test]
fn input_over_a_limit_gets_the_error_of_that_limit() {
    for (code, outcome) in large_cases() {
        assert!(outcome.schema.is_none());
        let codes: Vec<Code> = outcome.diagnostics.iter().map(|one| one.code).collect();
        assert!(
            codes.contains(&code),
            "{code}: {}",
            outcome.render(Format::Short)
        );
    }
}

#[test]
fn more_files_than_the_limit_are_refused() {
    let mut root = String::new();
    let mut loader = MemoryLoader::new();
    for i in 0..=MAX_FILES {
        root += &format!("{{ 'include': '{i}.json' }}\n");
        loader = loader.file(format!("{i}.json"), "");
    }
    let outcome = check(
        Path::new("root.json"),
        &loader.file("root.json", root),
        &Options::new(),
    );
    assert_eq!(outcome.diagnostics[0].code, Code::TooManyFiles);
}

/// What comes of the example in the explanation of a code.
fn example(code: Code) -> Outcome {
    let text = code.example().unwrap_or_default();
    let loader = MemoryLoader::new().file("example.json", text);
    let loader = loader.file("empty.json", "# nothing\n");
    let dialect = match code {
        Code::Lifted => Dialect::Any,
        _ => Dialect::Modern,
    };
    let options = Options::new().dialect(dialect);
    let options = match LINTS.contains(&code) {
        true => options.warn(code),
        false => options,
    };
    check(Path::new("example.json"), &loader, &options)
}

#[test]
fn every_code_is_explained_with_an_example_that_brings_it_about() {
    let mut limits: BTreeSet<Code> = large_cases().iter().map(|(code, _)| *code).collect();
    // Takes several files.
    limits.insert(Code::UnreachedFile);
    for code in Code::ALL {
        let text = code.explain();
        assert!(text.len() > 100, "{code}: {text}");
        if code.example().is_none() {
            assert!(limits.contains(code), "{code} has no example");
            continue;
        }
        let found = example(*code);
        let codes: BTreeSet<Code> = found.diagnostics.iter().map(|one| one.code).collect();
        assert_eq!(
            codes,
            [*code].into(),
            "{code}: {}",
            found.render(Format::Short)
        );
    }
}

#[test]
fn a_code_is_found_by_its_text() {
    assert_eq!(Code::parse("qapi0040"), Some(Code::UnknownType));
    assert_eq!(Code::parse("QAPI9999"), None);
}

#[test]
fn every_code_has_a_case() {
    let outcomes = CASES.iter().map(|(text, _)| run(*text, Dialect::Modern));
    let outcomes = outcomes.chain(large_cases().into_iter().map(|(_, outcome)| outcome));
    let lifted = run("{ 'type': 'Tt', 'data': {} }", Dialect::Any);
    let lints = LINTS.map(example);
    let found: BTreeSet<Code> = outcomes
        .chain([lifted])
        .chain(lints)
        .flat_map(|outcome| outcome.diagnostics)
        .map(|one| one.code)
        .collect();
    // Has a test of its own, as it takes several files.
    let elsewhere = Code::UnreachedFile;
    let missing: Vec<&Code> = Code::ALL
        .iter()
        .filter(|code| **code != elsewhere && !found.contains(code))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn several_mistakes_are_all_found_in_one_run() {
    let text = "{ 'enum' 'E' }\n\
                { 'command': 'Bad' }\n\
                ##\n# @x\n##\n{ 'command': 'x', 'flag': true }\n\
                { 'struct': 'Ss', 'data': { 'm': [] , 'n': 'T' } }\n";
    let outcome = run(text, Dialect::Modern);
    let lines = outcome.render(Format::Short);
    let places: Vec<&str> = lines
        .lines()
        .map(|line| line.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "a.json:1:10",
            "a.json:4:1",
            "a.json:2:14",
            "a.json:6:19",
            "a.json:7:34"
        ]
    );
}

#[test]
fn types_are_checked_beside_a_definition_that_was_refused() {
    let text = "{ 'struct': 'Ss', 'data': { 'M': 'int' } }\n\
                { 'command': 'a', 'returns': 'Ss' }\n\
                { 'command': 'b', 'returns': 'Tt' }\n";
    let outcome = run(text, Dialect::Modern);
    let codes: Vec<Code> = outcome.diagnostics.iter().map(|one| one.code).collect();
    assert_eq!(codes, [Code::NameCase, Code::UnknownType]);
}
