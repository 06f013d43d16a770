//! Bindings in the shape that the generator emits, laid out by hand: the contract between the two.
//!
//! The schema they stand for:
//!
//! ```text
//! { 'enum': 'Color', 'data': [ 'red', 'dark-blue' ] }
//! { 'struct': 'Base', 'data': { 'id': 'str', '*weight': 'number' } }
//! { 'struct': 'Leaf', 'base': 'Base', 'data': { 'colors': ['Color'], '*next': 'Leaf' } }
//! { 'union': 'Shape', 'base': { 'name': 'str', 'kind': 'Kind' }, 'discriminator': 'kind',
//!   'data': { 'circle': 'Circle', 'group': 'Group' } }           # Kind also has 'point'
//! { 'alternate': 'ShapeRef', 'data': { 'definition': 'Shape', 'reference': 'str', 'none': 'null' } }
//! { 'command': 'add-shape', 'data': 'Shape', 'boxed': true, 'returns': 'int' }
//! { 'command': 'query-leaf', 'data': { 'id': 'str', '*limit': 'uint8' }, 'returns': 'Leaf' }
//! { 'command': 'tick', 'allow-preconfig': true }
//! { 'command': 'raw', 'data': { 'driver': 'str' }, 'gen': false }
//! { 'command': 'stop-now', 'allow-oob': true }
//! { 'event': 'TICKED', 'data': { 'count': 'int' } }
//! { 'event': 'BARE' }
//! ```

#![allow(dead_code, reason = "the whole contract, more than the tests use")]

pub mod types {
    /// `Color`
    #[derive(Clone, Copy)]
    #[non_exhaustive]
    pub enum Color {
        /// `red`
        Red,
        /// `dark-blue`
        DarkBlue,
        /// A value that these bindings do not know.
        Unrecognized(::qmp_runtime::codec::Unrecognized),
    }

    // `enumeration!` writes `Enum`, `Json`, `as_str`, `Display`, `FromStr` and `ALL`.
    ::qmp_runtime::enumeration!(Color, Unrecognized, [Red = "red", DarkBlue = "dark-blue"]);

    /// `Kind`
    #[derive(Clone, Copy)]
    #[non_exhaustive]
    pub enum Kind {
        /// `circle`
        Circle,
        /// `point`
        Point,
        /// `group`
        Group,
        /// A value that these bindings do not know.
        Unrecognized(::qmp_runtime::codec::Unrecognized),
    }

    ::qmp_runtime::enumeration!(
        Kind,
        Unrecognized,
        [Circle = "circle", Point = "point", Group = "group"]
    );

    /// `Leaf`: the base's members come first.
    #[derive(Clone)]
    pub struct Leaf {
        /// `id`
        pub id: ::std::string::String,
        /// `weight`
        pub weight: ::std::option::Option<f64>,
        /// `colors`
        pub colors: ::std::vec::Vec<Color>,
        /// `next`
        pub next: ::std::option::Option<::std::boxed::Box<Leaf>>,
    }

    impl Leaf {
        /// A value with the required members; the optional ones are absent.
        pub fn new(
            id: impl ::std::convert::Into<::std::string::String>,
            colors: ::std::vec::Vec<Color>,
        ) -> Self {
            Self {
                id: id.into(),
                weight: None,
                colors,
                next: None,
            }
        }
    }

    // `record!(Type, [("wire-name", field), …])`, with flags of members as
    // `("name", field, deprecated unstable)`, and `tag` for that of a union.
    ::qmp_runtime::record!(
        Leaf,
        [
            ("id", id),
            ("weight", weight),
            ("colors", colors),
            ("next", next)
        ]
    );

    /// `Shape`: a union is a struct whose tag member holds the variant with its data.
    #[derive(Clone)]
    pub struct Shape {
        /// `name`
        pub name: ::std::string::String,
        /// `kind`, with the members that depend on it
        pub kind: ShapeKind,
    }

    ::qmp_runtime::record!(Shape, [("name", name), ("kind", kind, tag)]);

    /// The variants of `Shape`, by `kind`.
    #[derive(Clone)]
    #[non_exhaustive]
    pub enum ShapeKind {
        /// `circle`
        Circle(Circle),
        /// `group`
        Group(Group),
        /// `point`: without further members
        Point,
        /// A branch that these bindings do not know.
        Unrecognized(::qmp_runtime::codec::UnrecognizedBranch),
    }

    // In the order of the tag's enumeration.
    ::qmp_runtime::variants!(
        ShapeKind,
        Kind,
        Unrecognized,
        [Circle(Circle), Point, Group(Group)]
    );

    /// `Circle`
    #[derive(Clone)]
    pub struct Circle {
        /// `radius`
        pub radius: u32,
    }

