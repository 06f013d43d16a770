//! Any bytes from a client: the server answers or hangs up, and nothing panics.
#![no_main]

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use libfuzzer_sys::fuzz_target;
use qmp_runtime::server::Server;
use qmp_runtime::{Command, CommandInfo, Entry, Router, record};

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
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let server = Server::builder().serve(Router::new().mount((), &[&COMMANDS]).unwrap());
    server.serve_socket(theirs.into()).unwrap();
    ours.write_all(b"{'execute':'qmp_capabilities'}").unwrap();
    let _ = ours.write_all(bytes);
    let _ = ours.shutdown(Shutdown::Write);
    let mut answers = Vec::new();
    let _ = ours.read_to_end(&mut answers);
    assert!(answers.starts_with(b"{\"QMP\""));
});
