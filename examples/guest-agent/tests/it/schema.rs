//! The oldest form of the schema, and clients written for it.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use guest_agent::{Agent, DryRun, Gate, State};
use qapi_parser::compat::{Impact, compare};
use qmp_runtime::client::Client;
use qmp_runtime::server::Server;
use qmp_runtime::{Command, CommandInfo, record};
use qmp_types::qga::commands;

use crate::power::Asked;
use crate::process::LONG;

const OLDEST: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/seeds/guest-agent-1.2.json"
);
const OURS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../schema/qga/qapi-schema.json"
);

#[test]
fn clients_of_the_oldest_schema_are_understood() {
    if !Path::new(OLDEST).is_file() {
        println!("skipped: {OLDEST} is not there");
        return;
    }
    let [old, new] = [OLDEST, OURS].map(|path| qapi_parser::check_file(path).schema.unwrap());
    let report = compare(&old, &new);
    let breaking: Vec<_> = report.with(Impact::Breaking).collect();
    assert!(breaking.is_empty(), "{breaking:#?}");
    let known = guest_agent::command_names();
    let commands = old
        .entities()
        .iter()
        .filter(|one| one.name.starts_with("guest-"));
    let missing: Vec<_> = commands
        .filter(|one| !known.contains(&&*one.name))
        .map(|one| &one.name)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// `guest-fstrim` as it was: nothing comes back.
struct Trim {}
record!(Trim, []);

impl Command for Trim {
    type Return = ();
    const INFO: CommandInfo = CommandInfo::new("guest-fstrim");
}

/// `guest-info` as it was.
struct Info {}
record!(Info, []);

struct AgentInfo {
    version: String,
    supported_commands: Vec<Supported>,
}
record!(
    AgentInfo,
    [
        ("version", version),
        ("supported_commands", supported_commands)
    ]
);

struct Supported {
    name: String,
    enabled: bool,
}
record!(Supported, [("name", name), ("enabled", enabled)]);

impl Command for Info {
    type Return = AgentInfo;
    const INFO: CommandInfo = CommandInfo::new("guest-info");
}

/// `guest-file-seek` as it was: places are numbers.
struct Seek {
    handle: i64,
    offset: i64,
    whence: i64,
}
record!(
    Seek,
    [("handle", handle), ("offset", offset), ("whence", whence)]
);

impl Command for Seek {
    type Return = qmp_types::qga::types::GuestFileSeek;
    const INFO: CommandInfo = CommandInfo::new("guest-file-seek");
}

#[test]
fn commands_in_their_oldest_form_work() {
    let asked = Arc::new(Asked {
        mounts: "27 1 254:0 / / rw - ext4 /dev/vda rw\n",
        states: "",
    });
    let system = Arc::new(DryRun::new(asked));
    let agent = Agent::new(system.clone(), Arc::new(Gate::default()), State::default());
    let server = Server::builder().agent().serve(agent.router().unwrap());
    let (socket, other) = UnixStream::pair().unwrap();
    server.serve_socket(other.into()).unwrap();
    let options = Client::builder().agent().timeout(LONG);
    let mut client = options.over(socket.into()).unwrap();
    client.execute(&Trim {}).unwrap();
    assert_eq!(system.take_actions(), ["trim / from 0 bytes"]);
    let info = client.execute(&Info {}).unwrap();
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    assert!(
        info.supported_commands
            .iter()
            .any(|one| one.name == "guest-ping" && one.enabled)
    );
    let open = commands::GuestFileOpen::new("/proc/self/exe");
    let handle = client.execute(&open).unwrap();
    let seek = |offset, whence| Seek {
        handle,
        offset,
        whence,
    };
    assert_eq!(client.execute(&seek(5, 0)).unwrap().position, 5);
    assert_eq!(client.execute(&seek(2, 1)).unwrap().position, 7);
    assert!(client.execute(&seek(0, 2)).unwrap().position > 7);
    // No reply is success: the client asks for one behind it.
    client
        .execute(&commands::GuestShutdown { mode: None })
        .unwrap();
    assert_eq!(system.take_actions().len(), 1);
}
