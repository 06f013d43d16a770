//! Commands for objects, devices and character devices.

use qmp_runtime::QmpError;
use qmp_runtime::codec::{self, Unknown};
use qmp_runtime::json::{Style, Value, Writer};
use qmp_types::qmp::{CharCommands, QdevCommands, QomCommands, commands};

use super::line::Line;
use super::{Human, Said, Stop, expression, silently};
use crate::cli;

/// What is wrong with text that is an option on the command line.
fn refused(error: &cli::UsageError) -> Stop {
    Stop::Failed(QmpError::generic(error.to_string()))
}

pub(super) fn device_add(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    if line.is_empty() {
        let text = "Parameter 'driver' is missing";
        return Err(Stop::Failed(QmpError::generic(text)));
    }
    let spec = cli::spec(line.rest(), "driver").map_err(|error| refused(&error))?;
    human.vmm.machine.device_add(spec)?;
    Ok(String::new())
}

pub(super) fn device_del(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let id = line.needs("string")?;
    line.end()?;
    silently(human.vmm.device_del(human.cx, commands::DeviceDel { id }))
}

pub(super) fn object_add(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let text = match line.is_empty() {
        true => line.needs("string")?,
        false => line.rest().to_owned(),
    };
    let spec = cli::spec(&text, "qom-type").map_err(|error| refused(&error))?;
    human.vmm.machine.object_add(&spec)?;
    Ok(String::new())
}

pub(super) fn object_del(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let id = line.needs("string")?;
    line.end()?;
    silently(human.vmm.object_del(human.cx, commands::ObjectDel { id }))
}

pub(super) fn chardev_add(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let text = line.needs("string")?;
    line.end()?;
    if !text.split(',').any(|part| part.starts_with("id=")) {
        let text = "chardev: no id specified";
        return Err(Stop::Failed(QmpError::generic(text)));
    }
    let (id, backend, log, shared) = cli::chardev(&text).map_err(|error| refused(&error))?;
    let chardevs = human.vmm.machine.chardevs();
    let made = if shared {
        chardevs.add_shared(&id, &backend, log.as_ref())
    } else {
        chardevs.add_logged(&id, &backend, log.as_ref())
    };
    made.map_err(|error| QmpError::generic(error.to_string()))?;
    Ok(String::new())
}

pub(super) fn chardev_change(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let (id, text) = (line.needs("string")?, line.needs("string")?);
    line.end()?;
    if human.vmm.machine.chardevs().get(&id).is_none() {
        let text = format!("Chardev '{id}' does not exist");
        return Err(Stop::Failed(QmpError::generic(text)));
    }
    let (_, backend, log, _) =
        cli::chardev(&format!("{text},id={id}")).map_err(|error| refused(&error))?;
    let made = (human.vmm.machine.chardevs()).change(&id, &backend, log.as_ref());
    made.map_err(|error| QmpError::generic(error.to_string()))?;
    Ok(String::new())
}

pub(super) fn chardev_remove(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let id = line.needs("string")?;
    line.end()?;
    silently((human.vmm).chardev_remove(human.cx, commands::ChardevRemove { id }))
}

pub(super) fn chardev_send_break(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let id = line.needs("string")?;
    line.end()?;
    silently((human.vmm).chardev_send_break(human.cx, commands::ChardevSendBreak { id }))
}

pub(super) fn ringbuf_read(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let device = line.needs("string")?;
    let size = expression::read_32(human, &mut line)?;
    line.end()?;
    let args = commands::RingbufRead::new(device, size);
    let data = human.vmm.ringbuf_read(human.cx, args)?;
    let mut text = String::new();
    for letter in data.chars() {
        match letter {
            '\\' => text += "\\\\",
            letter if u32::from(letter) < 0x20 && letter != '\n' || letter == '\x7f' => {
                text += &format!("\\u{:04x}", u32::from(letter));
            }
            letter => text.push(letter),
        }
    }
    text.push('\n');
    Ok(text)
}

pub(super) fn ringbuf_write(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let device = line.needs("string")?;
    let data = line.needs("string")?;
    line.end()?;
    let args = commands::RingbufWrite::new(device, data);
    silently(human.vmm.ringbuf_write(human.cx, args))
}

pub(super) fn qom_list(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let path = line.word()?;
    line.end()?;
    let Some(path) = path else {
        return Ok("/\n".to_owned());
    };
    let listed = human.vmm.qom_list(human.cx, commands::QomList { path })?;
    let lines = listed
        .into_iter()
        .map(|entry| format!("{} ({})\n", entry.name, entry.r#type));
    Ok(lines.collect())
}

pub(super) fn qom_get(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let (path, property) = (line.needs("string")?, line.needs("string")?);
    line.end()?;
    let args = commands::QomGet { path, property };
    let value = human.vmm.qom_get(human.cx, args)?;
    let mut out = Writer::new(Style::Pretty);
    out.value(&value);
    Ok(String::from_utf8_lossy(&out.into_bytes()).into_owned() + "\n")
}

pub(super) fn qom_set(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let [is_json] = line.flags(['j'])?;
    let (path, property) = (line.needs("string")?, line.needs("string")?);
    let text = match line.is_empty() {
        true => line.needs("string")?,
        false => line.rest().to_owned(),
    };
    let node = human.vmm.machine.tree().resolve_one(&path)?;
    if !is_json {
        node.set(
            &property,
            &value_like(node.get(&property).ok().as_ref(), &text),
        )?;
        return Ok(String::new());
    }
    let value: Value = codec::from_str(&text, Unknown::Refuse)?;
    node.set(&property, &value)?;
    Ok(String::new())
}

/// Text as a value of the kind that is there now.
fn value_like(now: Option<&Value>, text: &str) -> Value {
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let text = quoted.unwrap_or(text);
    let number = || cli::parse_size(text).ok().map(Value::from);
    let read = match (now, text) {
        (Some(Value::Bool(_)), "on" | "yes" | "true") => Some(true.into()),
        (Some(Value::Bool(_)), "off" | "no" | "false") => Some(false.into()),
        (Some(Value::Number(_)), _) => text.parse::<i64>().ok().map(Value::from).or_else(number),
        _ => None,
    };
    read.unwrap_or_else(|| text.into())
}
