#[path = "../toy.rs"]
mod toy;

struct Vm;

#[qmp_runtime::handlers(async)]
impl toy::ToyCommands for Vm {}

fn main() {}
