//! Shutting down and suspending, up to the system call.

use std::io;
use std::path::Path;
use std::sync::Arc;

use guest_agent::{Agent, DryRun, Gate, State, System, Trimmed};
use qmp_runtime::__private::Solo;
use rustix::system::RebootCommand;

/// A machine that can only be asked; nothing is done to the one that runs the tests.
pub(crate) struct Asked {
    pub(crate) mounts: &'static str,
    pub(crate) states: &'static str,
}

impl System for Asked {
    fn mounts(&self) -> io::Result<String> {
        Ok(self.mounts.to_owned())
    }
    fn freeze(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
    fn thaw(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
    fn trim(&self, _: &Path, _: u64) -> io::Result<Trimmed> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
    fn run(&self, _: &Path, _: &[&str]) -> io::Result<bool> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn sleep_states(&self) -> io::Result<String> {
        Ok(self.states.to_owned())
    }
    fn sleep(&self, state: &str) -> io::Result<()> {
        Err(io::Error::other(format!("asked for {state}")))
    }
    fn end(&self, how: RebootCommand) -> io::Result<()> {
        Err(io::Error::other(format!("asked for {how:?}")))
    }
}

/// A conversation with an agent on a system.
pub(crate) fn agent_on(system: Arc<dyn System>) -> Solo {
    let agent = Agent::new(system, Arc::new(Gate::default()), State::default());
    Solo::agent(agent.router().unwrap())
}

pub(crate) fn ask(solo: &mut Solo, request: &str) -> String {
    solo.receive(request.as_bytes());
    String::from_utf8(solo.take(usize::MAX)).unwrap()
}

fn error(text: &str) -> String {
    format!("{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"{text}\"}}}}\n")
}

fn dry_run() -> DryRun {
    DryRun::new(Arc::new(Asked {
        mounts: "",
        states: "",
    }))
}

#[test]
fn each_mode_of_shutdown_asks_for_its_own_end_without_a_reply() {
    let system = dry_run();
    let mut solo = agent_on(Arc::new(system.clone()));
    for (arguments, option) in [
        ("{}", "-h -P"),
        (r#"{"mode":"powerdown"}"#, "-h -P"),
        (r#"{"mode":"halt"}"#, "-h -H"),
        (r#"{"mode":"reboot"}"#, "-r"),
    ] {
        let request = format!(r#"{{"execute":"guest-shutdown","arguments":{arguments}}}"#);
        assert_eq!(ask(&mut solo, &request), "", "{arguments}");
        let action = format!("run /sbin/shutdown {option} +0 hypervisor initiated shutdown");
        assert_eq!(system.take_actions(), [action]);
    }
}

#[test]
fn unknown_mode_of_shutdown_does_nothing() {
    let system = dry_run();
    let mut solo = agent_on(Arc::new(system.clone()));
    for mode in ["", "HALT", "halt;reboot", "$(reboot)", "-r"] {
        let request = format!(r#"{{"execute":"guest-shutdown","arguments":{{"mode":"{mode}"}}}}"#);
        let text = "mode is invalid (valid values are: halt|powerdown|reboot";
        assert_eq!(ask(&mut solo, &request), error(text));
    }
    assert_eq!(system.take_actions(), Vec::<String>::new());
}

#[test]
fn guest_without_a_shutdown_program_asks_the_kernel() {
    let mut solo = agent_on(Arc::new(Asked {
        mounts: "",
        states: "",
    }));
    let reply = ask(
        &mut solo,
        r#"{"execute":"guest-shutdown","arguments":{"mode":"reboot"}}"#,
    );
    assert_eq!(reply, error("failed to shut down: asked for Restart"));
}

#[test]
fn suspending_asks_systemd_first() {
    let system = dry_run();
    let mut solo = agent_on(Arc::new(system.clone()));
    for (name, verb) in [
        ("disk", "hibernate"),
        ("ram", "suspend"),
        ("hybrid", "hybrid-sleep"),
    ] {
        assert_eq!(
            ask(
                &mut solo,
                &format!(r#"{{"execute":"guest-suspend-{name}"}}"#)
            ),
            ""
        );
        assert_eq!(
            system.take_actions(),
            [format!("run /usr/bin/systemctl {verb}")]
        );
    }
}

#[test]
fn suspending_without_programs_asks_the_kernel_for_what_it_has() {
    let unsupported = error("the requested suspend mode is not supported by the guest");
    for (states, name, reply) in [
        (
            "freeze mem disk\n",
            "disk",
            error("failed to suspend: asked for disk"),
        ),
        (
            "freeze mem disk\n",
            "ram",
            error("failed to suspend: asked for mem"),
        ),
        ("freeze mem disk\n", "hybrid", unsupported.clone()),
        ("freeze memory\n", "ram", unsupported.clone()),
        ("", "disk", unsupported),
    ] {
        let mut solo = agent_on(Arc::new(Asked { mounts: "", states }));
        let request = format!(r#"{{"execute":"guest-suspend-{name}"}}"#);
        assert_eq!(ask(&mut solo, &request), reply, "{states} {name}");
    }
}
