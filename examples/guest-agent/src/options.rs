//! The command line and the configuration file, with the names that `qemu-ga` has.

mod config;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use qmp_runtime::server::{Address, Endpoint};

use crate::{Permitted, command_names};

/// What `--help` prints.
pub const HELP: &str = "\
Does inside a virtual machine what its host asks for.

Usage: guest-agent [OPTIONS]

  -m, --method METHOD    how to reach the host: virtio-serial (if not given), isa-serial,
                         unix-listen, vsock-listen or stdio
  -p, --path PATH        device or socket; CID:PORT for vsock-listen; if not given,
                         /dev/virtio-ports/org.qemu.guest_agent.0 or /dev/ttyS0
  -r, --retry-path       wait for a device that is not there
  -a, --allow-rpcs LIST  permit only these commands; a list with commas, or help
  -b, --block-rpcs LIST  permit all but these
  -F, --fsfreeze-hook[=PROGRAM]
                         run a program before file systems are frozen, with the argument freeze,
                         and after they are thawed, with thaw; /etc/qemu/fsfreeze-hook if not given
      --dry-run          say in the log what would be done to the machine, and do not do it
  -t, --statedir FOLDER  where to keep what outlives the process; /var/run if not given
  -c, --config FILE      read options from a file first; /etc/qemu/qemu-ga.conf if it is there
  -D, --dump-conf        print the options as such a file
  -d, --daemonize, --daemon
                         go to the background
  -f, --pidfile FILE     write the process number to a file; with -d, /var/run/guest-agent.pid if
                         not given
  -l, --logfile FILE     write the log to a file, not to standard error
  -v, --verbose          log every command
  -V, --version          print the version
  -h, --help             print this
";

const CONFIG: &str = "/etc/qemu/qemu-ga.conf";
const HOOK: &str = "/etc/qemu/fsfreeze-hook";

/// How the agent reaches the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// A virtio port.
    #[default]
    VirtioSerial,
    /// A serial line.
    IsaSerial,
    /// A unix socket.
    UnixListen,
    /// A port for virtual machines and their host.
    VsockListen,
    /// Standard input and output.
    Stdio,
}

/// The methods and their names.
const METHODS: [(&str, Method); 5] = [
    ("virtio-serial", Method::VirtioSerial),
    ("isa-serial", Method::IsaSerial),
    ("unix-listen", Method::UnixListen),
    ("vsock-listen", Method::VsockListen),
    ("stdio", Method::Stdio),
];

/// What the agent is to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// How to reach the host.
    pub method: Method,
    /// The device or socket.
    pub path: Option<String>,
    /// Wait for a device that is not there.
    pub retry_path: bool,
    /// The commands that are permitted.
    pub permitted: Permitted,
    /// What to run before a freeze and after a thaw.
    pub hook: Option<PathBuf>,
    /// Do nothing to the machine.
    pub dry_run: bool,
    /// Where to keep state.
    pub state_dir: Option<PathBuf>,
    /// Go to the background.
    pub daemon: bool,
    /// Where to write the process number.
    pub pid_file: Option<PathBuf>,
    /// Where to write the log.
    pub log_file: Option<PathBuf>,
    /// Log every command.
    pub verbose: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Serve.
    Run(Box<Options>),
    /// Print a text.
    Print(String),
}

