//! A typed client that shows what goes over the wire.

use std::path::Path;
use std::time::Duration;

use anstream::println;
use anstyle::{AnsiColor, Style};
use anyhow::Context as _;
use qmp_runtime::client::{Client, RawEvent};
use qmp_runtime::codec::to_bytes;
use qmp_runtime::json::Value;
use qmp_runtime::{Command, Event};

const NOTE: Style = Style::new().bold();
const SENT: Style = AnsiColor::Cyan.on_default();
const RECEIVED: Style = AnsiColor::Green.on_default();
const HAPPENED: Style = AnsiColor::Yellow.on_default();
const GUEST: Style = AnsiColor::Magenta.on_default();

/// Lines longer than this are cut for the eye.
const MAX_COLUMNS: usize = 110;
/// How long to wait for a reply or an event.
const PATIENCE: Duration = Duration::from_secs(10);

/// Says what comes next.
pub(crate) fn note(text: &str) {
    println!("{NOTE}── {text}{NOTE:#}");
}

/// Shows a line that the guest has printed.
pub(crate) fn guest(line: &str) {
    println!("{GUEST}   guest │ {line}{GUEST:#}");
}

fn show(style: Style, mark: &str, text: &str) {
    let cut: String = text.chars().take(MAX_COLUMNS).collect();
    let dots = if cut.len() < text.len() { " …" } else { "" };
    println!("{style}{mark} {cut}{dots}{style:#}");
}

/// A client that prints what it sends and gets.
pub(crate) struct Conversation {
    client: Client,
    /// Events that were shown and not asked for yet.
    seen: Vec<RawEvent>,
}

impl Conversation {
    pub(crate) fn connect(socket: &Path) -> anyhow::Result<Self> {
        let mut client = Client::connect_unix(socket)?;
        client.set_timeout(Some(PATIENCE));
        let version = &client.greeting().version;
        note(&format!(
            "connected to {}: QMP of version {}.{}.{}{}",
            socket.display(),
            version.major,
            version.minor,
            version.micro,
            version.package
        ));
        Ok(Conversation {
            client,
            seen: Vec::new(),
        })
    }

    pub(crate) fn execute<C: Command>(&mut self, command: &C) -> anyhow::Result<C::Return> {
        let name = C::INFO.name;
        let arguments = String::from_utf8_lossy(&to_bytes(command)).into_owned();
        let arguments = if arguments == "{}" {
            String::new()
        } else {
            format!(", \"arguments\": {arguments}")
        };
        show(
            SENT,
            "→",
            &format!("{{\"execute\": \"{name}\"{arguments}}}"),
        );
        let result = self
            .client
            .execute(command)
            .with_context(|| format!("{name} failed"))?;
        // Events are sent in front of the reply to the command that causes them.
        self.show_events()?;
        show(
            RECEIVED,
            "←",
            &format!(
                "{{\"return\": {}}}",
                String::from_utf8_lossy(&to_bytes(&result))
            ),
        );
        Ok(result)
    }

    /// Shows the events that have come.
    fn show_events(&mut self) -> anyhow::Result<()> {
        loop {
            match self.client.next_event(Some(Duration::ZERO)) {
                Ok(Some(event)) => self.show_event(event),
                Ok(None) => return Ok(()),
                Err(error) if error.is_closed() => return Ok(()), // behind the reply to `quit`
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for an event; others are shown as they come.
    pub(crate) fn wait_for<E: Event>(&mut self) -> anyhow::Result<E> {
        loop {
            if let Some(event) = self.seen.iter().find_map(RawEvent::decode::<E>) {
                return Ok(event?);
            }
            let event = self.client.next_event(Some(PATIENCE))?;
            let event =
                event.with_context(|| format!("no {} within {PATIENCE:?}", E::INFO.name))?;
            self.show_event(event);
        }
    }

    fn show_event(&mut self, event: RawEvent) {
        let data = match event.data::<Value>() {
            Ok(data) if event.has_data() => format!(", \"data\": {}", text(&data)),
            _ => String::new(),
        };
        show(
            HAPPENED,
            "◆",
            &format!("{{\"event\": \"{}\"{data}}}", event.name),
        );
        self.seen.push(event);
    }
}

fn text(data: &Value) -> String {
    String::from_utf8_lossy(&to_bytes(data)).into_owned()
}
