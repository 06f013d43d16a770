//! `qapi fmt`

use std::ffi::OsString;
use std::path::Path;

use lexopt::{Arg, Parser};
use qapi_parser::{Code, MemoryLoader, Options, Outcome};

use super::input::{self, File};
use super::report::Style;
use super::{Failure, Status, help, required, terminal};

pub(crate) fn run(mut parser: Parser) -> Result<Status, Failure> {
    let mut check = false;
    let mut files: Vec<OsString> = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("check") => check = true,
            Arg::Short('h') | Arg::Long("help") => return terminal::print(help::FORMAT),
            Arg::Value(value) => files.push(value),
            other => return Err(other.unexpected().into()),
        }
    }
    required(files.first())?;
    // Nothing is written before everything has been read.
    let files = input::read_all(files)?;
    let mut all_is_well = true;
    for file in &files {
        all_is_well &= match laid_out(file) {
            Some(text) if check => !tell_if_changed(file, &text)?,
            Some(text) => put(file, &text).map(|()| true)?,
            None => false,
        };
    }
    Ok(Status::of(!all_is_well))
}

/// The text as it should be; none after what is malformed in it has been told.
fn laid_out(file: &File) -> Option<String> {
    let Ok(text) = std::str::from_utf8(&file.bytes) else {
        let mut outcome = alone(file);
        // A file that is too large is cut, which may be in the middle of a character.
        let reasons = [Code::NotUtf8, Code::FileTooLarge];
        outcome
            .diagnostics
            .retain(|one| reasons.contains(&one.code));
        complain(&outcome);
        return None;
    };
    match qapi_parser::fmt::format(text) {
        Ok(text) => Some(text),
        Err(failure) => {
            // The formatter knows no path; another look at the file gives the same text one.
            let diagnostics = failure.diagnostics;
            complain(&Outcome {
                diagnostics,
                ..alone(file)
            });
            None
        }
    }
}

/// What comes of checking the file without the others.
fn alone(file: &File) -> Outcome {
    let loader = MemoryLoader::new().file(&file.path, file.bytes.clone());
    qapi_parser::check(&file.path, &loader, &Options::new())
}

fn complain(outcome: &Outcome) {
    let (problems, sources) = (&outcome.diagnostics, &outcome.sources);
    let text = Style::Rich.render(problems, sources, &std::io::stderr());
    terminal::complain(&text);
}

/// Tells the name of a file that is not laid out as it should be.
fn tell_if_changed(file: &File, text: &str) -> Result<bool, Failure> {
    let changed = file.bytes != text.as_bytes();
    if changed {
        terminal::print(&format!("{}\n", file.path.display()))?;
    }
    Ok(changed)
}

/// A file that is as it should be keeps its time of change.
fn put(file: &File, text: &str) -> Result<(), Failure> {
    if file.is_standard_input {
        return terminal::print(text).map(|_| ());
    }
    if file.bytes == text.as_bytes() {
        return Ok(());
    }
    std::fs::write(&file.path, text).map_err(|error| unwritable(&file.path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    Failure(format!(
        "cannot write {path}: {error}; check its permissions"
    ))
}
