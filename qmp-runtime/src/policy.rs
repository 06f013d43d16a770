//! What becomes of what is deprecated or unstable, as with QEMU's option `-compat`.

use std::fmt;
use std::str::FromStr;

use crate::codec::Member;
use crate::error::{ErrorClass, QmpError};

/// What becomes of deprecated or unstable commands, arguments and values that come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InputPolicy {
    /// They are taken.
    #[default]
    Accept,
    /// They are an error.
    Reject,
    /// They abort the process, to find out who uses them.
    Crash,
}

/// What becomes of deprecated or unstable members of replies and events, and of such events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputPolicy {
    /// They are sent.
    #[default]
    Accept,
    /// They are left out, required or not.
    Hide,
}

/// What becomes of what is deprecated or unstable; by default nothing does.
///
/// ```
/// # use qmp_runtime::{CompatPolicy, InputPolicy};
/// let policy: CompatPolicy = "deprecated-input=reject,unstable-output=hide".parse()?;
/// assert_eq!(policy.deprecated_input, InputPolicy::Reject);
/// # Ok::<(), qmp_runtime::InvalidPolicy>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompatPolicy {
    /// For what is deprecated and comes in.
    pub deprecated_input: InputPolicy,
    /// For what is deprecated and goes out.
    pub deprecated_output: OutputPolicy,
    /// For what is unstable and comes in.
    pub unstable_input: InputPolicy,
    /// For what is unstable and goes out.
    pub unstable_output: OutputPolicy,
}

/// A text that is no policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPolicy(String);

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' is no policy; there are {{deprecated,unstable}}-input={{accept,reject,crash}} and \
             {{deprecated,unstable}}-output={{accept,hide}}",
            self.0
        )
    }
}

impl std::error::Error for InvalidPolicy {}

impl FromStr for CompatPolicy {
    type Err = InvalidPolicy;

    fn from_str(text: &str) -> Result<Self, InvalidPolicy> {
        let mut policy = CompatPolicy::default();
        for setting in text.split(',') {
            policy
                .set(setting)
                .ok_or_else(|| InvalidPolicy(setting.to_owned()))?;
        }
        Ok(policy)
    }
}

impl CompatPolicy {
    fn set(&mut self, setting: &str) -> Option<()> {
        let (key, value) = setting.split_once('=')?;
        match key {
            "deprecated-input" => self.deprecated_input = input(value)?,
            "unstable-input" => self.unstable_input = input(value)?,
            "deprecated-output" => self.deprecated_output = output(value)?,
            "unstable-output" => self.unstable_output = output(value)?,
            _ => return None,
        }
        Some(())
    }

    /// Whether a command with these features may be called.
    pub(crate) fn check_command(&self, name: &str, features: &[&str]) -> Result<(), QmpError> {
        let has = |feature| features.contains(&feature);
        let class = ErrorClass::COMMAND_NOT_FOUND;
        self.check((has("deprecated"), has("unstable")), class, "command", name)
    }

    /// Whether an argument or value may be given.
    pub(crate) fn check_member(&self, kind: &str, member: &Member) -> Result<(), QmpError> {
        let marks = (member.deprecated, member.unstable);
        self.check(marks, ErrorClass::GENERIC_ERROR, kind, member.name)
    }

    fn check(
        &self,
        (deprecated, unstable): (bool, bool),
        class: ErrorClass,
        kind: &str,
        name: &str,
    ) -> Result<(), QmpError> {
        let marks = [
            (deprecated, self.deprecated_input, "Deprecated"),
            (unstable, self.unstable_input, "Unstable"),
        ];
        for (_, policy, mark) in marks.into_iter().filter(|(has, ..)| *has) {
            match policy {
                InputPolicy::Accept => {}
                InputPolicy::Reject => {
                    let text = format!("{mark} {kind} {name} disabled by policy");
                    return Err(QmpError::new(class, text));
                }
                InputPolicy::Crash => std::process::abort(),
            }
        }
        Ok(())
    }

    /// Whether a member is left out.
    pub(crate) fn hides(&self, member: &Member) -> bool {
        self.hides_marked(member.deprecated, member.unstable)
    }

    /// Whether an event with these features is not sent.
    pub(crate) fn hides_event(&self, features: &[&str]) -> bool {
        let has = |feature| features.contains(&feature);
        self.hides_marked(has("deprecated"), has("unstable"))
    }

    fn hides_marked(&self, deprecated: bool, unstable: bool) -> bool {
        (deprecated && self.deprecated_output == OutputPolicy::Hide)
            || (unstable && self.unstable_output == OutputPolicy::Hide)
    }
}

fn input(value: &str) -> Option<InputPolicy> {
    match value {
        "accept" => Some(InputPolicy::Accept),
        "reject" => Some(InputPolicy::Reject),
        "crash" => Some(InputPolicy::Crash),
        _ => None,
    }
}

fn output(value: &str) -> Option<OutputPolicy> {
    match value {
        "accept" => Some(OutputPolicy::Accept),
        "hide" => Some(OutputPolicy::Hide),
        _ => None,
    }
}