impl Options {
    /// Reads a command line, and the configuration file that it names.
    ///
    /// # Errors
    /// There is something wrong with either.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Task, String> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let mut options = Options::default();
        match config_file(&arguments)? {
            Some(file) => config::read(&mut options, &file)?,
            None if Path::new(CONFIG).exists() => config::read(&mut options, Path::new(CONFIG))?,
            None => {}
        }
        let task = options.read(arguments);
        task.map_err(|error| format!("{error}\nTry 'guest-agent --help'."))
    }

    fn read(mut self, arguments: Vec<OsString>) -> Result<Task, lexopt::Error> {
        let mut parser = lexopt::Parser::from_args(arguments);
        let mut dump = false;
        let mut lists = 0;
        while let Some(argument) = parser.next()? {
            match argument {
                Short('m') | Long("method") => {
                    let name = parser.value()?.string()?;
                    self.method = method(&name)?;
                }
                Short('p') | Long("path") => self.path = Some(parser.value()?.string()?),
                Short('r') | Long("retry-path") => self.retry_path = true,
                Short('a') | Long("allow-rpcs") | Short('b') | Long("block-rpcs") => {
                    let allow = matches!(argument, Short('a') | Long("allow-rpcs"));
                    let text = parser.value()?.string()?;
                    if text == "help" {
                        return Ok(Task::Print(command_names().join("\n") + "\n"));
                    }
                    lists += 1;
                    self.permitted = permitted(allow, &text)?;
                }
                Short('F') | Long("fsfreeze-hook") => {
                    let program = parser.optional_value();
                    self.hook = Some(program.map_or_else(|| HOOK.into(), PathBuf::from));
                }
                Long("dry-run") => self.dry_run = true,
                Short('t') | Long("statedir") => self.state_dir = Some(parser.value()?.into()),
                Short('c') | Long("config") => drop(parser.value()?),
                Short('D') | Long("dump-conf") => dump = true,
                Short('d') | Long("daemonize" | "daemon") => self.daemon = true,
                Short('f') | Long("pidfile") => self.pid_file = Some(parser.value()?.into()),
                Short('l') | Long("logfile") => self.log_file = Some(parser.value()?.into()),
                Short('v') | Long("verbose") => self.verbose = true,
                Short('V') | Long("version") => {
                    let version = env!("CARGO_PKG_VERSION");
                    return Ok(Task::Print(format!("guest-agent {version}\n")));
                }
                Short('h') | Long("help") => return Ok(Task::Print(HELP.to_owned())),
                _ => return Err(argument.unexpected()),
            }
        }
        if lists > 1 {
            let text = "--allow-rpcs and --block-rpcs are given together, or twice: give one list";
            return Err(text.into());
        }
        if self.daemon && self.method == Method::Stdio {
            return Err("--daemonize leaves no standard input for the method stdio".into());
        }
        Ok(match dump {
            true => Task::Print(config::write(&self)),
            false => Task::Run(Box::new(self)),
        })
    }

    /// Where the host is.
    ///
    /// # Errors
    /// A path is missing, or is none.
    pub fn endpoint(&self) -> Result<Endpoint, String> {
        let given = self.path.as_deref();
        let path = |default| given.or(default).ok_or("this method needs --path");
        let address = match self.method {
            Method::VirtioSerial => {
                let default = "/dev/virtio-ports/org.qemu.guest_agent.0";
                Address::Device(path(Some(default))?.into())
            }
            Method::IsaSerial => Address::Device(path(Some("/dev/ttyS0"))?.into()),
            Method::UnixListen => Address::Unix(path(None)?.into()),
            Method::VsockListen => {
                let text = format!("vsock:{}", path(None)?);
                text.parse().map_err(|error| format!("{error}"))?
            }
            Method::Stdio => Address::Stdio,
        };
        let is_device = matches!(address, Address::Device(_));
        // The socket gives whoever reaches it the powers of the agent.
        let endpoint = Endpoint::listen(address).permissions(0o600);
        Ok(match self.retry_path && is_device {
            true => endpoint.reconnect(std::time::Duration::from_secs(1)),
            false => endpoint,
        })
    }
}

/// The file that the command line names, which is read ahead of all other options.
fn config_file(arguments: &[OsString]) -> Result<Option<PathBuf>, String> {
    let mut parser = lexopt::Parser::from_args(arguments.iter().cloned());
    let mut file = None;
    while let Ok(Some(argument)) = parser.next() {
        match argument {
            Short('c') | Long("config") => {
                let value = parser.value().map_err(|error| error.to_string())?;
                file = Some(value.into());
            }
            Short('m' | 'p' | 'a' | 'b' | 't' | 'f' | 'l') => drop(parser.value()),
            _ => drop(parser.optional_value()),
        }
    }
    Ok(file)
}

fn method(name: &str) -> Result<Method, String> {
    let found = METHODS.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, method)| method).ok_or_else(|| {
        let names = METHODS.map(|(known, _)| known).join(", ");
        format!("'{name}' is no method; there are {names}")
    })
}

fn permitted(allow: bool, text: &str) -> Result<Permitted, String> {
    let known = command_names();
    let names = text.split(',').filter(|name| !name.is_empty());
    let names = names.map(|name| match known.contains(&name) {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "there is no command '{name}'; --allow-rpcs=help lists them"
        )),
    });
    let names: BTreeSet<String> = names.collect::<Result<_, _>>()?;
    Ok(match allow {
        true => Permitted::Only(names),
        false => Permitted::AllBut(names),
    })
}
