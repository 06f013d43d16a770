//! What random schemas are made of.

use proptest::prelude::*;
use proptest::sample::select;

/// A condition as text, with ` if` keys around it where it is used.
pub(super) fn cond() -> impl Strategy<Value = String> {
    let symbol = select(vec!["'CONFIG_A'", "'CONFIG_B2'", "'C'"]).prop_map(str::to_owned);
    symbol.prop_recursive(3, 8, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..3).prop_map(|all| all.join(", "));
        prop_oneof![
            inner.prop_map(|one| format!("{{ 'not': {one} }}")),
            list.clone()
                .prop_map(|all| format!("{{ 'all': [ {all} ] }}")),
            list.prop_map(|all| format!("{{ 'any': [ {all} ] }}")),
        ]
    })
}

/// Features as text; those of types have no meaning of their own.
pub(super) fn features(of_type: bool) -> impl Strategy<Value = Vec<(String, Option<String>)>> {
    let names: &[&str] = match of_type {
        true => &["fast", "x-odd", "dynamic-auto-read-only"],
        false => &["deprecated", "unstable", "fast"],
    };
    let names = prop::sample::subsequence(names.to_vec(), 0..3);
    let conds = prop::collection::vec(prop::option::weighted(0.3, cond()), 3);
    (names, conds).prop_map(|(names, conds)| {
        let names = names.into_iter().map(str::to_owned);
        names.zip(conds).collect()
    })
}

pub(super) fn feature_list(features: &[(String, Option<String>)]) -> String {
    let one = |(name, cond): &(String, Option<String>)| match cond {
        Some(cond) => format!("{{ 'name': '{name}', 'if': {cond} }}"),
        None => format!("'{name}'"),
    };
    features.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A member, value or branch apart from its name and type.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) optional: bool,
    pub(super) ty: usize,
    pub(super) list: bool,
    pub(super) cond: Option<String>,
    pub(super) features: Vec<(String, Option<String>)>,
}

pub(super) fn part() -> impl Strategy<Value = Part> {
    let cond = prop::option::weighted(0.2, cond());
    let flags = (any::<bool>(), any::<bool>());
    (flags, 0..100_usize, cond, features(false)).prop_map(
        |((optional, list), ty, cond, features)| Part {
            optional,
            ty,
            list,
            cond,
            features,
        },
    )
}

/// A definition: its kind, its parts, and what stands around it.
#[derive(Debug, Clone)]
pub(super) struct Def {
    pub(super) kind: usize,
    pub(super) parts: Vec<Part>,
    pub(super) cond: Option<String>,
    pub(super) features: Vec<(String, Option<String>)>,
    pub(super) based: bool,
    pub(super) flag: bool,
    pub(super) doc: Option<Prose>,
    pub(super) before: &'static str,
}

/// The texts of a comment.
#[derive(Debug, Clone)]
pub(super) struct Prose {
    pub(super) body: Vec<&'static str>,
    pub(super) part: Vec<&'static str>,
    pub(super) sections: Vec<&'static str>,
}

pub(super) fn prose() -> impl Strategy<Value = Prose> {
    let body = select(vec![
        "",
        "Some text.",
        "Two: words",
        "  indented",
        ".. note:: mind",
        "::",
        "    literal",
        "* item",
        "'quoted' # mark",
        "größer",
        "a @reference: here",
    ]);
    let part = select(vec![
        "short",
        "long\n#     and longer",
        "\n#     below",
        "of `Type`\n#\n#     second",
    ]);
    let sections = prop::sample::subsequence(
        vec![
            "Since: 1.0",
            "TODO: more\n#     of it",
            "Plain text behind.",
        ],
        0..=3,
    );
    (
        prop::collection::vec(body, 0..4),
        prop::collection::vec(part, 24),
        sections,
    )
        .prop_map(|(body, part, sections)| Prose {
            body,
            part,
            sections,
        })
}

pub(super) fn definition() -> impl Strategy<Value = Def> {
    let before = select(vec![
        "",
        "",
        "\n",
        "# a comment\n",
        "#\n\n",
        "##\n# = Title\n#\n# Free text.\n##\n",
        "\n\n\n# two\n# lines\n\n",
    ]);
    let around = (prop::option::weighted(0.2, cond()), features(true), before);
    let doc = prop::option::weighted(0.6, prose());
    let parts = prop::collection::vec(part(), 0..5);
    (0..6_usize, parts, any::<(bool, bool)>(), doc, around).prop_map(
        |(kind, parts, (based, flag), doc, (cond, features, before))| Def {
            kind,
            parts,
            cond,
            features,
            based,
            flag,
            doc,
            before,
        },
    )
}
