//! Documentation comments.

use super::texts;
use crate::diagnostic::Code;

texts! {
    DocMissing:
        "The pragma 'doc-required' asks for a comment on every definition, and this one\n\
         has none.",
        "    { 'pragma': { 'doc-required': true } }\n\
         \x20   { 'command': 'stop' }",
        "Put a comment in front of it: ##, a line '# @stop:', text, ##.";
    DocMisplaced:
        "A documentation comment names one thing and stands in front of another, or in\n\
         front of nothing.",
        "    ##\n\
         \x20   # @stop:\n\
         \x20   #\n\
         \x20   # Stop.\n\
         \x20   ##\n\
         \x20   { 'command': 'cont' }",
        "Move the comment, or correct the name on its first line.";
    DocDelimiter:
        "A documentation comment starts with a line '##' and ends with one; nothing\n\
         else stands on them.",
        "    ##\n\
         \x20   # Overview\n\
         \x20   ",
        "Close the comment with '##'.";
    DocSymbol:
        "A comment for a definition starts with a line that has its name and nothing\n\
         else: '# @name:'.",
        "    ##\n\
         \x20   # Stop.\n\
         \x20   ##\n\
         \x20   { 'command': 'stop' }",
        "Put that line first.";
    DocSection:
        "A section stands where it may not: twice, without text, in front of members,\n\
         or on a kind of definition that has no such section. 'Note:' and 'Example:'\n\
         are of the past.",
        "    ##\n\
         \x20   # @STOP:\n\
         \x20   #\n\
         \x20   # Returns: nothing\n\
         \x20   ##\n\
         \x20   { 'event': 'STOP' }",
        "Move or remove the section; use '.. note::' and '.. qmp-example::'.";
    DocBogus:
        "The comment describes a member or feature that the definition does not have.",
        "    ##\n\
         \x20   # @Point:\n\
         \x20   #\n\
         \x20   # @x: across\n\
         \x20   #\n\
         \x20   # @y: down\n\
         \x20   ##\n\
         \x20   { 'struct': 'Point', 'data': { 'x': 'int' } }",
        "Correct the name or remove the description. Members of a base are described\n\
         there.";
    DocUndocumented:
        "The definition has a comment, and the comment leaves out one of its members or\n\
         features.",
        "    ##\n\
         \x20   # @Point:\n\
         \x20   ##\n\
         \x20   { 'struct': 'Point', 'data': { 'x': 'int' } }",
        "Describe it, or list the definition in the pragma 'documentation-exceptions'.";
    DocLayout:
        "The text breaks a rule of layout: a space after '#', lines of 70 characters at\n\
         most, two spaces between sentences, continuation lines indented alike.",
        "    ##\n\
         \x20   # @stop:\n\
         \x20   #\n\
         \x20   # Stop.\n\
         \x20   #Now.\n\
         \x20   ##\n\
         \x20   { 'command': 'stop' }",
        "Lay the text out anew; literal blocks are free.";
    DocDescription:
        "A description has no name, or its name is described already.",
        "    ##\n\
         \x20   # @Point:\n\
         \x20   #\n\
         \x20   # @x: across\n\
         \x20   #\n\
         \x20   # @x: down\n\
         \x20   ##\n\
         \x20   { 'struct': 'Point', 'data': { 'x': 'int' } }",
        "Remove one of the two, or correct its name.";
}
