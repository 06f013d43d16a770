qmp_runtime::qapi_schema!(define = ["CONFIG_LINUX"]);

fn main() {}
