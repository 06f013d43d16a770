//! Uses the bindings of the small schemas, as the tests' own package.

use generated_small::{alternates, commands, enums, names, recursion, structs, unions};
use qmp_runtime::codec::{AnyJson, Json, Unknown, from_str, to_bytes};

fn decode<T: Json>(text: &str) -> Result<T, String> {
    from_str(text, Unknown::Refuse).map_err(|error| error.to_string())
}

fn encode(value: &dyn AnyJson) -> String {
    String::from_utf8(to_bytes(value)).expect("JSON is text")
}

fn round_trip<T: Json>(text: &str) {
    let value: T = decode(text).expect("it fits");
    assert_eq!(encode(&value), text);
}

#[test]
fn records_round_trip() {
    round_trip::<structs::types::Derived>(r#"{"id": "a", "weight": 1.5, "list": [{"id": "b"}], "note": "c"}"#);
    round_trip::<structs::types::Empty>("{}");
    let missing = decode::<structs::types::Derived>(r#"{"id": "a"}"#);
    assert_eq!(missing.expect_err("list is required"), "GenericError: Parameter 'list' is missing");
}

#[test]
fn unions_round_trip_whatever_the_order() {
    use unions::types::{Inner, InnerSide, Left, Shape, ShapeKind};
    round_trip::<Shape>(r#"{"name": "a", "kind": "circle", "radius": 3}"#);
    round_trip::<Shape>(r#"{"name": "a", "kind": "point", "label": "b"}"#);
    round_trip::<Shape>(r#"{"name": "a", "kind": "group", "members": [{"name": "b", "kind": "point"}]}"#);
    let nested: Shape = decode(r#"{"depth": 4, "side": "left", "kind": "nested", "name": "a"}"#).expect("it fits");
    let inner = Inner::new(InnerSide::Left(Left::new(4)));
    assert_eq!(nested, Shape::new("a", ShapeKind::Nested(inner)));
    assert!(decode::<Shape>(r#"{"name": "a", "kind": "point", "radius": 3}"#).is_err());
}

#[test]
fn recursive_types_round_trip() {
    use recursion::types::{Chain, Expression, Node, NodeRef, Tree};
    round_trip::<Chain>(r#"{"value": 1, "next": {"value": 2}}"#);
    round_trip::<Tree>(r#"{"children": [{"children": []}]}"#);
    round_trip::<NodeRef>(r#""name""#);
    round_trip::<Node>(r#"{"driver": "filter", "child": {"driver": "file", "name": "a"}, "backing": "b"}"#);
    round_trip::<Expression>(r#"{"op": "negate", "operand": {"op": "constant", "value": 1}}"#);
}

#[test]
fn alternates_go_by_json_type() {
    use alternates::types::Setting;
    for text in [r#"{"level": "low"}"#, "3", "true", r#""high""#, r#"["a"]"#, "null"] {
        round_trip::<Setting>(text);
    }
    assert!(decode::<alternates::types::LevelOrNumber>("[]").is_err());
}

#[test]
fn enumerations_have_their_wire_names() {
    use enums::types::{Color, Holder};
    assert_eq!(Color::ALL.iter().map(|color| color.as_str()).collect::<Vec<_>>()[2..5], ["4k", "x86_64", "2_5"]);
    assert_eq!("dark-blue".parse(), Ok(Color::DarkBlue));
    assert!(decode::<Holder>(r#"{"required": ""}"#).is_err());
}

#[test]
fn clashing_names_keep_apart() {
    round_trip::<names::types::Clash>(r#"{"a-b": 1, "aB": 2, "a-b-2": 3}"#);
    round_trip::<names::types::Keywords>(r#"{"type": "a", "in": 1, "match": true, "self": 2, "gen": 3}"#);
}

#[test]
fn arguments_of_any_kind_round_trip() {
    use qmp_runtime::Command as _;
    round_trip::<commands::commands::AddShape>(r#"{"name": "a", "size": 1}"#);
    round_trip::<commands::commands::Raw>(r#"{"driver": "a", "more": [1]}"#);
    assert!(commands::commands::StopNow::INFO.allow_oob);
    assert_eq!(encode(&commands::commands::Tick::default()), "{}");
}
