//! Freezing, thawing and trimming: as a dry run, and for real on a file system of the test's own.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use guest_agent::{Agent, DryRun, Gate, Linux, State, System, Trimmed};
use qmp_runtime::__private::Solo;
use rustix::system::RebootCommand;

use crate::power::{Asked, agent_on, ask};

const FREEZE: &str = r#"{"execute":"guest-fsfreeze-freeze"}"#;
const THAW: &str = r#"{"execute":"guest-fsfreeze-thaw"}"#;
const STATUS: &str = r#"{"execute":"guest-fsfreeze-status"}"#;
const TRIM: &str = r#"{"execute":"guest-fstrim","arguments":{"minimum":4096}}"#;

const MOUNTS: &str = "\
27 1 254:0 / / rw - ext4 /dev/vda rw
22 27 0:21 / /proc rw - proc proc rw
28 27 254:1 / /home rw - xfs /dev/vdb rw
29 27 254:0 /srv /bind rw - ext4 /dev/vda rw
";

fn dry_run() -> DryRun {
    DryRun::new(Arc::new(Asked {
        mounts: MOUNTS,
        states: "",
    }))
}

fn disabled(name: &str) -> String {
    format!(
        "{{\"error\": {{\"class\": \"CommandNotFound\", \"desc\": \"Command {name} has been disabled: the \
         command is not allowed\"}}}}\n"
    )
}

#[test]
fn last_mounted_is_frozen_first_and_all_are_thawed() {
    let system = dry_run();
    let mut solo = agent_on(Arc::new(system.clone()));
    assert_eq!(ask(&mut solo, FREEZE), "{\"return\": 3}\n");
    assert_eq!(
        system.take_actions(),
        ["freeze /bind", "freeze /home", "freeze /"]
    );
    assert_eq!(ask(&mut solo, STATUS), "{\"return\": \"frozen\"}\n");
    assert_eq!(ask(&mut solo, THAW), "{\"return\": 3}\n");
    assert_eq!(
        system.take_actions(),
        ["thaw /", "thaw /home", "thaw /bind"]
    );
    assert_eq!(ask(&mut solo, STATUS), "{\"return\": \"thawed\"}\n");
    assert_eq!(ask(&mut solo, THAW), "{\"return\": 0}\n");
}