    ::qmp_runtime::record!(Circle, [("radius", radius, unstable)]);

    /// `Group`
    #[derive(Clone)]
    pub struct Group {
        /// `members`
        pub members: ::std::vec::Vec<ShapeRef>,
    }

    ::qmp_runtime::record!(Group, [("members", members)]);

    /// `ShapeRef`
    #[derive(Clone)]
    #[non_exhaustive]
    pub enum ShapeRef {
        /// `definition`
        Definition(::std::boxed::Box<Shape>),
        /// `reference`
        Reference(::std::string::String),
        /// `none`
        None(::qmp_runtime::codec::Null),
        /// A value of a type that these bindings do not know.
        Unrecognized(::qmp_runtime::codec::UnrecognizedValue),
    }

    // Kinds: Null, Bool, Number (both kinds of number), String, Array, Object.
    ::qmp_runtime::alternate!(
        ShapeRef, "ShapeRef", Unrecognized,
        [Object => Definition, String => Reference, Null => None]
    );
}

pub mod commands {
    /// `add-shape`: a named argument type is wrapped, and derefs to it.
    #[derive(Clone)]
    pub struct AddShape(pub super::types::Shape);

    // `wrapper!` writes `Json` by way of the inner type, `Deref`, `DerefMut` and `From`.
    ::qmp_runtime::wrapper!(AddShape, super::types::Shape);

    impl ::qmp_runtime::Command for AddShape {
        type Return = i64;
        const INFO: ::qmp_runtime::CommandInfo = ::qmp_runtime::CommandInfo::new("add-shape");
    }

    /// `query-leaf`
    #[derive(Clone)]
    pub struct QueryLeaf {
        /// `id`
        pub id: ::std::string::String,
        /// `limit`
        pub limit: ::std::option::Option<u8>,
    }

    ::qmp_runtime::record!(QueryLeaf, [("id", id), ("limit", limit)]);

    impl ::qmp_runtime::Command for QueryLeaf {
        type Return = super::types::Leaf;
        const INFO: ::qmp_runtime::CommandInfo =
            ::qmp_runtime::CommandInfo::new("query-leaf").features(&["deprecated"]);
    }

    /// `tick`
    #[derive(Clone, Default)]
    pub struct Tick {}

    ::qmp_runtime::record!(Tick, []);

    impl ::qmp_runtime::Command for Tick {
        type Return = ();
        const INFO: ::qmp_runtime::CommandInfo =
            ::qmp_runtime::CommandInfo::new("tick").allow_preconfig();
    }

    /// `raw`: `gen: false`, arguments as they come.
    #[derive(Clone)]
    pub struct Raw(pub ::qmp_runtime::json::Map<::std::string::String, ::qmp_runtime::json::Value>);

    ::qmp_runtime::wrapper!(Raw, ::qmp_runtime::json::Map<::std::string::String, ::qmp_runtime::json::Value>);

    impl ::qmp_runtime::Command for Raw {
        type Return = ();
        const INFO: ::qmp_runtime::CommandInfo = ::qmp_runtime::CommandInfo::new("raw");
    }

    /// `stop-now`
    #[derive(Clone, Default)]
    pub struct StopNow {}

    ::qmp_runtime::record!(StopNow, []);

    impl ::qmp_runtime::Command for StopNow {
        type Return = ();
        const INFO: ::qmp_runtime::CommandInfo =
            ::qmp_runtime::CommandInfo::new("stop-now").allow_oob();
    }

    impl ::qmp_runtime::OobCommand for StopNow {}
}

pub mod events {
    /// `TICKED`
    #[derive(Clone)]
    pub struct Ticked {
        /// `count`
        pub count: i64,
    }

    ::qmp_runtime::record!(Ticked, [("count", count)]);

    impl ::qmp_runtime::Event for Ticked {
        const INFO: ::qmp_runtime::EventInfo = ::qmp_runtime::EventInfo::new("TICKED").data();
    }

    /// `BARE`
    #[derive(Clone, Default)]
    pub struct Bare {}

    ::qmp_runtime::record!(Bare, []);

    impl ::qmp_runtime::Event for Bare {
        const INFO: ::qmp_runtime::EventInfo = ::qmp_runtime::EventInfo::new("BARE");
    }
}

