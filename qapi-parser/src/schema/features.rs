//! Feature lists.

use foldhash::{HashMap, HashSet};

use std::fmt::Display;

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Entry, Node, Value};
use crate::text::Text;

use super::ast::RawFeature;
use super::draft::{Draft, DraftKind, Drafts};
use super::lower::{Lower, collect};
use super::model::Feature;
use super::names::{CName, Permit};
use super::resolve::Resolver;

/// The largest number of distinct features that QEMU's generator takes.
pub const MAX_FEATURES: usize = 64;

impl<'t> Lower<'_, 't> {
    /// The `features` of a definition, member or value.
    pub(super) fn features(&mut self, entries: &[Entry<'t>]) -> Box<[RawFeature<'t>]> {
        let Some(entry) = entries.iter().find(|entry| entry.key == "features") else {
            return Box::default();
        };
        let Some(nodes) = entry.value.as_list() else {
            self.error(
                Code::BadValue,
                "'features' must be an array",
                entry.value.span,
            );
            return Box::default();
        };
        let features = nodes.iter().filter_map(|node| self.feature(node));
        collect(nodes.len(), features).into()
    }

    fn feature(&mut self, node: &Node<'t>) -> Option<RawFeature<'t>> {
        let source = "'features' member";
        let (name, entries) = self.named(node, &source, &["if"])?;
        let source = format_args!("{source} '{name}'");
        self.name_lower(name, node.span, &source, Permit::default());
        let cond = self.cond(entries, &source);
        Some(RawFeature {
            name,
            cond,
            span: node.span,
        })
    }

    /// A string, or an object with a `name` and `optional` keys: the name and the entries.
    pub(super) fn named<'n>(
        &mut self,
        node: &'n Node<'t>,
        source: &dyn Display,
        optional: &[&str],
    ) -> Option<(&'t str, &'n [Entry<'t>])> {
        let (name, entries): (&Node<'t>, &[Entry<'t>]) = match &node.value {
            Value::Object(entries) => {
                self.keys(entries, node.span, source, &["name"], optional);
                (node.get("name")?, &**entries)
            }
            _ => (node, &[]),
        };
        match &name.value {
            Value::Str(text) => Some((text, entries)),
            _ => {
                let message = format!("{source} requires a string name");
                self.error(Code::BadValue, &message, name.span);
                None
            }
        }
    }
}

impl Resolver<'_> {
    /// Refuses features of the same name in one list.
    pub(super) fn feature_clashes(&mut self, features: &[RawFeature<'_>]) {
        if features.len() < 2 {
            return;
        }
        let mut seen: HashMap<CName<'_>, &RawFeature<'_>> = HashMap::default();
        for feature in features {
            if let Some(other) = seen.insert(CName(feature.name), feature) {
                let message = format!(
                    "feature '{}' collides with feature '{}'",
                    feature.name, other.name
                );
                let problem = Diagnostic::error(Code::Collision, message, feature.span);
                self.report(problem.label(other.span, "the other one"));
            }
        }
    }

    /// Types take no feature that has a meaning of its own.
    pub(super) fn type_features(&mut self, features: &[RawFeature<'_>]) {
        self.feature_clashes(features);
        for feature in features {
            if matches!(feature.name, "deprecated" | "unstable") {
                let message = format!("feature '{}' is not supported for types", feature.name);
                let problem = Diagnostic::error(Code::BadFeature, message, feature.span);
                self.report(problem.help("put it on the commands, events, members or values"));
            }
        }
    }
}

/// The names of features so far. `deprecated` and `unstable` always count.
#[derive(Debug)]
pub(super) struct FeatureNames {
    names: HashSet<String>,
    pub(super) too_many: Option<Diagnostic>,
}

impl Default for FeatureNames {
    fn default() -> FeatureNames {
        let names = ["deprecated", "unstable"];
        FeatureNames {
            names: names.into_iter().map(str::to_owned).collect(),
            too_many: None,
        }
    }
}

impl FeatureNames {
    fn add(&mut self, name: &str, draft: &Draft<'_>) {
        if self.too_many.is_some() || self.names.contains(name) {
            return;
        }
        self.names.insert(name.to_owned());
        if let Some(span) = draft.span.filter(|_| self.names.len() > MAX_FEATURES) {
            let message = format!("Maximum of {MAX_FEATURES} schema features is permitted");
            let problem = Diagnostic::error(Code::TooManyFeatures, message, span);
            self.too_many = Some(problem.within(draft.context()));
        }
    }
}

impl Drafts<'_> {
    /// Counts the features of the entity with this index, and those of its members.
    pub(super) fn count_features(&mut self, index: usize) {
        let Some(draft) = self.list.get(index) else {
            return;
        };
        let names = &mut self.features;
        for feature in &draft.features {
            names.add(feature.name, draft);
        }
        match &draft.kind {
            DraftKind::Object { members, .. } => {
                for feature in members.iter().flat_map(|member| &member.features) {
                    names.add(feature.name, draft);
                }
            }
            DraftKind::Enum(raw) => {
                for feature in raw.members.iter().flat_map(|member| &member.features) {
                    names.add(&feature.name, draft);
                }
            }
            _ => {}
        }
    }
}

/// The features as the model has them.
pub(super) fn finish(
    features: &[RawFeature<'_>],
    name: impl Fn(&RawFeature<'_>) -> Text,
) -> Vec<Feature> {
    let finish = |one: &RawFeature<'_>| Feature {
        name: name(one),
        cond: one.cond.clone(),
    };
    features.iter().map(finish).collect()
}
