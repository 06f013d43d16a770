//! Object types: bases and members.

use std::fmt;

use foldhash::HashMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Entry, Node};

use super::MAX_TYPE_NESTING;
use super::ast::{DefinitionKind, RawMember, Text, TypeRef};
use super::draft::DraftKind;
use super::features;
use super::lower::Lower;
use super::model::{Cond, EntityId, EntityKind, Member, Struct};
use super::names::CName;
use super::resolve::{Resolver, State};

impl<'t> Lower<'_, 't> {
    pub(super) fn structure(
        &mut self,
        node: &Node<'t>,
        entries: &[Entry<'t>],
        name: &str,
    ) -> Option<DefinitionKind<'t>> {
        let optional = ["base", "if", "features"];
        self.keys(
            entries,
            node.span,
            &"struct",
            &["struct", "data"],
            &optional,
        );
        let data = node.get("data")?;
        if data.as_str().is_some() {
            self.error(
                Code::BadValue,
                "'data' should be an object or type name",
                data.span,
            );
            return None;
        }
        let members = self.members(data, &"'data'", Some(name))?;
        let base = node
            .get("base")
            .map(|base| self.type_ref(base, &"'base'", false));
        Some(DefinitionKind::Struct {
            base: base.flatten(),
            members,
        })
    }
}

/// The members of an object type, those of its base first.
#[derive(Debug, Default)]
pub(super) struct Members<'d> {
    /// The members, until they go into the entity.
    pub(super) list: Vec<Member>,
    /// The type that each was written in.
    pub(super) owners: Vec<EntityId>,
    /// Index by the name in generated C.
    pub(super) seen: HashMap<CName<'d>, usize>,
    /// What a copy costs.
    pub(super) weight: usize,
}

impl<'d> Resolver<'d> {
    /// Checks an object type and all that it contains; false when that failed. Runs once for each.
    pub(super) fn object(&mut self, id: EntityId) -> bool {
        match self.state[id.0 as usize] {
            State::Done(ok) => return ok,
            State::Busy => {
                self.contains_itself(id);
                return false;
            }
            State::New => {}
        }
        if self.depth >= MAX_TYPE_NESTING {
            self.inside(id, |this, span| {
                let message = format!("types nest deeper than {MAX_TYPE_NESTING} levels");
                this.report(Diagnostic::error(Code::TypesTooDeep, message, span));
            });
            return false;
        }
        self.state[id.0 as usize] = State::Busy;
        self.depth += 1;
        let before = self.problems.len();
        let outer = self.enter(id);
        let kind = self.object_kind(id);
        self.current = outer;
        self.depth -= 1;
        let ok = kind.is_some() && self.problems.len() == before;
        self.kinds[id.0 as usize] = kind;
        self.state[id.0 as usize] = State::Done(ok);
        ok
    }

    fn contains_itself(&mut self, id: EntityId) {
        let name = &self.drafts[id.0 as usize].name;
        self.inside(id, |this, span| {
            let message = format!("object {name} contains itself");
            let help = "break the circle with an optional member or an array";
            this.report(Diagnostic::error(Code::ContainsItself, message, span).help(help));
        });
    }

    fn object_kind(&mut self, id: EntityId) -> Option<EntityKind> {
        let drafts = self.drafts;
        let draft = &drafts[id.0 as usize];
        let DraftKind::Object {
            base,
            members,
            variants,
        } = &draft.kind
        else {
            return None;
        };
        self.type_features(&draft.features);
        let mut all = Members::default();
        let mut complete = true;
        let base_id = base.as_ref().map(|base| self.base(base, &mut all));
        complete &= base_id != Some(None);
        let inherited = all.list.len();
        for member in members {
            complete &= self.member(id, member, &mut all).is_some();
        }
        let local_members = all.list[inherited..].to_vec();
        let kind = match variants {
            None => {
                let members = std::mem::take(&mut all.list);
                let base = base_id.flatten();
                Some(EntityKind::Struct(Struct {
                    base,
                    local_members,
                    members,
                }))
            }
            Some(variants) if complete => self.variants(base_id.flatten(), variants, &mut all),
            Some(_) => None,
        };
        self.members[id.0 as usize] = Some(all);
        kind.filter(|_| complete)
    }

