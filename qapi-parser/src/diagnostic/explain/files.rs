//! Files, characters and tokens.

use super::texts;
use crate::diagnostic::Code;

texts! {
    Unreadable:
        "A file cannot be read: the root of the schema, or one that an 'include' names.\n\
         The path of an included file is relative to the folder of the including one;\n\
         after that, the include folders are searched.",
        "    { 'include': 'no-such-file.json' }",
        "Correct the path, or name the folder that has the file as an include folder.";
    NotUtf8:
        "A file holds bytes that are not UTF-8. Schemas are UTF-8; only comments may\n\
         hold anything but ASCII.",
        "(no short example)",
        "Convert the file, for instance with iconv.";
    FileTooLarge:
        "A file is larger than any schema file may be (16 MiB). The limit keeps a wrong\n\
         path, such as that of a disk image, from taking all memory.",
        "(no short example)",
        "Check the path; split a schema that is really that large.";
    TooManyFiles:
        "The schema has more files than one may have, or its includes nest too deeply.",
        "(no short example)",
        "Most likely files are generated that include each other in a chain: include\n\
         them from one root instead.";
    IncludeLoop:
        "A file includes itself, directly or by way of others.",
        "    { 'include': 'example.json' }",
        "Move what both files need into a third one that both include.";
    BadInclude:
        "An 'include' directive is an object with that key alone, and its value is a\n\
         path in quotes.",
        "    { 'include': [ 'one.json', 'two.json' ] }",
        "Write one directive for each file.";
    StrayText:
        "There are characters that start nothing the language has: it knows strings in\n\
         single quotes, true, false, braces, brackets, colons and commas, and comments\n\
         that start with '#'. It has no numbers and no null.",
        "    { 'struct': 'Point', 'data': { 'x': 7 } }",
        "Types and names stand in single quotes.";
    UnterminatedString:
        "A string does not end on the line on which it starts.",
        "    { 'command': 'stop",
        "Put the closing quote; a string cannot go on on the next line.";
    FunnyCharacter:
        "A string holds something else than printable ASCII. Strings are names, and\n\
         names are ASCII.",
        "    { 'command': 'größe' }",
        "Choose a name in ASCII. Comments may hold any character.";
    UnknownEscape:
        "A backslash in a string may stand only in front of another backslash.",
        "    { 'include': 'sub\\other.json' }",
        "Write a slash in paths; double a backslash that is meant.";
    Expected:
        "The text does not go on as an object, array or pair must: a comma, colon,\n\
         bracket or value is missing or one too many.",
        "    { 'struct': 'Point' 'data': { 'x': 'int' } }",
        "Look in front of the place that is marked: what is missing is mostly there.\n\
         There is no comma before a closing bracket.";
    DuplicateKey:
        "A key stands twice in one object.",
        "    { 'struct': 'Point', 'data': { 'x': 'int', 'x': 'int' } }",
        "Remove or rename one of them.";
    NestedTooDeeply:
        "Objects and arrays are nested more deeply than any schema needs.",
        "(no short example)",
        "Most likely a closing bracket is missing. Give inner objects a name and a\n\
         definition of their own.";
    NotAnObject:
        "Each expression of a schema is an object: a definition, an include or a\n\
         pragma.",
        "    'stop'",
        "Write { 'command': 'stop' } or whatever definition was meant.";
}
