//! What a new version of a schema means for programs written against the old one.

use qapi_parser::compat::ChangeKind::*;
use qapi_parser::compat::Impact::{self, Breaking, Compatible, Risky};
use qapi_parser::compat::{Change, ChangeKind, Report, Side, compare};
use qapi_parser::schema::Schema;
use qapi_parser::{Format, check_file, check_str};

use crate::corpus;

fn schema(text: &str) -> Schema {
    let outcome = check_str("a.json", text);
    let problems = outcome.render(Format::Short);
    outcome.schema.expect(&problems)
}

fn report(old: &str, new: &str) -> Report {
    compare(&schema(old), &schema(new))
}

type Found = (Impact, String, ChangeKind);

/// Impact, path and kind of the only change.
fn only(old: &str, new: &str) -> Found {
    let report = report(old, new);
    let [change] = report.changes.as_slice() else {
        panic!("{report}");
    };
    (change.impact, change.path.clone(), change.kind)
}

fn is(impact: Impact, path: &str, kind: ChangeKind) -> Found {
    (impact, path.to_owned(), kind)
}

const COMMON: &str = "{ 'enum': 'Ab', 'data': [ 'a', 'b' ] }
    { 'enum': 'Abc', 'data': [ 'a', 'b', 'c' ] }
    { 'enum': 'Old', 'data': [ 'a', 'b', { 'name': 'c', 'features': [ 'deprecated' ] } ] }
    { 'struct': 'One', 'data': { 'x': 'int' } } { 'struct': 'Same', 'base': 'One', 'data': { } }
    { 'alternate': 'IntOrOne', 'data': { 'i': 'int', 'o': 'One' } }
    { 'alternate': 'OneOrInt', 'data': { 'first': 'Same', 'second': 'int' } }
    { 'alternate': 'OnlyInt', 'data': { 'i': 'int' } }";

/// A schema with these arguments of a command `c`.
fn sent(members: &str) -> String {
    format!("{COMMON} {{ 'command': 'c', 'data': {members} }}")
}

/// A schema with this data of an event `E`.
fn taken(members: &str) -> String {
    format!("{COMMON} {{ 'event': 'E', 'data': {members} }}")
}

fn of_type(ty: &str) -> String {
    format!("{{ 'm': '{ty}' }}")
}

#[test]
fn a_schema_is_no_change_to_itself_renamed_types_and_circles_included() {
    let text = "{ 'struct': 'Node', 'data': { '*next': 'Node', 'all': [ 'Node' ] } }
                { 'command': 'c', 'data': 'Node', 'returns': 'Node' }";
    assert_eq!(report(text, text).worst(), None);
    assert_eq!(report(text, &text.replace("Node", "Knot")).worst(), None);
}

#[test]
fn commands_and_events_come_compatibly_and_go_breakingly() {
    let (none, both) = ("", "{ 'command': 'c' } { 'event': 'E' }");
    let kinds = |report: &Report| -> Vec<ChangeKind> {
        report.changes.iter().map(|one| one.kind).collect()
    };
    let gone = report(both, none);
    assert_eq!(kinds(&gone), [CommandRemoved, EventRemoved]);
    assert_eq!(gone.with(Breaking).count(), 2);
    let come = report(none, both);
    assert_eq!(kinds(&come), [CommandAdded, EventAdded]);
    assert_eq!(come.worst(), Some(Compatible));
    assert!(come.changes.iter().all(|one| one.side == Side::Server));
}

#[test]
fn what_was_deprecated_or_unstable_may_go() {
    for feature in ["deprecated", "unstable"] {
        let old = format!("{{ 'command': 'c', 'features': [ '{feature}' ] }}");
        assert_eq!(only(&old, ""), is(Risky, "c", CommandRemoved));
        let member = format!("{{ 'm': {{ 'type': 'int', 'features': [ '{feature}' ] }} }}");
        let change = only(&sent(&member), &sent("{ }"));
        assert_eq!(change, is(Risky, "c.arguments.m", MemberRemoved));
    }
    let change = only(&sent(&of_type("Old")), &sent(&of_type("Ab")));
    assert_eq!(change, is(Risky, "c.arguments.m(c)", ValueRemoved));
}

