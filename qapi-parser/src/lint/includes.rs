//! Include directives that bring nothing.

use foldhash::{HashMap, HashMapExt as _};

use crate::diagnostic::{Code, Diagnostic};
use crate::lex::{Lexer, TokenKind};
use crate::schema::{ModuleId, Schema};
use crate::source::Span;

use super::warning;

/// A module that many others include is no find: each says what it needs. A second directive in
/// the same module is one, and one for a file that has nothing in it.
pub(super) fn run(schema: &Schema) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut first: HashMap<(ModuleId, ModuleId), Span> = HashMap::new();
    for include in schema.includes() {
        let before = *first
            .entry((include.module, include.target))
            .or_insert(include.span);
        let name = &schema.module(include.target).name;
        if before != include.span {
            let message = format!("'{name}' is included a second time");
            let problem = warning(Code::UselessInclude, message, include.span);
            found.push(problem.label(before, "first included here"));
        } else if is_empty(schema, include.target) {
            let message = format!("'{name}' has nothing in it");
            found.push(warning(Code::UselessInclude, message, include.span));
        }
    }
    found
}

/// Whether the file holds white space and plain comments only.
fn is_empty(schema: &Schema, module: ModuleId) -> bool {
    let id = module.0.saturating_sub(1);
    let Some(file) = schema.sources().file(id) else {
        return false;
    };
    let first = Lexer::new(file.text(), id).token();
    first.is_ok_and(|token| token.kind == TokenKind::End)
}
