//! Definitions taken as they come, against definitions taken when all has been read.

use std::path::Path;

use super::{read_at_once, read_in_passes};
use crate::files::Files;
use crate::{Dialect, MemoryLoader, Options};

const DEFINITIONS: &str = "\
##
# @Kind:
#
# @one: the first
##
{ 'enum': 'Kind', 'data': [ 'one', 'two' ] }
{ 'union': 'Pick', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind', 'data': { 'one': 'Late' } }
{ 'command': 'pick_it', 'data': { 'pick': [ 'Pick' ] }, 'returns': 'int' }
";

const LATE: &str = "{ 'struct': 'Late', 'data': { '*a': 'str', 'b': 'Missing' } }\n";

fn same(root: &str, at_once: bool) {
    let loader = MemoryLoader::new()
        .file("root.json", root)
        .file("definitions.json", DEFINITIONS)
        .file("late.json", LATE.replace("Missing", "Kind"));
    for options in [Options::new(), Options::new().dialect(Dialect::Modern)] {
        let files = Files::new(&loader);
        let first = read_at_once(Path::new("root.json"), &files, &options);
        let second = read_in_passes(Path::new("root.json"), &files, &options);
        match first {
            Some(first) => assert!(at_once && first == second, "{first:#?}\n{second:#?}"),
            None => assert!(!at_once),
        }
    }
}

#[test]
fn definitions_behind_pragmas_are_the_same_at_once_and_in_passes() {
    let pragmas = "{ 'pragma': { 'command-name-exceptions': [ 'pick_it' ],\n\
                   'command-returns-exceptions': [ 'pick_it' ] } }\n\
                   { 'pragma': { 'documentation-exceptions': [ 'Kind' ] } }\n";
    let includes = "{ 'include': 'definitions.json' }\n{ 'include': 'late.json' }\n";
    same(&format!("{pragmas}{includes}"), true);
    // With errors in names, comments and types.
    same(includes, true);
    same(&format!("{includes}{LATE}"), true);
    same(&format!("{includes}{{ 'struct' }}\n{LATE}"), true);
}

#[test]
fn pragma_behind_a_definition_is_waited_for() {
    let pragma = "{ 'pragma': { 'command-name-exceptions': [ 'pick_it' ] } }\n";
    same(
        &format!("{{ 'include': 'definitions.json' }}\n{pragma}"),
        false,
    );
    // Within one piece of a file, the pragma is known before the definitions are looked at.
    same(&format!("{DEFINITIONS}{pragma}{LATE}"), true);
}
