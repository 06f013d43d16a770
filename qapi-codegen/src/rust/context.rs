//! What all emitters ask: names, kept members, types as Rust writes them.

use std::collections::{HashMap, HashSet};

use qapi_parser::schema::{
    Builtin, Cond, Entity, EntityId, EntityKind, EnumMember, Member, ModuleId, Schema, Union,
};

use super::code::{Code, Ident, code};
use super::custom::Custom;
use super::graph::{Boxes, Hold};
use super::names::{self, Scope};
use crate::error::Error;
use crate::options::{Conditions, Options};

/// From where generated code names a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a submodule of `types`.
    Types,
    /// In a submodule of a sibling of `types`.
    Beside,
}

/// Read-only answers for the emitters, worked out once.
#[derive(Debug)]
pub(crate) struct Context<'s> {
    pub(crate) schema: &'s Schema,
    pub(crate) options: &'s Options,
    /// Types, commands and events.
    names: HashMap<EntityId, Ident>,
    /// The enums with the data of unions.
    tags: HashMap<EntityId, Ident>,
    /// The handlers' methods.
    methods: HashMap<EntityId, Ident>,
    modules: Vec<String>,
    handlers: Vec<(Ident, Ident)>,
    boxes: Boxes,
    /// What is generated, and implicit entities on the way to it.
    reached: HashSet<EntityId>,
    custom: Custom,
}

impl<'s> Context<'s> {
    /// Works the answers out.
    ///
    /// # Errors
    /// The schema cannot be put into Rust under these options.
    pub(crate) fn new(schema: &'s Schema, options: &'s Options) -> Result<Self, Error> {
        let conditions = &options.conditions;
        let reached = super::select::reached(schema, options)?;
        super::references::check(schema, conditions, &reached)?;
        super::finite::check(schema, conditions, &reached)?;
        let mut boxes = Boxes::find(schema, conditions);
        super::layout::box_heavy(schema, options, &mut boxes);
        let modules = super::modules::names(schema, options);
        let mut context = Context {
            schema,
            options,
            names: HashMap::new(),
            tags: HashMap::new(),
            methods: HashMap::new(),
            handlers: super::modules::handlers(&modules),
            modules,
            boxes,
            reached,
            custom: Custom::find(schema, options)?,
        };
        context.name_types();
        context.name_all(|kind| matches!(kind, EntityKind::Command(_)));
        context.name_all(|kind| matches!(kind, EntityKind::Event(_)));
        context.name_methods();
        Ok(context)
    }

    /// The schema's own names come first: they are not to change for those that are derived.
    fn name_types(&mut self) {
        let types = self.select(is_type);
        let unions: Vec<(EntityId, &Union)> = types
            .iter()
            .filter_map(|&id| Some((id, self.union(id)?)))
            .collect();
        let mut wanted: Vec<String> = types.iter().map(|&id| self.camel(id)).collect();
        wanted.extend(unions.iter().map(|&(id, union)| {
            let tag = &union.members[union.tag].name;
            format!(
                "{}{}",
                self.camel(id),
                names::camel(tag).trim_start_matches('_')
            )
        }));
        let mut given = Scope::default().claim(&wanted).into_iter();
        let tags: Vec<EntityId> = unions.into_iter().map(|(id, _)| id).collect();
        self.names.extend(types.into_iter().zip(given.by_ref()));
        self.tags.extend(tags.into_iter().zip(given));
    }

    fn name_all(&mut self, wanted: fn(&EntityKind) -> bool) {
        let ids = self.select(wanted);
        let wanted: Vec<String> = ids.iter().map(|&id| self.camel(id)).collect();
        self.names
            .extend(ids.into_iter().zip(Scope::default().claim(&wanted)));
    }

    /// The traits have a constant for each method, and one, `COMMANDS`, beside them.
    fn name_methods(&mut self) {
        let ids = self.select(|kind| matches!(kind, EntityKind::Command(_)));
        let wanted: Vec<String> = ids
            .iter()
            .map(|&id| names::snake(&self.entity(id).name))
            .collect();
        self.methods.extend(
            ids.into_iter()
                .zip(Scope::reserving(&["commands"]).claim(&wanted)),
        );
    }

