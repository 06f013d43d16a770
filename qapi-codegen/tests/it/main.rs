//! Integration tests of the code generator.

mod corpus;
mod introspect;