#[test]
fn members_weigh_by_the_way_they_go() {
    let (m, o, none) = ("{ 'm': 'int' }", "{ '*m': 'int' }", "{ }");
    for (old, new, kind, arguments, data) in [
        (m, none, MemberRemoved, Breaking, Breaking),
        (o, none, MemberRemoved, Breaking, Risky),
        (none, m, MandatoryMemberAdded, Breaking, Compatible),
        (none, o, MemberAdded, Compatible, Compatible),
        (o, m, BecameMandatory, Breaking, Compatible),
        (m, o, BecameOptional, Compatible, Breaking),
    ] {
        let change = only(&sent(old), &sent(new));
        assert_eq!(change, is(arguments, "c.arguments.m", kind));
        let change = only(&taken(old), &taken(new));
        assert_eq!(change, is(data, "E.data.m", kind));
    }
}

#[test]
fn types_weigh_by_the_way_they_go() {
    for (old, new, arguments, data) in [
        (
            "int8",
            "int",
            (Compatible, TypeWidened),
            (Risky, TypeWidened),
        ),
        (
            "int",
            "int8",
            (Risky, TypeNarrowed),
            (Compatible, TypeNarrowed),
        ),
        ("int", "size", (Risky, TypeNarrowed), (Risky, TypeChanged)),
        (
            "int",
            "number",
            (Compatible, TypeWidened),
            (Risky, TypeWidened),
        ),
        (
            "str",
            "Ab",
            (Breaking, TypeNarrowed),
            (Compatible, TypeNarrowed),
        ),
        ("Ab", "str", (Compatible, TypeWidened), (Risky, TypeWidened)),
        (
            "int",
            "any",
            (Compatible, TypeWidened),
            (Breaking, TypeWidened),
        ),
        (
            "any",
            "int",
            (Breaking, TypeNarrowed),
            (Compatible, TypeNarrowed),
        ),
        (
            "int",
            "str",
            (Breaking, TypeChanged),
            (Breaking, TypeChanged),
        ),
        (
            "One",
            "bool",
            (Breaking, TypeChanged),
            (Breaking, TypeChanged),
        ),
        (
            "int",
            "IntOrOne",
            (Compatible, TypeWidened),
            (Breaking, TypeWidened),
        ),
        (
            "IntOrOne",
            "int",
            (Breaking, TypeNarrowed),
            (Compatible, TypeNarrowed),
        ),
        (
            "str",
            "IntOrOne",
            (Breaking, TypeChanged),
            (Breaking, TypeChanged),
        ),
    ] {
        let change = only(&sent(&of_type(old)), &sent(&of_type(new)));
        let expected = is(arguments.0, "c.arguments.m", arguments.1);
        assert_eq!(change, expected, "{old} {new}");
        let change = only(&taken(&of_type(old)), &taken(&of_type(new)));
        assert_eq!(change, is(data.0, "E.data.m", data.1), "{old} {new}");
    }
}

#[test]
fn types_that_are_the_same_on_the_wire_are_no_change() {
    let pairs = [
        ("int", "int64"),
        ("size", "uint64"),
        ("One", "Same"),
        ("IntOrOne", "OneOrInt"),
    ];
    for (old, new) in pairs {
        assert_eq!(
            report(&sent(&of_type(old)), &sent(&of_type(new))).worst(),
            None
        );
    }
}

#[test]
fn values_and_alternatives_weigh_by_the_way_they_go() {
    for (old, new, name, kind, arguments, data) in [
        ("Abc", "Ab", "c", ValueRemoved, Breaking, Compatible),
        ("Ab", "Abc", "c", ValueAdded, Compatible, Risky),
        (
            "IntOrOne",
            "OnlyInt",
            "o",
            AlternativeRemoved,
            Breaking,
            Compatible,
        ),
        (
            "OnlyInt",
            "IntOrOne",
            "o",
            AlternativeAdded,
            Compatible,
            Breaking,
        ),
    ] {
        let change = only(&sent(&of_type(old)), &sent(&of_type(new)));
        assert_eq!(
            change,
            is(arguments, &format!("c.arguments.m({name})"), kind)
        );
        let change = only(&taken(&of_type(old)), &taken(&of_type(new)));
        assert_eq!(change, is(data, &format!("E.data.m({name})"), kind));
    }
}

