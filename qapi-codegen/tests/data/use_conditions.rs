//! Uses bindings whose conditions are Cargo features, whichever are on.

use generated_conditions::bindings::types::{Choice, Kind, Members, Options};
use generated_conditions::bindings::{CONDITIONS, ConditionsCommands, INTROSPECTION, commands};
use qmp_runtime::codec::{Json, Unknown, from_str};
use qmp_runtime::{Context, QmpError, Router, handlers};

fn takes<T: Json>(text: &str) -> bool {
    from_str::<T>(text, Unknown::Refuse).is_ok()
}

const LINUX: bool = cfg!(feature = "config-linux");
const SOMETIMES: bool = cfg!(any(feature = "config-a", not(feature = "config-b")));

#[test]
fn types_have_what_the_features_give() {
    assert_eq!(Kind::ALL.len(), if LINUX { 2 } else { 1 });
    assert!(takes::<Options>(r#"{"kind": "plain"}"#));
    assert_eq!(takes::<Options>(r#"{"kind": "linux", "path": "a"}"#), LINUX);
    assert_eq!(takes::<Choice>(r#"{"path": "a"}"#), LINUX);
    assert!(takes::<Members>(r#"{"always": 1}"#));
    assert_eq!(takes::<Members>(r#"{"always": 1, "sometimes": 2}"#), SOMETIMES);
}

struct Vm;

#[handlers]
impl ConditionsCommands for Vm {
    #[cfg(feature = "config-linux")]
    fn mount(&mut self, _: &mut Context<'_>, _: commands::Mount) -> Result<(), QmpError> {
        Ok(())
    }

    fn query_members(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMembers,
    ) -> Result<Members, QmpError> {
        Ok(Members::new(1))
    }
}

#[test]
fn introspection_tells_what_the_features_give() {
    let router = Router::new()
        .mount(Vm, &[Vm::COMMANDS])
        .expect("each once")
        .schema(INTROSPECTION)
        .conditions(CONDITIONS);
    let input = r#"{"execute": "qmp_capabilities"} {"execute": "query-qmp-schema"}"#;
    let mut client = qmp_runtime::__private::Solo::new(router, qmp_runtime::EventSink::new(), false);
    client.receive(input.as_bytes());
    while client.work() {}
    let output = client.take(usize::MAX);
    let text = String::from_utf8(output).expect("it is text");
    assert_eq!(text.contains("mount"), LINUX, "{text}");
    assert_eq!(text.contains("sometimes"), SOMETIMES, "{text}");
    assert_eq!(text.contains("quick"), cfg!(feature = "config-a"), "{text}");
    assert_eq!(text.contains("MOUNTED"), LINUX && !cfg!(feature = "config-b"), "{text}");
    assert!(text.contains("always") && !text.contains("\"if\"") && !text.contains("-if\""), "{text}");
}
