//! Compiles the guest agent's schema for Linux.

fn main() -> Result<(), qapi_codegen::Error> {
    qapi_codegen::configure()
        .define("CONFIG_LINUX")
        .define("CONFIG_FSFREEZE")
        .define("CONFIG_FSTRIM")
        .define("HAVE_GETIFADDRS")
        .name("qga")
        .compile("../../schema/qga/qapi-schema.json")
}
