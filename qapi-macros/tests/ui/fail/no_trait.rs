struct Vm;

#[qmp_runtime::handlers]
impl Vm {
    fn stop(&mut self) {}
}

fn main() {}
