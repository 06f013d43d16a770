//! What the macros accept, and how they refuse.

#[test]
fn handlers_expand_or_say_what_is_wrong() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
    cases.compile_fail("tests/ui/schema/*.rs");
}
