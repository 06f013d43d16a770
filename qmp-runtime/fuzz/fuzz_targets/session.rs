//! Any bytes from a client: every answer is one line, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qmp_runtime::__private::Solo;
use qmp_runtime::{Command, CommandInfo, Entry, EventSink, Router, record};

struct Echo {
    text: String,
    number: Option<u8>,
    list: Option<Vec<i16>>,
}
record!(Echo, [("text", text), ("number", number), ("list", list)]);

impl Command for Echo {
    type Return = String;
    const INFO: CommandInfo = CommandInfo::new("echo");
}

static COMMANDS: [Entry<()>; 1] = [Entry::new::<Echo>(|(), _, call| {
    call.run(|echo: Echo| Ok(format!("{}{:?}{:?}", echo.text, echo.number, echo.list)))
})];

fuzz_target!(|bytes: &[u8]| {
    let router = Router::new().mount((), &[&COMMANDS]).unwrap();
    let mut solo = Solo::new(router, EventSink::new(), false);
    solo.receive(b"{'execute':'qmp_capabilities','arguments':{'enable':['oob']}}");
    solo.receive(bytes);
    while solo.work() {}
    let answers = solo.take(usize::MAX);
    for line in answers.split(|&byte| byte == b'\n') {
        assert!(line.is_empty() || line.ends_with(b"}\r"));
    }
});
