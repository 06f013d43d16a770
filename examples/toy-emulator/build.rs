//! Compiles the schema.

fn main() -> Result<(), qapi_codegen::Error> {
    qapi_codegen::compile("toy.json")
}
