//! At a terminal: a line editor that knows what the server knows.

use std::borrow::Cow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qmp_runtime::client::tokio::Events;
use qmp_runtime::client::{ClientError, RawEvent};
use qmp_runtime::json::{Map, Value};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, ExternalPrinter, Helper};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::complete::{candidates, hint};
use crate::input::Request;
use crate::options::Options;
use crate::schema::Schema;
use crate::session::Session;
use crate::words::{is_open, words};
use crate::{CONNECTION_LOST, batch, print};

/// How long the last events and answers may take when the connection ends.
const AT_THE_END: Duration = Duration::from_millis(200);
/// How many lines are remembered.
const HISTORY_LINES: usize = 10_000;

/// Tells the line editor what can stand where.
struct Knowledge(Arc<Schema>);

impl Completer for Knowledge {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let candidates = candidates(&line[..at], &self.0);
        Ok((candidates.start, candidates.texts))
    }
}

impl Hinter for Knowledge {
    type Hint = String;

    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<String> {
        (at == line.len()).then(|| hint(line, &self.0)).flatten()
    }
}

impl Highlighter for Knowledge {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        format!("\x1b[2m{hint}\x1b[0m").into()
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        format!("\x1b[1m{prompt}\x1b[0m").into()
    }
}

impl Validator for Knowledge {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_open(context.input()) {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

impl Helper for Knowledge {}

type LineEditor = Editor<Knowledge, FileHistory>;

/// Reads and runs commands until the user leaves or the server hangs up.
pub(crate) fn run(
    options: &Options,
    runtime: &Runtime,
    session: &Session,
    events: Events,
) -> rustyline::Result<ExitCode> {
    let terminal = tcgetattr(std::io::stdin()).ok();
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .max_history_size(HISTORY_LINES)?
        .build();
    let mut editor = LineEditor::with_config(config)?;
    editor.set_helper(Some(Knowledge(session.schema.clone())));
    if let Some(path) = &options.history {
        // There may be none yet.
        let _ = editor.load_history(path);
    }
    let printer = editor.create_external_printer()?;
    let leaving = Arc::new(AtomicBool::new(false));
    let (settle, settled) = mpsc::channel(1);
    let display = Display {
        events,
        printer,
        settled,
        terminal,
        leaving: leaving.clone(),
    };
    runtime.spawn(display.run());
    let shell = Shell {
        session,
        settle,
        reconnects: options.reconnect,
        leaving,
    };
    let (prompt, banner) = runtime.block_on(introduce(options, session));
    anstream::println!("{banner}");
    loop {
        let line = match editor.readline(&prompt) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(ExitCode::SUCCESS),
            Err(error) => return Err(error),
        };
        remember(&mut editor, options.history.as_deref(), &line);
        match line.trim() {
            "" => {}
            "exit" => return Ok(ExitCode::SUCCESS),
            line => {
                if let Some(code) = runtime.block_on(shell.one(line)) {
                    return Ok(code);
                }
            }
        }
    }
}

/// Shows events as they come.
struct Display<P> {
    events: Events,
    printer: P,
    /// Who wants to know when all that has come so far is shown.
    settled: mpsc::Receiver<oneshot::Sender<()>>,
    terminal: Option<Termios>,
    /// The server was told to quit.
    leaving: Arc<AtomicBool>,
}

impl<P: ExternalPrinter> Display<P> {
    async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                event = self.events.next() => match event {
                    Some(event) => self.show(event),
                    None => break,
                },
                // Everything before that is shown: events come first here.
                Some(waiting) = self.settled.recv() => drop(waiting.send(())),
            }
        }
        drop(self.settled);
        end(self.terminal, &self.leaving).await;
    }

    fn show(&mut self, event: Result<RawEvent, ClientError>) {
        let text = match event {
            Ok(event) => print::event(&event),
            Err(error) => print::error(error),
        };
        let text = match anstream::AutoStream::choice(&std::io::stdout()) {
            anstream::ColorChoice::Never => anstream::adapter::strip_str(&text).to_string(),
            _ => text,
        };
        // If it cannot be shown, nothing can.
        let _ = self.printer.print(text + "\n");
    }
}

/// Ends the program. When the server hangs up at the prompt, nobody else can.
async fn end(terminal: Option<Termios>, leaving: &AtomicBool) {
    if leaving.load(Ordering::Relaxed) {
        return;
    }
    // A command that is running tells by itself, and ends the program.
    tokio::time::sleep(AT_THE_END).await;
    if let Some(terminal) = terminal {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &terminal);
    }
    anstream::println!("\r\x1b[K{}", print::error(ClientError::Closed));
    std::process::exit(CONNECTION_LOST.into());
}

