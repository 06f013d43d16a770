//! The entities that every schema has.

use foldhash::{HashMap, HashSet};

use crate::expr::Arena;
use crate::source::Span;

use super::ast::{RawEnum, TypeRef};
use super::draft::{Draft, DraftKind, Drafts};
use super::model::{Builtin, Cond, EnumMember, ModuleId};

/// The predefined scalar types, in QEMU's order.
const BUILTINS: [(&str, Builtin); 15] = [
    ("str", Builtin::Str),
    ("number", Builtin::Number),
    ("int", Builtin::Int),
    ("int8", Builtin::Int8),
    ("int16", Builtin::Int16),
    ("int32", Builtin::Int32),
    ("int64", Builtin::Int64),
    ("uint8", Builtin::Uint8),
    ("uint16", Builtin::Uint16),
    ("uint32", Builtin::Uint32),
    ("uint64", Builtin::Uint64),
    ("size", Builtin::Size),
    ("bool", Builtin::Bool),
    ("any", Builtin::Any),
    ("null", Builtin::Null),
];

const QTYPE: [&str; 7] = [
    "none", "qnull", "qnum", "qstring", "qdict", "qlist", "qbool",
];

impl<'t> Drafts<'t> {
    /// The predefined entities.
    pub(super) fn new(arena: &'t Arena) -> Drafts<'t> {
        let mut drafts = Drafts {
            arena,
            name: String::new(),
            list: Vec::new(),
            index: HashMap::default(),
            problems: Vec::new(),
            poisoned: HashSet::default(),
        };
        for (name, builtin) in BUILTINS {
            drafts.predefine(name, DraftKind::Builtin(builtin));
            let span = Span {
                file: 0,
                start: 0,
                end: 0,
            };
            let element = TypeRef {
                name,
                array: false,
                span,
            };
            let list = arena.text(&format!("{name}List"));
            drafts.predefine(list, DraftKind::Array { element });
        }
        let empty = DraftKind::Object {
            base: None,
            members: Vec::new(),
            variants: None,
        };
        drafts.predefine("q_empty", empty);
        let value = |name: &str| EnumMember {
            name: name.into(),
            cond: Cond::Always,
            features: Vec::new(),
            span: None,
        };
        let members = QTYPE.into_iter().map(value).collect();
        drafts.predefine(
            "QType",
            DraftKind::Enum(RawEnum {
                prefix: None,
                members,
            }),
        );
        drafts
    }

    fn predefine(&mut self, name: &'t str, kind: DraftKind<'t>) {
        self.push(Draft {
            name,
            module: ModuleId(0),
            span: None,
            head: None,
            context: None,
            implicit: true,
            cond: Cond::Always,
            features: Vec::new(),
            doc: None,
            kind,
        });
    }
}
