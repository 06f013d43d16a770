//! The command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lexopt::prelude::*;
use qmp_runtime::client::{Builder, Client, Endpoint, Reconnect};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

pub(crate) const HELP: &str = "\
Talk to QEMU, or whatever speaks QMP, and to guest agents.

Usage: qmp-shell [OPTIONS] ADDRESS [COMMAND [KEY=VALUE…]]

  ADDRESS   a path, unix:PATH, unix:NAME,abstract=on, tcp:HOST:PORT, vsock:CID:PORT or device:PATH
  COMMAND   a command to run; without one, commands are read from the terminal or, one a line,
            from standard input

  -a, --agent          the other side is a guest agent
  -j, --json           one line of JSON for each answer, for scripts
  -w, --watch          print events, too, and go on until the server hangs up (at a terminal
                       they are always printed)
  -t, --timeout SECS   how long to wait for an answer; without end if not given
  -r, --reconnect      connect anew when the connection is lost
      --history FILE   where to keep what was typed; - for nowhere
      --tls-ca FILE    use TLS (over tcp), and trust these certificates
      --tls-name NAME  the name in the server's certificate; HOST if not given
      --tls-cert FILE  certificates that say who this is, with
      --tls-key FILE   their key
  -h, --help           print this
  -V, --version        print the version

Exit status: 0 all went well, 1 a command failed, 2 wrong usage, 3 no connection or lost.
Example: qmp-shell /tmp/vm.qmp blockdev-add driver=null-co node-name=d0 size=0x100000
";

/// What to do.
#[derive(Debug)]
pub(crate) enum Task {
    Run(Box<Options>),
    Print(String),
}

#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) address: String,
    pub(crate) agent: bool,
    pub(crate) json: bool,
    pub(crate) watch: bool,
    timeout: Option<Duration>,
    pub(crate) reconnect: bool,
    pub(crate) history: Option<PathBuf>,
    tls: Tls,
    /// A command and its arguments.
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Default)]
struct Tls {
    authority: Option<PathBuf>,
    name: Option<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Task, String> {
        Options::read(arguments).map_err(|error| format!("{error}\nTry 'qmp-shell --help'."))
    }

    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Task, lexopt::Error> {
        let mut parser = lexopt::Parser::from_args(arguments);
        let mut options = Options {
            history: default_history(),
            ..Options::default()
        };
        while let Some(argument) = parser.next()? {
            match argument {
                Short('a') | Long("agent") => options.agent = true,
                Short('j') | Long("json") => options.json = true,
                Short('w') | Long("watch") => options.watch = true,
                Short('r') | Long("reconnect") => options.reconnect = true,
                Short('t') | Long("timeout") => {
                    let seconds: f64 = parser.value()?.parse()?;
                    options.timeout = Duration::try_from_secs_f64(seconds).ok();
                    if options.timeout.is_none() {
                        return Err("the time-out is no number of seconds".into());
                    }
                }
                Long("history") => {
                    let path = PathBuf::from(parser.value()?);
                    options.history = (path != Path::new("-")).then_some(path);
                }
                Long("tls-ca") => options.tls.authority = Some(parser.value()?.into()),
                Long("tls-name") => options.tls.name = Some(parser.value()?.string()?),
                Long("tls-cert") => options.tls.certificate = Some(parser.value()?.into()),
                Long("tls-key") => options.tls.key = Some(parser.value()?.into()),
                Short('h') | Long("help") => return Ok(Task::Print(HELP.into())),
                Short('V') | Long("version") => {
                    let version = env!("CARGO_PKG_VERSION");
                    return Ok(Task::Print(format!("qmp-shell {version}\n")));
                }
                Value(address) if options.address.is_empty() => {
                    options.address = address.string()?
                }
                Value(command) => {
                    options.command.push(command.string()?);
                    // What is behind the command is the command's.
                    for argument in parser.raw_args()? {
                        options.command.push(argument.string()?);
                    }
                }
                other => return Err(other.unexpected()),
            }
        }
        if options.address.is_empty() {
            return Err("no address is given".into());
        }
        Ok(Task::Run(Box::new(options)))
    }

    pub(crate) fn builder(&self) -> Builder {
        let mut builder = Client::builder().timeout(self.timeout);
        if let Some(timeout) = self.timeout {
            builder = builder.connect_timeout(timeout);
        }
        if self.agent {
            builder = builder.agent();
        }
        if self.reconnect {
            builder = builder.reconnect(Reconnect::default());
        }
        builder
    }

    pub(crate) fn endpoint(&self) -> Result<Endpoint, String> {
        // What is there is meant, whatever it looks like.
        if Path::new(&self.address).exists() {
            return Ok(Endpoint::Unix(PathBuf::from(&self.address)));
        }
        let endpoint = self
            .address
            .parse::<Endpoint>()
            .map_err(|error| error.to_string())?;
        match (&self.tls.authority, endpoint) {
            (None, endpoint) => Ok(endpoint),
            (Some(authority), Endpoint::Tcp(address)) => self.tls.endpoint(authority, address),
            (Some(_), _) => Err("TLS is for tcp:HOST:PORT alone".into()),
        }
    }
}

impl Tls {
    fn endpoint(&self, authority: &Path, address: String) -> Result<Endpoint, String> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(authority)? {
            roots
                .add(certificate)
                .map_err(|error| format!("{}: {error}", authority.display()))?;
        }
        let config = ClientConfig::builder().with_root_certificates(roots);
        let config = match (&self.certificate, &self.key) {
            (None, None) => config.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate)?;
                let secret = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| format!("{}: {error}", key.display()))?;
                config
                    .with_client_auth_cert(chain, secret)
                    .map_err(|error| format!("{}: {error}", certificate.display()))?
            }
            _ => return Err("--tls-cert and --tls-key belong together".into()),
        };
        let host = address.rsplit_once(':').map_or("", |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = self.name.clone().unwrap_or_else(|| host.to_owned());
        Ok(Endpoint::Tls {
            name: ServerName::try_from(name).map_err(|error| error.to_string())?,
            address,
            config: Arc::new(config),
        })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// Where programs keep such things, by the rules of freedesktop.org.
fn default_history() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state = state
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")));
    Some(state?.join("qmp-shell/history"))
}
