//! The bridge to serde.

use qmp_runtime::codec::{Json, Unknown, from_str, to_bytes};
use qmp_runtime::json::Value;
use serde_core::{Serialize, de::DeserializeOwned};

use crate::toy::commands::{AddShape, Raw};
use crate::toy::types::{Color, Leaf, Shape, ShapeRef};

/// What serde reads and writes is what the codec does.
fn agrees<T: Json + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str) {
    let own: T = from_str(text, Unknown::Ignore).unwrap();
    let bridged: T = serde_json::from_str(text).unwrap();
    assert_eq!(own, bridged);
    let written: Value = serde_json::from_str(&serde_json::to_string(&own).unwrap()).unwrap();
    let expected: Value = serde_json::from_slice(&to_bytes(&own)).unwrap();
    assert_eq!(written, expected);
    assert_eq!(serde_json::from_value::<T>(expected).unwrap(), own);
}

#[test]
fn values_are_the_same_as_on_the_wire() {
    agrees::<Leaf>(
        r#"{"id": "a\n\u0000é", "weight": 1.5, "colors": ["red"], "next": {"id": "b", "colors": []}}"#,
    );
    agrees::<Shape>(r#"{"radius": 3, "name": "c", "kind": "circle"}"#);
    agrees::<Shape>(r#"{"kind": "point", "name": "p"}"#);
    agrees::<Shape>(
        r#"{"name": "g", "kind": "group", "members": ["a", null, {"name": "p", "kind": "point"}]}"#,
    );
    agrees::<ShapeRef>("null");
    agrees::<AddShape>(
        r#"{"name": "c", "kind": "torus", "inner": {"a": [1, -2, 3.5, true, null]}}"#,
    );
    agrees::<Raw>(r#"{"driver": "a", "more": [1]}"#);
    agrees::<Color>("\"dark-blue\"");
    agrees::<Color>("\"ultraviolet\"");
}

#[test]
fn wrong_input_is_refused_with_its_path() {
    let error = |text| serde_json::from_str::<Shape>(text).unwrap_err().to_string();
    assert_eq!(
        error(r#"{"name": "g", "kind": "group", "members": [{"name": 1}]}"#),
        "Invalid parameter type for 'members[0].name', expected: string"
    );
    let error = error(r#"{"name": "a", "kind": "point", "name": "b"}"#);
    assert!(error.starts_with("duplicate key"), "{error}");
}
