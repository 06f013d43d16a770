//! One recorded conversation: what is sent, and what QEMU answered to each step.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use qmp_runtime::json::{Item, Stream, Value};

/// One case.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) args: Vec<String>,
    pub(super) needs: Vec<String>,
    pub(super) monitors: usize,
    pub(super) steps: Vec<Value>,
    /// By step and client.
    pub(super) expected: BTreeMap<(usize, u64), Vec<Value>>,
    /// Replies and events may come in any order.
    any_order: bool,
    /// Only the kind of replies is to be equal.
    shape: bool,
}

/// All cases that bind other servers than QEMU.
pub(super) fn load(folder: &Path) -> Vec<Case> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect();
    files.sort();
    let texts: Vec<String> = files
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    let cases = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    cases
        .filter(|case| case["portable"] != "qemu")
        .map(|case| parse(&case))
        .collect()
}

fn parse(raw: &Value) -> Case {
    let strings = |name: &str| -> Vec<String> {
        let list = raw[name].as_array().into_iter().flatten();
        list.map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut expected: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for entry in raw["expect"].as_array().unwrap() {
        let step = entry["after"].as_u64().unwrap() as usize;
        let key = (step, entry["c"].as_u64().unwrap_or(0));
        for _ in 0..entry["times"].as_u64().unwrap_or(1) {
            expected.entry(key).or_default().push(entry.clone());
        }
    }
    Case {
        name: raw["name"].as_str().unwrap().into(),
        args: strings("args"),
        needs: strings("needs"),
        monitors: raw["monitors"].as_u64().unwrap_or(1) as usize,
        steps: raw["send"].as_array().unwrap().clone(),
        expected,
        any_order: raw["order"] == "any",
        shape: raw["portable"] == "shape",
    }
}

/// What a step does.
pub(super) fn op(step: &Value) -> &str {
    step["op"].as_str().unwrap_or("send")
}

/// The bytes that a step sends.
pub(super) fn payload(step: &Value, dir: &str) -> Vec<u8> {
    if let Some(text) = step["utf8"].as_str() {
        return text.replace("{dir}", dir).into_bytes();
    }
    if let Some(text) = step["b64"].as_str() {
        return base64(text);
    }
    let parts = step["parts"].as_array().into_iter().flatten();
    let repeat = |part: &Value| {
        let count = part[1].as_u64().unwrap() as usize;
        part[0].as_str().unwrap().repeat(count).into_bytes()
    };
    parts.flat_map(repeat).collect()
}

fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for symbol in text.bytes().filter(|&byte| byte != b'=') {
        let value = ALPHABET.iter().position(|&known| known == symbol).unwrap();
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

impl Case {
    /// Compares the lines of one client behind one step; none is the end of the conversation.
    pub(super) fn compare(&self, entries: &[Value], got: &[Option<String>]) -> Result<(), String> {
        let mut left: Vec<&Option<String>> = got.iter().collect();
        for entry in entries {
            let same = |line: &&Option<String>| self.is_same(entry, line.as_deref());
            let at = match self.any_order {
                true => left.iter().position(same),
                false => left.first().is_some_and(same).then_some(0),
            };
            let Some(at) = at else {
                return Err(format!("{}: expected {entry}, got {left:?}", self.name));
            };
            left.remove(at);
        }
        match left.first() {
            None => Ok(()),
            Some(line) => Err(format!("{}: nobody expects {line:?}", self.name)),
        }
    }

    fn is_same(&self, entry: &Value, got: Option<&str>) -> bool {
        let Some(got) = got else {
            return entry["eof"] == true;
        };
        let Some(line) = entry["line"].as_str() else {
            // Of long lines there are the length and the ends.
            let end = |name: &str| entry[name].as_str().unwrap();
            return self.shape
                || entry["len"] == got.len()
                    && got.starts_with(end("head"))
                    && got.ends_with(end("tail"));
        };
        let (Some(theirs), Some(ours)) = (json(line), json(&hide_descriptor(got))) else {
            return false;
        };
        if theirs.get("QMP").is_some() || self.shape {
            let keys = |value: &Value| -> Vec<String> {
                let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
                keys.sort();
                keys
            };
            return keys(&theirs) == keys(&ours);
        }
        theirs == ours
    }
}

/// The number of a descriptor in a text, as the recorder hides it: two digits at a time.
fn hide_descriptor(text: &str) -> String {
    match text.split_once(", fd:") {
        Some((head, tail)) if tail.starts_with(|ch: char| ch.is_ascii_digit()) => {
            let two = tail.bytes().take(2).take_while(u8::is_ascii_digit).count();
            format!("{head}, fd:NN{}", &tail[two..])
        }
        _ => text.to_owned(),
    }
}

/// The value of a line, by our own parser, which has no trouble with deep nesting; without times and
/// descriptors, and with whole doubles as integers: `1.0`, `1e3` and `1000` are the same number.
fn json(text: &str) -> Option<Value> {
    let Item::Message(document) = Stream::new().next_item(&mut text.as_bytes())? else {
        return None;
    };
    let mut value = document.value(document.root())?;
    let mut pending = vec![&mut value];
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(elements) => pending.extend(elements),
            Value::Object(members) => {
                members.remove("timestamp");
                members.remove("fd");
                pending.extend(members.values_mut());
            }
            Value::Number(number) => {
                let whole = number.as_f64().filter(|double| double.fract() == 0.0);
                if let Some(whole) = whole.filter(|double| double.abs() < 1e15) {
                    *value = Value::from(whole as i64);
                }
            }
            _ => {}
        }
    }
    Some(value)
}
