//! The reference in HTML.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use qapi_codegen::html::{self, Options};
use qapi_codegen::{Conditions, Files};
use qapi_parser::Schema;
use qapi_parser::schema::EntityKind;
use scraper::{Html, Selector};
use serde_json::Value;

use crate::command::{folder, qapi, qapi_in};
use crate::{corpus, snapshots};

fn schema(text: &str) -> Schema {
    let checked = qapi_parser::check_str("demo.json", text).into_result();
    checked.expect("the schema is sound").schema
}

fn reference() -> Schema {
    let checked = qapi_parser::check_file(snapshots::file("reference")).into_result();
    checked.expect("the schema is sound").schema
}

fn files(schema: &Schema) -> Files {
    html::reference(schema, &Options::default())
}

/// The pages, taken apart; each must be free of errors.
fn pages(files: &Files) -> BTreeMap<&str, Html> {
    let pages = files.iter().filter(|(name, _)| name.ends_with(".html"));
    pages
        .map(|(name, text)| {
            let page = Html::parse_document(text);
            assert!(page.errors.is_empty(), "{name}: {:?}", page.errors);
            (name.as_str(), page)
        })
        .collect()
}

fn ids(name: &str, page: &Html) -> HashSet<String> {
    let mut ids = HashSet::new();
    for element in page.select(&Selector::parse("[id]").expect("it is a selector")) {
        let id = element.attr("id").expect("it has one").to_owned();
        assert!(
            ids.insert(id.clone()),
            "{name}: two elements have the id {id}"
        );
    }
    ids
}

/// All that must hold of the pages of any schema.
fn assert_sound(schema: &Schema, files: &Files) {
    let pages = pages(files);
    let ids: BTreeMap<&str, HashSet<String>> = pages
        .iter()
        .map(|(name, page)| (*name, ids(name, page)))
        .collect();
    for (name, page) in &pages {
        assert_links(name, page, &ids, files);
        assert_only_ours(name, page);
    }
    assert_eq!(indexed(files, &ids), defined(schema));
}

fn assert_links(name: &str, page: &Html, ids: &BTreeMap<&str, HashSet<String>>, files: &Files) {
    for element in page.select(&Selector::parse("[href], [src]").expect("it is a selector")) {
        let address = element
            .attr("href")
            .or(element.attr("src"))
            .expect("it has one");
        if ["https://", "http://", "mailto:"]
            .iter()
            .any(|start| address.starts_with(start))
        {
            continue;
        }
        let (file, id) = address.split_once('#').unwrap_or((address, ""));
        let file = if file.is_empty() { name } else { file };
        assert!(files.contains_key(file), "{name}: no file for {address}");
        let is_there = id.is_empty() || ids[file].contains(id);
        assert!(is_there, "{name}: nothing at {address}");
    }
}

/// Elements and attributes are those that the generator knows.
fn assert_only_ours(name: &str, page: &Html) {
    const ATTRIBUTES: [&str; 20] = [
        "aria-current",
        "aria-label",
        "charset",
        "class",
        "colspan",
        "content",
        "hidden",
        "href",
        "id",
        "lang",
        "name",
        "open",
        "rel",
        "role",
        "scope",
        "src",
        "tabindex",
        "type",
        "aria-labelledby",
        "title",
    ];
    let all = Selector::parse("*").expect("it is a selector");
    for element in page.select(&all) {
        for (attribute, _) in element.value().attrs() {
            assert!(
                ATTRIBUTES.contains(&attribute),
                "{name}: attribute {attribute}"
            );
        }
        let tag = element.value().name();
        assert!(
            !["img", "iframe", "style", "form", "svg"].contains(&tag),
            "{name}: {tag}"
        );
        if tag == "script" {
            assert_eq!(element.attr("src"), Some("script.js"));
            assert_eq!(element.inner_html(), "");
        }
    }
}

fn index_entries(files: &Files) -> Vec<Value> {
    let text = files["search-index.js"]
        .strip_prefix("qapiDefinitions(")
        .expect("it is a call");
    serde_json::from_str(text.trim_end().trim_end_matches(");")).expect("it is JSON")
}

/// The names in the search index, whose addresses must lead somewhere.
fn indexed(files: &Files, ids: &BTreeMap<&str, HashSet<String>>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in &index_entries(files) {
        let address = entry[2].as_str().expect("it has an address");
        let (file, id) = address.split_once('#').expect("it leads into a page");
        assert!(ids[file].contains(id), "{address}");
        for member in entry[4].as_array().expect("it has members") {
            let id = format!("{id}.{}", member.as_str().expect("it is a name"));
            assert!(ids[file].contains(&id), "{file}#{id}");
        }
        names.insert(entry[0].as_str().expect("it has a name").to_owned());
    }
    names
}

