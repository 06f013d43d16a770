//! `-blockdev` and `-drive`.

use qmp_runtime::codec::{self, Unknown};
use qmp_runtime::json::{Map, Value};
use qmp_types::qmp::types::BlockdevOptions;

use super::UsageError;
use super::ids::bad_id;
use super::params::Params;
use crate::block::{BlockError, DriveConfig, NodeConfig, NodeSource, Zeroes};
use crate::qmp::node_config;
use crate::qom::is_id;

/// Switches, by the last part of their name.
const SWITCHES: &[&str] = &[
    "read-only",
    "auto-read-only",
    "force-share",
    "direct",
    "no-flush",
    "drop-cache",
    "active",
];
const NUMBERS: &[&str] = &["offset", "size", "aio-max-batch"];

/// Reads the argument of `-blockdev`: JSON, or keys with dots between the names of
/// members and of those inside.
pub(super) fn blockdev(value: &str) -> Result<NodeConfig, UsageError> {
    let options: BlockdevOptions = if value.starts_with('{') {
        decode(value)?
    } else {
        let mut params = Params::parse(value, Some("driver"));
        let mut members = Map::new();
        if let Some(driver) = params.first() {
            members.insert("driver".to_owned(), driver.into());
        }
        for (key, text) in params.take_rest() {
            insert(&mut members, &key, &key, &text)?;
        }
        decode(&Value::Object(members).to_string())?
    };
    node_config(options).map_err(|error| UsageError::new(error.to_string()))
}

fn decode(text: &str) -> Result<BlockdevOptions, UsageError> {
    codec::from_str(text, Unknown::Refuse).map_err(|error| UsageError::new(error.desc().to_owned()))
}

/// Puts a value where its key says.
fn insert(
    members: &mut Map<String, Value>,
    whole: &str,
    key: &str,
    text: &str,
) -> Result<(), UsageError> {
    if let Some((first, rest)) = key.split_once('.') {
        let inner = members
            .entry(first.to_owned())
            .or_insert_with(|| Value::Object(Map::new()));
        return match inner {
            Value::Object(inner) => insert(inner, whole, rest, text),
            _ => Err(UsageError::new(format!(
                "Parameters '{first}.*' used inconsistently"
            ))),
        };
    }
    let expects = |what: &str| UsageError::new(format!("Parameter '{whole}' expects {what}"));
    let value: Value = if SWITCHES.contains(&key) {
        match text {
            "on" | "yes" | "true" | "y" => true.into(),
            "off" | "no" | "false" | "n" => false.into(),
            _ => return Err(expects("'on' or 'off'")),
        }
    } else if NUMBERS.contains(&key) {
        let number: u64 = text.parse().map_err(|_| expects("integer"))?;
        number.into()
    } else {
        text.into()
    };
    members.insert(key.to_owned(), value);
    Ok(())
}

/// Reads the argument of `-drive`.
pub(super) fn drive(value: &str, nameless: usize) -> Result<DriveConfig, UsageError> {
    let refuse = |text: String| Err(UsageError::new(text));
    let mut params = Params::parse(value, None);
    match params.take("if").as_deref() {
        Some("none") => {}
        _ => {
            return refuse(
                "a disk is a -device here: add if=none,id=ID, and -device virtio-blk-device,drive=ID"
                    .to_owned(),
            );
        }
    }
    let id = match params.take("id") {
        Some(id) if !is_id(&id) => return Err(bad_id()),
        Some(id) => id,
        None => format!("none{nameless}"),
    };
    let mut switch = |keys: [&str; 2]| -> Result<bool, UsageError> {
        let text = params.take(keys[1]).or_else(|| params.take(keys[0]));
        match text.as_deref() {
            None | Some("off" | "no" | "false" | "n") => Ok(false),
            Some("on" | "yes" | "true" | "y") => Ok(true),
            Some(_) => Err(UsageError::new(
                "Parameter 'read-only' expects 'on' or 'off'",
            )),
        }
    };
    let read_only = switch(["readonly", "read-only"])?;
    let cache = Cache::take(&mut params)?;
    let zeroes = zero_mode(&mut params)?;
    let unmap = discard_mode(&mut params)?;
    let aio = params.take("aio");
    refuse_others(&mut params)?;
    let locking = match params.take("file.locking").as_deref() {
        None | Some("on" | "auto") => true,
        Some("off") => false,
        Some(other) => return refuse(format!("invalid parameter value: {other}")),
    };
    let format = params.take("format");
    let file = params.take("file");
    if let Some((key, _)) = params.take_rest().first() {
        let driver = format.as_deref().unwrap_or("raw");
        return refuse(format!(
            "Block format '{driver}' does not support the option '{key}'"
        ));
    }
    let image = match (format.as_deref(), file) {
        (None, None) => None,
        (_, None) => return refuse("A block device must be specified for \"file\"".to_owned()),
        (None, Some(_)) => {
            return refuse("the format is not guessed: add format=raw".to_owned());
        }
        (Some("raw"), Some(file)) => {
            let layer = |source| NodeConfig {
                read_only,
                unmap,
                no_flush: cache.no_flush,
                direct: cache.direct,
                ..NodeConfig::new(source)
            };
            check_aio(aio.as_deref(), cache.direct)?;
            let below = NodeConfig {
                auto_read_only: true,
                locking,
                ..layer(NodeSource::Image(file))
            };
            Some(NodeConfig {
                zeroes,
                ..layer(NodeSource::Layer(Box::new(below)))
            })
        }
        (Some(other), Some(_)) => return refuse(format!("Unknown driver '{other}'")),
    };
    Ok(DriveConfig {
        id,
        image,
        write_back: cache.write_back,
    })
}

