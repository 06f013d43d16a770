//! Decodes and encodes values on request: a line `MODE KIND NAME JSON` is answered by `ok JSON`, the value
//! encoded again, or by `no MESSAGE`.

use std::collections::HashMap;
use std::io::{BufRead as _, BufWriter, Write as _};

use qmp_runtime::codec::{Json, Unknown, from_str, to_bytes};
use qmp_runtime::{Command, Event};

/// Checks a value, or tells the size of the type for `size`.
type Check = fn(&str, Unknown) -> Result<String, String>;
type Table = HashMap<(&'static str, &'static str), Check>;

fn check<T: Json + PartialEq>(text: &str, unknown: Unknown) -> Result<String, String> {
    if text == "size" {
        return Ok(size_of::<T>().to_string());
    }
    let value: T = from_str(text, unknown).map_err(|error| error.desc().to_owned())?;
    let encoded = String::from_utf8(to_bytes(&value)).expect("JSON is text");
    let again: T = from_str(&encoded, unknown).map_err(|error| format!("{encoded}: {error}"))?;
    assert!(value == again, "{text} became {encoded}");
    Ok(encoded)
}

fn command<C: Command + PartialEq>(table: &mut Table, [arguments, result]: [&'static str; 2])
where
    C::Return: PartialEq,
{
    table.insert((arguments, C::INFO.name), check::<C>);
    table.insert((result, C::INFO.name), check::<C::Return>);
}

fn event<E: Event + PartialEq>(table: &mut Table, kind: &'static str) {
    table.insert((kind, E::INFO.name), check::<E>);
}

include!("table.inc");

fn main() {
    let mut table = Table::new();
    fill(&mut table);
    let mut out = BufWriter::new(std::io::stdout());
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("the test writes text");
        let mut parts = line.splitn(4, ' ');
        let mut part = || parts.next().expect("a line has four parts");
        let (mode, kind, name, text) = (part(), part(), part(), part());
        let unknown = match mode {
            "server" => Unknown::Refuse,
            _ => Unknown::Ignore,
        };
        let answer = match table.get(&(kind, name)) {
            Some(check) => check(text, unknown),
            None => Err(format!("there is no {kind} {name}")),
        };
        match answer {
            Ok(encoded) => writeln!(out, "ok {encoded}"),
            Err(error) => writeln!(out, "no {}", error.replace('\n', " ")),
        }
        .expect("the test reads");
    }
}
