//! From a line of input to a request, its values converted by the types that the server tells.

use std::fs::File;

use qmp_runtime::json::{Map, Value};

use crate::schema::{MAX_LEVELS, Object, Schema, Type, closest};
use crate::words::{Word, unquote, words};

/// A command with its arguments.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) oob: bool,
    /// The `id` of a request that was written as JSON.
    pub(crate) id: Option<Value>,
    /// Files of which descriptors are sent along.
    pub(crate) files: Vec<File>,
}

/// Reads a request.
///
/// # Errors
/// It is none; the message says why.
pub(crate) fn read(line: &str, schema: &Schema) -> Result<Request, String> {
    if line.trim_start().starts_with('{') {
        return read_json(line);
    }
    read_words(&words(line), schema)
}

/// Reads a request whose words have been told apart.
///
/// # Errors
/// It is none; the message says why.
pub(crate) fn read_words(words: &[Word<'_>], schema: &Schema) -> Result<Request, String> {
    let (name, rest) = words.split_first().ok_or("there is no command")?;
    let (name, oob) = match name.text.strip_prefix('!') {
        Some(name) => (name, true),
        None => (name.text, false),
    };
    if !schema.commands.is_empty() && !schema.commands.contains_key(name) {
        return Err(unknown_command(name, schema));
    }
    let (files, rest): (Vec<&Word<'_>>, Vec<&Word<'_>>) =
        rest.iter().partition(|word| word.text.starts_with('<'));
    Ok(Request {
        name: name.to_owned(),
        arguments: arguments(name, &rest, schema)?,
        oob,
        id: None,
        files: files
            .iter()
            .map(|word| open(&word.text[1..]))
            .collect::<Result<_, _>>()?,
    })
}

fn open(path: &str) -> Result<File, String> {
    let file = File::options().read(true).write(true).open(path);
    file.or_else(|_| File::open(path))
        .map_err(|error| format!("{path}: {error}"))
}

pub(crate) fn unknown_command(name: &str, schema: &Schema) -> String {
    let names = schema.commands.keys().map(String::as_str);
    let remedy = match closest(name, names) {
        Some(close) => format!("did you mean '{close}'?"),
        None => "'help' lists what there is".into(),
    };
    format!("there is no command '{name}'; {remedy}")
}

/// A request as QMP has it, in either kind of quotes.
fn read_json(line: &str) -> Result<Request, String> {
    let value = json(line)?;
    let Value::Object(mut members) = value else {
        return Err("a request is a JSON object".into());
    };
    let (oob, name) = match (members.remove("execute"), members.remove("exec-oob")) {
        (Some(name), None) => (false, name),
        (None, Some(name)) => (true, name),
        _ => return Err("a request has a member 'execute' or 'exec-oob'".into()),
    };
    let Value::String(name) = name else {
        return Err("the member 'execute' is the name of a command".into());
    };
    let arguments = match members.remove("arguments") {
        None => Map::new(),
        Some(Value::Object(arguments)) => arguments,
        Some(_) => return Err("the member 'arguments' is an object".into()),
    };
    let id = members.remove("id");
    if let Some(other) = members.keys().next() {
        return Err(format!("a request has no member '{other}'"));
    }
    Ok(Request {
        name,
        arguments,
        oob,
        id,
        files: Vec::new(),
    })
}

fn json(text: &str) -> Result<Value, String> {
    let document = qmp_runtime::codec::parse_one(text).map_err(|error| error.desc().to_owned())?;
    document
        .value(document.root())
        .ok_or_else(|| "a number is out of range".to_owned())
}

fn arguments(
    command: &str,
    words: &[&Word<'_>],
    schema: &Schema,
) -> Result<Map<String, Value>, String> {
    let root = schema.arguments_of(command);
    let mut arguments = Map::new();
    for word in words {
        let Some((key, value)) = word.argument() else {
            if word.text.starts_with('{') {
                merge(&mut arguments, json(word.text)?)?;
                continue;
            }
            return Err(format!("'{}' is no argument; write KEY=VALUE", word.text));
        };
        let path: Vec<&str> = key.split('.').collect();
        let ty = root.and_then(|root| type_at(schema, root, &path, &arguments));
        let value =
            convert(schema, ty, value).map_err(|error| format!("argument '{key}': {error}"))?;
        insert(&mut arguments, &path, value)
            .map_err(|()| format!("argument '{key}': the same was given before"))?;
    }
    Ok(arguments)
}

fn merge(arguments: &mut Map<String, Value>, value: Value) -> Result<(), String> {
    let Value::Object(members) = value else {
        return Err("arguments written as JSON are an object".into());
    };
    for (key, value) in members {
        if arguments.insert(key.clone(), value).is_some() {
            return Err(format!("argument '{key}': the same was given before"));
        }
    }
    Ok(())
}

/// Puts a value where a path leads; a number is the place in a list.
fn insert(members: &mut Map<String, Value>, path: &[&str], value: Value) -> Result<(), ()> {
    let Some((key, rest)) = path.split_first() else {
        return Err(());
    };
    if rest.is_empty() {
        return match members.insert((*key).to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(()),
        };
    }
    let is_list = rest[0].parse::<usize>().is_ok();
    let inner = members.entry((*key).to_owned()).or_insert_with(|| {
        if is_list {
            Value::Array(Vec::new())
        } else {
            Value::Object(Map::new())
        }
    });
    match inner {
        Value::Object(inner) => insert(inner, rest, value),
        Value::Array(inner) => insert_in_list(inner, rest, value),
        _ => Err(()),
    }
}

fn insert_in_list(elements: &mut Vec<Value>, path: &[&str], value: Value) -> Result<(), ()> {
    let (at, rest) = path.split_first().ok_or(())?;
    let at: usize = at.parse().map_err(|_| ())?;
    if rest.is_empty() && at == elements.len() {
        elements.push(value);
        return Ok(());
    }
    if rest.is_empty() || at > elements.len() {
        return Err(());
    }
    if at == elements.len() {
        elements.push(Value::Object(Map::new()));
    }
    match &mut elements[at] {
        Value::Object(inner) => insert(inner, rest, value),
        _ => Err(()),
    }
}

/// The type of what a path leads to, given what is known of the arguments so far.
pub(crate) fn type_at<'s>(
    schema: &'s Schema,
    root: &'s str,
    path: &[&str],
    arguments: &Map<String, Value>,
) -> Option<&'s str> {
    let mut ty = root;
    let mut given = Some(arguments);
    for (at, key) in path.iter().enumerate() {
        ty = match schema.ty(ty)? {
            Type::Array(element) if key.parse::<usize>().is_ok() => element,
            Type::Object(_) | Type::Alternate(_) => {
                let object = as_object(schema, ty)?;
                let tag = tag_value(object, given);
                &schema.member(object, tag, key)?.ty
            }
            _ => return None,
        };
        given = given.and_then(|given| given.get(*key)?.as_object());
        if at > 64 {
            return None;
        }
    }
    Some(ty)
}