/// What is between the guest and stable storage.
#[derive(Debug, Clone, Copy)]
struct Cache {
    /// Writes need not be on stable storage at once.
    write_back: bool,
    /// The host's cache is passed by.
    direct: bool,
    /// Nothing ever needs to be on stable storage.
    no_flush: bool,
}

impl Cache {
    /// A mode by its name, and what is said besides.
    fn take(params: &mut Params) -> Result<Self, UsageError> {
        let (write_back, direct, no_flush) = match params.take("cache").as_deref() {
            None | Some("writeback") => (true, false, false),
            Some("writethrough") => (false, false, false),
            Some("unsafe") => (true, false, true),
            Some("none" | "off") => (true, true, false),
            Some("directsync") => (false, true, false),
            Some(_) => return Err(UsageError::new("invalid cache option".to_owned())),
        };
        let mut switch = |name: &str, mode: bool| -> Result<bool, UsageError> {
            match params.take(&format!("cache.{name}")).as_deref() {
                None => Ok(mode),
                Some("on" | "yes" | "true" | "y") => Ok(true),
                Some("off" | "no" | "false" | "n") => Ok(false),
                Some(_) => Err(UsageError::new(format!(
                    "Parameter 'cache.{name}' expects 'on' or 'off'"
                ))),
            }
        };
        Ok(Self {
            write_back: switch("writeback", write_back)?,
            direct: switch("direct", direct)?,
            no_flush: switch("no-flush", no_flush)?,
        })
    }
}

/// A thread moves the bytes, whatever is said here.
fn check_aio(mode: Option<&str>, is_direct: bool) -> Result<(), UsageError> {
    match mode {
        Some("native") if !is_direct => Err(UsageError::new(BlockError::NeedsDirect.to_string())),
        None | Some("threads" | "native" | "io_uring") => Ok(()),
        Some(_) => Err(UsageError::new("invalid aio option".to_owned())),
    }
}

/// What becomes of writes that are zeroes throughout.
fn zero_mode(params: &mut Params) -> Result<Zeroes, UsageError> {
    Ok(match params.take("detect-zeroes").as_deref() {
        None | Some("off") => Zeroes::Written,
        Some("on") => Zeroes::Made,
        Some("unmap") => Zeroes::Unmapped,
        Some(other) => {
            return Err(UsageError::new(format!("invalid parameter value: {other}")));
        }
    })
}

/// Whether space that the guest gives back is given to the host.
fn discard_mode(params: &mut Params) -> Result<bool, UsageError> {
    let refuse = |text: String| Err(UsageError::new(text));
    Ok(match params.take("discard").as_deref() {
        None | Some("ignore" | "off") => false,
        Some("unmap" | "on") => true,
        Some(_) => return refuse("Invalid discard option".to_owned()),
    })
}

/// Checks what can have one value only.
fn refuse_others(params: &mut Params) -> Result<(), UsageError> {
    let refuse = |text: String| Err(UsageError::new(text));
    match params.take("media").as_deref() {
        None | Some("disk") => {}
        Some(other) => return refuse(format!("media={other}: there are disks only")),
    }
    Ok(())
}