fn union(branches: &str, rest: &str) -> String {
    format!(
        "{COMMON} {{ 'union': 'Uu', 'base': {{ 'kind': 'Ab' }}, 'discriminator': 'kind', \
         'data': {{ {branches} }} }} {rest}"
    )
}

#[test]
fn branches_are_compared_value_by_value() {
    let rest = "{ 'command': 'c', 'data': 'Uu', 'boxed': true }
                { 'command': 'd', 'returns': 'Uu' }";
    let (full, empty) = (union("'a': 'One'", rest), union("", rest));
    let gone = report(&full, &empty);
    let found = gone
        .changes
        .iter()
        .map(|one| (one.impact, one.path.as_str()));
    let expected = [(Breaking, "c.arguments(a).x"), (Breaking, "d.returns(a).x")];
    assert!(found.eq(expected), "{gone}");
    let come = report(&empty, &full);
    let found = come.changes.iter().map(|one| (one.impact, one.kind));
    let kind = MandatoryMemberAdded;
    assert!(found.eq([(Breaking, kind), (Compatible, kind)]), "{come}");
}

#[test]
fn a_member_that_moves_into_a_branch_is_there_no_longer_for_certain() {
    let old = taken("{ 'kind': 'Ab', 'x': 'int' }");
    let new = union(
        "'a': 'One'",
        "{ 'event': 'E', 'data': 'Uu', 'boxed': true }",
    );
    let report = report(&old, &new);
    let worst: Vec<&Change> = report.with(Breaking).collect();
    assert_eq!(worst.len(), 1, "{report}");
    assert_eq!(
        (worst[0].kind, worst[0].path.as_str()),
        (BecameOptional, "E.data.x")
    );
}

/// Both ways: as arguments and as data.
fn both_ways(members: &str, branches: &str) -> String {
    format!(
        "{COMMON} {{ 'struct': 'Xy', 'base': 'One', 'data': {{ 'y': 'int' }} }}
         {{ 'struct': 'Ys', 'data': {{ 'y': 'int' }} }}
         {{ 'struct': 'Base', 'data': {{ 'kind': 'Ab', 'x': 'int' }} }}
         {{ 'union': 'Uu', 'base': {members}, 'discriminator': 'kind', 'data': {branches} }}
         {{ 'command': 'c', 'data': 'Uu', 'boxed': true }} {{ 'event': 'E', 'data': 'Uu', 'boxed': true }}"
    )
}

#[test]
fn members_that_all_branches_share_may_move_to_the_common_part_and_back() {
    let apart = both_ways("{ 'kind': 'Ab' }", "{ 'a': 'One', 'b': 'Xy' }");
    let together = both_ways("{ 'kind': 'Ab', 'x': 'int' }", "{ 'b': 'Ys' }");
    let in_base = both_ways("'Base'", "{ 'b': 'Ys' }");
    for (old, new) in [
        (&apart, &together),
        (&together, &apart),
        (&apart, &in_base),
        (&in_base, &together),
    ] {
        let report = report(old, new);
        assert_eq!(report.worst(), None, "{report}");
    }
}

#[test]
fn a_member_of_some_branches_that_becomes_common_is_new_to_the_others() {
    let apart = both_ways("{ 'kind': 'Ab' }", "{ 'a': 'One', 'b': 'Ys' }");
    let together = both_ways("{ 'kind': 'Ab', 'x': 'int' }", "{ 'b': 'Ys' }");
    let found = report(&apart, &together);
    let found = found.changes.iter();
    let found = found.map(|one| (one.impact, one.path.as_str(), one.kind));
    let expected = [
        (Breaking, "c.arguments(b).x", MandatoryMemberAdded),
        (Compatible, "E.data(b).x", MandatoryMemberAdded),
    ];
    assert!(found.eq(expected));
}

