//! The checked schema: plain immutable data, in QEMU's order.
//!
//! Only [`crate::check`] makes a [`Schema`], so everything here holds: references resolve, names do
//! not clash, types stand only where they are allowed. Names are always the schema's own spelling.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use foldhash::HashMap;

use crate::source::{Location, SourceMap, Span};
use crate::text::Text;

/// Index of an entity in [`Schema::entities`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(pub u32);

/// Index of a module in [`Schema::modules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u32);

/// One schema file (or the predefined types), in the order of first visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Path relative to the folder of the root schema, such as `misc.json` or `../../qapi/job.json`;
    /// `./builtin` for what is predefined.
    pub name: String,
}

/// Anything that a schema defines, implies or predefines.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// The name as the schema spells it; implicit ones as QEMU's generator calls them
    /// (`q_obj_X-arg`, `q_obj_U-base`, `q_empty`, `XList`).
    pub name: Text,
    /// Where it was defined; implicit ones belong to the module that causes them, arrays to the
    /// module of their element.
    pub module: ModuleId,
    /// The defining expression, or the one that caused an implicit entity; none for predefined ones.
    pub span: Option<Span>,
    /// Whether no definition in the schema names it.
    pub implicit: bool,
    /// The `if` condition.
    pub cond: Cond,
    /// The features, in order.
    pub features: Vec<Feature>,
    /// The documentation comment in front of the definition.
    pub doc: Option<Box<crate::doc::Doc>>,
    /// What it is.
    pub kind: EntityKind,
}

/// The kinds of entity.
#[derive(Debug, Clone, PartialEq)]
pub enum EntityKind {
    /// A predefined scalar type.
    Builtin(Builtin),
    /// An enumeration.
    Enum(Enum),
    /// An array type.
    Array {
        /// The element type.
        element: EntityId,
    },
    /// An object type without variants.
    Struct(Struct),
    /// An object type with variants.
    Union(Union),
    /// A choice by JSON type.
    Alternate(Alternate),
    /// A command.
    Command(Command),
    /// An event.
    Event(Event),
}

/// The predefined scalar types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// `str`
    Str,
    /// `number`
    Number,
    /// `int`, 64 bits, signed
    Int,
    /// `int8`
    Int8,
    /// `int16`
    Int16,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `uint8`
    Uint8,
    /// `uint16`
    Uint16,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// `size`, 64 bits, unsigned
    Size,
    /// `bool`
    Bool,
    /// `null`
    Null,
    /// `any`
    Any,
}

impl Builtin {
    /// The JSON type as introspection names it.
    pub fn json_type(self) -> &'static str {
        match self {
            Builtin::Str => "string",
            Builtin::Number => "number",
            Builtin::Bool => "boolean",
            Builtin::Null => "null",
            Builtin::Any => "value",
            _ => "int",
        }
    }
}

/// An enumeration type.
#[derive(Debug, Clone, PartialEq)]
pub struct Enum {
    /// The prefix of C constants; without meaning in Rust.
    pub prefix: Option<Text>,
    /// The values, in order.
    pub members: Vec<EnumMember>,
}

/// One value of an enumeration.
#[derive(Debug, Clone, PartialEq)]
pub struct EnumMember {
    /// The value on the wire.
    pub name: Text,
    /// The `if` condition.
    pub cond: Cond,
    /// The features, in order.
    pub features: Vec<Feature>,
    /// Where it is named.
    pub span: Option<Span>,
}

/// An object type without variants.
#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    /// The type whose members come first.
    pub base: Option<EntityId>,
    /// The members that the definition itself lists.
    pub local_members: Members,
    /// All members: those of the base (and of its base) first.
    pub members: Members,
}

/// Members of an object type: a slice of a list that is shared, not copied.
#[derive(Debug, Clone)]
pub struct Members {
    list: Arc<[Member]>,
    start: usize,
}

impl Members {
    pub(crate) fn new(list: Arc<[Member]>) -> Members {
        Members { list, start: 0 }
    }

    /// The members.
    pub fn as_slice(&self) -> &[Member] {
        self
    }

    /// Those from `start` on.
    pub(crate) fn from(&self, start: usize) -> Members {
        let list = Arc::clone(&self.list);
        Members { list, start }
    }
}

impl Deref for Members {
    type Target = [Member];

    fn deref(&self) -> &[Member] {
        self.list.get(self.start..).unwrap_or_default()
    }
}

impl PartialEq for Members {
    fn eq(&self, other: &Members) -> bool {
        self[..] == other[..]
    }
}

impl<'m> IntoIterator for &'m Members {
    type Item = &'m Member;
    type IntoIter = std::slice::Iter<'m, Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One member of an object type.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The name on the wire, without the `*` of an optional one.
    pub name: Text,
    /// Its type.
    pub ty: EntityId,
    /// Whether it may be absent.
    pub optional: bool,
    /// The `if` condition.
    pub cond: Cond,
    /// The features, in order.
    pub features: Vec<Feature>,
    /// Where it is named.
    pub span: Option<Span>,
}

/// An object type whose further members depend on the value of one of its members.
#[derive(Debug, Clone, PartialEq)]
pub struct Union {
    /// The base, implicit (`q_obj_U-base`) when it was written in place.
    pub base: EntityId,
    /// All common members: the base's, the tag among them.
    pub members: Members,
    /// Index in `members` of the discriminator.
    pub tag: usize,
    /// The enumeration of the discriminator.
    pub tag_type: EntityId,
    /// One branch for each value of the enumeration: those written, in order, then an empty one
    /// (`q_empty`) for each value left out, with that value's condition.
    pub branches: Vec<Branch>,
}