/// The prompt, and what is told at first.
async fn introduce(options: &Options, session: &Session) -> (String, String) {
    let commands = session.schema.commands.len();
    let (prompt, who) = if options.agent {
        ("agent> ".to_owned(), "a guest agent".to_owned())
    } else {
        let version = session.client.greeting().version;
        let name = session
            .client
            .execute_value("query-name", &Map::new())
            .await;
        let name = name
            .ok()
            .and_then(|value| Some(print::clean(value["name"].as_str()?)));
        let package = print::clean(&version.package);
        let package = if package.is_empty() {
            package
        } else {
            format!(" ({package})")
        };
        let who = format!(
            "QEMU {}.{}.{}{package}",
            version.major, version.minor, version.micro
        );
        (format!("{}> ", name.as_deref().unwrap_or("qmp")), who)
    };
    let banner = format!(
        "Connected to {who}: {commands} commands. Tab completes, 'help' explains, Ctrl-D leaves."
    );
    (prompt, banner)
}

fn remember(editor: &mut LineEditor, path: Option<&Path>, line: &str) {
    if !editor.add_history_entry(line).unwrap_or(false) {
        return;
    }
    let Some(path) = path else { return };
    if let Some(folder) = path.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    // A history that cannot be kept is no reason to stop.
    let _ = editor.append_history(path);
}

/// What it takes to run a line.
struct Shell<'s> {
    session: &'s Session,
    settle: mpsc::Sender<oneshot::Sender<()>>,
    /// A lost connection is made anew.
    reconnects: bool,
    /// The server was told to quit.
    leaving: Arc<AtomicBool>,
}

impl Shell<'_> {
    /// Runs one line; says how to end when there is nothing to go on with.
    async fn one(&self, line: &str) -> Option<ExitCode> {
        let session = self.session;
        let request = match line.split_once(char::is_whitespace).unwrap_or((line, "")) {
            ("help", rest) => {
                match crate::help::help(&words(rest), &session.schema) {
                    Ok(text) => anstream::print!("{text}"),
                    Err(error) => anstream::println!("{}", print::error(error)),
                }
                return None;
            }
            ("hmp", rest) => Ok(batch::hmp([rest.trim()])),
            _ => crate::input::read(line, &session.schema),
        };
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                anstream::println!("{}", print::error(error));
                return None;
            }
        };
        let quits = request.name == "quit";
        self.leaving
            .store(quits && !self.reconnects, Ordering::Relaxed);
        // It listens from here on, before anything is sent.
        let mut interrupt = interrupts();
        let interrupted = async {
            match &mut interrupt {
                Some(interrupt) => interrupt.recv().await,
                None => std::future::pending().await,
            }
        };
        let result = tokio::select! {
            result = session.run(&request) => result,
            _ = interrupted => {
                anstream::println!("{}", print::error("given up; the command may run on"));
                return None;
            }
        };
        self.settle().await;
        match result {
            Ok(result) => {
                show_result(&request, &result);
                if quits && !self.reconnects {
                    // Its last events are shown.
                    tokio::time::sleep(AT_THE_END).await;
                    return Some(ExitCode::SUCCESS);
                }
                None
            }
            Err(error) => self.show_error(&request, &error),
        }
    }

    /// Waits until the events that came before are shown.
    async fn settle(&self) {
        let (shown, wait) = oneshot::channel();
        if self.settle.send(shown).await.is_ok() {
            // Without an answer there is nobody who shows any.
            let _ = wait.await;
        }
    }

    fn show_error(&self, request: &Request, error: &ClientError) -> Option<ExitCode> {
        anstream::println!("{}", print::error(error));
        if let Some(advice) = self.session.advice(request, error) {
            anstream::println!("{advice}");
        }
        let goes_on = self.reconnects || batch::concerns_one_call(error);
        (!goes_on).then(|| ExitCode::from(CONNECTION_LOST))
    }
}

/// Presses of Ctrl-C from now on, which end nothing by themselves any more.
fn interrupts() -> Option<Signal> {
    signal(SignalKind::interrupt()).ok()
}

fn show_result(request: &Request, result: &Value) {
    match result {
        Value::String(text) if request.name == "human-monitor-command" => {
            anstream::print!("{}", print::lines(text));
        }
        Value::Object(empty) if empty.is_empty() => anstream::println!("ok"),
        result => anstream::println!("{}", print::pretty(result)),
    }
}
