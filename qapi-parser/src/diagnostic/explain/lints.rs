//! Lints, and old forms.

use super::texts;
use crate::diagnostic::Code;

texts! {
    UnusedType:
        "No command and no event leads to the type, so it never goes over the wire.\n\
         Schemas that have types only are not looked at.",
        "    { 'struct': 'Point', 'data': { 'x': 'int' } }\n\
         \x20   { 'command': 'stop' }",
        "Remove it, or use it. The lint is off by default, as programs may use types\n\
         for themselves.";
    MissingSince:
        "The comment does not say in which release the definition came. Clients want to\n\
         know.",
        "    ##\n\
         \x20   # @stop:\n\
         \x20   #\n\
         \x20   # Stop.\n\
         \x20   ##\n\
         \x20   { 'command': 'stop' }",
        "Add a section '# Since: 1.0'. The lint is off by default.";
    UselessInclude:
        "An 'include' brings nothing: the same file has it already, or the file has\n\
         nothing in it.",
        "    { 'include': 'empty.json' }\n\
         \x20   { 'include': 'empty.json' }",
        "Remove the directive.";
    UndocumentedMember:
        "The definition has a comment that leaves out a member, and the pragma\n\
         'documentation-exceptions' or the age of the schema lets that pass.",
        "    { 'pragma': { 'documentation-exceptions': [ 'Point' ] } }\n\
         \x20   ##\n\
         \x20   # @Point:\n\
         \x20   #\n\
         \x20   # A place.\n\
         \x20   #\n\
         \x20   # Since: 1.0\n\
         \x20   ##\n\
         \x20   { 'struct': 'Point', 'data': { 'x': 'int' } }",
        "Describe the member. The lint is off by default.";
    UnreachedFile:
        "A file looks like a part of the schema, but no 'include' leads to it. Looked at\n\
         are '.json' files that start as a schema does, in the folder of the root file\n\
         and those below it, where the schema has at least two included files already.",
        "(no short example)",
        "Include the file, or keep it in another folder.";
    Lifted:
        "A form of an older QEMU was read as today's form of the same thing. Nothing is\n\
         wrong, but today's QEMU would refuse it.",
        "    { 'type': 'Point', 'data': { 'x': 'int' } }",
        "Write today's form, which the message names. With the dialect 'modern', old\n\
         forms are errors.";
}
