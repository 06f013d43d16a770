#[path = "../toy.rs"]
mod toy;

struct Vm;

#[qmp_runtime::handlers(threads)]
impl toy::ToyCommands for Vm {}

fn main() {}