#[test]
fn branches_that_end_leave_their_members_common_and_optional() {
    let old = both_ways("{ 'kind': 'Ab' }", "{ 'a': 'One', 'b': 'One' }");
    let new = format!(
        "{COMMON} {{ 'command': 'c', 'data': {{ 'kind': 'Ab', '*x': 'int' }} }}
         {{ 'event': 'E', 'data': {{ 'kind': 'Ab', 'x': 'int' }} }}"
    );
    let report = report(&old, &new);
    assert_eq!(report.worst(), Some(Compatible), "{report}");
}

#[test]
fn a_new_tag_says_all_that_there_is_to_say_of_the_branches_of_arguments() {
    let new = union(
        "'a': 'One'",
        "{ 'command': 'c', 'data': 'Uu', 'boxed': true }",
    );
    let change = only(&sent("{ }"), &new);
    assert_eq!(
        change,
        is(Breaking, "c.arguments.kind", MandatoryMemberAdded)
    );
}

#[test]
fn names_with_x_are_unstable_in_schemas_that_do_not_know_the_feature() {
    let old = "{ 'command': 'x-try', 'data': { 'x-m': 'int' } }";
    assert_eq!(only(old, ""), is(Risky, "x-try", CommandRemoved));
    let marked = "{ 'command': 'x-try', 'features': [ 'unstable' ], 'data': { 'x-m': 'int' } }";
    assert_eq!(report(old, marked).worst(), None);
    let member = only(&sent("{ 'x-m': 'int' }"), &sent("{ }"));
    assert_eq!(member, is(Risky, "c.arguments.x-m", MemberRemoved));
    let knows = "{ 'command': 'd', 'features': [ 'unstable' ] }";
    let removed = only(&format!("{knows} {old}"), knows);
    assert_eq!(removed, is(Breaking, "x-try", CommandRemoved));
}

#[test]
fn features_conditions_and_flags_are_told() {
    let plain = "{ 'command': 'c' }";
    for (text, removed, added) in [
        (
            "{ 'command': 'c', 'features': [ 'fast' ] }",
            (Risky, FeatureRemoved),
            (Compatible, FeatureAdded),
        ),
        (
            "{ 'command': 'c', 'features': [ 'deprecated' ] }",
            (Compatible, FeatureRemoved),
            (Compatible, Deprecated),
        ),
        (
            "{ 'command': 'c', 'if': 'CONFIG_X' }",
            (Compatible, ConditionChanged),
            (Risky, ConditionChanged),
        ),
        (
            "{ 'command': 'c', 'allow-oob': true }",
            (Breaking, FlagChanged),
            (Compatible, FlagChanged),
        ),
    ] {
        // Whatever happens to a deprecated command is risky at most.
        assert_eq!(only(text, plain), is(removed.0, "c", removed.1));
        assert_eq!(only(plain, text), is(added.0, "c", added.1));
    }
}

#[test]
fn a_return_that_becomes_nothing_loses_its_members() {
    let returns = |ty: &str| format!("{COMMON} {{ 'command': 'c', 'returns': {ty} }}");
    let nothing = format!("{COMMON} {{ 'command': 'c' }}");
    let change = only(&returns("'One'"), &nothing);
    assert_eq!(change, is(Breaking, "c.returns.x", MemberRemoved));
    let change = only(&returns("[ 'One' ]"), &nothing);
    assert_eq!(change, is(Breaking, "c.returns", TypeChanged));
}

#[test]
fn changes_have_their_places_in_both_schemas() {
    let old = schema("{ 'command': 'c', 'data': { '*m': 'int' } }");
    let new = schema("\n{ 'command': 'c', 'data': { 'm': 'int' } }");
    let change = compare(&old, &new).changes.remove(0);
    let place = |schema: &Schema, span: Option<_>| {
        let at = schema.locate(span.unwrap()).unwrap();
        (at.line, at.column)
    };
    assert_eq!(place(&old, change.old), (1, 29));
    assert_eq!(place(&new, change.new), (2, 29));
}

