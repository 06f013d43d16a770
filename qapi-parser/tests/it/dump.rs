//! The schema in the form in which QEMU's test suite dumps it.

use std::fmt::Write as _;

use qapi_parser::schema::{Cond, Entity, EntityId, EntityKind, Feature, Member, ModuleId, Schema};

/// All modules with their definitions; comments left out.
pub(crate) fn dump(schema: &Schema) -> String {
    let mut out = String::new();
    for (index, module) in schema.modules().iter().enumerate() {
        let id = ModuleId(u32::try_from(index).unwrap());
        writeln!(out, "module {}", module.name).unwrap();
        let mut includes = schema.includes().iter().peekable();
        for at in 0..=schema.entities().len() {
            while let Some(include) = includes.next_if(|include| include.before == at) {
                if include.module == id {
                    writeln!(out, "include {}", schema.module(include.target).name).unwrap();
                }
            }
            if let Some(entity) = schema
                .entities()
                .get(at)
                .filter(|entity| entity.module == id)
            {
                Dump {
                    schema,
                    out: &mut out,
                }
                .entity(entity);
            }
        }
    }
    out
}

struct Dump<'s> {
    schema: &'s Schema,
    out: &'s mut String,
}

impl Dump<'_> {
    fn line(&mut self, line: &str) {
        writeln!(self.out, "{line}").unwrap();
    }

    fn name(&self, id: EntityId) -> String {
        self.schema.entity(id).name.to_string()
    }

    fn entity(&mut self, entity: &Entity) {
        let name = &entity.name;
        match &entity.kind {
            EntityKind::Builtin(_) => return,
            EntityKind::Array { element } => {
                if entity.module != ModuleId(0) {
                    let element = self.name(*element);
                    self.line(&format!("array {name} {element}"));
                }
            }
            EntityKind::Enum(it) => {
                self.line(&format!("enum {name}"));
                if let Some(prefix) = &it.prefix {
                    self.line(&format!("    prefix {prefix}"));
                }
                for member in &it.members {
                    self.line(&format!("    member {}", member.name));
                    self.tail(&member.cond, &member.features, 8);
                }
            }
            EntityKind::Struct(it) => {
                self.line(&format!("object {name}"));
                self.base(it.base);
                it.local_members
                    .iter()
                    .for_each(|member| self.member(member));
            }
            EntityKind::Union(it) => {
                self.line(&format!("object {name}"));
                self.base(Some(it.base));
                self.line(&format!("    tag {}", it.members[it.tag].name));
                for branch in &it.branches {
                    self.case(&branch.case, branch.ty, &branch.cond);
                }
            }
            EntityKind::Alternate(it) => {
                self.line(&format!("alternate {name}\n    tag type"));
                for one in &it.alternatives {
                    self.case(&one.name, one.ty, &one.cond);
                }
            }
            EntityKind::Command(_) | EntityKind::Event(_) => self.message(entity),
        }
        // QEMU leaves out the conditions of arrays.
        if !matches!(entity.kind, EntityKind::Array { .. }) {
            self.tail(&entity.cond, &entity.features, 4);
        }
    }

    fn message(&mut self, entity: &Entity) {
        let name = &entity.name;
        let ty = |id: Option<EntityId>| id.map_or("None".to_owned(), |id| self.name(id));
        let python = |flag: bool| if flag { "True" } else { "False" };
        let text = match &entity.kind {
            EntityKind::Command(it) => format!(
                "command {name} {} -> {}\n    gen={} success_response={} boxed={} oob={} \
                 preconfig={}{}",
                ty(it.arg_type),
                ty(it.ret_type),
                python(it.generate),
                python(it.success_response),
                python(it.boxed),
                python(it.allow_oob),
                python(it.allow_preconfig),
                if it.coroutine { " coroutine=True" } else { "" },
            ),
            EntityKind::Event(it) => {
                format!(
                    "event {name} {}\n    boxed={}",
                    ty(it.arg_type),
                    python(it.boxed)
                )
            }
            _ => return,
        };
        self.line(&text);
    }

    fn base(&mut self, base: Option<EntityId>) {
        if let Some(base) = base {
            let base = self.name(base);
            self.line(&format!("    base {base}"));
        }
    }

    fn member(&mut self, member: &Member) {
        let ty = self.name(member.ty);
        let optional = if member.optional { "True" } else { "False" };
        self.line(&format!(
            "    member {}: {ty} optional={optional}",
            member.name
        ));
        self.tail(&member.cond, &member.features, 8);
    }

    fn case(&mut self, name: &str, ty: EntityId, cond: &Cond) {
        let ty = self.name(ty);
        self.line(&format!("    case {name}: {ty}"));
        self.tail(cond, &[], 8);
    }

    fn tail(&mut self, cond: &Cond, features: &[Feature], indent: usize) {
        let space = " ".repeat(indent);
        match cond {
            Cond::Always => {}
            Cond::Symbol(name) => self.line(&format!("{space}if {name}")),
            other => self.line(&format!("{space}if {}", python(other))),
        }
        for feature in features {
            self.line(&format!("{space}feature {}", feature.name));
            self.tail(&feature.cond, &[], indent + 4);
        }
    }
}

/// A condition as Python prints it.
fn python(cond: &Cond) -> String {
    let list = |terms: &[Cond]| terms.iter().map(python).collect::<Vec<_>>().join(", ");
    match cond {
        Cond::Always => String::new(),
        Cond::Symbol(name) => format!("'{name}'"),
        Cond::All(terms) => format!("{{'all': [{}]}}", list(terms)),
        Cond::Any(terms) => format!("{{'any': [{}]}}", list(terms)),
        Cond::Not(term) => format!("{{'not': {}}}", python(term)),
    }
}
