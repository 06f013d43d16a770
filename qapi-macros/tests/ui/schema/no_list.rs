qmp_runtime::qapi_schema!("vm.json", commands = "query-*");

fn main() {}
