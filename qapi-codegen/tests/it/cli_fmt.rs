//! `qapi fmt`

use std::fs;
use std::path::Path;

use crate::command::{folder, qapi, qapi_in};

const UNTIDY: &str = "{'command':'go',\n\n'data':{'far':'bool'}}\n\n\n\n# The end\n";
const TIDY: &str = "{ 'command': 'go', 'data': { 'far': 'bool' } }\n\n# The end\n";
const MALFORMED: &str = "{ 'command': 'go' }\n{ 'command' 'stay' }\n";

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("it is there")
}

#[test]
fn standard_input_goes_to_standard_output() {
    let run = qapi(&["fmt", "-"], UNTIDY);
    assert_eq!(
        (run.code, run.out.as_str(), run.err.as_str()),
        (Some(0), TIDY, "")
    );
    let run = qapi(&["fmt", "-"], TIDY);
    assert_eq!((run.code, run.out.as_str()), (Some(0), TIDY));
}

#[test]
fn files_are_laid_out_in_place_if_need_be() {
    let folder = folder(&[("a.json", UNTIDY), ("b.json", TIDY)]);
    let folder = folder.path();
    let changed = |name| fs::metadata(folder.join(name)).and_then(|data| data.modified());
    let before = changed("b.json").expect("it is there");
    let run = qapi_in(folder, &["fmt", "a.json", "b.json"], "");
    assert_eq!(
        (run.code, run.out.as_str(), run.err.as_str()),
        (Some(0), "", "")
    );
    assert_eq!(
        (
            read(folder, "a.json").as_str(),
            read(folder, "b.json").as_str()
        ),
        (TIDY, TIDY)
    );
    assert_eq!(changed("b.json").expect("it is there"), before);
}

#[test]
fn check_names_what_would_change_and_writes_nothing() {
    let folder = folder(&[("a.json", UNTIDY), ("b.json", TIDY), ("c.json", UNTIDY)]);
    let folder = folder.path();
    let run = qapi_in(
        folder,
        &["fmt", "--check", "a.json", "b.json", "c.json"],
        "",
    );
    assert_eq!(
        (run.code, run.out.as_str(), run.err.as_str()),
        (Some(1), "a.json\nc.json\n", "")
    );
    assert_eq!(read(folder, "a.json"), UNTIDY);
    let run = qapi_in(folder, &["fmt", "--check", "b.json"], "");
    assert_eq!((run.code, run.out.as_str()), (Some(0), ""));
    let run = qapi(&["fmt", "--check", "-"], UNTIDY);
    assert_eq!((run.code, run.out.as_str()), (Some(1), "<stdin>\n"));
}

#[test]
fn malformed_file_is_told_and_left_alone_and_the_others_are_not() {
    let folder = folder(&[("bad.json", MALFORMED), ("a.json", UNTIDY)]);
    let folder = folder.path();
    let run = qapi_in(folder, &["fmt", "bad.json", "a.json"], "");
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(run.err.contains("error[QAPI0014]"), "{}", run.err);
    assert!(run.err.contains("bad.json:2:13"), "{}", run.err);
    assert_eq!(
        (
            read(folder, "bad.json").as_str(),
            read(folder, "a.json").as_str()
        ),
        (MALFORMED, TIDY)
    );
    let run = qapi(&["fmt", "-"], MALFORMED);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(run.err.contains("<stdin>:2:13"), "{}", run.err);
}

#[test]
fn bytes_that_are_no_text_are_told() {
    let folder = folder(&[]);
    fs::write(folder.path().join("a.json"), b"# \xff\n").expect("there is room");
    let run = qapi_in(folder.path(), &["fmt", "a.json"], "");
    assert_eq!(run.code, Some(1));
    assert!(
        run.err.contains("error[QAPI0002]") && run.err.contains("a.json:1:"),
        "{}",
        run.err
    );
}

#[test]
fn nothing_is_written_when_a_file_is_out_of_reach() {
    let folder = folder(&[("a.json", UNTIDY)]);
    let run = qapi_in(folder.path(), &["fmt", "a.json", "b.json"], "");
    assert_eq!(run.code, Some(2));
    assert!(
        run.err.starts_with("qapi: cannot read b.json: "),
        "{}",
        run.err
    );
    assert_eq!(read(folder.path(), "a.json"), UNTIDY);
    let run = qapi(&["fmt"], "");
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("no schema given"), "{}", run.err);
}
