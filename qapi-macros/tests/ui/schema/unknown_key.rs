qmp_runtime::qapi_schema!("vm.json", defines = ["CONFIG_LINUX"]);

fn main() {}
