//! The command `qapi`: checks and explains schemas, generates bindings, prints introspection data and
//! dumps.

#[path = "../cli/mod.rs"]
mod cli;
#[path = "../dump/mod.rs"]
mod dump;

fn main() -> std::process::ExitCode {
    cli::main()
}