/// The commands of the module `toy`.
pub trait ToyCommands: Sized + 'static {
    /// The commands that are implemented; `#[handlers]` writes this list.
    const COMMANDS: &'static [::qmp_runtime::Entry<Self>];

    /// The entry of `add-shape`.
    const ADD_SHAPE: ::qmp_runtime::Entry<Self> =
        ::qmp_runtime::Entry::new::<commands::AddShape>(|handler, cx, call| {
            call.run(|args| Self::add_shape(handler, cx, args))
        });

    /// The entry of `query-leaf`.
    const QUERY_LEAF: ::qmp_runtime::Entry<Self> =
        ::qmp_runtime::Entry::new::<commands::QueryLeaf>(|handler, cx, call| {
            call.run(|args| Self::query_leaf(handler, cx, args))
        });

    /// The entry of `tick`.
    const TICK: ::qmp_runtime::Entry<Self> =
        ::qmp_runtime::Entry::new::<commands::Tick>(|handler, cx, call| {
            call.run(|args| Self::tick(handler, cx, args))
        });

    /// The entry of `raw`.
    const RAW: ::qmp_runtime::Entry<Self> =
        ::qmp_runtime::Entry::new::<commands::Raw>(|handler, cx, call| {
            call.run(|args| Self::raw(handler, cx, args))
        });

    /// `add-shape`
    fn add_shape(
        &mut self,
        cx: &mut ::qmp_runtime::Context<'_>,
        args: commands::AddShape,
    ) -> ::std::result::Result<i64, ::qmp_runtime::QmpError> {
        let _ = (cx, args);
        Err(::qmp_runtime::QmpError::command_not_found("add-shape"))
    }

    /// `query-leaf`
    fn query_leaf(
        &mut self,
        cx: &mut ::qmp_runtime::Context<'_>,
        args: commands::QueryLeaf,
    ) -> ::std::result::Result<types::Leaf, ::qmp_runtime::QmpError> {
        let _ = (cx, args);
        Err(::qmp_runtime::QmpError::command_not_found("query-leaf"))
    }

    /// `tick`
    fn tick(
        &mut self,
        cx: &mut ::qmp_runtime::Context<'_>,
        args: commands::Tick,
    ) -> ::std::result::Result<(), ::qmp_runtime::QmpError> {
        let _ = (cx, args);
        Err(::qmp_runtime::QmpError::command_not_found("tick"))
    }

    /// `raw`
    fn raw(
        &mut self,
        cx: &mut ::qmp_runtime::Context<'_>,
        args: commands::Raw,
    ) -> ::std::result::Result<(), ::qmp_runtime::QmpError> {
        let _ = (cx, args);
        Err(::qmp_runtime::QmpError::command_not_found("raw"))
    }
}

/// The commands of the module `toy` that run out of band.
pub trait ToyOobCommands: Sized + Sync + 'static {
    /// The commands that are implemented; `#[handlers(oob)]` writes this list.
    const COMMANDS: &'static [::qmp_runtime::OobEntry<Self>];

    /// The entry of `stop-now`.
    const STOP_NOW: ::qmp_runtime::OobEntry<Self> =
        ::qmp_runtime::OobEntry::new::<commands::StopNow>(|handler, cx, call| {
            call.run(|args| Self::stop_now(handler, cx, args))
        });

    /// `stop-now`
    fn stop_now(
        &self,
        cx: &mut ::qmp_runtime::Context<'_>,
        args: commands::StopNow,
    ) -> ::std::result::Result<(), ::qmp_runtime::QmpError> {
        let _ = (cx, args);
        Err(::qmp_runtime::QmpError::command_not_found("stop-now"))
    }
}

/// What `query-qmp-schema` tells, before it is cut to what is implemented and masked.
pub const INTROSPECTION: &str = r#"[
{"name": "add-shape", "meta-type": "command", "arg-type": "Shape", "ret-type": "int"},
{"name": "query-leaf", "meta-type": "command", "arg-type": "q_obj_query-leaf-arg", "ret-type": "Leaf"},
{"name": "tick", "meta-type": "command", "arg-type": "q_empty", "ret-type": "q_empty"},
{"name": "TICKED", "meta-type": "event", "arg-type": "q_obj_TICKED-arg"},
{"name": "q_empty", "meta-type": "object", "members": []},
{"name": "q_obj_TICKED-arg", "meta-type": "object", "members": [{"name": "count", "type": "int"}]},
{"name": "q_obj_query-leaf-arg", "meta-type": "object", "members": [
    {"name": "id", "type": "str"}, {"name": "limit", "type": "int", "default": null}]},
{"name": "Leaf", "meta-type": "object", "members": [
    {"name": "id", "type": "str"}, {"name": "weight", "type": "number", "default": null},
    {"name": "colors", "type": "[Color]"}, {"name": "next", "type": "Leaf", "default": null}]},
{"name": "str", "meta-type": "builtin", "json-type": "string"},
{"name": "int", "meta-type": "builtin", "json-type": "int"},
{"name": "number", "meta-type": "builtin", "json-type": "number"},
{"name": "[Color]", "meta-type": "array", "element-type": "Color"},
{"name": "Color", "meta-type": "enum", "members": [{"name": "red"}, {"name": "dark-blue"}],
    "values": ["red", "dark-blue"]}
]"#;