/// One variant of a union.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The value of the discriminator.
    pub case: Text,
    /// The struct or union of the further members; `q_empty` where there are none.
    pub ty: EntityId,
    /// The `if` condition.
    pub cond: Cond,
    /// Where it is named; none for an implied branch.
    pub span: Option<Span>,
}

/// A choice among types that differ in their JSON type.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternate {
    /// The alternatives, in order.
    pub alternatives: Vec<Alternative>,
}

/// One alternative of an alternate.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Its name, which never goes over the wire.
    pub name: Text,
    /// Its type.
    pub ty: EntityId,
    /// The `if` condition.
    pub cond: Cond,
    /// Where it is named.
    pub span: Option<Span>,
}

/// A command.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the schema language has these flags"
)]
pub struct Command {
    /// The arguments: a struct or union; none when the command takes none.
    pub arg_type: Option<EntityId>,
    /// What it returns; none for the empty object.
    pub ret_type: Option<EntityId>,
    /// `boxed`: the arguments are one named type.
    pub boxed: bool,
    /// `gen`: false for commands whose arguments are taken as they come.
    pub generate: bool,
    /// `success-response`: false for commands that answer only with an error.
    pub success_response: bool,
    /// `allow-oob`
    pub allow_oob: bool,
    /// `allow-preconfig`
    pub allow_preconfig: bool,
    /// `coroutine`
    pub coroutine: bool,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its data: a struct or union; none when it carries none.
    pub arg_type: Option<EntityId>,
    /// `boxed`: the data is one named type.
    pub boxed: bool,
}

/// A feature flag and its condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Its name; `deprecated` and `unstable` have a meaning of their own.
    pub name: Text,
    /// The `if` condition.
    pub cond: Cond,
}

/// An `if` condition, nested as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Cond {
    /// No condition.
    #[default]
    Always,
    /// A configuration symbol is defined.
    Symbol(Text),
    /// All hold.
    All(Box<[Cond]>),
    /// At least one holds.
    Any(Box<[Cond]>),
    /// It does not hold.
    Not(Box<Cond>),
}

impl Cond {
    /// Evaluates the condition with the symbols for which `defined` says yes.
    pub fn eval(&self, defined: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Cond::Always => true,
            Cond::Symbol(name) => defined(name),
            Cond::All(terms) => terms.iter().all(|term| term.eval(defined)),
            Cond::Any(terms) => terms.iter().any(|term| term.eval(defined)),
            Cond::Not(term) => !term.eval(defined),
        }
    }
}

/// An include directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Include {
    /// The directive.
    pub span: Span,
    /// The module that it stands in.
    pub module: ModuleId,
    /// The module that it names.
    pub target: ModuleId,
    /// Index of the entity that follows it in [`Schema::entities`]; their number if none does.
    pub before: usize,
}

/// A documentation comment that belongs to no definition.
#[derive(Debug, Clone, PartialEq)]
pub struct FreeDoc {
    /// The comment; its span tells the file.
    pub doc: crate::doc::Doc,
    /// Index of the entity that follows it in [`Schema::entities`]; their number if none does.
    pub before: usize,
}

/// A checked schema.
#[derive(Debug, Clone)]
pub struct Schema {
    pub(crate) modules: Vec<Module>,
    pub(crate) entities: Vec<Entity>,
    /// The entities by name; made when one is asked for.
    pub(crate) index: OnceLock<HashMap<Text, EntityId>>,
    pub(crate) includes: Vec<Include>,
    pub(crate) free_docs: Vec<FreeDoc>,
    pub(crate) sources: Arc<SourceMap>,
}

impl PartialEq for Schema {
    /// The index follows from the entities.
    fn eq(&self, other: &Schema) -> bool {
        let Schema {
            modules,
            entities,
            index: _,
            includes,
            free_docs,
            sources,
        } = self;
        *modules == other.modules
            && *entities == other.entities
            && *includes == other.includes
            && *free_docs == other.free_docs
            && *sources == other.sources
    }
}

impl Schema {
    /// The modules in the order of first visit; the first one is `./builtin`.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// All entities in QEMU's order: predefined ones, then as defined, implicit ones where they are
    /// first needed.
    pub fn entities(&self) -> &[Entity] {
        &self.entities
    }

    /// The entity with this id.
    pub fn entity(&self, id: EntityId) -> &Entity {
        &self.entities[id.0 as usize]
    }

    /// The module with this id.
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.0 as usize]
    }

    /// The entity of this name, implicit or not.
    pub fn find(&self, name: &str) -> Option<EntityId> {
        let index = self.index.get_or_init(|| {
            let names = self.entities.iter().map(|entity| entity.name.clone());
            names.zip((0..).map(EntityId)).collect()
        });
        index.get(name).copied()
    }

    /// The include directives, in order; repeated ones are among them.
    pub fn includes(&self) -> &[Include] {
        &self.includes
    }

    /// The free-form documentation comments, in order.
    pub fn free_docs(&self) -> &[FreeDoc] {
        &self.free_docs
    }

    /// The files.
    pub fn sources(&self) -> &Arc<SourceMap> {
        &self.sources
    }

    /// Path, line and column of a span of this schema.
    pub fn locate(&self, span: Span) -> Option<Location<'_>> {
        self.sources.locate(span)
    }
}
