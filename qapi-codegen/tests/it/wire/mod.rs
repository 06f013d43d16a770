//! The bindings of QEMU 10.0.2 take exactly what QEMU's own data about the schema says, and give it back.

mod driver;
mod examples;
mod json;
mod model;
mod validator;
mod values;

use driver::Case;
use json::Tree;
use model::{Model, text};
use validator::Validator;
use values::Values;

/// How many values there are of each type, and how many that are nearly of it.
const VALUES: usize = 12;
const MUTANTS: usize = 36;

/// What is decoded, by kind and name, with the type that it has in the introspection data.
fn subjects(model: &Model) -> Vec<(&'static str, String, String)> {
    let mut subjects = Vec::new();
    for command in model.all("command") {
        let name = text(&command["name"]);
        subjects.push(("return", name.clone(), text(&command["ret-type"])));
        if model.exact(&name, "gen") != "false" {
            subjects.push(("command", name, text(&command["arg-type"])));
        }
    }
    for event in model.all("event") {
        subjects.push(("event", text(&event["name"]), text(&event["arg-type"])));
    }
    for meta_type in ["object", "enum", "alternate"] {
        let named = model
            .all(meta_type)
            .into_iter()
            .map(|entry| text(&entry["name"]));
        let named = named.filter(|name| !name.starts_with("q_"));
        subjects.extend(named.map(|name| ("type", name.clone(), name)));
    }
    subjects
}

/// Cases of a mode with their types; `make` has the values of one type.
fn cases(
    model: &Model,
    mode: &'static str,
    make: impl Fn(&mut Values<'_>, &str) -> Vec<Tree>,
) -> Vec<(Case, String, Tree)> {
    let mut values = Values {
        model,
        random: fastrand::Rng::with_seed(10_002),
    };
    let mut cases = Vec::new();
    for (kind, name, ty) in subjects(model) {
        if kind == "return" && mode == "server" {
            continue;
        }
        for tree in make(&mut values, &ty) {
            let case = Case {
                mode,
                kind,
                name: name.clone(),
                text: tree.to_string(),
            };
            cases.push((case, ty.clone(), tree));
        }
    }
    cases
}

/// Whether two values are the same, whichever way their numbers and the order of members are written.
fn same(left: &serde_json::Value, right: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let both = |(name, value)| right.get(name).is_some_and(|other| same(value, other));
            left.len() == right.len() && left.iter().all(both)
        }
        _ => left == right,
    }
}

#[test]
fn valid_values_of_every_type_round_trip() {
    let Some(model) = Model::load() else { return };
    for mode in ["server", "client"] {
        let valid = |values: &mut Values<'_>, ty: &str| {
            (0..VALUES).map(|_| values.value(ty, "", 0)).collect()
        };
        let all = cases(&model, mode, valid);
        assert!(all.len() > 10_000, "only {} values", all.len());
        let asked: Vec<Case> = all.iter().map(|(case, _, _)| case.clone()).collect();
        let Some(answers) = driver::run(&asked) else {
            return;
        };
        for ((case, ty, tree), answer) in all.iter().zip(answers) {
            let validator = Validator {
                model: &model,
                lenient: false,
            };
            assert!(
                validator.accepts((ty, ""), tree),
                "{case:?} is meant to be valid"
            );
            let text = answer.unwrap_or_else(|error| panic!("{case:?}: {error}"));
            let read = |text: &str| serde_json::from_str(text).expect("it is JSON");
            assert!(
                same(&read(&case.text), &read(&text)),
                "{case:?} became {text}"
            );
        }
    }
}

/// Twice what makes a branch a heavy one.
const LARGEST: usize = 128;

#[test]
fn unions_are_small() {
    let Some(model) = Model::load() else { return };
    let mut asked = Vec::new();
    for entry in model
        .all("object")
        .into_iter()
        .chain(model.all("alternate"))
    {
        let is_union = entry.get("tag").is_some() || entry["meta-type"] == "alternate";
        let name = text(&entry["name"]);
        if is_union && !name.starts_with("q_") {
            asked.push(Case {
                mode: "server",
                kind: "type",
                name,
                text: "size".to_owned(),
            });
        }
    }
    assert!(asked.len() > 40);
    let Some(sizes) = driver::run(&asked) else {
        return;
    };
    let size = |answer: Result<String, String>| -> usize {
        answer
            .expect("it is a type")
            .parse()
            .expect("it is a number")
    };
    let mut sizes: Vec<_> = sizes
        .into_iter()
        .map(size)
        .zip(asked.iter().map(|case| &case.name))
        .collect();
    sizes.sort();
    sizes.reverse();
    println!("{:?}", &sizes[..12]);
    assert!(sizes[0].0 <= LARGEST, "{:?}", &sizes[..12]);
}

#[test]
fn nearly_valid_values_are_taken_as_the_schema_says() {
    let Some(model) = Model::load() else { return };
    for (mode, lenient) in [("server", false), ("client", true)] {
        let mutants = |values: &mut Values<'_>, ty: &str| {
            let mut mutant = || {
                let value = values.value(ty, "", 0);
                values.mutated(value)
            };
            (0..MUTANTS).map(|_| mutant()).collect()
        };
        let all = cases(&model, mode, mutants);
        let asked: Vec<Case> = all.iter().map(|(case, _, _)| case.clone()).collect();
        let Some(answers) = driver::run(&asked) else {
            return;
        };
        let validator = Validator {
            model: &model,
            lenient,
        };
        let mut refused = 0;
        let mut wrong = Vec::new();
        for ((case, ty, tree), answer) in all.iter().zip(answers) {
            let expected = validator.accepts((ty, ""), tree);
            refused += usize::from(!expected);
            if expected != answer.is_ok() {
                wrong.push(format!("{case:?}: {answer:?}, expected {expected}"));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} of {}:\n{}",
            wrong.len(),
            all.len(),
            wrong[..wrong.len().min(20)].join("\n")
        );
        let taken = all.len() - refused;
        assert!(
            refused * 10 > all.len() && taken * 10 > all.len(),
            "{refused} of {}",
            all.len()
        );
    }
}