fn defined(schema: &Schema) -> BTreeSet<String> {
    let is_defined =
        |kind: &EntityKind| !matches!(kind, EntityKind::Builtin(_) | EntityKind::Array { .. });
    let entities = schema.entities().iter();
    entities
        .filter(|entity| !entity.implicit && is_defined(&entity.kind))
        .map(|entity| entity.name.to_string())
        .collect()
}

#[test]
fn errors_in_pages_are_noticed() {
    let page = Html::parse_document("<!doctype html><title>a</title><p></b>");
    assert!(!page.errors.is_empty());
}

#[test]
fn pages_of_small_schema_show_all_there_is() {
    let files = files(&reference());
    assert_sound(&reference(), &files);
    for name in [
        "index.html",
        "reference.html",
        "reference-colours.html",
        "search-index.js",
    ] {
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(name, files[name]);
        });
    }
    assert_eq!(files.len(), 8, "{:?}", files.keys());
}

#[test]
fn pages_of_every_feature_are_sound() {
    for name in snapshots::SCHEMAS {
        let checked = qapi_parser::check_file(snapshots::file(name)).into_result();
        let schema = checked.expect("the schema is sound").schema;
        assert_sound(&schema, &files(&schema));
    }
}

#[test]
fn pages_of_empty_schema_are_sound() {
    let schema = schema("");
    assert_sound(&schema, &files(&schema));
}

#[test]
fn pages_of_releases_are_sound() {
    let roots = [
        ("10.0.2", "qmp"),
        ("10.0.2", "qga"),
        ("10.0.2", "storage-daemon"),
        ("v9.0.0", "qmp"),
        ("v2.8.0", "qmp-in-top-folder"),
    ];
    for (release, root) in roots {
        let Some(schema) = corpus::schema(release, root) else {
            return;
        };
        assert_sound(&schema, &files(&schema));
    }
}

#[test]
fn same_schema_gives_same_files() {
    let again = reference();
    assert_eq!(files(&reference()), files(&again));
}

/// Text that wants to be more than text, for comments.
const HOSTILE: &str = "\
##
# = <script>alert(1)</script> `a <javascript:alert(2)>`_
#
# <img src=x onerror=alert(3)> \" onmouseover=\"alert(4) ' &lt; &#60; ]]> --> <!-- \u{202e}
# `click <javascript:alert(5)>`_ and `click <https://example.org/\" onclick=\"alert(6)>`_
# and https://example.org/<script>. `x @go <https://example.org>`_
#
# .. note:: </aside></main><script>alert(7)</script>
#
# .. admonition:: </p><b>
#
#    ::
#
#      </pre></code><script>alert(8)</script>
#
# -> { \"</span><script>\": \"execute\", \"execute\": \"</a><script>\" }
##

##
# @go:
#
# </section>`<svg/onload=alert(9)>` ``</code>`` *</em>* **</strong>** @go
#
# @where: </td></table> (default: <script>)
#
# Features:
#
# @unstable: </dl><script>
#
# Since: <script>alert(10)</script>
##
{ 'command': 'go', 'data': { '*where': 'str' }, 'features': [ 'unstable' ] }
";

#[test]
fn hostile_text_stays_text() {
    let schema = schema(HOSTILE);
    let options = Options {
        title: Some("</title><script>alert(0)</script>".to_owned()),
        ..Options::default()
    };
    let files = html::reference(&schema, &options);
    assert_sound(&schema, &files);
    let pages = pages(&files);
    let page = &pages["demo.html"];
    let text: String = page.root_element().text().collect();
    for number in [0, 1, 3, 7, 8, 9, 10] {
        assert!(text.contains(&format!("alert({number})")), "{number}");
    }
    for said in [
        "&lt; &#60; ]]> --> <!-- \u{fffd}",
        "</td></table>",
        "</section>",
    ] {
        assert!(text.contains(said), "{said}");
    }
    let links = Selector::parse("main a").expect("it is a selector");
    let links = page.select(&links);
    let links: Vec<&str> = links.filter_map(|link| link.attr("href")).collect();
    assert!(
        links.contains(&"https://example.org/\" onclick=\"alert(6)"),
        "{links:?}"
    );
    assert!(
        !links.iter().any(|link| link.contains("javascript")),
        "{links:?}"
    );
    assert!(!files["search-index.js"].contains('<'));
}

