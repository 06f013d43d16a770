#[qmp_runtime::handlers]
struct Vm;

fn main() {}