    /// Resolves the base and takes over its members.
    fn base(&mut self, base: &TypeRef<'_>, all: &mut Members<'d>) -> Option<EntityId> {
        let id = self.lookup(base, &"'base'")?;
        let drafts = self.drafts;
        let draft = &drafts[id.0 as usize];
        if !matches!(draft.kind, DraftKind::Object { variants: None, .. }) {
            let message = format!("'base' requires a struct type, {} isn't", draft.describe());
            self.report(Diagnostic::error(Code::WrongType, message, base.span));
            return None;
        }
        if !self.object(id) {
            return None;
        }
        let weight = self.members[id.0 as usize].as_ref()?.weight;
        if !self.spend(weight) {
            return None;
        }
        let of_base = self.members[id.0 as usize].as_ref()?;
        all.weight = weight;
        all.list.extend_from_slice(self.list(id));
        all.owners.clone_from(&of_base.owners);
        all.seen.clone_from(&of_base.seen);
        Some(id)
    }

    fn member(
        &mut self,
        owner: EntityId,
        member: &'d RawMember<'d>,
        all: &mut Members<'d>,
    ) -> Option<()> {
        let what = self.describe_member(&member.name, owner);
        let ty = self.lookup(&member.ty, &what);
        self.feature_clashes(&member.features);
        let key = CName(&member.name);
        if let Some(&other) = all.seen.get(&key) {
            let found = &all.list[other];
            let described = self.describe_member(&found.name, all.owners[other]);
            let message = format!("{what} collides with {described}");
            let mut problem = Diagnostic::error(Code::Collision, message, member.span);
            if let Some(span) = found.span {
                problem = problem.label(span, "the other one");
            }
            self.report(problem);
            return None;
        }
        all.seen.insert(key, all.list.len());
        all.owners.push(owner);
        all.weight += weight(&member.cond) + member.features.len();
        all.list.push(Member {
            name: member.name.to_string(),
            ty: ty?,
            optional: member.optional,
            cond: member.cond.clone(),
            features: features::finish(&member.features),
            span: Some(member.span),
        });
        Some(())
    }

    /// The members of a checked object type, all of them.
    pub(super) fn list(&self, id: EntityId) -> &[Member] {
        match &self.kinds[id.0 as usize] {
            Some(EntityKind::Struct(it)) => &it.members,
            Some(EntityKind::Union(it)) => &it.members,
            _ => &[],
        }
    }

    /// What a member is called in a message of the current definition.
    pub(super) fn describe_member<'n>(&self, name: &'n str, owner: EntityId) -> MemberName<'n>
    where
        'd: 'n,
    {
        MemberName {
            name,
            owner: &self.drafts[owner.0 as usize].name,
            here: self.current.draft.and_then(|draft| draft.context.as_ref()),
        }
    }

    /// Whether one of the members of a checked object type has a condition.
    pub(super) fn has_conditional_members(&self, id: EntityId) -> bool {
        let conditional = |member: &Member| member.cond != Cond::Always;
        self.list(id).iter().any(conditional)
    }
}

/// A member as messages have it.
#[derive(Debug, Clone, Copy)]
pub(super) struct MemberName<'d> {
    name: &'d str,
    owner: &'d str,
    /// The definition that the message is about.
    here: Option<&'d (&'static str, Text<'d>)>,
}

impl fmt::Display for MemberName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let implicit = self.owner.strip_prefix("q_obj_");
        let argument = implicit.and_then(|owner| owner.strip_suffix("-arg"));
        let base = implicit.and_then(|owner| owner.strip_suffix("-base"));
        let (role, kind, owner) = match (argument, base) {
            (Some(owner), _) => ("parameter", "command", owner),
            (_, Some(owner)) => ("base member", "type", owner),
            _ => ("member", "type", self.owner),
        };
        write!(f, "{role} '{}'", self.name)?;
        match self.here.is_some_and(|(_, here)| here == owner) {
            true => Ok(()),
            false => write!(f, " of {kind} '{owner}'"),
        }
    }
}

/// What a copy of something with this condition costs.
pub(super) fn weight(cond: &Cond) -> usize {
    match cond {
        Cond::Always => 1,
        Cond::Symbol(_) => 2,
        Cond::All(terms) | Cond::Any(terms) => 1 + terms.iter().map(weight).sum::<usize>(),
        Cond::Not(term) => 1 + weight(term),
    }
}