/// What comments are put together from.
const FRAGMENTS: [&str; 36] = [
    "text",
    " ",
    "  ",
    "    ",
    "- ",
    "* ",
    "1. ",
    "#. ",
    "@go",
    "@where",
    "``",
    "`",
    "*",
    "**",
    "::",
    ".. note::",
    ".. qmp-example::",
    ":annotated:",
    ":title: x",
    "-> { \"a\": ",
    "<- ",
    "= x",
    "===",
    "=== ==",
    "+--+",
    "`a <https://b>`_",
    ":qapi:cmd:`~QMP:a.go`",
    "\\",
    "\"",
    "<b>",
    "&amp;",
    "é",
    "\u{202e}",
    "(default: x)",
    ".. admonition:: `a",
    "https://a.b",
];

#[test]
fn any_comment_gives_sound_pages() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut accepted = 0;
    for _ in 0..600 {
        let mut comment = |start: &str, member: &str| {
            let mut text = format!("##\n# {start}\n#\n");
            for line in 0..random.usize(2..16) {
                text += if line == 8 { member } else { "# " };
                for _ in 0..random.usize(0..7) {
                    text += FRAGMENTS[random.usize(..FRAGMENTS.len())];
                }
                text += "\n";
            }
            text + "##\n"
        };
        let free = comment("", "# ");
        let go = comment("@go:", "# @where: ");
        let which = comment("@Which:", "# @one: ");
        let text = format!(
            "{free}\n{go}{{ 'command': 'go', 'data': {{ '*where': 'Which' }} }}
             {which}{{ 'enum': 'Which', 'data': [ 'one' ] }}
             {{ 'pragma': {{ 'documentation-exceptions': [ 'go', 'Which' ] }} }}"
        );
        // Comments that are refused are not of interest here.
        let checked = qapi_parser::check_str("demo.json", &text);
        if let Some(schema) = checked.schema {
            assert_sound(&schema, &files(&schema));
            accepted += 1;
        }
    }
    assert!(accepted > 60, "{accepted}");
}

#[test]
fn characters_that_html_refuses_are_replaced() {
    let text = "##\n# @go:\n#\n# a\u{1}b\u{7f}c\u{fdd0}d\u{85}e\n##\n{ 'command': 'go' }\n";
    let schema = schema(text);
    let files = files(&schema);
    assert_sound(&schema, &files);
    assert!(files["demo.html"].contains("a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e"));
}

#[test]
fn what_does_not_hold_is_left_out() {
    let options = Options {
        conditions: Conditions::Evaluate(["CONFIG_QUICK".to_owned()].into()),
        ..Options::default()
    };
    let files = html::reference(&reference(), &options);
    let pages = pages(&files);
    let ids = ids("reference.html", &pages["reference.html"]);
    assert!(ids.contains("command-draw") && ids.contains("enum-Kind.round"));
    for absent in [
        "command-redraw",
        "enum-Kind.square",
        "object-Shape.kind=square",
    ] {
        assert!(!ids.contains(absent), "{absent}");
    }
    assert!(!files["reference.html"].contains("CONFIG_QUICK"));
}

#[test]
fn members_of_bases_and_branches_stand_with_their_users() {
    let files = files(&reference());
    let pages = pages(&files);
    let ids = ids("reference.html", &pages["reference.html"]);
    for there in [
        "object-Round.name",
        "object-Round.radius",
        "object-Shape.kind",
        "object-Shape.kind=round",
        "object-Shape.kind=round.name",
        "object-Shape.kind=round.radius",
        "object-Shape.kind=square.sides",
        "command-redraw.kind",
    ] {
        assert!(ids.contains(there), "{there}");
    }
}

#[test]
fn types_know_their_users() {
    let files = files(&schema(
        "{ 'struct': 'One', 'data': {} } { 'struct': 'Two', 'data': { 'a': [ 'One' ] } }
         { 'command': 'go', 'data': { 'one': 'One' }, 'returns': 'Two' }
         { 'event': 'GONE', 'data': 'One' }",
    ));
    let pages = pages(&files);
    let users = |id: &str| {
        let users = Selector::parse(&format!("#{id} .names a")).expect("it is a selector");
        let users = pages["demo.html"].select(&users);
        users
            .map(|user| user.text().collect())
            .collect::<Vec<String>>()
    };
    assert_eq!(users("object-One"), ["Two", "go", "GONE"]);
    assert_eq!(users("object-Two"), ["go"]);
}

