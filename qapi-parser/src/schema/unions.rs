//! Unions: the discriminator and the branches.

use foldhash::HashSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Entry, Node, Value};
use crate::suggest::nearest;

use super::ast::{DefinitionKind, RawBranch, RawVariants};
use super::draft::DraftKind;
use super::lower::{Lower, collect};
use super::model::{Branch, Cond, EntityId, EntityKind, EnumMember, Members, Union};
use super::resolve::Resolver;
use super::structs::{Flat, weight};

impl<'t> Lower<'_, 't> {
    pub(super) fn union(
        &mut self,
        node: &Node<'t>,
        entries: &[Entry<'t>],
        name: &str,
    ) -> Option<DefinitionKind<'t>> {
        let required = ["union", "base", "discriminator", "data"];
        if !self.keys(entries, node.span, &"union", &required, &["if", "features"]) {
            return None;
        }
        let base = self.data(node.get("base")?, &"'base'", Some(name));
        let discriminator = node.get("discriminator")?;
        let tag = match &discriminator.value {
            Value::Str(tag) => Some(*tag),
            _ => None,
        };
        if tag.is_none() {
            let message = "'discriminator' requires a string name";
            self.error(Code::BadValue, message, discriminator.span);
        }
        let branches = self.branches(node.get("data")?, false);
        let variants = RawVariants {
            tag: tag?,
            tag_span: discriminator.span,
            branches: branches?,
        };
        Some(DefinitionKind::Union {
            base: base?,
            variants,
        })
    }
}

impl<'d> Resolver<'d> {
    /// Resolves the discriminator and the branches of the union at hand.
    pub(super) fn variants(
        &mut self,
        id: EntityId,
        variants: &RawVariants<'d>,
        common: &mut Flat,
    ) -> Option<EntityKind> {
        let tag = self.tag(id, variants, common)?;
        let tag_type = common.list[tag].ty;
        let drafts = self.drafts;
        let DraftKind::Enum(values) = &drafts[tag_type.0 as usize].kind else {
            return None;
        };
        let mut branches = self.branches(variants, &values.members, tag_type);
        if variants.branches.is_empty() && values.members.is_empty() {
            let message = "union has no branches";
            self.report(Diagnostic::error(
                Code::NoBranches,
                message,
                variants.tag_span,
            ));
        }
        let written: HashSet<&str> = variants.branches.iter().map(|one| one.name).collect();
        let cost = values.members.iter().map(|value| weight(&value.cond)).sum();
        if !self.spend(cost) {
            return None;
        }
        let empty = self.symbols.find("q_empty")?;
        let empty = self.symbols.meaning(empty).entity?;
        let implied = values
            .members
            .iter()
            .filter(|value| !written.contains(value.name.as_str()));
        branches.extend(implied.map(|value| Branch {
            case: value.name.clone(),
            ty: empty,
            cond: value.cond.clone(),
            span: None,
        }));
        self.branch_clashes(id, &branches, common);
        let members = Members::new(common.list.drain(..).collect());
        Some(EntityKind::Union(Union {
            base: common.base?,
            members,
            tag,
            tag_type,
            branches,
        }))
    }

    /// The index of the discriminator among the members.
    fn tag(&mut self, id: EntityId, variants: &RawVariants<'_>, common: &Flat) -> Option<usize> {
        let RawVariants { tag, tag_span, .. } = variants;
        let Some(index) = common.list.iter().position(|one| one.name == *tag) else {
            let message = format!("discriminator '{tag}' is not a member of 'base'");
            let mut problem = Diagnostic::error(Code::BadDiscriminator, message, *tag_span);
            let members = common.list.iter().map(|member| member.name.as_str());
            if let Some(meant) = nearest(tag, members) {
                problem = problem.help(format!("did you mean '{meant}'?"));
            }
            self.report(problem);
            return None;
        };
        let member = &common.list[index];
        let drafts = self.drafts;
        let owner = &drafts[self.owner(id, common, index).0 as usize];
        let base = match owner.implicit {
            true => "'base'".to_owned(),
            false => format!("base type '{}'", owner.name),
        };
        let rule = if !matches!(drafts[member.ty.0 as usize].kind, DraftKind::Enum(_)) {
            "be of enum type"
        } else if member.optional {
            "not be optional"
        } else if member.cond != Cond::Always {
            "not be conditional"
        } else {
            return Some(index);
        };
        let message = format!("discriminator member '{tag}' of {base} must {rule}");
        let problem = Diagnostic::error(Code::BadDiscriminator, message, *tag_span);
        self.report(match member.span {
            Some(span) => problem.label(span, "this member"),
            None => problem,
        });
        None
    }