/// A type's object form; of an alternate, the one that is an object.
pub(crate) fn as_object<'s>(schema: &'s Schema, ty: &str) -> Option<&'s Object> {
    match schema.ty(ty)? {
        Type::Object(object) => Some(object),
        Type::Alternate(types) => types.iter().find_map(|ty| schema.object(ty)),
        _ => None,
    }
}

/// What the arguments so far say of an object's tag.
pub(crate) fn tag_value<'a>(
    object: &Object,
    given: Option<&'a Map<String, Value>>,
) -> Option<&'a str> {
    given?.get(object.tag.as_deref()?)?.as_str()
}

/// Converts the text of a value.
fn convert(schema: &Schema, ty: Option<&str>, text: &str) -> Result<Value, String> {
    convert_within(schema, ty, text, MAX_LEVELS)
}

fn convert_within(
    schema: &Schema,
    ty: Option<&str>,
    text: &str,
    levels: usize,
) -> Result<Value, String> {
    if let Some(unquoted) = unquote(text) {
        return unquoted.map(Value::String);
    }
    let Some(ty) = ty.and_then(|ty| schema.ty(ty)).filter(|_| levels > 0) else {
        return guess(text);
    };
    let is_json = text.starts_with(['{', '[']);
    match ty {
        Type::Builtin(json_type) => match json_type.as_str() {
            "string" => Ok(text.into()),
            "int" => int(text),
            "number" => match json(text) {
                Ok(number @ Value::Number(_)) => Ok(number),
                _ => Err(format!("'{text}' is no number")),
            },
            "boolean" => match text {
                "true" | "on" | "yes" => Ok(true.into()),
                "false" | "off" | "no" => Ok(false.into()),
                _ => Err(format!("'{text}' is neither true nor false")),
            },
            "null" if text == "null" => Ok(Value::Null),
            "null" => Err(format!("'{text}' is not null")),
            _ => guess(text),
        },
        Type::Enum(values) => {
            if values.iter().any(|value| value == text) {
                return Ok(text.into());
            }
            let remedy = match closest(text, values.iter().map(String::as_str)) {
                Some(close) => format!("did you mean '{close}'?"),
                None => format!("there are {}", values.join(", ")),
            };
            Err(format!("'{text}' is no value of it; {remedy}"))
        }
        Type::Array(_) | Type::Object(_) if is_json => json(text),
        Type::Array(element) => text
            .split(',')
            .filter(|_| !text.is_empty())
            .map(|text| convert_within(schema, Some(element), text, levels - 1))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        Type::Object(_) => Err(format!(
            "'{text}' is no object; write KEY={{…}}, or KEY.MEMBER=VALUE for each member"
        )),
        Type::Alternate(_) if is_json => json(text),
        Type::Alternate(types) => {
            let mut reason = String::new();
            // A text is the widest of them.
            let is_text = |ty: &&String| matches!(schema.ty(ty), Some(Type::Builtin(json)) if json == "string");
            let narrow = types.iter().filter(|ty| !is_text(ty));
            for ty in narrow.chain(types.iter().filter(is_text)) {
                match convert_within(schema, Some(ty), text, levels - 1) {
                    Ok(value) => return Ok(value),
                    Err(error) => reason = error,
                }
            }
            Err(reason)
        }
    }
}

