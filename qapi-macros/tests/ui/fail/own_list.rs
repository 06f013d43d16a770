#[path = "../toy.rs"]
mod toy;

struct Vm;

#[qmp_runtime::handlers]
impl toy::ToyCommands for Vm {
    const COMMANDS: &'static [qmp_runtime::Entry<Self>] = &[];
}

fn main() {}
