//! The lexer alone: its tokens, white space and what it refuses make up any text, in order.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qapi_parser::lex::{Lexer, Token, TokenKind};

/// The text that a token of this kind has at its place.
fn at_place<'t>(text: &'t str, token: &Token<'_>) -> &'t str {
    let range = token.span.range();
    match token.kind {
        TokenKind::Str => &text[range.start + 1..range.end - 1],
        _ => &text[range],
    }
}

fuzz_target!(|text: &str| {
    let mut lexer = Lexer::new(text, 0);
    let mut end = 0;
    loop {
        let comment = lexer.clone().comment();
        match lexer.token_with_comments() {
            Ok(token) if token.kind == TokenKind::End => {
                assert!(text[end..].trim().is_empty());
                return;
            }
            Ok(token) => {
                let start = token.span.range().start;
                assert!(text[end..start].trim().is_empty());
                assert_eq!(lexer.pos(), token.span.range().end);
                assert_eq!(at_place(text, &token), token.text);
                assert_eq!(
                    token.escapes,
                    token.kind == TokenKind::Str && token.text.contains('\\')
                );
                let is_comment = token.kind == TokenKind::Comment;
                let expected = is_comment.then_some((token.text, token.span));
                assert_eq!(comment, expected);
            }
            Err(problem) => {
                let span = problem.span.map(|span| span.range());
                assert!(span.is_some_and(|range| end <= range.start && text.get(range).is_some()));
                assert_eq!(comment, None);
            }
        }
        assert!(lexer.pos() > end);
        end = lexer.pos();
    }
});
