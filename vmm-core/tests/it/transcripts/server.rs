//! Servers for recorded conversations: the process `vmm`, and one with more commands in this process.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use qmp_runtime::__private::Solo;
use qmp_runtime::json::Value;
use qmp_runtime::server::{Address, Server};
use qmp_runtime::{EventSink, Router};
use vmm_core::char::Registry;
use vmm_core::cli::{self, Request};
use vmm_core::machine::{Machine, MachineConfig};
use vmm_core::qmp::{EventBridge, Vmm};

use super::case::Case;
use super::extra::{Extra, ExtraCommands, ExtraOob, ExtraOobCommands};

/// The names of the commands that the machine has itself.
pub(super) fn own_commands() -> &'static HashSet<String> {
    static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let events = EventSink::new();
        let bridge = Arc::new(EventBridge(events.clone()));
        let machine = Machine::new(MachineConfig::default(), Registry::new(), bridge).unwrap();
        let router = Vmm::new(Arc::new(machine), None, None).router().unwrap();
        let mut solo = Solo::new(router, events, false);
        for name in ["qmp_capabilities", "query-commands"] {
            solo.receive(format!("{{'execute': '{name}'}}\n").as_bytes());
            while solo.work() {}
        }
        let text = String::from_utf8(solo.take(usize::MAX)).unwrap();
        let answer: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let all = answer["return"].as_array().unwrap().iter();
        all.map(|command| command["name"].as_str().unwrap().to_owned())
            .collect()
    });
    &NAMES
}

/// A machine in this process, with the extra commands.
pub(super) struct Inside {
    pub(super) machine: Arc<Machine>,
    pub(super) events: EventSink,
    pub(super) router: Router,
}

impl Inside {
    /// As the case's options have it; nothing if they cannot be had.
    pub(super) fn new(case: &Case) -> Option<Self> {
        let Ok(Request::Run(options)) = cli::parse(case.args.iter().cloned()) else {
            return None;
        };
        let events = EventSink::new();
        let bridge = Arc::new(EventBridge(events.clone()));
        let machine = Machine::new(options.machine, Registry::new(), bridge).unwrap();
        let machine = Arc::new(machine);
        machine.start().unwrap();
        let vmm = Vmm::new(Arc::clone(&machine), None, None).compat(options.compat);
        let lacking: Vec<_> = Extra::COMMANDS
            .iter()
            .filter(|entry| !own_commands().contains(entry.info().name))
            .map(std::slice::from_ref)
            .collect();
        let router = vmm
            .router()
            .unwrap()
            .mount(Extra::default(), &lacking)
            .unwrap()
            .mount_oob(Arc::new(ExtraOob), &[ExtraOob::COMMANDS])
            .unwrap();
        Some(Inside {
            machine,
            events,
            router,
        })
    }
}

/// A server with the sockets `0`, `1` … in a folder.
pub(super) enum Running {
    Process(Child),
    Inside(Server, Arc<Machine>),
}

impl Running {
    pub(super) fn process(case: &Case, dir: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vmm"));
        command.args(["-nodefaults", "-display", "none"]);
        command.args(&case.args);
        for monitor in 0..case.monitors {
            let chardev = format!("socket,id=mon{monitor},path={dir}/{monitor},server=on,wait=off");
            command.args(["-chardev", &chardev]);
            command.args(["-mon", &format!("chardev=mon{monitor},mode=control")]);
        }
        Running::Process(command.stdin(Stdio::null()).spawn().unwrap())
    }

    pub(super) fn inside(case: &Case, dir: &str) -> Self {
        let inside = Inside::new(case).unwrap();
        let server = Server::builder()
            .version(10, 0, 2, "")
            .events(&inside.events)
            .preconfig(inside.machine.config().preconfig)
            .serve(inside.router);
        for monitor in 0..case.monitors {
            let path = PathBuf::from(format!("{dir}/{monitor}"));
            server.listen(Address::Unix(path)).unwrap();
        }
        Running::Inside(server, inside.machine)
    }

    pub(super) fn signal(&self, name: &str) {
        let Running::Process(process) = self else {
            panic!("signals are for processes");
        };
        let status = Command::new("kill")
            .args(["-s", name, &process.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    pub(super) fn exit(&mut self) -> Value {
        match self {
            Running::Process(process) => process.wait().unwrap().code().into(),
            Running::Inside(..) => panic!("this process goes on"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match self {
            Running::Process(process) => {
                let _ = process.kill();
                let _ = process.wait();
            }
            Running::Inside(server, machine) => {
                server.close(Duration::ZERO);
                // It may have ended by itself.
                let _ = machine.quit();
            }
        }
    }
}

/// A descriptor to send.
pub(super) fn null() -> OwnedFd {
    let null = std::fs::File::options().read(true).open("/dev/null");
    null.unwrap().into()
}
