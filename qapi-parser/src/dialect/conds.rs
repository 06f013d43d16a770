//! Conditions as C expressions, from QEMU 3.0 to 6.1.

use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, multispace0};
use nom::combinator::all_consuming;
use nom::multi::separated_list1;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use crate::expr::{Arena, Node, Value};
use crate::source::Span;

use super::Lifter;
use super::tree::{entries_mut, entry, list, object, string};

impl<'t> Lifter<'t> {
    /// Lifts the conditions of a definition, its members, values, branches and features.
    pub(super) fn conditions(&mut self, node: &mut Node<'t>) {
        for part in entries_mut(node) {
            match part.key {
                "if" => self.condition(&mut part.value),
                "features" => self.of_elements(&mut part.value),
                "data" | "base" => {
                    self.of_elements(&mut part.value);
                    for member in entries_mut(&mut part.value) {
                        self.of_object(&mut member.value);
                    }
                }
                _ => {}
            }
        }
    }

    /// Lifts the conditions of a member, value, branch or feature.
    fn of_object(&mut self, node: &mut Node<'t>) {
        for part in entries_mut(node) {
            match part.key {
                "if" => self.condition(&mut part.value),
                "features" => self.of_elements(&mut part.value),
                _ => {}
            }
        }
    }

    fn of_elements(&mut self, node: &mut Node<'t>) {
        if let Value::List(nodes) = &mut node.value {
            for node in nodes.iter_mut() {
                self.of_object(node);
            }
        }
    }

    fn condition(&mut self, cond: &mut Node<'t>) {
        let Some(text) = cond.as_str() else { return };
        let Ok((_, lifted)) = all_consuming(any_of).parse(text) else {
            return;
        };
        let span = cond.span;
        *cond = lifted.node(self.arena, span);
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

    fn node<'t>(self, arena: &'t Arena, span: Span) -> Node<'t> {
        match self {
            Term::Symbol(name) => string(arena.text(&name), span),
            Term::Not(term) => object(arena.list([entry("not", term.node(arena, span))]), span),
            Term::Group(key, terms) => {
                let terms = terms.into_iter().map(|term| term.node(arena, span));
                let terms = list(arena.list(terms), span);
                object(arena.list([entry(key, terms)]), span)
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