fn int(text: &str) -> Result<Value, String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let number = match digits.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16).ok(),
        None => digits.parse::<u64>().ok().map(i128::from),
    };
    let number = number.map(|number| if sign == "-" { -number } else { number });
    let value = number.and_then(|number| {
        let signed = i64::try_from(number).map(Value::from);
        signed
            .or_else(|_| u64::try_from(number).map(Value::from))
            .ok()
    });
    value.ok_or_else(|| format!("'{text}' is no integer"))
}

/// What a text most likely is, as nothing is known of its type.
fn guess(text: &str) -> Result<Value, String> {
    if text.starts_with(['{', '[']) {
        return json(text);
    }
    Ok(match text {
        "true" => true.into(),
        "false" => false.into(),
        _ => int(text)
            .ok()
            .or_else(|| json(text).ok().filter(Value::is_number))
            .unwrap_or_else(|| text.into()),
    })
}

/// Arguments as far as they can be understood, for help while they are typed.
pub(crate) fn arguments_so_far(
    command: &str,
    words: &[Word<'_>],
    schema: &Schema,
) -> Map<String, Value> {
    let root = schema.arguments_of(command);
    let mut so_far = Map::new();
    for word in words {
        let Some((key, value)) = word.argument() else {
            continue;
        };
        let path: Vec<&str> = key.split('.').collect();
        let ty = root.and_then(|root| type_at(schema, root, &path, &so_far));
        let value = convert(schema, ty, value).unwrap_or_else(|_| value.into());
        let _ = insert(&mut so_far, &path, value);
    }
    so_far
}
