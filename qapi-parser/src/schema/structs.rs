//! Object types: bases and members.

use std::fmt;
use std::hash::{Hash, Hasher};

use foldhash::HashMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Entry, Node};
use crate::text::Text;

use super::MAX_TYPE_NESTING;
use super::ast::{DefinitionKind, RawMember, TypeRef};
use super::draft::DraftKind;
use super::features;
use super::lower::Lower;
use super::model::{Cond, EntityId, EntityKind, Member, Members, Struct};
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
pub(super) struct Flat {
    /// The members, until they go into the entity.
    pub(super) list: Vec<Member>,
    /// The base, and how many members come from it.
    pub(super) base: Option<EntityId>,
    inherited: usize,
    /// Index by the name in generated C, once they are many.
    index: Option<Box<HashMap<CText, usize>>>,
    /// What a copy costs.
    weight: usize,
}

/// A name that is equal to all that are the same in generated C.
#[derive(Debug, Clone)]
struct CText(Text);

impl PartialEq for CText {
    fn eq(&self, other: &Self) -> bool {
        CName(&self.0) == CName(&other.0)
    }
}

impl Eq for CText {}

impl Hash for CText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        CName(&self.0).hash(state);
    }
}

impl Flat {
    /// Up to so many members are compared one by one.
    const FEW: usize = 32;

    /// The index of the member of this name in `list`, which has the members.
    pub(super) fn find(&self, list: &[Member], name: &Text) -> Option<usize> {
        match list.len() {
            0..=Self::FEW => {
                let same =
                    |one: &Member| one.name.len() == name.len() && CName(&one.name) == CName(name);
                list.iter().position(same)
            }
            _ => self.index.as_ref()?.get(&CText(name.clone())).copied(),
        }
    }

    fn push(&mut self, member: Member) {
        self.list.push(member);
        let key = |one: &Member| CText(one.name.clone());
        let len = self.list.len();
        match (&mut self.index, self.list.last()) {
            (Some(index), Some(last)) => {
                index.insert(key(last), len - 1);
            }
            (None, _) if len > Self::FEW => {
                let index = self.list.iter().map(key).zip(0..).collect();
                self.index = Some(Box::new(index));
            }
            _ => {}
        }
    }
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
        let mut all = Flat {
            list: self.spare.pop().unwrap_or_default(),
            ..Flat::default()
        };
        let mut complete = true;
        let base_id = base.as_ref().map(|base| self.base(base, &mut all));
        complete &= base_id != Some(None);
        for member in members {
            complete &= self.member(id, member, &mut all).is_some();
        }
        let kind = match variants {
            None => {
                let members = Members::new(all.list.drain(..).collect());
                Some(EntityKind::Struct(Struct {
                    base: all.base,
                    local_members: members.from(all.inherited),
                    members,
                }))
            }
            Some(variants) if complete => self.variants(id, variants, &mut all),
            Some(_) => None,
        };
        let mut list = std::mem::take(&mut all.list);
        list.clear();
        self.spare.push(list);
        self.flat[id.0 as usize] = Some(all);
        kind.filter(|_| complete)
    }

    /// The type in which a member of the type `id`, which has the members `all`, was written.
    pub(super) fn owner(&self, id: EntityId, all: &Flat, index: usize) -> EntityId {
        match all.base.filter(|_| index < all.inherited) {
            None => id,
            Some(base) => match &self.flat[base.0 as usize] {
                Some(all) => self.owner(base, all, index),
                None => base,
            },
        }
    }

    /// Resolves the base and takes over its members.
    fn base(&mut self, base: &TypeRef, all: &mut Flat) -> Option<EntityId> {
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
        let weight = self.flat[id.0 as usize].as_ref()?.weight;
        if !self.spend(weight) {
            return None;
        }
        let of_base = self.flat[id.0 as usize].as_ref()?;
        all.weight = weight;
        all.list.extend_from_slice(self.list(id));
        all.inherited = all.list.len();
        all.index.clone_from(&of_base.index);
        all.base = Some(id);
        Some(id)
    }

    fn member(&mut self, owner: EntityId, member: &RawMember<'d>, all: &mut Flat) -> Option<()> {
        let what = self.describe_member(member.name, owner);
        let ty = self.lookup(&member.ty, &what);
        self.feature_clashes(&member.features);
        let name = self.text(member.span, member.name);
        if let Some(other) = all.find(&all.list, &name) {
            let found = &all.list[other];
            let described = self.describe_member(&found.name, self.owner(owner, all, other));
            let message = format!("{what} collides with {described}");
            let mut problem = Diagnostic::error(Code::Collision, message, member.span);
            if let Some(span) = found.span {
                problem = problem.label(span, "the other one");
            }
            self.report(problem);
            return None;
        }
        all.weight += weight(&member.cond) + member.features.len();
        all.push(Member {
            name,
            ty: ty?,
            optional: member.optional,
            cond: member.cond.clone(),
            features: features::finish(&member.features, |one| self.text(one.span, one.name)),
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
            owner: self.drafts[owner.0 as usize].name,
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
    here: Option<&'d (&'static str, &'d str)>,
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
        match self.here.is_some_and(|(_, here)| *here == owner) {
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
