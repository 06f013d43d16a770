//! Definitions taken as they come, by this thread or another, against definitions taken when all has been read.

use std::cell::Cell;
use std::io;
use std::path::Path;

use proptest::prelude::*;

use super::{read, read_at_once, read_in_passes};
use crate::files::Files;
use crate::{Dialect, FsLoader, Loader, MemoryLoader, Options};

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

/// How much text goes to another thread at a time.
const SHARES: [Option<usize>; 4] = [None, Some(0), Some(100), Some(1000)];

/// Reads in each way; whether definitions could be taken as they come.
fn check_ways(root: &Path, loader: &dyn Loader, options: &Options) -> bool {
    let files = Files::new(loader);
    let expected = read_in_passes(root, &files, options);
    let ways = SHARES.map(|share| {
        let found = read_at_once(root, &files, options, share);
        if let Some(found) = &found {
            assert_eq!(*found, expected, "share {share:?}");
        }
        found.is_some()
    });
    assert_eq!(ways, [ways[0]; SHARES.len()]);
    ways[0]
}

fn same(root: &str, at_once: bool) {
    let loader = MemoryLoader::new()
        .file("root.json", root)
        .file("definitions.json", DEFINITIONS)
        .file("late.json", LATE.replace("Missing", "Kind"));
    for options in [Options::new(), Options::new().dialect(Dialect::Modern)] {
        let found = check_ways(Path::new("root.json"), &loader, &options);
        assert_eq!(found, at_once);
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

/// What files are made of in the test below: sound, wrong in every stage, and old.
const PIECES: [&str; 22] = [
    DEFINITIONS,
    LATE,
    "##\n# @Part:\n#\n# A part.\n#\n# @a: its only member\n#\n# @b: no member\n##\n",
    "{ 'struct': 'Part', 'data': { 'a': 'int' } }\n",
    "{ 'struct': 'Part', 'data': { 'c': [ 'Part' ], 'a-b': 'Kind' } }\n",
    "{ 'struct': 'Heir', 'base': 'Part', 'data': { 'd': { 'type': 'int', 'if': 'CONFIG_X' } } }\n",
    "{ 'event': 'GONE', 'data': { 'why': 'Part' }, 'features': [ 'deprecated' ] }\n",
    "##\n# = A heading\n##\n\n##\n# @Nothing:\n##\n",
    "##\n# @Heir\n# without a colon\n# Since: 1.0\n# Since: 1.1\n##\n",
    "##\n# a comment without its end\n",
    "## @Old:\n#no space\n## junk\n",
    "##\n# text\n##\n{ 'struct': }\n",
    "'text' { 'enum': [ }\n{ 'alternate': 'Either', 'data': { 'a': 'Part', 'b': 'Late' } }\n",
    "{ 'type': 'Old', 'data': { 'in': { 'side': 'int' } } }\n",
    "{ 'union': 'Simple', 'data': { 'a': 'Part' } }\n",
    "{ 'struct': 'Comma' 'data': { 'a': 'int', } }\n",
    "{ 'pragma': { 'command-name-exceptions': [ 'pick_it' ] } }\n",
    "{ 'pragma': { 'doc-required': true } }\n{ 'pragma': 5 }\n",
    "{ 'include': '0.json' }\n",
    "{ 'include': '1.json' }\n",
    "{ 'include': '2.json' }\n{ 'include': 'none.json' }\n",
    "\u{e9} @\n# plain\n",
];

proptest! {
    #[test]
    fn every_way_finds_the_same_in_the_same_order(
        files in prop::collection::vec(prop::collection::vec(0..PIECES.len(), 0..8), 4),
        modern in any::<bool>(),
    ) {
        let names = ["root.json", "0.json", "1.json", "2.json"];
        let loader = names.iter().zip(&files).fold(MemoryLoader::new(), |loader, (name, pieces)| {
            let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
            loader.file(name, text)
        });
        let dialect = if modern { Dialect::Modern } else { Dialect::Any };
        check_ways(Path::new("root.json"), &loader, &Options::new().dialect(dialect));
    }
}

#[test]
fn every_way_finds_the_same_in_qemus_schemas() {
    let releases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/releases");
    let Ok(folders) = std::fs::read_dir(&releases) else {
        println!("skipped: {} is not there", releases.display());
        return;
    };
    let roots = folders.map(|folder| folder.unwrap().path().join("qapi/qapi-schema.json"));
    for root in roots.filter(|root| root.is_file()) {
        check_ways(&root, &FsLoader::new(), &Options::new());
    }
}

/// Fails to be read from when it is asked for the last file.
struct Broken(MemoryLoader, Cell<bool>);

impl Loader for Broken {
    fn load(&self, path: &Path) -> io::Result<Vec<u8>> {
        assert!(
            path != Path::new("late.json") || self.1.get(),
            "a loader that panics"
        );
        self.0.load(path)
    }
}

#[test]
fn a_panic_of_the_loader_comes_out_and_leaves_no_thread_behind() {
    let includes = "{ 'include': 'definitions.json' }\n{ 'include': 'late.json' }\n";
    let files = MemoryLoader::new()
        .file("root.json", includes)
        .file("definitions.json", DEFINITIONS)
        .file("late.json", LATE);
    let loader = Broken(files, Cell::new(false));
    let options = Options::new();
    let read_it = || {
        let files = Files::new(&loader);
        read_at_once(Path::new("root.json"), &files, &options, Some(0)).is_some()
    };
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read_it)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"a loader that panics"));
    loader.1.set(true);
    assert!(read_it());
    assert!(read(Path::new("root.json"), &loader, &options).0.is_none());
}
