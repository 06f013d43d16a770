//! What can stand at the end of a line, and hints about what is missing there.

use qmp_runtime::json::{Map, Value};

use crate::input::{arguments_so_far, as_object, tag_value, type_at};
use crate::schema::{MAX_LEVELS, Member, Schema, Type};
use crate::words::{Word, words};

/// What the shell itself understands.
pub(crate) const BUILTINS: [&str; 3] = ["exit", "help", "hmp"];

/// Ways to go on from a place in the line.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Candidates {
    /// Where what they replace starts, in bytes.
    pub(crate) start: usize,
    pub(crate) texts: Vec<String>,
}

/// What can stand at the end of a line.
pub(crate) fn candidates(line: &str, schema: &Schema) -> Candidates {
    let mut words = words(line);
    let ends_in_blank = line.is_empty() || line.ends_with(char::is_whitespace);
    let last = match words.pop() {
        Some(last) if !ends_in_blank => last,
        last => {
            words.extend(last);
            Word {
                text: "",
                start: line.len(),
            }
        }
    };
    let Some(first) = words.first() else {
        return names(last, schema, true);
    };
    if first.text == "help" {
        return match words.get(1) {
            None => names(last, schema, false),
            Some(command) => of_arguments(command.text, &words[2..], last, schema),
        };
    }
    of_arguments(
        first.text.trim_start_matches('!'),
        &words[1..],
        last,
        schema,
    )
}

fn names(last: Word<'_>, schema: &Schema, runs: bool) -> Candidates {
    let (mark, prefix) = match last.text.strip_prefix('!') {
        Some(prefix) => ("!", prefix),
        None => ("", last.text),
    };
    let commands = schema
        .commands
        .iter()
        .filter(|(_, command)| mark.is_empty() || command.oob)
        .map(|(name, _)| name.as_str());
    let events = schema.events.keys().map(String::as_str);
    let builtins = BUILTINS.into_iter().filter(|_| mark.is_empty());
    let all: Box<dyn Iterator<Item = &str>> = if runs {
        Box::new(commands.chain(builtins))
    } else {
        Box::new(commands.chain(events))
    };
    let mut texts: Vec<String> = all
        .filter(|name| name.starts_with(prefix))
        .map(|name| format!("{mark}{name} "))
        .collect();
    texts.sort_unstable();
    Candidates {
        start: last.start,
        texts,
    }
}

fn of_arguments(command: &str, before: &[Word<'_>], last: Word<'_>, schema: &Schema) -> Candidates {
    let so_far = arguments_so_far(command, before, schema);
    let Some(root) = schema.arguments_of(command) else {
        return Candidates::default();
    };
    match last.argument() {
        Some((key, value)) => of_value(root, key, value, last, &so_far, schema),
        None => of_key(root, last, &so_far, schema),
    }
}

/// Values behind `key=`; behind the last comma in a list.
fn of_value(
    root: &str,
    key: &str,
    value: &str,
    last: Word<'_>,
    so_far: &Map<String, Value>,
    schema: &Schema,
) -> Candidates {
    let path: Vec<&str> = key.split('.').collect();
    let Some(ty) = type_at(schema, root, &path, so_far) else {
        return Candidates::default();
    };
    let is_list = matches!(schema.ty(ty), Some(Type::Array(_)));
    let done = value.rfind(',').filter(|_| is_list).map_or(0, |at| at + 1);
    let end = if is_list { "" } else { " " };
    let texts = schema
        .values(ty)
        .into_iter()
        .filter(|text| text.starts_with(&value[done..]))
        .map(|text| format!("{text}{end}"))
        .collect();
    Candidates {
        start: last.start + key.len() + 1 + done,
        texts,
    }
}

/// Members of the object that the path so far leads to.
fn of_key(root: &str, last: Word<'_>, so_far: &Map<String, Value>, schema: &Schema) -> Candidates {
    let path: Vec<&str> = last.text.split('.').collect();
    let (prefix, above) = path.split_last().unwrap_or((&"", &[]));
    let mut given = Some(so_far);
    for key in above {
        given = given.and_then(|given| given.get(*key)?.as_object());
    }
    let ty = if above.is_empty() {
        Some(root)
    } else {
        type_at(schema, root, above, so_far)
    };
    let object = ty.and_then(|ty| as_object(schema, ty));
    let members = object.into_iter().flat_map(|object| {
        let tag = tag_value(object, given);
        schema.members(object, tag)
    });
    let texts = members
        .filter(|member| member.name.starts_with(prefix))
        .filter(|member| {
            given.is_none_or(|given| !given.contains_key(&member.name) || is_nested(schema, member))
        })
        .map(|member| {
            format!(
                "{}{}",
                member.name,
                if is_nested(schema, member) { "." } else { "=" }
            )
        })
        .collect();
    Candidates {
        start: last.start + last.text.len() - prefix.len(),
        texts,
    }
}

fn is_nested(schema: &Schema, member: &Member) -> bool {
    matches!(schema.ty(&member.ty), Some(Type::Object(_)))
}

/// What is still missing at the end of a line: the rest of the only name that fits, and the arguments that
/// have to be given.
pub(crate) fn hint(line: &str, schema: &Schema) -> Option<String> {
    let words = words(line);
    let (first, rest) = words.split_first()?;
    let name = first.text.trim_start_matches('!');
    let command = schema.commands.get(name)?;
    if rest.is_empty() && !line.ends_with(' ') && others_start_with(name, schema) {
        return None;
    }
    let object = schema.object(command.arguments.as_deref()?)?;
    // While a word is being typed, what is missing is behind it.
    if !rest.is_empty() && !line.ends_with(' ') {
        return None;
    }
    let so_far = arguments_so_far(name, rest, schema);
    let tag = tag_value(object, Some(&so_far));
    let missing: Vec<String> = schema
        .members(object, tag)
        .filter(|member| !member.optional && !so_far.contains_key(&member.name))
        .map(|member| format!("{}=<{}>", member.name, brief(schema, &member.ty)))
        .collect();
    let gap = if line.ends_with(' ') { "" } else { " " };
    (!missing.is_empty()).then(|| format!("{gap}{}", missing.join(" ")))
}

fn others_start_with(name: &str, schema: &Schema) -> bool {
    let mut following = schema.commands.range(name.to_owned()..).skip(1);
    following
        .next()
        .is_some_and(|(other, _)| other.starts_with(name))
}

/// A type in a few letters.
pub(crate) fn brief(schema: &Schema, ty: &str) -> String {
    brief_within(schema, ty, MAX_LEVELS)
}

fn brief_within(schema: &Schema, ty: &str, levels: usize) -> String {
    match schema.ty(ty) {
        Some(Type::Builtin(json)) => match json.as_str() {
            "string" => "str".into(),
            "boolean" => "bool".into(),
            "value" => "any".into(),
            json => json.into(),
        },
        Some(Type::Enum(values)) if values.len() <= 4 => values.join("|"),
        Some(Type::Enum(_)) => "enum".into(),
        Some(Type::Array(element)) if levels > 0 => {
            format!("[{}]", brief_within(schema, element, levels - 1))
        }
        Some(Type::Object(_)) => "object".into(),
        Some(Type::Alternate(types)) if levels > 0 => {
            let names = types.iter().map(|ty| brief_within(schema, ty, levels - 1));
            let mut names: Vec<String> = names.collect();
            names.dedup();
            names.join("|")
        }
        _ => "any".into(),
    }
}
