//! The human monitor: commands in words, answers in text, as QEMU's are.
//!
//! `table` and `info` list the commands; each takes its arguments off its [`Line`], calls what QMP calls, and says it
//! in text. `expression` and `memory` are the calculator and the views of memory.

mod actions;
mod block;
mod expression;
mod info;
mod line;
mod memory;
mod mouse;
mod objects;
mod ports;
mod registers;
mod table;

use qmp_runtime::{Context, QmpError};

use super::Vmm;
use line::Line;
pub(super) use memory::Format;

/// A command of the human monitor.
struct HumanCommand {
    /// Its name, and another one behind `|`.
    name: &'static str,
    /// Its arguments, for people.
    arguments: &'static str,
    help: &'static str,
    run: fn(&mut Human<'_, '_>, Line<'_>) -> Said,
}

impl HumanCommand {
    fn is_called(&self, name: &str) -> bool {
        self.name.split('|').any(|known| known == name)
    }
}

/// Why a line did nothing.
#[derive(Debug)]
enum Stop {
    /// It is not as the command wants it: there is help.
    Usage(String),
    /// As it says.
    Text(String),
    /// What is behind the command has failed.
    Failed(QmpError),
}

impl<E: Into<QmpError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Failed(error.into())
    }
}

/// What a line prints.
type Said = Result<String, Stop>;

/// What is done prints nothing.
fn silently<T>(result: Result<T, QmpError>) -> Said {
    result?;
    Ok(String::new())
}

/// One line's surroundings.
struct Human<'h, 'c> {
    vmm: &'h mut Vmm,
    cx: &'h mut Context<'c>,
    /// The CPU whose registers and virtual memory are meant.
    cpu: u32,
}

impl Vmm {
    /// Runs a line for CPU `cpu`; what it prints, with the line ends of a terminal.
    pub(super) fn run_hmp(&mut self, cx: &mut Context<'_>, line: &str, cpu: u32) -> String {
        let text = run(&mut Human { vmm: self, cx, cpu }, line);
        text.replace('\n', "\r\n")
    }
}

fn run(human: &mut Human<'_, '_>, text: &str) -> String {
    let mut line = Line::new(text);
    let Some(mut name) = line.name() else {
        return String::new();
    };
    let mut called = name.to_owned();
    let mut table = table::COMMANDS;
    if name == "info"
        && let Some(what) = line.name()
    {
        (table, name) = (info::INFO, what);
        called = format!("info {what}");
    }
    let Some(command) = table.iter().find(|command| command.is_called(name)) else {
        return format!("unknown command: '{called}'\n");
    };
    line.of(command.name);
    match (command.run)(human, line) {
        Ok(text) => text,
        Err(Stop::Text(text)) => text,
        Err(Stop::Failed(error)) => format!("Error: {}\n", error.desc()),
        Err(Stop::Usage(text)) => format!("{text}\nTry \"help {called}\" for more information\n"),
    }
}

/// What there is, or one command of it.
fn help(of: Option<&str>, about: Option<&str>) -> String {
    let (table, prefix, name) = match (of, about) {
        (None, _) => (table::COMMANDS, "", None),
        (Some("info"), name) => (info::INFO, "info ", name),
        (name, _) => (table::COMMANDS, "", name),
    };
    let mut text = String::new();
    let shown = |command: &&HumanCommand| name.is_none_or(|name| command.is_called(name));
    for command in table.iter().filter(shown) {
        let (name, arguments) = (command.name, command.arguments);
        text += &format!("{prefix}{name} {arguments} -- {}\n", command.help);
    }
    match (text.is_empty(), name) {
        (true, Some(name)) => format!("unknown command: '{prefix}{name}'\n"),
        _ => text,
    }
}
