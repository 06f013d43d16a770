//! Files as they were found in the wild, and every root of the stored releases.

use std::path::{Path, PathBuf};

use qapi_parser::schema::{EntityKind, Schema};
use qapi_parser::{Code, Diagnostic, FsLoader, Options, Outcome, Severity, check};

use crate::corpus;

fn seed(name: &str) -> Option<Outcome> {
    let releases = corpus::folder("releases")?;
    let path = releases.join("../../seeds").join(name);
    if !path.is_file() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    let options = Options::new().include_dir(releases.join("v7.2.0/qapi"));
    Some(check(&path, &FsLoader::new(), &options))
}

/// Commands, events, structs with enumerations: of the root file alone.
fn counts(schema: &Schema) -> (usize, usize, usize) {
    let count = |is: fn(&EntityKind) -> bool| {
        let own = schema.entities().iter().filter(|one| !one.implicit);
        own.filter(|one| one.module.0 == 1 && is(&one.kind)).count()
    };
    (
        count(|kind| matches!(kind, EntityKind::Command(_))),
        count(|kind| matches!(kind, EntityKind::Event(_))),
        count(|kind| matches!(kind, EntityKind::Struct(_) | EntityKind::Enum(_))),
    )
}

fn lifts(outcome: &Outcome) -> Vec<(u32, &str)> {
    let notes = outcome.diagnostics.iter();
    let notes = notes.filter(|one| one.severity == Severity::Note);
    let place = |one: &Diagnostic| outcome.sources.locate(one.span.unwrap()).unwrap().line;
    notes
        .inspect(|one| assert_eq!(one.code, Code::Lifted))
        .map(|one| (place(one), one.message.as_str()))
        .collect()
}

#[test]
fn seeds_are_accepted_as_they_stand() {
    let expected = [
        ("guest-agent-1.2.json", (19, 0, 9)),
        ("misc-7.1.json", (13, 2, 8)),
        ("job-6.0.json", (7, 1, 4)),
        ("misc-9.0.json", (14, 2, 8)),
    ];
    for (name, found) in expected {
        let Some(outcome) = seed(name) else { return };
        let problems = outcome.render(qapi_parser::Format::Short);
        let schema = outcome.schema.expect(&problems);
        assert_eq!(counts(&schema), found, "{name}");
    }
}

#[test]
fn each_old_form_of_the_oldest_seed_is_noted_at_its_place() {
    let Some(outcome) = seed("guest-agent-1.2.json") else {
        return;
    };
    let lifts = lifts(&outcome);
    let lines = |text: &str| -> Vec<u32> {
        let found = lifts.iter().filter(|(_, note)| note.starts_with(text));
        found.map(|(line, _)| *line).collect()
    };
    assert_eq!(lines("missing comma"), [35, 73]);
    assert_eq!(lines("comment without its closing"), [34]);
    assert_eq!(lines("comment without a line"), [3]);
    let symbols = [100, 175, 209, 245, 294, 374, 402, 434];
    assert_eq!(lines("'@name' without its colon"), symbols);
    assert_eq!(lines("keyword 'type'"), [96, 110, 188, 220, 255, 485, 501]);
    assert_eq!(lines("'success-response'"), [141, 399, 431, 458]);
    assert_eq!(lines("mark '#optional'"), [131, 150, 198, 232]);
    assert_eq!(lifts.len(), 27);
}

#[test]
fn old_forms_of_comments_are_noted_in_the_younger_seeds() {
    let Some(job) = seed("job-6.0.json") else {
        return;
    };
    let space = "space between the name and its colon left out";
    assert_eq!(lifts(&job), [(151, space)]);
    let schema = job.schema.unwrap();
    let resume = schema.entity(schema.find("job-resume").unwrap());
    assert!(resume.doc.as_ref().unwrap().member("id").is_some());
    let Some(misc) = seed("misc-9.0.json") else {
        return;
    };
    let list = "list without indentation read as the text of the section";
    assert_eq!(lifts(&misc), [(331, list), (360, list)]);
}

fn roots(folder: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(folder.join("releases.json")).unwrap();
    let releases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let mut out = Vec::new();
    for release in releases {
        let own = ["qmp", "qga", "storage_daemon"].map(|key| release[key].clone());
        let extra = release["extra"].as_array().unwrap();
        let names = own.iter().chain(extra).filter_map(|name| name.as_str());
        let tag = release["tag"].as_str().unwrap();
        out.extend(names.map(|name| folder.join(tag).join(name)));
    }
    out
}

#[test]
fn every_root_of_every_release_is_accepted() {
    let Some(folder) = corpus::folder("releases") else {
        return;
    };
    let roots = roots(&folder);
    assert_eq!(roots.len(), 24);
    for root in roots {
        // Two of the roots include modules of another folder by their bare names.
        let release = root.strip_prefix(&folder).unwrap().iter().next().unwrap();
        let options = Options::new().include_dir(folder.join(release).join("qapi"));
        let outcome = check(&root, &FsLoader::new(), &options);
        let problems = outcome.render(qapi_parser::Format::Short);
        assert!(outcome.schema.is_some(), "{}\n{problems}", root.display());
        assert!(!problems.contains("QAPI0074"), "{problems}");
    }
}
