//! The help texts.

pub(crate) const VERSION: &str = concat!("qapi ", env!("CARGO_PKG_VERSION"), "\n");

pub(crate) const MAIN: &str = "\
Works with QAPI schemas.

Usage: qapi COMMAND [OPTION]... FILE...

Commands:
  check       tell what is wrong with schemas
  explain     tell what the code of a diagnostic means
  fmt         lay out schema files
  diff        tell what a new version of a schema breaks
  gen         generate Rust bindings, JSON Schema or OpenRPC
  doc         write a reference in HTML
  introspect  print the data of query-qmp-schema
  dump        print the checked schema as JSON
  import      make a schema of what a server tells of itself
  help        print this, or the help of a command

FILE is the root of a schema (for fmt, any of its files); - reads it from
standard input.

Options:
  -h, --help     print help; also behind a command
  -V, --version  print the version

Exit status: 0 if all is well; 1 if something is wrong with a schema or its
bindings, or breaks its users; 2 if the command could not be carried out.
";

pub(crate) const CHECK: &str = "\
Tells what is wrong with schemas, each by itself.

Usage: qapi check [OPTION]... FILE...

Options:
      --format FORMAT    rich (default), short, json (an array of objects), or
                         qemu (what QEMU's generator says: the first error)
      --dialect DIALECT  any (default), or modern: refuse old forms, and
                         what QEMU 10.2 refuses in comments
  -I, --include DIR      look here for included files that are not beside the
                         including one; may be repeated
      --allow CODE       say nothing of warnings and notes with this code
      --warn CODE        warn of what the lint with this code finds
      --deny CODE        take warnings and notes with this code, and what the
                         lint with this code finds, for errors
  -h, --help             print this

CODE is as diagnostics show it, or its number alone; `qapi explain` lists all.
Of several options for a code the last one counts. Errors cannot be allowed.
Standard output holds the diagnostics, standard error a summary of the rich
ones. Colours are for terminals; set NO_COLOR to do without.

Exit status: 0 without errors, notes and warnings or not; 1 with errors; 2 if
a file cannot be read.
";

pub(crate) const EXPLAIN: &str = "\
Tells what the code of a diagnostic means, with an example and the remedy.

Usage: qapi explain [CODE]...

CODE is as diagnostics show it, or its number alone; without any, all are
listed.

Options:
  -h, --help  print this

Exit status: 0, or 2 if there is no such code.
";

pub(crate) const FORMAT: &str = "\
Lays out schema files as QEMU's own are. Comments stay what and where they are.

Usage: qapi fmt [OPTION]... FILE...

Options:
      --check  write nothing; print the names of files that would change
  -h, --help   print this

Files are changed in place, those that they include are not looked at. What
is read from standard input, named -, goes to standard output.

Exit status: 0; 1 if a file is malformed, or would change under --check; 2 if
a file cannot be read or written.
";

pub(crate) const DIFF: &str = "\
Compares two versions of a schema by what goes over the wire, and tells what
the new one means for programs that were written against the old one.

Usage: qapi diff [OPTION]... OLD NEW

Options:
      --format FORMAT  rich (default), or json (an array of objects)
  -I, --include DIR    look here for included files that are not beside the
                       including one; may be repeated
  -h, --help           print this

Changes are breaking (some programs fail), risky (those fail that use what they
were warned of, or are less tolerant than they should be), or compatible.

Exit status: 0 if nothing is breaking; 1 if something is, or a schema has
errors; 2 if a file cannot be read.
";

pub(crate) const DOCUMENT: &str = "\
Writes a reference of a schema for readers: HTML pages with a search, which need
neither a server nor a network.

Usage: qapi doc [OPTION]... -o DIR FILE

Options:
  -o, --output DIR   write into this folder; index.html is where to start
  -D, --define NAME  leave out what has a condition that does not hold with the
                     symbols so named; without any, all is kept and its
                     condition told
  -I, --include DIR  look here for included files that are not beside the
                     including one; may be repeated
      --title TEXT   the title of the reference
  -h, --help         print this

Files that have their text already are left alone; pages of an earlier run that
are no longer there are removed.

Exit status: 0; 1 if the schema has errors; 2 if a file cannot be read or
written.
";

pub(crate) const GENERATE: &str = "\
Generates Rust bindings from a schema, or documents for other languages.

Usage: qapi gen [OPTION]... -o DIR FILE

Options:
  -o, --output DIR       the folder to write to; generated files in it that are
                         no longer part of the output are removed
      --target TARGET    rust (default): mod.rs and its siblings;
                         json-schema: schema.json, JSON Schema 2020-12 that
                         accepts the requests of clients, with all types;
                         openrpc: openrpc.json, a method for each command
  -D, --define NAME      define a configuration symbol; may be repeated. With
                         any, `if` conditions are evaluated; without, everything
                         is generated
  -I, --include DIR      look here for included files that are not beside the
                         including one; may be repeated
      --name NAME        name of the root module, for the handler trait of its
                         commands, or the document's title (default: from the
                         file name)
      --no-docs          leave out the schema's documentation
      --check            write nothing; tell which files are out of date
  -h, --help             print this

