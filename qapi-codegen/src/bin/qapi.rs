//! The command `qapi`: checks schemas, generates bindings, prints introspection data.

#[path = "../cli/mod.rs"]
mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
