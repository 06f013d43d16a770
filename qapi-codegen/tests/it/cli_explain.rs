//! `qapi explain`

use qapi_parser::Code;

use crate::command::qapi;

#[test]
fn code_is_explained_however_it_is_written() {
    let expected = format!("QAPI0040\n\n{}", Code::UnknownType.explain());
    for word in ["QAPI0040", "qapi0040", "0040", "40"] {
        let run = qapi(&["explain", word], "");
        assert_eq!(
            (run.code, &run.out, run.err.as_str()),
            (Some(0), &expected, "")
        );
    }
}

#[test]
fn several_codes_are_explained_in_order() {
    let run = qapi(&["explain", "41", "40"], "");
    let heads: Vec<&str> = run
        .out
        .lines()
        .filter(|line| line.starts_with("QAPI"))
        .collect();
    assert_eq!((run.code, heads), (Some(0), vec!["QAPI0041", "QAPI0040"]));
}

#[test]
fn all_codes_are_listed_on_a_line_each() {
    let run = qapi(&["explain"], "");
    assert_eq!(
        (run.code, run.out.lines().count()),
        (Some(0), Code::ALL.len())
    );
    assert!(run.out.starts_with("QAPI0001  A file cannot be read\n"));
    for (line, code) in run.out.lines().zip(Code::ALL) {
        let title = line
            .strip_prefix(&format!("{code}  "))
            .expect("the code is in front");
        assert!(title.len() > 8 && line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn unknown_code_gets_close_ones_suggested() {
    let cases = [
        ("QAPI0400", "QAPI0040"),
        ("QAPI004", "QAPI0004"),
        ("QAPI0069", "QAPI0068"),
        ("UnknownType", "QAPI0040"),
        ("discriminator", "QAPI0044"),
    ];
    for (word, close) in cases {
        let run = qapi(&["explain", word], "");
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
        let start = format!("qapi: unknown code '{word}'; close to it:\n");
        assert!(run.err.starts_with(&start), "{}", run.err);
        assert!(run.err.contains(&format!("\n  {close}  ")), "{}", run.err);
    }
    let run = qapi(&["explain", "frobnicate"], "");
    assert_eq!(run.code, Some(2));
    assert_eq!(
        run.err,
        "qapi: unknown code 'frobnicate'; `qapi explain` lists them all\n"
    );
}
