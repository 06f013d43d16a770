//! What is implemented is listed, what is not there is not.

#[path = "../toy.rs"]
mod toy;

use qmp_runtime::{Context, QmpError, handlers};
use toy::{Stop, ToyCommands};

struct Vm;

#[handlers]
impl ToyCommands for Vm {
    fn stop(&mut self, _: &mut Context<'_>, _: Stop) -> Result<(), QmpError> {
        Ok(())
    }

    #[cfg(any())]
    fn cont(&mut self, _: &mut Context<'_>, _: toy::Cont) -> Result<(), QmpError> {
        Ok(())
    }
}

fn main() {
    let names: Vec<String> = Vm::COMMANDS.iter().map(|entry| format!("{entry:?}")).collect();
    assert_eq!(names.len(), 1);
    assert!(names[0].contains("\"stop\""), "{names:?}");
}
