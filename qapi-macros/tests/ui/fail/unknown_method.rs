//! The compiler names the closest command.

#[path = "../toy.rs"]
mod toy;

use qmp_runtime::{Context, QmpError, handlers};

struct Vm;

#[handlers]
impl toy::ToyCommands for Vm {
    fn stopp(&mut self, _: &mut Context<'_>, _: toy::Stop) -> Result<(), QmpError> {
        Ok(())
    }
}

fn main() {}