#[test]
fn frozen_agent_runs_only_what_writes_nothing() {
    let mut solo = agent_on(Arc::new(dry_run()));
    ask(&mut solo, FREEZE);
    let info = ask(&mut solo, r#"{"execute":"guest-info"}"#);
    for name in guest_agent::command_names() {
        let safe = [
            "guest-ping",
            "guest-info",
            "guest-sync",
            "guest-sync-delimited",
        ]
        .contains(&name)
            || ["guest-fsfreeze-status", "guest-fsfreeze-thaw"].contains(&name);
        let entry = format!("\"name\": \"{name}\", \"enabled\": {safe}");
        assert!(info.contains(&entry), "{entry} in {info}");
        if !safe {
            assert_eq!(
                ask(&mut solo, &format!(r#"{{"execute":"{name}"}}"#)),
                disabled(name)
            );
        }
    }
    assert_eq!(ask(&mut solo, THAW), "{\"return\": 3}\n");
    assert!(
        !ask(&mut solo, r#"{"execute":"guest-info"}"#)
            .contains("false, \"success-response\": true")
    );
}

/// Fails to freeze one folder, and says what was done.
struct Broken {
    dry: DryRun,
    asked: Mutex<Vec<String>>,
}

impl System for Broken {
    fn mounts(&self) -> io::Result<String> {
        self.dry.mounts()
    }
    fn freeze(&self, folder: &Path) -> io::Result<()> {
        match folder == Path::new("/") {
            true => Err(rustix::io::Errno::IO.into()),
            false => self.dry.freeze(folder),
        }
    }
    fn thaw(&self, folder: &Path) -> io::Result<()> {
        self.dry.thaw(folder)
    }
    fn trim(&self, folder: &Path, _: u64) -> io::Result<Trimmed> {
        Err(match folder == Path::new("/home") {
            true => rustix::io::Errno::OPNOTSUPP.into(),
            false => rustix::io::Errno::IO.into(),
        })
    }
    fn run(&self, program: &Path, arguments: &[&str]) -> io::Result<bool> {
        let line = format!("{} {}", program.display(), arguments.join(" "));
        self.asked.lock().unwrap().push(line);
        Ok(arguments != ["freeze"] || program != Path::new("/refuses"))
    }
    fn sleep_states(&self) -> io::Result<String> {
        Ok(String::new())
    }
    fn sleep(&self, _: &str) -> io::Result<()> {
        Ok(())
    }
    fn end(&self, _: RebootCommand) -> io::Result<()> {
        Ok(())
    }
}

fn broken() -> Arc<Broken> {
    Arc::new(Broken {
        dry: dry_run(),
        asked: Mutex::default(),
    })
}

fn with_hook(system: &Arc<Broken>, hook: &str) -> Solo {
    let system: Arc<dyn System> = Arc::<Broken>::clone(system);
    let agent = Agent::new(system, Arc::new(Gate::default()), State::default());
    Solo::agent(agent.hook(Some(hook.into())).router().unwrap())
}

#[test]
fn freeze_that_fails_leaves_everything_thawed() {
    let system = broken();
    let mut solo = with_hook(&system, "/hook");
    let reply = ask(&mut solo, FREEZE);
    assert!(
        reply.contains("\"desc\": \"failed to freeze /: Input/output error\""),
        "{reply}"
    );
    let actions = system.dry.take_actions();
    assert_eq!(
        actions,
        ["freeze /bind", "freeze /home", "thaw /home", "thaw /bind"]
    );
    assert_eq!(
        *system.asked.lock().unwrap(),
        ["/hook freeze", "/hook thaw"]
    );
    assert_eq!(ask(&mut solo, STATUS), "{\"return\": \"thawed\"}\n");
}

#[test]
fn hook_that_refuses_keeps_the_freeze_from_happening() {
    let system = broken();
    let mut solo = with_hook(&system, "/refuses");
    let reply = ask(&mut solo, FREEZE);
    assert!(
        reply.contains("the hook /refuses has failed for 'freeze'"),
        "{reply}"
    );
    assert_eq!(system.dry.take_actions(), Vec::<String>::new());
    assert_eq!(ask(&mut solo, STATUS), "{\"return\": \"thawed\"}\n");
}

#[test]
fn trim_says_of_each_file_system_what_became_of_it() {
    let mut solo = agent_on(broken());
    assert_eq!(
        ask(&mut solo, TRIM),
        "{\"return\": {\"paths\": [{\"path\": \"/\", \"error\": \"failed to trim: Input/output error\"}, \
         {\"path\": \"/home\", \"error\": \"trim not supported\"}, \
         {\"path\": \"/bind\", \"error\": \"failed to trim: Input/output error\"}]}}\n"
    );
    let reply = ask(
        &mut solo,
        r#"{"execute":"guest-fstrim","arguments":{"minimum":-1}}"#,
    );
    assert!(
        reply.contains("value '-1' is invalid for argument minimum"),
        "{reply}"
    );
}

#[test]
fn agent_that_ended_frozen_starts_frozen() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let state = State::in_folder(folder.path());
        let system: Arc<dyn System> = Arc::new(dry_run());
        let agent = Agent::new(system, Arc::new(Gate::default()), state);
        Solo::agent(agent.router().unwrap())
    };
    ask(&mut start(), FREEZE);
    let mut solo = start();
    assert_eq!(ask(&mut solo, STATUS), "{\"return\": \"frozen\"}\n");
    assert_eq!(ask(&mut solo, FREEZE), disabled("guest-fsfreeze-freeze"));
    ask(&mut solo, THAW);
    assert_eq!(ask(&mut start(), STATUS), "{\"return\": \"thawed\"}\n");
}

/// A file system in a file, mounted as long as this lives; thawed and unmounted whatever happens.
struct Image(tempfile::TempDir);

impl Image {
    fn mount() -> Option<Image> {
        let folder = tempfile::tempdir().unwrap();
        let (file, at) = (folder.path().join("image"), folder.path().join("at"));
        fs::File::create(&file).unwrap().set_len(16 << 20).unwrap();
        fs::create_dir(&at).unwrap();
        let paths = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        let run = |program: &str, arguments: &[&Path]| {
            let mut command = Command::new(program);
            let output = command.args(arguments).env("PATH", &paths).output();
            output.is_ok_and(|output| output.status.success())
        };
        let mounted = run("mkfs.ext4", &["-q".as_ref(), &file])
            && run("mount", &["-o".as_ref(), "loop".as_ref(), &file, &at]);
        if !mounted {
            println!("skipped: no file system can be mounted here");
            return None;
        }
        Some(Image(folder))
    }

    fn at(&self) -> std::path::PathBuf {
        self.0.path().join("at")
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        while Linux::default().thaw(&self.at()).is_ok() {}
        let _ = Command::new("umount").arg(self.at()).status();
    }
}

#[test]
fn real_file_system_is_frozen_thawed_and_trimmed() {
    let Some(image) = Image::mount() else {
        return;
    };
    let at = image.at();
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = table
        .lines()
        .find(|line| line.contains(at.to_str().unwrap()))
        .unwrap();
    // Of all file systems of this machine, the agent is told of this one.
    let only = image.0.path().join("mounts");
    fs::write(&only, format!("{line}\n{line}\n")).unwrap();
    let mut solo = agent_on(Arc::new(Linux::with_mounts(only)));

    fs::write(at.join("before"), "x").unwrap();
    // It is in the list twice, as with a bind mount.
    assert_eq!(ask(&mut solo, FREEZE), "{\"return\": 1}\n");
    let again = Linux::default().freeze(&at).unwrap_err();
    assert_eq!(
        again.kind(),
        io::ErrorKind::ResourceBusy,
        "the kernel says that it is frozen"
    );
    assert_eq!(fs::read_to_string(at.join("before")).unwrap(), "x");
    assert_eq!(ask(&mut solo, THAW), "{\"return\": 1}\n");
    fs::write(at.join("after"), "x").unwrap();

    let reply = ask(&mut solo, TRIM);
    let path = at.to_str().unwrap();
    let start = format!("{{\"return\": {{\"paths\": [{{\"path\": \"{path}\", \"trimmed\": ");
    let trimmed = reply
        .strip_prefix(&start)
        .unwrap_or_else(|| panic!("{reply}"));
    let bytes: u64 = trimmed.split(',').next().unwrap().parse().unwrap();
    assert!(bytes > 1 << 20, "{reply}");
    assert!(reply.contains("\"minimum\": 4096}"), "{reply}");
}
