//! Definitions: keys, values, names.

use super::texts;
use crate::diagnostic::Code;

texts! {
    NoKeyword:
        "A definition has exactly one of the keys 'enum', 'struct', 'union',\n\
         'alternate', 'command', 'event'; its value is the name of what is defined.",
        "    { 'structure': 'Point', 'data': { 'x': 'int' } }",
        "Use one of the keywords.";
    BadValue:
        "A value has the wrong form for its key: an object where an array belongs, a\n\
         string where a flag belongs, or a flag with the value that it has anyway.",
        "    { 'enum': 'Colour', 'data': { 'red': 'str' } }",
        "Give the value the form that the message names. Flags are written only where\n\
         they differ from their default.";
    MissingKey:
        "A definition lacks a key that its kind needs.",
        "    { 'enum': 'Colour' }",
        "Add the key. A struct without members has 'data': {}.";
    UnknownKey:
        "An object has a key that means nothing there. The message lists those that do.",
        "    { 'command': 'stop', 'retruns': 'Status' }",
        "Correct the key, or move it to the object where it belongs.";
    BadCondition:
        "An 'if' takes the name of a symbol in capitals, such as 'CONFIG_LINUX', or an\n\
         object with one of the keys 'all', 'any' (arrays of conditions) and 'not' (a\n\
         condition).",
        "    { 'command': 'stop', 'if': 'config linux' }",
        "Write the condition in one of these forms.";
    FlagConflict:
        "Two flags exclude each other: a command that may run out of band cannot be a\n\
         coroutine.",
        "    { 'command': 'stop', 'allow-oob': true, 'coroutine': true }",
        "Leave one of them out.";
    BadPragma:
        "A 'pragma' directive is an object with that key alone, and its value is an\n\
         object of pragmas, each with a value of its type.",
        "    { 'pragma': { 'doc-required': 'yes' } }",
        "Booleans are true or false without quotes; lists hold names.";
    UnknownPragma:
        "There is no pragma of this name.",
        "    { 'pragma': { 'doc-require': true } }",
        "Correct the name. Pragmas concern checks only; what a back end needs has no\n\
         place there.";
    InvalidName:
        "A name starts with a letter and goes on with letters, digits, '-' and '_'. In\n\
         front of it may stand 'x-', or a vendor as in '__com.example_'. Names that\n\
         start with 'q-' or 'q_' are reserved.",
        "    { 'command': '2nd-stop' }",
        "Rename it. Values of enumerations may start with a digit, other names may not.";
    NameCase:
        "Names have the case of their kind: types CamelCase, events UPPER_CASE,\n\
         everything else lower-case with hyphens.",
        "    { 'struct': 'point', 'data': { 'x': 'int' } }",
        "Rename it. For an interface that cannot change, list the command in the pragma\n\
         'command-name-exceptions', or the definition with such members in 'member-\n\
         name-exceptions'.";
    ReservedName:
        "The name is one that is formed by the compiler or by generated C: types that\n\
         end in 'List', members 'u' and 'has-…'.",
        "    { 'struct': 'PointList', 'data': { 'x': 'int' } }",
        "Rename it. An array of a type is written [ 'Point' ] and needs no definition.";
    Redefined:
        "The name is defined already. Types, commands and events share one space of\n\
         names, together with the built-in types.",
        "    { 'command': 'stop' }\n\
         \x20   { 'command': 'stop' }",
        "Rename or remove one of the two.";
    Collision:
        "Two names in one place are the same, or would be the same in generated code,\n\
         where '-', '_' and '.' are not told apart. Members that come from a base\n\
         count.",
        "    { 'enum': 'Mode', 'data': [ 'read-only', 'fast', 'fast' ] }",
        "Rename one of them.";
}
