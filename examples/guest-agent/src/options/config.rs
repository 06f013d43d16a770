//! The configuration file: `KEY=VALUE` lines below `[general]`, as `qemu-ga` has it.
//!
//! Values are plain text to the end of their line, which no common format's reader takes as such.

use std::fmt::Write as _;
use std::path::Path;

use super::{METHODS, Options, method, permitted};
use crate::Permitted;

/// Takes over what a file says.
pub(super) fn read(options: &mut Options, file: &Path) -> Result<(), String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{shown}: {error}"))?;
    let mut in_general = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with(';') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            in_general = section == "general]";
            continue;
        }
        let result = match line.split_once('=') {
            Some((key, value)) if in_general => set(options, key.trim(), value.trim()),
            Some(_) => Err("this stands below no [general]".to_owned()),
            None => Err("this is no KEY=VALUE".to_owned()),
        };
        result.map_err(|what| format!("{shown}:{}: {what}", index + 1))?;
    }
    Ok(())
}

fn set(options: &mut Options, key: &str, value: &str) -> Result<(), String> {
    match key {
        "method" => options.method = method(value)?,
        "path" => options.path = Some(value.to_owned()),
        "retry-path" => options.retry_path = switch(value)?,
        "allow-rpcs" | "block-rpcs" | "blacklist" if options.permitted != Permitted::All => {
            return Err("there is another list of commands already".to_owned());
        }
        "allow-rpcs" => options.permitted = permitted(true, value)?,
        "block-rpcs" | "blacklist" => options.permitted = permitted(false, value)?,
        "fsfreeze-hook" => options.hook = Some(value.into()),
        "dry-run" => options.dry_run = switch(value)?,
        "statedir" => options.state_dir = Some(value.into()),
        "daemon" => options.daemon = switch(value)?,
        "pidfile" => options.pid_file = Some(value.into()),
        "logfile" => options.log_file = Some(value.into()),
        "verbose" => options.verbose = switch(value)?,
        _ => return Err(format!("there is no option '{key}'")),
    }
    Ok(())
}

fn switch(value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("say true or false".to_owned()),
    }
}

/// A file that says the same.
pub(super) fn write(options: &Options) -> String {
    let mut text = "[general]\n".to_owned();
    let mut put = |key: &str, value: &str| {
        // A string takes all there is.
        let _ = writeln!(text, "{key}={value}");
    };
    let method = METHODS.iter().find(|(_, method)| *method == options.method);
    put("method", method.map_or("", |(name, _)| name));
    let paths = [
        ("path", options.path.as_ref().map(Path::new)),
        ("fsfreeze-hook", options.hook.as_deref()),
        ("statedir", options.state_dir.as_deref()),
        ("pidfile", options.pid_file.as_deref()),
        ("logfile", options.log_file.as_deref()),
    ];
    for (key, path) in paths {
        if let Some(path) = path {
            put(key, &path.to_string_lossy());
        }
    }
    let switches = [
        ("retry-path", options.retry_path),
        ("dry-run", options.dry_run),
        ("daemon", options.daemon),
        ("verbose", options.verbose),
    ];
    for (key, on) in switches {
        put(key, &on.to_string());
    }
    let list = match &options.permitted {
        Permitted::All => None,
        Permitted::Only(names) => Some(("allow-rpcs", names)),
        Permitted::AllBut(names) => Some(("block-rpcs", names)),
    };
    if let Some((key, names)) = list {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        put(key, &names.join(","));
    }
    text
}
