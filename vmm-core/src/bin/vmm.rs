//! The command `vmm`.

use std::io::{self, Write};
use std::process::ExitCode;

use vmm_core::cli::{self, Request};

/// The command line is wrong, or the machine cannot run.
const FAILURE: u8 = 1;

fn main() -> ExitCode {
    let arguments = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned());
    match cli::parse(arguments) {
        Ok(Request::Print(text)) => {
            // A reader that has gone, such as `head`, is no failure.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Ok(Request::Run(options)) => match vmm_core::run(*options) {
            Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(FAILURE)),
            Err(error) => fail(&error),
        },
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    vmm_core::report(&error.to_string());
    ExitCode::from(FAILURE)
}
