//! What depends on the tag of a union.

use qapi_parser::schema::{Branch, Cond, EntityId, EntityKind, EnumMember, Union};

use super::code::{Code, Ident, code};
use super::context::{Context, Place};
use super::graph::Hold;
use super::{docs, features};

struct Variant<'s> {
    name: Ident,
    value: &'s EnumMember,
    /// What the branch holds, if it holds anything.
    data: Option<Code>,
    /// The attributes of its condition, and of the opposite, where it may be without data.
    when: Code,
    /// What the user adds.
    custom: Code,
    otherwise: Option<Code>,
}

/// The enum with a variant for each value of the tag, and its table.
pub(crate) fn items(context: &Context<'_>, id: EntityId, union: &Union) -> Vec<Code> {
    let name = context.tag_name(id);
    let tag = context.ty(union.tag_type, Place::Types);
    let (values, other) = context.values(union.tag_type);
    let variants: Vec<Variant<'_>> = values
        .into_iter()
        .flat_map(|(value, name)| variant(context, id, union, value, name).by_condition())
        .collect();
    let summary = docs::attributes(&docs::tag(context, id, &union.members[union.tag].name));
    let definitions = variants
        .iter()
        .map(|variant| definition(context, union.tag_type, variant));
    let rows = variants.iter().map(Variant::row);
    let custom = context.attributes(id);
    vec![
        code! {
            #summary
            #[derive(Clone)]
            #[non_exhaustive]
            #custom
            pub enum #name {
                #(#definitions,)*
                #[doc = " A branch that these bindings do not know."]
                #other(::qmp_runtime::codec::UnrecognizedBranch),
            }
        },
        code!(::qmp_runtime::variants!(#name, #tag, #other, [#(#rows),*]);),
    ]
}

fn variant<'s>(
    context: &Context<'_>,
    id: EntityId,
    union: &Union,
    value: &'s EnumMember,
    name: Ident,
) -> Variant<'s> {
    let mut branches = union.branches.iter();
    let branch = branches.find(|branch| branch.case == value.name);
    let kept = branch.filter(|branch| context.keeps(&branch.cond));
    let data = kept.and_then(|branch| data(context, id, branch));
    let branch_cond = kept.map(|branch| &branch.cond).filter(|_| data.is_some());
    let differs = branch_cond.filter(|cond| **cond != value.cond && **cond != Cond::Always);
    let before = context.cfg(&value.cond);
    Variant {
        name,
        value,
        data,
        custom: context.field_attributes(id, &value.name),
        when: {
            let branch = differs.map(|cond| context.cfg(cond));
            code!(#before #branch)
        },
        otherwise: differs
            .map(|cond| super::cfg::inverse(context.options, cond))
            .filter(|cfg| *cfg != Code::default())
            .map(|cfg| code!(#before #cfg)),
    }
}

/// The type of a branch's data; none where it has no members.
fn data(context: &Context<'_>, union: EntityId, branch: &Branch) -> Option<Code> {
    let entity = context.entity(branch.ty);
    if entity.implicit && matches!(entity.kind, EntityKind::Struct(_)) {
        return None;
    }
    let ty = context.ty(branch.ty, Place::Types);
    let boxed = context.boxes(union, branch.ty, Hold::Branch);
    Some(if boxed {
        code!(::std::boxed::Box<#ty>)
    } else {
        ty
    })
}

fn definition(context: &Context<'_>, tag_type: EntityId, variant: &Variant<'_>) -> Code {
    let Variant {
        name,
        value,
        data,
        when,
        custom,
        ..
    } = variant;
    let docs = docs::branch(&value.name, data.is_some());
    let docs = docs::attributes(&docs::remarks(context, docs, &value.features, &value.cond));
    let deprecated = features::deprecated(context, tag_type, &value.features);
    match data {
        Some(data) => code!(#docs #deprecated #when #custom #name(#data)),
        None => code!(#docs #deprecated #when #custom #name),
    }
}

impl<'s> Variant<'s> {
    /// The variant with its data, and, where the branch may be left out by itself, without.
    fn by_condition(self) -> Vec<Variant<'s>> {
        let without = self.otherwise.as_ref().map(|when| Variant {
            name: self.name.clone(),
            value: self.value,
            data: None,
            when: when.clone(),
            custom: self.custom.clone(),
            otherwise: None,
        });
        [Some(self), without].into_iter().flatten().collect()
    }

    fn row(&self) -> Code {
        let (name, when) = (&self.name, &self.when);
        match &self.data {
            Some(data) => code!(#when #name(#data)),
            None => code!(#when #name),
        }
    }
}
