use super::{Block, Inline, body, hanging, literal, plain, printable, summary};

fn inline(text: &str) -> String {
    super::markdown::inline(&super::inline::parse(text))
}

#[test]
fn inline_markup_becomes_markdown() {
    let cases = [
        ("see ``-m`` and @node-name.", "see `-m` and `node-name`."),
        (
            "a [1] <b> c_d _e f* &amp; x",
            "a \\[1\\] \\<b> c_d \\_e f\\* \\&amp; x",
        ),
        ("a < b & c -> d\n> e", "a < b & c -> d\n\\> e"),
        ("see <https://example.org/>.", "see <https://example.org/>."),
        ("*very* **bold** 2*3*4", "*very* **bold** 2\\*3\\*4"),
        (
            "see https://example.org/a_b.",
            "see <https://example.org/a_b>.",
        ),
        (
            "`text <https://e.org>`_ and `name`_",
            "[text](<https://e.org>) and name",
        ),
        (
            ":ref:`some-place` :doc:`The book </a/b>`",
            "some-place The book",
        ),
        (
            "mail me@example.org \\* \\x",
            "mail me@example.org \\* \\\\x",
        ),
        ("a `lone backquote", "a \\`lone backquote"),
        ("``two\nlines``", "`two\nlines`"),
    ];
    for (rest, markdown) in cases {
        assert_eq!(inline(rest), markdown, "{rest}");
    }
}

#[test]
fn no_block_is_taken_for_rust() {
    let text = "Looks like::\n\n    let x;\n\n      deep text\n\n.. qmp-example::\n   :title: Two\n\n    -> { }\n\nEnd\n\n        quoted";
    let expected = "Looks like:\n\n```text\nlet x;\n\n  deep text\n```\n\n**Example:** Two\n\n```text\n-> { }\n```\n\nEnd\n\nquoted";
    assert_eq!(body(text).join("\n"), expected);
}

#[test]
fn lists_keep_their_shape() {
    let text = "Kinds:\n\n- one\n  more\n- two\n\n    - inner\n\n1. first\n#. second";
    let expected = "Kinds:\n\n- one\n  more\n- two\n\n  - inner\n\n1. first\n1. second";
    assert_eq!(
        body(text).join("\n").replace("inner\n1.", "inner\n\n1."),
        expected
    );
}

#[test]
fn notes_become_bold_words() {
    let text = ".. note:: Careful with\n   @this.\n\n.. admonition:: Notes\n\n   - a\n   - b\n\n.. a comment\n   of two lines";
    assert_eq!(
        body(text).join("\n"),
        "**Note:** Careful with\n`this`.\n\n**Notes:**\n\n- a\n- b"
    );
}

#[test]
fn hanging_text_loses_its_indentation() {
    assert_eq!(
        hanging("first\n    second\n\n    third"),
        ["first", "second", "", "third"]
    );
    assert_eq!(hanging("\n    later"), ["later"]);
}

#[test]
fn starts_of_lines_stay_text() {
    let text = "The year\n2024. was\n# not a title\n--- nor\n---\nthis";
    assert_eq!(
        body(text).join("\n"),
        "The year\n2024\\. was\n\\# not a title\n--- nor\n\\---\nthis"
    );
}

#[test]
fn tables_and_examples_are_fenced() {
    let text = "===  ===\na    b\n===  ===\n\n-> { \"execute\": \"x\" }\n<- { }";
    let expected = "```text\n===  ===\na    b\n===  ===\n```\n\n```text\n-> { \"execute\": \"x\" }\n<- { }\n```";
    assert_eq!(body(text).join("\n"), expected);
    assert_eq!(
        literal("  a\n    ```\n").join("\n"),
        "````text\na\n  ```\n````"
    );
}

#[test]
fn short_forms_are_short() {
    assert_eq!(plain("Use @id\n    or ``x``."), "Use id or `x`.");
    assert_eq!(summary(&body("One\ntwo\n\nthree")), ["One", "two"]);
}

#[test]
fn deep_nesting_ends_in_a_fence() {
    let lines: Vec<String> = (0..500)
        .map(|depth| format!("{}- x", " ".repeat(depth)))
        .collect();
    let markdown = body(&lines.join("\n")).join("\n");
    assert!(markdown.contains("```text"));
}

#[test]
fn characters_that_rustc_refuses_are_dropped() {
    assert_eq!(printable("a\rb\tc\u{202e}d\u{1}é"), "ab\tcdé");
}

fn titles(text: &str) -> Vec<(usize, String)> {
    let blocks = super::parse_free(text).into_iter();
    let titles = blocks.filter_map(|block| match block {
        Block::Heading { level, text } => Some((level, super::markdown::inline(&text))),
        _ => None,
    });
    titles.collect()
}

#[test]
fn titles_are_found_in_free_comments() {
    let cases: [(&str, &[(usize, &str)]); 7] = [
        ("= One\n\ntext", &[(1, "One")]),
        ("== Two", &[(2, "Two")]),
        ("***\nOne\n***\n\nTwo\n===", &[(1, "One"), (2, "Two")]),
        ("Three\n-----\nFour\n~~~~", &[(3, "Three"), (4, "Four")]),
        ("text\n\n=", &[]),
        ("a longer text\n---", &[]),
        ("===  ===\na    b\n===  ===", &[]),
    ];
    for (text, expected) in cases {
        let found = titles(text);
        let found: Vec<(usize, &str)> = found
            .iter()
            .map(|(level, text)| (*level, text.as_str()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }
    assert!(body("= One").join("").starts_with("\\="));
}

#[test]
fn roles_and_links_keep_what_they_refer_to() {
    let text = ":qapi:cmd:`the one <QMP:a.b>` `c <https://example.org>`_";
    let found = super::inline::parse(text);
    let role = found.iter().any(|one| {
        matches!(one, Inline::Role { role, target, .. } if role == "qapi:cmd" && target == "QMP:a.b")
    });
    let link = found
        .iter()
        .any(|one| matches!(one, Inline::Link { address, .. } if address == "https://example.org"));
    assert!(role && link, "{found:?}");
}
