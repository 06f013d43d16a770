//! Compiles the project's QMP schema, as a user of the compiler would.

fn main() -> Result<(), qapi_codegen::Error> {
    qapi_codegen::configure().compile("../../schema/qmp/qapi-schema.json")
}