#[test]
fn modules_of_like_names_have_pages_of_their_own() {
    let file = |name: &str| format!("{{ 'include': '{name}' }}");
    let root = ["a/index.json", "b/Index.json", "c/x y.json"]
        .map(file)
        .concat();
    let command = |name: &str| format!("{{ 'command': '{name}' }}");
    let folder = folder(&[
        ("names.json", &root),
        ("a/index.json", &command("one")),
        ("b/Index.json", &command("two")),
        ("c/x y.json", &command("three")),
    ]);
    let checked = qapi_parser::check_file(folder.path().join("names.json")).into_result();
    let schema = checked.expect("the schema is sound").schema;
    let files = files(&schema);
    assert_sound(&schema, &files);
    for name in ["index-2.html", "index-3.html", "x-y.html"] {
        assert!(files.contains_key(name), "{name}: {:?}", files.keys());
    }
}

#[test]
fn schema_made_to_grow_stays_small() {
    let members: Vec<String> = (0..500).map(|at| format!("'m{at}': 'int'")).collect();
    let mut text = format!(
        "{{ 'struct': 'Base', 'data': {{ {} }} }}\n",
        members.join(", ")
    );
    for at in 0..1000 {
        text += &format!("{{ 'struct': 'Some{at}', 'base': 'Base', 'data': {{}} }}\n");
    }
    let schema = schema(&text);
    let files = files(&schema);
    let size: usize = files.values().map(String::len).sum();
    assert!(size < 40_000_000, "{size}");
    let last = "id=\"object-Some999.m0\"";
    assert!(!files["demo.html"].contains(last));
    assert!(files["demo.html"].contains("All members that this type has."));
}

#[test]
fn command_writes_what_changed_and_removes_what_is_gone() {
    let place = folder(&[
        ("demo.json", "{ 'include': 'old.json' } { 'command': 'go' }"),
        ("old.json", "{ 'command': 'come' }"),
        ("out/own.html", "<p>written by hand"),
    ]);
    let arguments = ["doc", "-o", "out", "--title", "A title", "demo.json"];
    let run = qapi_in(place.path(), &arguments, "");
    assert_eq!(
        (run.code, run.out.as_str(), run.err.as_str()),
        (Some(0), "", "")
    );
    let out = place.path().join("out");
    let index = std::fs::read_to_string(out.join("index.html")).expect("it is there");
    assert!(index.contains("<h1>A title</h1>"));
    assert!(out.join("old.html").is_file());

    let time = |name: &str| {
        out.join(name)
            .metadata()
            .and_then(|data| data.modified())
            .ok()
    };
    let before = (time("style.css"), time("demo.html"));
    std::fs::write(place.path().join("demo.json"), "{ 'command': 'go' }").expect("there is room");
    let run = qapi_in(place.path(), &arguments, "");
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(time("style.css"), before.0);
    assert!(!out.join("old.html").exists());
    assert!(out.join("own.html").is_file());
}

#[test]
fn command_evaluates_conditions() {
    let place = folder(&[("demo.json", "{ 'command': 'go', 'if': 'A' }")]);
    for (symbol, is_there) in [("A", true), ("B", false)] {
        let arguments = ["doc", "-o", symbol, "-D", symbol, "demo.json"];
        assert_eq!(qapi_in(place.path(), &arguments, "").code, Some(0));
        let names = place.path().join(symbol).join("names.html");
        let names = std::fs::read_to_string(names).expect("it is there");
        assert_eq!(names.contains("command-go"), is_there);
    }
}

#[test]
fn command_tells_what_is_wrong() {
    let place = folder(&[
        ("bad.json", "{ 'command': 'go', 'returns': 'No' }"),
        ("file", ""),
    ]);
    let cases: [(&[&str], i32, &str); 5] = [
        (&["doc", "bad.json"], 2, "no output folder given"),
        (&["doc", "-o", "out"], 2, "no schema given"),
        (&["doc", "-o", "out", "bad.json"], 1, "QAPI0040"),
        (
            &["doc", "-o", "out", "none.json"],
            2,
            "cannot read none.json",
        ),
        (&["doc", "-o", "out", "--colour", "bad.json"], 2, "--colour"),
    ];
    for (arguments, code, says) in cases {
        let run = qapi_in(place.path(), arguments, "");
        assert_eq!(run.code, Some(code), "{arguments:?}");
        assert!(run.err.contains(says), "{}", run.err);
    }
    let run = qapi_in(
        place.path(),
        &["doc", "-o", "file", "-"],
        "{ 'command': 'go' }",
    );
    assert_eq!(run.code, Some(2), "{}", run.err);
    let help = qapi(&["doc", "--help"], "");
    assert!(help.out.contains("Usage: qapi doc"), "{}", help.out);
}
