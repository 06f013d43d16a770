//! Without a terminal: a command of the command line, or one from each line of standard input.

use std::io::{BufRead, IsTerminal as _};
use std::process::ExitCode;

use qmp_runtime::client::tokio::Events;
use qmp_runtime::client::{ClientError, RawEvent};
use qmp_runtime::json::{Map, Value};

use crate::input::{self, Request};
use crate::options::Options;
use crate::session::Session;
use crate::words::{Word, is_open};
use crate::{CONNECTION_LOST, FAILED, print};

/// Runs what there is to run.
pub(crate) async fn run(options: &Options, session: Session, events: Events) -> ExitCode {
    let json = options.json;
    let watcher = options.watch.then(|| tokio::spawn(watch(events, json)));
    let mut batch = Batch {
        json,
        session,
        failed: false,
    };
    let lost = if options.command.is_empty() {
        batch.lines().await
    } else {
        batch.words(&options.command).await
    };
    if let Err(error) = lost {
        batch.say_error(&error.to_string(), None);
        return ExitCode::from(CONNECTION_LOST);
    }
    let failed = batch.failed;
    drop(batch);
    if let Some(watcher) = watcher {
        tokio::select! {
            _ = watcher => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
    ExitCode::from(if failed { FAILED } else { 0 })
}

async fn watch(mut events: Events, json: bool) {
    while let Some(event) = events.next().await {
        match event {
            Ok(event) if json => anstream::println!("{}", wire(&event)),
            Ok(event) => anstream::println!("{}", print::event(&event)),
            Err(error) => anstream::eprintln!("{}", print::error(error)),
        }
    }
}

/// An event as it goes over the wire.
fn wire(event: &RawEvent) -> Value {
    let mut members = Map::new();
    if let Some(time) = event.timestamp {
        let stamp = [
            ("seconds".to_owned(), Value::from(time.as_secs())),
            ("microseconds".to_owned(), time.subsec_micros().into()),
        ];
        members.insert(
            "timestamp".into(),
            Value::Object(stamp.into_iter().collect()),
        );
    }
    members.insert("event".into(), event.name.as_str().into());
    if event.has_data() {
        members.insert("data".into(), print::data(event));
    }
    Value::Object(members)
}

struct Batch {
    json: bool,
    session: Session,
    failed: bool,
}

impl Batch {
    /// Runs the command in words that a shell has told apart.
    async fn words(&mut self, words: &[String]) -> Result<(), ClientError> {
        let first = words.first().map_or("", String::as_str);
        let words: Vec<Word<'_>> = words.iter().map(|text| Word { text, start: 0 }).collect();
        let schema = &self.session.schema;
        let request = match first {
            "help" => {
                match crate::help::help(&words[1..], schema) {
                    Ok(text) => anstream::print!("{text}"),
                    Err(error) => self.say_error(&error, None),
                }
                return Ok(());
            }
            "hmp" => Ok(hmp(words[1..].iter().map(|word| word.text))),
            _ if first.starts_with('{') => input::read(first, schema),
            _ => input::read_words(&words, schema),
        };
        self.request(request).await
    }

    /// Runs the commands of standard input.
    async fn lines(&mut self) -> Result<(), ClientError> {
        let mut input = std::io::stdin().lock();
        let mut text = String::new();
        loop {
            match input.read_line(&mut text) {
                Ok(0) if text.is_empty() => return Ok(()),
                // Goes on over several lines; at the end it has to do as it is.
                Ok(1..) if is_open(&text) => continue,
                Ok(_) => {}
                Err(error) => {
                    self.say_error(&format!("standard input: {error}"), None);
                    return Ok(());
                }
            }
            let line = text.trim();
            if !line.is_empty() && !line.starts_with('#') {
                let request = match line.split_once(char::is_whitespace) {
                    Some(("hmp", rest)) => Ok(hmp([rest.trim()])),
                    _ => input::read(line, &self.session.schema),
                };
                self.request(request).await?;
            }
            text.clear();
        }
    }

    /// Runs one request; an error is the loss of the connection.
    async fn request(&mut self, request: Result<Request, String>) -> Result<(), ClientError> {
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                self.say_error(&error, None);
                return Ok(());
            }
        };
        let id = request.id.clone();
        match self.session.run(&request).await {
            Ok(result) if self.json => say(id, "return", result),
            Ok(Value::String(text)) if request.name == "human-monitor-command" => {
                anstream::print!("{}", print::lines(&text));
            }
            Ok(Value::Object(empty)) if empty.is_empty() => {}
            Ok(result) => anstream::println!("{}", print::pretty(&result)),
            Err(ClientError::Command(error)) if self.json => {
                self.failed = true;
                let members = [
                    ("class".to_owned(), Value::from(error.class().as_str())),
                    ("desc".to_owned(), error.desc().into()),
                ];
                say(id, "error", Value::Object(members.into_iter().collect()));
            }
            Err(error) if concerns_one_call(&error) => {
                let advice = self.session.advice(&request, &error);
                let text = match advice {
                    Some(advice) => format!("{error}; {advice}"),
                    None => error.to_string(),
                };
                self.say_error(&text, id);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Says what went wrong here or with the connection; with JSON, as an error of a class of its own.
    fn say_error(&mut self, text: &str, id: Option<Value>) {
        self.failed = true;
        if self.json {
            let members = [
                ("class".to_owned(), Value::from("ShellError")),
                ("desc".to_owned(), text.into()),
            ];
            say(id, "error", Value::Object(members.into_iter().collect()));
        } else {
            anstream::eprintln!("{}", print::error(text));
        }
    }
}

/// Whether more commands can be run after this error.
pub(crate) fn concerns_one_call(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Command(_)
            | ClientError::Decode(_)
            | ClientError::TimedOut
            | ClientError::NoAgent
            | ClientError::Unsupported(_)
    )
}

fn say(id: Option<Value>, key: &str, value: Value) {
    let mut members = Map::new();
    members.insert(key.into(), value);
    if let Some(id) = id {
        members.insert("id".into(), id);
    }
    anstream::println!("{}", Value::Object(members));
}

/// A command of the human monitor.
pub(crate) fn hmp<'w>(words: impl IntoIterator<Item = &'w str>) -> Request {
    let words: Vec<&str> = words.into_iter().collect();
    let line = ("command-line".to_owned(), Value::from(words.join(" ")));
    Request {
        name: "human-monitor-command".into(),
        arguments: Map::from_iter([line]),
        oob: false,
        id: None,
        files: Vec::new(),
    }
}

/// Whether somebody types.
pub(crate) fn is_interactive(options: &Options) -> bool {
    options.command.is_empty()
        && !options.json
        && std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal()
}