#[test]
fn a_long_chain_of_types_is_compared_to_its_end() {
    let chain = |last: &str| {
        let link = |i: usize| {
            let next = if i == 19_999 {
                last.to_owned()
            } else {
                format!("S{}x", i + 1)
            };
            format!("{{ 'struct': 'S{i}x', 'data': {{ '*m': '{next}' }} }}\n")
        };
        let links: String = (0..20_000).map(link).collect();
        links + "{ 'command': 'c', 'data': 'S0x' }"
    };
    let found = report(&chain("int"), &chain("str"));
    assert_eq!(found.changes.len(), 1);
    assert_eq!(found.changes[0].kind, TypeChanged);
}

/// A few differences that the schemas of the releases show.
#[test]
fn releases_differ_as_their_schemas_say() {
    let Some(folder) = corpus::folder("releases") else {
        return;
    };
    let load = |name: &str| check_file(folder.join(name)).schema.unwrap();
    let old = load("v9.0.0/qapi/qapi-schema.json");
    let new = load("10.0.2/qapi/qapi-schema.json");
    let report = compare(&old, &new);
    for (impact, path, kind) in [
        (Breaking, "RDMA_GID_STATUS_CHANGED", EventRemoved),
        (Risky, "MEM_UNPLUG_ERROR", EventRemoved),
        (Risky, "x-query-rdma", CommandRemoved),
        (Risky, "migrate.arguments.blk", MemberRemoved),
        (
            Breaking,
            "blockdev-create.arguments.options(luks).detached-header",
            MemberRemoved,
        ),
        (Breaking, "query-sev.returns.policy", BecameOptional),
        (
            Risky,
            "query-migrate-parameters.returns.mode(cpr-transfer)",
            ValueAdded,
        ),
    ] {
        let same = |one: &&Change| one.path == path && one.kind == kind;
        let found = report.changes.iter().filter(same).map(|one| one.impact);
        assert!(found.eq([impact]), "{path}");
    }
    let gone = |one: &&Change| one.kind == CommandRemoved;
    assert_eq!(report.with(Breaking).filter(gone).count(), 0);
    assert_eq!(compare(&new, &new).worst(), None);
}

/// How many breaking changes there are from each release to the next. All of them were read: they
/// are so on the wire.
#[test]
fn neighbouring_releases_break_where_the_wire_does() {
    let Some(folder) = corpus::folder("releases") else {
        return;
    };
    let breaking = |names: &[&str]| -> Vec<usize> {
        let load = |name: &&str| check_file(folder.join(name)).schema.unwrap();
        let schemas: Vec<Schema> = names.iter().map(load).collect();
        let pairs = schemas.windows(2);
        pairs
            .map(|pair| compare(&pair[0], &pair[1]).with(Breaking).count())
            .collect()
    };
    let monitor = [
        "v1.0/qapi-schema.json",
        "v1.2.0/qapi-schema.json",
        "v1.7.0/qapi-schema.json",
        "v2.4.0/qapi-schema.json",
        "v2.8.0/qapi-schema.json",
        "v3.1.0/qapi/qapi-schema.json",
        "v5.2.0/qapi/qapi-schema.json",
        "v7.2.0/qapi/qapi-schema.json",
        "v9.0.0/qapi/qapi-schema.json",
        "10.0.2/qapi/qapi-schema.json",
    ];
    assert_eq!(breaking(&monitor), [0, 0, 1, 5, 24, 6, 6, 1, 5]);
    let agent = [
        "v1.7.0", "v2.4.0", "v2.8.0", "v3.1.0", "v5.2.0", "v9.0.0", "10.0.2",
    ];
    let agent = agent.map(|tag| format!("{tag}/qga/qapi-schema.json"));
    assert_eq!(breaking(&agent.each_ref().map(String::as_str)), [0; 6]);
}
