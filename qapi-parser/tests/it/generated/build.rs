//! Random parts put together to a schema that is valid.

use std::fmt::Write as _;

use super::parts::{Def, Part, Prose, feature_list};

/// Builds a text in which each definition uses those in front of it.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub(super) text: String,
    structs: Vec<String>,
    enums: Vec<(String, usize)>,
    types: Vec<String>,
}

impl Schema {
    fn ty(&self, part: &Part) -> String {
        let builtin = [
            "int", "str", "bool", "number", "size", "any", "null", "uint8",
        ];
        let all = builtin.len() + self.types.len();
        let name = match part.ty % all {
            at if at < builtin.len() => builtin[at],
            at => &self.types[at - builtin.len()],
        };
        match part.list {
            true => format!("[ '{name}' ]"),
            false => format!("'{name}'"),
        }
    }

    fn members(&self, parts: &[Part], start: usize, plain: bool) -> String {
        let member = |(at, part): (usize, &Part)| {
            let star = if part.optional { "*" } else { "" };
            let (name, ty) = (format!("{star}m-{at}"), self.ty(part));
            let keys = keys(part.cond.as_ref().filter(|_| !plain), &part.features);
            match keys.as_str() {
                "" => format!("'{name}': {ty}"),
                keys => format!("'{name}': {{ 'type': {ty}{keys} }}"),
            }
        };
        let all = parts
            .iter()
            .zip(start..)
            .map(|(part, at)| member((at, part)));
        all.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn add(&mut self, index: usize, def: &Def) {
        // A free-form comment would be taken for that of the definition, were there none.
        if def.doc.is_some() || !def.before.starts_with("##") {
            self.text += def.before;
        }
        let base = self.structs.last().filter(|_| def.based).cloned();
        let (start, count) = (index * 10, def.parts.len());
        let plain: Vec<String> = (start..start + count).map(|at| format!("m-{at}")).collect();
        let around = keys(def.cond.as_ref(), &def.features);
        let name = format!(
            "{}{index}x",
            ["Enum", "Struct", "Union", "Alternate", "do-", "DONE_"][def.kind]
        );
        let (name, documented, body) = match def.kind {
            0 => self.enumeration(name, start, def),
            2 if !self.enums.is_empty() => self.union(name, start, def),
            3 => (
                name.clone(),
                vec!["o".to_owned(), "s".to_owned()],
                self.alternate(&name),
            ),
            4 => self.command(name, plain, start, def),
            5 => {
                let name = format!("DONE_{index}");
                let data = self.members(&def.parts, start, true);
                (
                    name.clone(),
                    plain,
                    format!("'event': '{name}', 'data': {{ {data} }}"),
                )
            }
            _ => {
                let name = format!("Struct{index}x");
                let data = self.members(&def.parts, start, false);
                let base = base.map_or(String::new(), |base| format!(", 'base': '{base}'"));
                self.structs.push(name.clone());
                (
                    name.clone(),
                    plain,
                    format!("'struct': '{name}'{base}, 'data': {{ {data} }}"),
                )
            }
        };
        if let Some(prose) = &def.doc {
            self.comment(&name, &documented, def, prose);
        }
        let _ = writeln!(self.text, "{{ {body}{around} }}");
        if def.kind < 4 {
            self.types.push(name);
        }
    }

    fn enumeration(
        &mut self,
        name: String,
        start: usize,
        def: &Def,
    ) -> (String, Vec<String>, String) {
        let names: Vec<String> = (start..=start + def.parts.len())
            .map(|at| format!("v-{at}"))
            .collect();
        let value = |(at, name): (usize, &String)| match def.parts.get(at) {
            Some(part) => format!(
                "{{ 'name': '{name}'{} }}",
                keys(part.cond.as_ref(), &part.features)
            ),
            None => format!("'{name}'"),
        };
        let values: Vec<String> = names.iter().enumerate().map(value).collect();
        self.enums.push((name.clone(), start));
        let body = format!("'enum': '{name}', 'data': [ {} ]", values.join(", "));
        (name, names, body)
    }

    fn union(&mut self, name: String, start: usize, def: &Def) -> (String, Vec<String>, String) {
        let (tag_type, first) = &self.enums[self.enums.len() - 1];
        let members = self.members(&def.parts, start, false);
        let comma = if members.is_empty() { "" } else { ", " };
        // Its members must not be those of the common part.
        let branch = match def.flag {
            true => format!(" 'v-{first}': 'Leaf'"),
            false => String::new(),
        };
        let body = format!(
            "'union': '{name}', 'base': {{ 'tag': '{tag_type}'{comma}{members} }}, \
             'discriminator': 'tag', 'data': {{{branch} }}"
        );
        let mut documented = vec!["tag".to_owned()];
        documented.extend((start..start + def.parts.len()).map(|at| format!("m-{at}")));
        (name, documented, body)
    }

    fn alternate(&self, name: &str) -> String {
        let object = self.structs.first().map_or("Leaf", String::as_str);
        format!("'alternate': '{name}', 'data': {{ 'o': '{object}', 's': 'str' }}")
    }

    fn command(
        &self,
        name: String,
        plain: Vec<String>,
        start: usize,
        def: &Def,
    ) -> (String, Vec<String>, String) {
        let returns = self.structs.last().map_or("Leaf", String::as_str);
        let (data, documented) = match def.flag {
            true => (format!("'{returns}', 'boxed': true"), Vec::new()),
            false => (
                format!("{{ {} }}", self.members(&def.parts, start, true)),
                plain,
            ),
        };
        let flag = match def.based {
            true => ", 'allow-oob': true",
            false => ", 'gen': false, 'success-response': false",
        };
        let body = format!("'command': '{name}', 'data': {data}, 'returns': [ '{returns}' ]{flag}");
        (name, documented, body)
    }

    /// A comment that describes all that is to be described.
    fn comment(&mut self, name: &str, members: &[String], def: &Def, prose: &Prose) {
        let text = &mut self.text;
        let _ = writeln!(text, "##\n# @{name}:\n#");
        for line in &prose.body {
            let _ = writeln!(text, "{}", format!("# {line}").trim_end());
        }
        let mut parts = prose.part.iter().cycle();
        let mut describe = |text: &mut String, name: &str| {
            let _ = writeln!(text, "#\n# @{name}: {}", parts.next().unwrap_or(&"x"));
        };
        members.iter().for_each(|name| describe(text, name));
        let mut features: Vec<&str> = def.features.iter().map(|(name, _)| name.as_str()).collect();
        // The features of members belong to the same list.
        for (name, _) in def.parts.iter().flat_map(|part| &part.features) {
            if !features.contains(&name.as_str()) {
                features.push(name);
            }
        }
        let of_parts = !members.is_empty() && !matches!(def.kind, 3);
        features.retain(|name| of_parts || def.features.iter().any(|(own, _)| own == name));
        if !features.is_empty() {
            let _ = writeln!(text, "#\n# Features:");
            features.iter().for_each(|name| describe(text, name));
        }
        for section in &prose.sections {
            let _ = writeln!(text, "#\n# {section}");
        }
        text.push_str("##\n");
    }
}

pub(super) fn keys(cond: Option<&String>, features: &[(String, Option<String>)]) -> String {
    let mut out = String::new();
    if let Some(cond) = cond {
        let _ = write!(out, ", 'if': {cond}");
    }
    if !features.is_empty() {
        let _ = write!(out, ", 'features': [ {} ]", feature_list(features));
    }
    out
}
