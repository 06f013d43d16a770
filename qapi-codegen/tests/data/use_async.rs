//! Serves the bindings of a small schema with `async` handlers, as the tests' own package.
#![allow(deprecated)]

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use generated_async::commands::commands::{AddShape, PowerDown, StopNow, Tick};
use generated_async::commands::{CommandsCommands, CommandsOobCommands, INTROSPECTION};
use qmp_runtime::{Context, QmpError, Router, handlers};

/// Is ready when it is asked for the second time.
struct Later(bool);

impl Future for Later {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        std::thread::spawn(move || waker.wake());
        Poll::Pending
    }
}

struct Vm;

#[handlers(async)]
impl CommandsCommands for Vm {
    async fn add_shape(&self, cx: &mut Context<'_>, args: AddShape) -> Result<i64, QmpError> {
        Later(false).await;
        assert!(!cx.is_out_of_band());
        Ok(args.size.unwrap_or(args.name.len() as i64))
    }

    async fn tick(&self, _: &mut Context<'_>, _: Tick) -> Result<(), QmpError> {
        Err(QmpError::generic("no time"))
    }

    async fn power_down(&self, _: &mut Context<'_>, _: PowerDown) -> Result<(), QmpError> {
        Ok(())
    }
}

#[handlers(async)]
impl CommandsOobCommands for Vm {
    async fn stop_now(&self, cx: &mut Context<'_>, _: StopNow) -> Result<(), QmpError> {
        Later(false).await;
        if cx.is_out_of_band() { Ok(()) } else { Err(QmpError::generic("in band")) }
    }
}

#[test]
fn commands_are_answered() {
    let vm = Arc::new(Vm);
    let router = Router::new()
        .mount_async(Arc::clone(&vm), &[<Vm as CommandsCommands>::COMMANDS])
        .and_then(|router| router.mount_async(vm, &[<Vm as CommandsOobCommands>::COMMANDS]))
        .expect("each command once")
        .schema(INTROSPECTION);
    let input = [
        r#"{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}"#,
        r#"{"execute": "add-shape", "arguments": {"name": "four"}}"#,
        r#"{"execute": "add-shape", "arguments": {}}"#,
        r#"{"execute": "tick"}"#,
        r#"{"exec-oob": "stop-now", "arguments": {"id": "a"}, "id": 1}"#,
        r#"{"exec-oob": "tick"}"#,
        r#"{"execute": "query-shapes"}"#,
    ];
    let mut client = qmp_runtime::__private::Solo::new(router, qmp_runtime::EventSink::new(), false);
    for request in input {
        client.receive(request.as_bytes());
        while client.work() {}
    }
    let output = client.take(usize::MAX);
    let output = String::from_utf8(output).expect("it is text");
    let answers: Vec<&str> = output.lines().skip(2).collect();
    assert_eq!(
        answers,
        [
            r#"{"return": 4}"#,
            r#"{"error": {"class": "GenericError", "desc": "Parameter 'name' is missing"}}"#,
            r#"{"error": {"class": "GenericError", "desc": "no time"}}"#,
            r#"{"return": {}, "id": 1}"#,
            r#"{"error": {"class": "GenericError", "desc": "The command tick does not support OOB"}}"#,
            r#"{"error": {"class": "CommandNotFound", "desc": "The command query-shapes has not been found"}}"#,
        ]
    );
}