    /// The branches that are written.
    fn branches(
        &mut self,
        variants: &RawVariants<'_>,
        values: &[EnumMember],
        tag_type: EntityId,
    ) -> Vec<Branch> {
        let known: HashSet<&str> = values.iter().map(|value| value.name.as_str()).collect();
        let branch = |branch: &RawBranch| {
            let ty = self.branch(branch, &known, tag_type)?;
            let (case, cond) = (self.text(branch.span, branch.name), branch.cond.clone());
            Some(Branch {
                case,
                ty,
                cond,
                span: Some(branch.span),
            })
        };
        // Those that are implied come behind them.
        let count = values.len().max(variants.branches.len());
        collect(count, variants.branches.iter().filter_map(branch))
    }

    fn branch(
        &mut self,
        branch: &RawBranch<'_>,
        known: &HashSet<&str>,
        tag_type: EntityId,
    ) -> Option<EntityId> {
        let what = format_args!("branch '{}'", branch.name);
        let ty = self.lookup(&branch.ty, &what)?;
        let drafts = self.drafts;
        if !known.contains(branch.name) {
            let values = drafts[tag_type.0 as usize].describe();
            let message = format!("{what} is not a value of {values}");
            let problem = Diagnostic::error(Code::UnknownBranch, message, branch.span);
            let meant = nearest(branch.name, known.iter().copied());
            self.report(match meant {
                Some(meant) => problem.help(format!("did you mean '{meant}'?")),
                None => problem,
            });
            return None;
        }
        let draft = &drafts[ty.0 as usize];
        if !matches!(draft.kind, DraftKind::Object { .. }) {
            let message = format!("{what} cannot use {}", draft.describe());
            self.report(Diagnostic::error(Code::WrongType, message, branch.ty.span));
            return None;
        }
        self.object(ty).then_some(ty)
    }

    /// Refuses members of branches that have the name of a common member. What a branch that is a
    /// union has in its own branches counts too; each type is looked at once.
    fn branch_clashes(&mut self, union: EntityId, branches: &[Branch], common: &Flat) {
        let mut visited = HashSet::default();
        let mut stack = Vec::new();
        for branch in branches {
            stack.push(branch.ty);
            while let Some(id) = stack.pop() {
                if visited.insert(id) && self.spend(1) {
                    self.common_clash(id, union, common, branch);
                    if let Some(EntityKind::Union(inner)) = &self.kinds[id.0 as usize] {
                        stack.extend(inner.branches.iter().rev().map(|branch| branch.ty));
                    }
                }
            }
        }
    }

    fn common_clash(&mut self, id: EntityId, union: EntityId, common: &Flat, branch: &Branch) {
        let Some(members) = &self.flat[id.0 as usize] else {
            return;
        };
        let find = |(index, member): (usize, &super::model::Member)| {
            let other = common.find(&common.list, &member.name)?;
            Some((index, other))
        };
        let Some((index, other)) = self.list(id).iter().enumerate().find_map(find) else {
            return;
        };
        let (mine, theirs) = (&self.list(id)[index], &common.list[other]);
        let message = format!(
            "{} collides with {}",
            self.describe_member(&mine.name, self.owner(id, members, index)),
            self.describe_member(&theirs.name, self.owner(union, common, other))
        );
        let place = branch.span.or(mine.span).or(theirs.span);
        let Some(place) = place else { return };
        let mut problem = Diagnostic::error(Code::Collision, message, place);
        for (span, text) in [
            (mine.span, "the member"),
            (theirs.span, "the common member"),
        ] {
            if let Some(span) = span {
                problem = problem.label(span, text);
            }
        }
        self.report(problem);
    }
}
