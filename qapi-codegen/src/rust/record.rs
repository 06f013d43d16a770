//! What structs, unions, arguments and event data have in common: public fields, `new`, a table.

use qapi_parser::schema::{Builtin, EntityId, EntityKind, Member};

use super::code::{Code, Ident, code};
use super::context::{Context, Place};
use super::docs::{self, Docs};
use super::features;
use super::graph::Hold;
use super::names::{self, Scope};

/// More parameters than this need clippy's leave.
const MANY_PARAMETERS: usize = 7;

/// One field.
#[derive(Debug)]
struct Field {
    wire: String,
    name: Ident,
    ty: Code,
    optional: bool,
    /// Taken by `new` as anything that becomes a string.
    is_string: bool,
    attributes: Code,
    /// Its condition, as an attribute.
    cfg: Code,
    flags: Vec<Ident>,
}

/// A struct to be emitted.
#[derive(Debug)]
pub(crate) struct Record {
    name: Ident,
    docs: Docs,
    attributes: Code,
    fields: Vec<Field>,
}

impl Record {
    /// A record without members.
    pub(crate) fn empty(name: Ident, docs: Docs, attributes: Code) -> Self {
        Record {
            name,
            docs,
            attributes,
            fields: Vec::new(),
        }
    }

    /// A record with the members of the object type `ty`, which `owner` documents.
    pub(crate) fn of(
        context: &Context<'_>,
        (ty, owner): (EntityId, EntityId),
        place: Place,
        name: Ident,
        docs: Docs,
        attributes: Code,
    ) -> Self {
        let members = context.members(ty);
        let wanted = members.iter().map(|member| member.name.as_str());
        let wanted = context.wanted(owner, wanted, names::snake);
        let names = Scope::default().claim(&wanted);
        let tag_member = context.union(ty).map(|union| &union.members[union.tag]);
        let tag =
            tag_member.and_then(|tag| members.iter().position(|member| std::ptr::eq(*member, tag)));
        let mut fields = Vec::new();
        for (index, (member, name)) in members.into_iter().zip(names).enumerate() {
            let tag_of = (tag == Some(index)).then_some(ty);
            fields.push(Field::new(
                context,
                (ty, owner),
                place,
                member,
                name,
                tag_of,
            ));
        }
        Record {
            name,
            docs,
            attributes,
            fields,
        }
    }

    /// The struct, its constructor and its table.
    pub(crate) fn items(&self) -> Vec<Code> {
        let mut items = vec![self.definition()];
        items.extend(self.constructor());
        items.push(self.table());
        items
    }

    fn definition(&self) -> Code {
        let Record {
            name, attributes, ..
        } = self;
        let docs = docs::attributes(&self.docs);
        let default = self
            .fields
            .iter()
            .all(|field| field.optional)
            .then(|| code!(, Default));
        let fields = self.fields.iter().map(Field::definition);
        code! {
            #docs
            #[derive(Clone #default)]
            #attributes
            pub struct #name { #(#fields,)* }
        }
    }

    /// Nothing where there is nothing to give: `Default` does the same.
    fn constructor(&self) -> Option<Code> {
        let required = self.fields.iter().filter(|field| !field.optional);
        let parameters: Vec<Code> = required.map(Field::parameter).collect();
        if parameters.is_empty() {
            return None;
        }
        let name = &self.name;
        let values = self.fields.iter().map(Field::value);
        let leave = (parameters.len() > MANY_PARAMETERS)
            .then(|| code!(#[allow(clippy::too_many_arguments, reason = "the schema requires as many members")]));
        Some(code! {
            impl #name {
                /// A value with the required members; the optional ones are absent.
                #leave
                pub fn new(#(#parameters),*) -> Self {
                    Self { #(#values),* }
                }
            }
        })
    }

    fn table(&self) -> Code {
        let name = &self.name;
        let rows = self.fields.iter().map(Field::row);
        code!(::qmp_runtime::record!(#name, [#(#rows),*]);)
    }
}

impl Field {
    fn new(
        context: &Context<'_>,
        (ty, owner): (EntityId, EntityId),
        place: Place,
        member: &Member,
        name: Ident,
        tag_of: Option<EntityId>,
    ) -> Self {
        let mut tokens = match tag_of {
            Some(union) if place == Place::Types => {
                let tag = context.tag_name(union);
                code!(#tag)
            }
            _ => context.ty(member.ty, place),
        };
        if context.boxes(ty, member.ty, Hold::of(member)) {
            tokens = code!(::std::boxed::Box<#tokens>);
        }
        let docs = docs::member(context, owner, &member.name, tag_of.is_some());
        let docs = docs::attributes(&docs::remarks(
            context,
            docs,
            &member.features,
            &member.cond,
        ));
        let deprecated = features::deprecated(context, owner, &member.features);
        Field {
            wire: member.name.to_string(),
            name,
            ty: tokens,
            optional: member.optional || context.may_lack(member),
            is_string: matches!(
                context.entity(member.ty).kind,
                EntityKind::Builtin(Builtin::Str)
            ),
            attributes: {
                let before = context.before(owner, &member.name, &member.cond);
                code!(#docs #deprecated #before)
            },
            cfg: context.cfg(&member.cond),
            flags: {
                let tag = tag_of.map(|_| Ident::new("tag"));
                features::flags(&member.features)
                    .into_iter()
                    .chain(tag)
                    .collect()
            },
        }
    }

    fn definition(&self) -> Code {
        let Field {
            name,
            ty,
            attributes,
            ..
        } = self;
        let ty = if self.optional {
            code!(::std::option::Option<#ty>)
        } else {
            code!(#ty)
        };
        code!(#attributes pub #name: #ty)
    }

    fn parameter(&self) -> Code {
        let Field { name, ty, cfg, .. } = self;
        if self.is_string {
            code!(#cfg #name: impl ::std::convert::Into<#ty>)
        } else {
            code!(#cfg #name: #ty)
        }
    }

    fn value(&self) -> Code {
        let Field { name, cfg, .. } = self;
        if self.optional {
            code!(#cfg #name: ::std::option::Option::None)
        } else if self.is_string {
            code!(#cfg #name: #name.into())
        } else {
            code!(#cfg #name)
        }
    }

    fn row(&self) -> Code {
        let Field {
            wire,
            name,
            flags,
            cfg,
            ..
        } = self;
        if flags.is_empty() {
            code!(#cfg (#wire, #name))
        } else {
            code!(#cfg (#wire, #name, #(#flags)*))
        }
    }
}
