//! The help texts.

pub(crate) const VERSION: &str = concat!("qapi ", env!("CARGO_PKG_VERSION"), "\n");

pub(crate) const MAIN: &str = "\
Works with QAPI schemas.

Usage: qapi COMMAND [OPTION]... FILE

Commands:
  check       tell what is wrong with a schema
  gen         generate Rust bindings
  introspect  print the data of query-qmp-schema

FILE is the root of the schema; - reads it from standard input.

Options:
  -h, --help     print help; also behind a command
  -V, --version  print the version

Exit status: 0 if all is well, 1 if something is wrong with the schema or
its bindings, 2 if the command could not be carried out.
";

pub(crate) const CHECK: &str = "\
Tells what is wrong with a schema.

Usage: qapi check [OPTION]... FILE

Options:
      --format FORMAT    rich (default), short, json (one object on a line),
                         or qemu (as QEMU's generator puts it)
      --dialect DIALECT  any (default), or modern: refuse old forms, and
                         what QEMU 10.2 refuses in comments
  -h, --help             print this

Notes and warnings alone leave the exit status at 0.
";

pub(crate) const GENERATE: &str = "\
Generates Rust bindings from a schema.

Usage: qapi gen [OPTION]... -o DIR FILE

Options:
  -o, --output DIR  the folder to write to; generated files in it that are
                    no longer part of the output are removed
  -D, --define NAME define a configuration symbol; may be repeated. With
                    any, `if` conditions are evaluated; without, everything
                    is generated
      --name NAME   name of the root module, for the handler trait of its
                    commands (default: from the file name)
      --no-docs     leave out the schema's documentation
      --check       write nothing; tell which files are out of date
  -h, --help        print this
";

pub(crate) const INTROSPECT: &str = "\
Prints what a server with the whole schema answers to query-qmp-schema.

Usage: qapi introspect [OPTION]... FILE

Options:
      --unmasked    types by name, not by number
      --conditions  tell conditions: keys if, features-if, values-if
  -D, --define NAME define a configuration symbol; may be repeated. With
                    any, `if` conditions are evaluated; without, everything
                    is told
  -h, --help        print this
";
