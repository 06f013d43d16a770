//! `-sandbox`.

use super::UsageError;
use super::params::Params;
use crate::sandbox::{Access, Sandbox};

/// What the option says: no sandbox, or which one. What is not mentioned is denied.
pub(super) fn parse(value: &str) -> Result<Option<Sandbox>, UsageError> {
    let mut params = Params::parse(value, Some("enable"));
    let enabled = match params.first() {
        Some("on" | "yes") => true,
        Some("off" | "no") => false,
        _ => return Err(UsageError::new("say on or off first")),
    };
    let mut access = |key: &str, others: &[&str]| match params.take(key).as_deref() {
        None | Some("deny") => Ok(Access::Deny),
        Some("allow") => Ok(Access::Allow),
        // Privileges cannot be gained by a new program either way.
        Some(other) if others.contains(&other) => Ok(Access::Deny),
        Some(other) => Err(UsageError::new(format!(
            "invalid argument for {key}: '{other}'; say allow or deny"
        ))),
    };
    let sandbox = Sandbox {
        obsolete: access("obsolete", &[])?,
        elevate_privileges: access("elevateprivileges", &["children"])?,
        spawn: access("spawn", &[])?,
        resource_control: access("resourcecontrol", &[])?,
    };
    params.finish()?;
    Ok(enabled.then_some(sandbox))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_denied_unless_allowed() {
        assert_eq!(parse("on").unwrap(), Some(Sandbox::default()));
        let libvirt = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";
        assert_eq!(parse(libvirt).unwrap(), Some(Sandbox::default()));
        assert_eq!(parse("off").unwrap(), None);
        let some = Sandbox {
            spawn: Access::Allow,
            ..Sandbox::default()
        };
        let text = "enable=on,spawn=allow,elevateprivileges=children";
        assert_eq!(parse(text).unwrap(), Some(some));
    }

    #[test]
    fn slips_are_told() {
        for (text, told) in [
            ("", "say on or off"),
            (
                "on,spawn=children",
                "invalid argument for spawn: 'children'",
            ),
            ("on,span=deny", "span"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