Options for Rust:
      --commands PATTERN only the commands of this name, and what they need; `*`
                         at its start or end is for anything; may be repeated
      --events PATTERN   the same for events
      --types PATTERN    the same for types that nothing else needs
      --handlers KIND    blocking (default): methods that block; async: methods
                         that are async; none: no server's part, for clients
      --cfg              keep `if` conditions as Cargo features
      --module-features  put each module of the schema behind a Cargo feature
      --layout LAYOUT    folder (default): a file for each module of the schema;
                         single: all in mod.rs; parts: one file that includes
                         one for each module, as build scripts make them
      --runtime-path PATH
                         where to find the runtime (default: ::qmp_runtime)
      --no-format        do not lay out the output, which takes most of the time

With any of --commands, --events and --types, nothing else is generated. With
--cfg or --module-features, features.toml has the features for Cargo.toml,
unless the layout is single.

Exit status: 0; 1 if the schema has errors, or files are out of date under
--check; 2 if an option does not fit the schema, or a file cannot be read or
written.
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
  -I, --include DIR look here for included files that are not beside the
                    including one; may be repeated
  -h, --help        print this

Exit status: 0, 1 if the schema has errors, 2 if a file cannot be read.
";

pub(crate) const DUMP: &str = "\
Prints the checked schema as JSON: modules and entities, predefined and
implicit ones among them, in QEMU's order.

Usage: qapi dump [OPTION]... FILE

Options:
      --docs         the documentation comments, in full and in order, instead
  -I, --include DIR  look here for included files that are not beside the
                     including one; may be repeated
  -h, --help         print this

Files are named relative to the current folder where they lie in it.

Exit status: 0, 1 if the schema has errors, 2 if a file cannot be read.
";

pub(crate) const IMPORT: &str = "\
Makes a schema of what a server answers to query-qmp-schema, for bindings to
just what this server has.

Usage: qapi import [OPTION]... FILE
       qapi import [OPTION]... --qmp ADDRESS

FILE has the answer as JSON, with or without the reply around it; - reads it
from standard input. ADDRESS is unix:PATH or tcp:HOST:PORT.

Options:
      --qmp ADDRESS     ask the server that listens there
      --timeout SECONDS how long to wait for the server (default: 10)
  -o, --output FILE     the file to write to (default: standard output)
  -h, --help            print this

Servers do not tell the names of types, which are made up from where they are
used, nor documentation, nor the sizes of integers. The schema is checked, and
its introspection compared with the answer, before anything is written.

Exit status: 0; 1 if the answer is not one that a schema can give; 2 if it
cannot be had, or a file not be read or written.
";
