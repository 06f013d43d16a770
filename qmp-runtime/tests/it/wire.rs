//! The wire form of generated types.

use qmp_runtime::codec::{AnyJson, Json, Null, Unknown, from_str, to_bytes};

use crate::toy::types::{Circle, Color, Group, Leaf, Shape, ShapeKind, ShapeRef};
use crate::toy::{commands, types};

fn text(value: &dyn AnyJson) -> String {
    String::from_utf8(to_bytes(value)).unwrap()
}

fn refused<T: Json + std::fmt::Debug>(text: &str) -> String {
    from_str::<T>(text, Unknown::Refuse)
        .unwrap_err()
        .desc()
        .to_owned()
}

#[test]
fn struct_with_absent_members_leaves_them_out() {
    let leaf = Leaf::new("a", vec![Color::Red, Color::DarkBlue]);
    assert_eq!(
        text(&leaf),
        r#"{"id": "a", "colors": ["red", "dark-blue"]}"#
    );
    assert_eq!(
        from_str::<Leaf>(&text(&leaf), Unknown::Refuse).unwrap(),
        leaf
    );
}

#[test]
fn union_with_tag_at_the_end_decodes() {
    let shape: Shape = from_str(
        r#"{"radius": 3, "name": "c", "kind": "circle"}"#,
        Unknown::Refuse,
    )
    .unwrap();
    assert_eq!(
        shape,
        Shape {
            name: "c".into(),
            kind: ShapeKind::Circle(Circle { radius: 3 })
        }
    );
    assert_eq!(
        text(&shape),
        r#"{"name": "c", "kind": "circle", "radius": 3}"#
    );
    assert_eq!(shape.kind.tag(), types::Kind::Circle);
}

#[test]
fn union_branch_without_data_decodes() {
    let shape: Shape = from_str(r#"{"kind": "point", "name": "p"}"#, Unknown::Refuse).unwrap();
    assert_eq!(shape.kind, ShapeKind::Point);
}

#[test]
fn alternate_decodes_by_json_type() {
    let json =
        r#"{"name": "g", "kind": "group", "members": ["a", null, {"name": "p", "kind": "point"}]}"#;
    let shape: Shape = from_str(json, Unknown::Refuse).unwrap();
    let inner = Shape {
        name: "p".into(),
        kind: ShapeKind::Point,
    };
    let members = vec![
        ShapeRef::Reference("a".into()),
        ShapeRef::None(Null),
        ShapeRef::Definition(Box::new(inner)),
    ];
    assert_eq!(shape.kind, ShapeKind::Group(Group { members }));
    assert_eq!(text(&shape), json);
}

#[test]
fn errors_name_the_path() {
    let cases = [
        (r#"{"name": "g"}"#, "Parameter 'kind' is missing"),
        (
            r#"{"name": "g", "kind": "x"}"#,
            "Parameter 'kind' does not accept value 'x'",
        ),
        (
            r#"{"name": "g", "kind": "circle"}"#,
            "Parameter 'radius' is missing",
        ),
        (
            r#"{"name": "g", "kind": "circle", "radius": -1}"#,
            "Parameter 'radius' expects uint32_t",
        ),
        (
            r#"{"name": "g", "kind": "circle", "radius": 1.0}"#,
            "Parameter 'radius' expects uint64",
        ),
        (
            r#"{"name": "g", "kind": "circle", "radius": 1, "members": []}"#,
            "Parameter 'members' is unexpected",
        ),
        (
            r#"{"name": "g", "kind": "group", "members": [true]}"#,
            "Invalid parameter type for 'members[0]', expected: ShapeRef",
        ),
        (
            r#"{"name": "g", "kind": "group", "members": ["a", {"name": "x", "kind": "group", "members": [], "y": 1}]}"#,
            "Parameter 'members[1].y' is unexpected",
        ),
        (
            r#"{"name": 1}"#,
            "Invalid parameter type for 'name', expected: string",
        ),
    ];
    for (json, error) in cases {
        assert_eq!(refused::<Shape>(json), error, "{json}");
    }
}

#[test]
fn unknown_members_are_ignored_where_asked() {
    let shape: Shape = from_str(
        r#"{"kind": "point", "name": "p", "new": {"a": []}}"#,
        Unknown::Ignore,
    )
    .unwrap();
    assert_eq!(shape.kind, ShapeKind::Point);
}

#[test]
fn recursive_struct_decodes() {
    let json =
        r#"{"id": "a", "weight": 1.5, "colors": [], "next": {"id": "b", "colors": ["red"]}}"#;
    let leaf: Leaf = from_str(json, Unknown::Refuse).unwrap();
    assert_eq!(leaf.next.as_ref().unwrap().colors, [Color::Red]);
    assert_eq!(text(&leaf), json);
}

#[test]
fn enum_value_of_list_element_has_no_name() {
    assert_eq!(
        refused::<Leaf>(r#"{"id": "a", "colors": ["red", "blue"]}"#),
        "Parameter 'null' does not accept value 'blue'"
    );
}

#[test]
fn wrapped_arguments_decode_as_their_type() {
    let add: commands::AddShape =
        from_str(r#"{"kind": "point", "name": "p"}"#, Unknown::Refuse).unwrap();
    assert_eq!(add.name, "p");
}

#[test]
fn enum_text_round_trips() {
    for color in Color::ALL {
        assert_eq!(color.to_string().parse::<Color>().unwrap(), *color);
    }
    assert_eq!(
        "blue".parse::<Color>().unwrap_err().to_string(),
        "'blue' is none of: red, dark-blue"
    );
}

#[test]
fn many_members_in_any_order_are_told_apart() {
    let unknown: Vec<String> = (0..200)
        .map(|number| format!(r#""x{number}": {number}"#))
        .collect();
    let mut members = unknown.clone();
    members.insert(150, r#""name": "c""#.into());
    members.insert(70, r#""radius": 3"#.into());
    members.push(r#""kind": "circle""#.into());
    let text = format!("{{{}}}", members.join(", "));
    let shape: Shape = from_str(&text, Unknown::Ignore).unwrap();
    assert_eq!(shape.kind, ShapeKind::Circle(Circle { radius: 3 }));
    assert_eq!(refused::<Shape>(&text), "Parameter 'x161' is unexpected");
    members.rotate_left(100);
    let text = format!("{{{}}}", members.join(", "));
    assert_eq!(refused::<Shape>(&text), "Parameter 'x161' is unexpected");
    let doubled = format!("{{{}, {}}}", members.join(", "), unknown[7]);
    assert!(from_str::<Shape>(&doubled, Unknown::Ignore).is_err());
}