    /// Names are given to what is not selected, too: a selection changes no name.
    fn select(&self, wanted: fn(&EntityKind) -> bool) -> Vec<EntityId> {
        let all = (0_u32..).zip(self.schema.entities());
        let named = all.filter(|(index, entity)| {
            // An enumeration is predefined that few schemas use.
            let exists = entity.span.is_some() || self.reached.contains(&EntityId(*index));
            exists && !entity.implicit && self.keeps(&entity.cond) && wanted(&entity.kind)
        });
        named.map(|(index, _)| EntityId(index)).collect()
    }

    /// The entities to be generated, in the schema's order. Implicit types have no name in Rust.
    pub(crate) fn kept(&self) -> impl Iterator<Item = EntityId> + '_ {
        let all = (0_u32..).zip(self.schema.entities());
        let named = all.filter(|(_, entity)| !entity.implicit);
        let ids = named.map(|(index, _)| EntityId(index));
        ids.filter(|id| self.reached.contains(id) && self.custom.external(*id).is_none())
    }

    /// The attribute for something with this condition, where conditions become attributes.
    pub(crate) fn cfg(&self, cond: &Cond) -> Code {
        super::cfg::attribute(self.options, cond)
    }

    /// What stands in front of a member or value: its condition, and what the user adds.
    pub(crate) fn before(&self, owner: EntityId, name: &str, cond: &Cond) -> Code {
        let (cfg, custom) = (self.cfg(cond), self.field_attributes(owner, name));
        code!(#cfg #custom)
    }

    /// The attributes that the user puts in front of a member or value.
    pub(crate) fn field_attributes(&self, owner: EntityId, name: &str) -> Code {
        self.custom.field_attributes(&self.entity(owner).name, name)
    }

    /// The Rust name of a type, command or event before clashes are resolved.
    fn camel(&self, id: EntityId) -> String {
        let wire = &self.entity(id).name;
        let renamed = self.custom.renamed(wire);
        renamed.map_or_else(|| names::camel(wire), str::to_owned)
    }

    /// The Rust names of members, by `convert` where the user does not rename them.
    pub(crate) fn wanted<'n>(
        &self,
        owner: EntityId,
        members: impl Iterator<Item = &'n str>,
        convert: fn(&str) -> String,
    ) -> Vec<String> {
        let owner = &self.entity(owner).name;
        let name = |member| {
            let renamed = self.custom.renamed(&format!("{owner}.{member}"));
            renamed.map_or_else(|| convert(member), str::to_owned)
        };
        members.map(name).collect()
    }

    /// Whether the conditions let something be.
    pub(crate) fn keeps(&self, cond: &Cond) -> bool {
        self.options.conditions.hold(cond)
    }

    /// Whether peers may lack a member that is not optional: those for which its condition does not hold.
    pub(crate) fn may_lack(&self, member: &Member) -> bool {
        self.options.conditions == Conditions::Keep && member.cond != Cond::Always
    }

    pub(crate) fn entity(&self, id: EntityId) -> &'s Entity {
        self.schema.entity(id)
    }

    pub(crate) fn union(&self, id: EntityId) -> Option<&'s Union> {
        match &self.entity(id).kind {
            EntityKind::Union(union) => Some(union),
            _ => None,
        }
    }

    /// The name of a type, command or event in its namespace.
    pub(crate) fn name(&self, id: EntityId) -> Ident {
        self.names
            .get(&id)
            .cloned()
            .unwrap_or_else(|| names::ident(&names::camel(&self.entity(id).name)))
    }

    /// The name of the enum that holds what depends on a union's tag.
    pub(crate) fn tag_name(&self, union: EntityId) -> Ident {
        self.tags
            .get(&union)
            .cloned()
            .unwrap_or_else(|| self.name(union))
    }

    /// The name of a command's method.
    pub(crate) fn method(&self, command: EntityId) -> Ident {
        self.methods
            .get(&command)
            .cloned()
            .unwrap_or_else(|| self.name(command))
    }

    /// The name of a QAPI module, fit for a Rust module.
    pub(crate) fn module(&self, module: ModuleId) -> &str {
        self.modules
            .get(module.0 as usize)
            .map_or("", String::as_str)
    }

    /// The names of a module's handler traits: in band, out of band.
    pub(crate) fn handlers(&self, module: ModuleId) -> (Ident, Ident) {
        let handlers = self.handlers.get(module.0 as usize).cloned();
        handlers.unwrap_or_else(|| (names::ident("Commands"), names::ident("OobCommands")))
    }

    /// Whether `from` has to hold `to` in a box at such places.
    pub(crate) fn boxes(&self, from: EntityId, to: EntityId, hold: Hold) -> bool {
        self.boxes.contain(from, to, hold)
    }

    /// The members of an object type that are to be generated.
    pub(crate) fn members(&self, id: EntityId) -> Vec<&'s Member> {
        let members: &[Member] = match &self.entity(id).kind {
            EntityKind::Struct(object) => &object.members,
            EntityKind::Union(union) => &union.members,
            _ => &[],
        };
        members
            .iter()
            .filter(|member| self.keeps(&member.cond))
            .collect()
    }

    /// The values of the enumeration with this id that are to be generated, with their Rust names, and
    /// the name of the variant for others.
    pub(crate) fn values(&self, id: EntityId) -> (Vec<(&'s EnumMember, Ident)>, Ident) {
        let members = match &self.entity(id).kind {
            EntityKind::Enum(of) => of.members.as_slice(),
            _ => &[],
        };
        let kept = members.iter().filter(|member| self.keeps(&member.cond));
        let kept: Vec<&EnumMember> = kept.collect();
        let wanted = kept.iter().map(|member| member.name.as_str());
        let wanted = self.wanted(id, wanted, names::camel);
        let (names, other) = names::variants(wanted.into_iter());
        (kept.into_iter().zip(names).collect(), other)
    }

    /// Whether a type is an object of which nothing has to be given.
    pub(crate) fn has_default(&self, id: EntityId) -> bool {
        let is_struct = matches!(self.entity(id).kind, EntityKind::Struct(_));
        let is_external = self.custom.external(id).is_some();
        is_struct && !is_external && self.members(id).iter().all(|member| member.optional)
    }

    /// The attributes that the user puts in front of a type.
    pub(crate) fn attributes(&self, id: EntityId) -> Option<&Code> {
        self.custom.attributes(id)
    }

    /// Whether something is generated, or reached by what is.
    pub(crate) fn reaches(&self, id: EntityId) -> bool {
        self.reached.contains(&id)
    }

    /// A type as generated code writes it.
    pub(crate) fn ty(&self, id: EntityId, place: Place) -> Code {
        if let Some(path) = self.custom.external(id) {
            return path.clone();
        }
        match &self.entity(id).kind {
            EntityKind::Builtin(builtin) => predefined(*builtin),
            EntityKind::Array { element } => {
                let element = self.ty(*element, place);
                code!(::std::vec::Vec<#element>)
            }
            _ => {
                let name = self.name(id);
                match place {
                    Place::Types => code!(super::#name),
                    Place::Beside => code!(super::super::types::#name),
                }
            }
        }
    }
}

/// Whether generated code has a type of its own for such an entity.
pub(crate) fn is_type(kind: &EntityKind) -> bool {
    matches!(
        kind,
        EntityKind::Enum(_)
            | EntityKind::Struct(_)
            | EntityKind::Union(_)
            | EntityKind::Alternate(_)
    )
}

fn predefined(builtin: Builtin) -> Code {
    match builtin {
        Builtin::Str => code!(::std::string::String),
        Builtin::Number => code!(f64),
        Builtin::Int | Builtin::Int64 => code!(i64),
        Builtin::Int8 => code!(i8),
        Builtin::Int16 => code!(i16),
        Builtin::Int32 => code!(i32),
        Builtin::Uint8 => code!(u8),
        Builtin::Uint16 => code!(u16),
        Builtin::Uint32 => code!(u32),
        Builtin::Uint64 | Builtin::Size => code!(u64),
        Builtin::Bool => code!(bool),
        Builtin::Null => code!(::qmp_runtime::codec::Null),
        Builtin::Any => code!(::qmp_runtime::json::Value),
    }
}
