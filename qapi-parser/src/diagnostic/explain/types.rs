//! Types and how they fit together.

use super::texts;
use crate::diagnostic::Code;

texts! {
    UnknownType:
        "A type is used that nobody defines.",
        "    { 'command': 'query-point', 'returns': 'Piont' }\n\
         \x20   { 'struct': 'Point', 'data': { 'x': 'int' } }",
        "Correct the name, define the type, or include the file that does.";
    WrongType:
        "The type exists, but a type of its kind may not stand at this place: a base is\n\
         a struct, arguments are a struct or (with 'boxed': true) a union, branches are\n\
         structs or unions, and what a command returns is an object or an array of\n\
         objects.",
        "    { 'event': 'MOVED', 'data': 'int' }",
        "Wrap the value in a struct: then members can be added later.";
    ContainsItself:
        "An object would contain itself, by way of its base or of members that are\n\
         always there, and so be infinitely large.",
        "    { 'struct': 'Node', 'base': 'Node', 'data': {} }",
        "Break the circle.";
    TypesTooDeep:
        "Bases and branches form a chain that is longer than any real schema needs.",
        "(no short example)",
        "Flatten some of the types.";
    BadDiscriminator:
        "The discriminator of a union is a member of its base that is always there,\n\
         without a condition, and of an enumeration type.",
        "    { 'union': 'Shape', 'base': { 'kind': 'str' },\n\
         \x20     'discriminator': 'kind', 'data': {} }",
        "Name such a member; define an enumeration with the names of the branches.";
    UnknownBranch:
        "A branch has a name that is no value of the discriminator's enumeration, so it\n\
         could never be chosen.",
        "    { 'enum': 'Kind', 'data': [ 'round' ] }\n\
         \x20   { 'struct': 'Circle', 'data': { 'radius': 'int' } }\n\
         \x20   { 'union': 'Shape', 'base': { 'kind': 'Kind' },\n\
         \x20     'discriminator': 'kind', 'data': { 'square': 'Circle' } }",
        "Correct the name, or add the value to the enumeration.";
    Indistinguishable:
        "The alternatives of an alternate are told apart by their JSON type, so there\n\
         may be one for each. Strings stand beside neither numbers nor booleans,\n\
         because the command line writes all of them as strings.",
        "    { 'alternate': 'Size', 'data': { 'exact': 'int', 'about': 'number' } }",
        "Use a union with a discriminator, or leave out one alternative.";
    ConditionalArguments:
        "Arguments with conditional members must be one named type, as their list in\n\
         generated code would depend on the configuration.",
        "    { 'command': 'stop',\n\
         \x20     'data': { 'how': { 'type': 'str', 'if': 'CONFIG_HOW' } } }",
        "Define a struct, and write 'data': 'TheStruct', 'boxed': true.";
    BadFeature:
        "The features 'deprecated' and 'unstable' tell clients what to avoid: they\n\
         stand on commands, events, members and values, not on types.",
        "    { 'enum': 'Mode', 'data': [ 'fast' ], 'features': [ 'unstable' ] }",
        "Put the feature on the members and commands that use the type.";
    TooManyFeatures:
        "The schema has more distinct features than generated code has room for.",
        "(no short example)",
        "Share names among features that mean the same.";
    NoBranches:
        "A union whose enumeration has no values has no value itself.",
        "    { 'enum': 'Kind', 'data': [ ] }\n\
         \x20   { 'union': 'Shape', 'base': { 'kind': 'Kind' },\n\
         \x20     'discriminator': 'kind', 'data': { } }",
        "Add a value, or make it a struct.";
    ExpandsTooMuch:
        "Written out with all that they inherit, the types of the schema have more\n\
         members and branches than any real schema. The limit keeps small inputs from\n\
         taking all memory.",
        "(no short example)",
        "Do not repeat a large base or enumeration in so many types.";
}
