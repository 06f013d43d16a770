//! Conditions as C expressions, from QEMU 3.0 to 6.1.

use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, multispace0};
use nom::combinator::all_consuming;
use nom::multi::separated_list1;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use crate::expr::{Node, Value};

use super::Lifter;
use super::tree::{entries_mut, entry, get_mut, list, object, string};

impl Lifter {
    /// Lifts the conditions of a definition, its members, values, branches and features.
    pub(super) fn conditions(&mut self, node: &mut Node) {
        self.condition(node);
        self.list_conditions(node, "features");
        for key in ["data", "base"] {
            self.list_conditions(node, key);
            let Some(data) = get_mut(node, key) else {
                continue;
            };
            for member in entries_mut(data) {
                self.condition(&mut member.value);
                self.list_conditions(&mut member.value, "features");
            }
        }
    }

    fn list_conditions(&mut self, node: &mut Node, key: &str) {
        if let Some(Value::List(nodes)) = get_mut(node, key).map(|node| &mut node.value) {
            nodes.iter_mut().for_each(|node| self.condition(node));
        }
    }

    /// Lifts the `if` of an object.
    fn condition(&mut self, node: &mut Node) {
        let Some(cond) = get_mut(node, "if") else {
            return;
        };
        let Some(text) = cond.as_str() else { return };
        let Ok((_, lifted)) = all_consuming(any_of).parse(text) else {
            return;
        };
        let span = cond.span;
        *cond = lifted.node(span);
        self.note(
            "condition with 'defined(…)' read as an expression, its form since QEMU 6.2",
            span,
        );
    }
}

#[derive(Debug)]
enum Term {
    Symbol(String),
    Not(Box<Term>),
    Group(&'static str, Vec<Term>),
}

impl Term {
    fn group(key: &'static str, mut terms: Vec<Term>) -> Term {
        match terms.len() {
            1 => terms.remove(0),
            _ => Term::Group(key, terms),
        }
    }

    fn node<'t>(self, span: crate::source::Span) -> Node<'t> {
        match self {
            Term::Symbol(name) => string(name, span),
            Term::Not(term) => object(vec![entry("not", term.node(span))], span),
            Term::Group(key, terms) => {
                let terms = terms.into_iter().map(|term| term.node(span)).collect();
                object(vec![entry(key, list(terms, span))], span)
            }
        }
    }
}

fn spaced<'t, O>(
    inner: impl Parser<&'t str, Output = O, Error = nom::error::Error<&'t str>>,
) -> impl Parser<&'t str, Output = O, Error = nom::error::Error<&'t str>> {
    delimited(multispace0, inner, multispace0)
}

fn any_of(input: &str) -> IResult<&str, Term> {
    let (rest, terms) = separated_list1(tag("||"), all_of).parse(input)?;
    Ok((rest, Term::group("any", terms)))
}

fn all_of(input: &str) -> IResult<&str, Term> {
    let (rest, terms) = separated_list1(tag("&&"), spaced(negated)).parse(input)?;
    Ok((rest, Term::group("all", terms)))
}

fn negated(input: &str) -> IResult<&str, Term> {
    match input.strip_prefix('!') {
        Some(rest) => {
            let (rest, term) = defined(rest)?;
            Ok((rest, Term::Not(Box::new(term))))
        }
        None => defined(input),
    }
}

fn defined(input: &str) -> IResult<&str, Term> {
    let name = take_while1(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let symbol = delimited(char('('), spaced(name), char(')'));
    let (rest, name) = preceded(tag("defined"), symbol).parse(input)?;
    Ok((rest, Term::Symbol(name.to_owned())))
}
