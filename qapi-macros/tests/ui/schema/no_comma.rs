qmp_runtime::qapi_schema!("vm.json" docs = false);

fn main() {}
