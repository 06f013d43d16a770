//! The entities that every schema has.

use foldhash::HashSet;

use crate::expr::{Arena, Kept};
use crate::source::Span;

use super::ast::{RawEnum, TypeRef};
use super::docs::DocProblems;
use super::draft::{Draft, DraftKind, Drafts};
use super::features::FeatureNames;
use super::model::{Builtin, Cond, EnumMember, ModuleId};
use super::symbols::Symbols;

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

const QTYPE: &str = "QType";

const QTYPES: [&str; 7] = [
    "none", "qnull", "qnum", "qstring", "qdict", "qlist", "qbool",
];

impl<'t> Drafts<'t> {
    /// The predefined entities.
    pub(super) fn new(arena: &'t Arena) -> Drafts<'t> {
        let mut drafts = Drafts {
            arena,
            name: String::new(),
            list: Vec::new(),
            symbols: Symbols::default(),
            problems: Vec::new(),
            doc_problems: DocProblems::default(),
            features: FeatureNames::default(),
            parts: Vec::new(),
            poisoned: HashSet::default(),
        };
        for (name, builtin) in BUILTINS {
            drafts.predefine(name, DraftKind::Builtin(builtin));
            let element = TypeRef {
                name: drafts.symbols.symbol(name),
                array: false,
                span: Span::NOWHERE,
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
        let members = QTYPES.into_iter().map(value).collect();
        drafts.predefine(
            QTYPE,
            DraftKind::Enum(RawEnum {
                prefix: None,
                members,
            }),
        );
        drafts
    }

    /// Up to QEMU 9.1, which old forms tell, the generator gave the names of `QType` in C a prefix.
    pub(super) fn predefine_as_before_9_2(&mut self) {
        let is_qtype = |draft: &&mut Kept<'t, Draft<'t>>| draft.name == QTYPE;
        if let Some(DraftKind::Enum(it)) =
            self.list.iter_mut().find(is_qtype).map(|it| &mut it.kind)
        {
            it.prefix = Some("QTYPE".into());
        }
    }

    fn predefine(&mut self, name: &'t str, kind: DraftKind<'t>) {
        self.push(Draft {
            name,
            module: ModuleId(0),
            span: None,
            head: 0,
            context: None,
            implicit: true,
            cond: Cond::Always,
            features: Box::default(),
            doc: None,
            kind,
        });
    }
}
