//! Feature lists.

use foldhash::{HashMap, HashSet};

use std::fmt::Display;

use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Entry, Node, Value};
use crate::source::SourceMap;

use super::ast::RawFeature;
use super::draft::{Draft, DraftKind};
use super::lower::{Lower, collect};
use super::model::Feature;
use super::names::{CName, Permit};
use super::resolve::Resolver;

/// The largest number of distinct features that QEMU's generator takes.
pub const MAX_FEATURES: usize = 64;

impl<'t> Lower<'_, 't> {
    /// The `features` of a definition, member or value.
    pub(super) fn features(&mut self, entries: &[Entry<'t>]) -> Vec<RawFeature<'t>> {
        let Some(entry) = entries.iter().find(|entry| entry.key == "features") else {
            return Vec::new();
        };
        let Some(nodes) = entry.value.as_list() else {
            self.error(
                Code::BadValue,
                "'features' must be an array",
                entry.value.span,
            );
            return Vec::new();
        };
        let features = nodes.iter().filter_map(|node| self.feature(node));
        collect(nodes.len(), features)
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

/// Refuses the feature that is one too many. `deprecated` and `unstable` always count.
pub(super) fn check_count(drafts: &[Draft<'_>]) -> Option<Diagnostic> {
    let mut names: HashSet<&str> = ["deprecated", "unstable"].into_iter().collect();
    for draft in drafts {
        for name in draft.feature_names() {
            if names.insert(name) && names.len() > MAX_FEATURES {
                let message = format!("Maximum of {MAX_FEATURES} schema features is permitted");
                let problem = Diagnostic::error(Code::TooManyFeatures, message, draft.span?);
                return Some(problem.within(draft.context()));
            }
        }
    }
    None
}

impl Draft<'_> {
    /// The names of its own features and of those of its members.
    fn feature_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.features.iter().map(|one| one.name).collect();
        match &self.kind {
            DraftKind::Object { members, .. } => {
                let features = members.iter().flat_map(|member| &member.features);
                names.extend(features.map(|one| one.name));
            }
            DraftKind::Enum(raw) => {
                let features = raw.members.iter().flat_map(|member| &member.features);
                names.extend(features.map(|one| one.name.as_str()));
            }
            _ => {}
        }
        names
    }
}

/// The features as the model has them.
pub(super) fn finish(features: &[RawFeature<'_>], sources: &SourceMap) -> Vec<Feature> {
    let finish = |one: &RawFeature| Feature {
        name: sources.text(one.span.file, one.name),
        cond: one.cond.clone(),
    };
    features.iter().map(finish).collect()
}
