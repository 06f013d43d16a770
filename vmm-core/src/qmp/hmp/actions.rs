//! Commands that do something to the machine.

use qmp_runtime::codec::{self, Unknown};
use qmp_types::qmp::types::{
    DirtyRateMeasureMode, ImageFormat, KeyValue, QKeyCode, WatchdogAction,
};
use qmp_types::qmp::{
    BlockCoreCommands, ControlCommands, DumpCommands, MachineCommands, MigrationCommands,
    MiscCommands, RunStateCommands, UiCommands, commands,
};

use super::line::Line;
use super::{Human, Said, Stop, expression, silently};
use crate::cli::parse_size;
use crate::qmp::Vmm;

/// A command without arguments.
macro_rules! plain {
    ($($name:ident: $module:ident, $command:ident;)*) => {$(
        pub(super) fn $name(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
            line.end()?;
            silently(<Vmm as $module>::$name(human.vmm, human.cx, commands::$command {}))
        }
    )*};
}

plain! {
    cont: MiscCommands, Cont;
    migrate_cancel: MigrationCommands, MigrateCancel;
    quit: ControlCommands, Quit;
    stop: MiscCommands, Stop;
    system_powerdown: MachineCommands, SystemPowerdown;
    system_reset: MachineCommands, SystemReset;
    system_wakeup: MachineCommands, SystemWakeup;
    x_colo_lost_heartbeat: MigrationCommands, XColoLostHeartbeat;
    x_exit_preconfig: MiscCommands, XExitPreconfig;
}

pub(super) fn nmi(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    line.end()?;
    silently(human.vmm.inject_nmi(human.cx, commands::InjectNmi {}))
}

pub(super) fn balloon(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let mebibytes = expression::read(human, &mut line)?;
    line.end()?;
    if mebibytes < 0 {
        return Err(Stop::Usage("enter a positive value".to_owned()));
    }
    let value = mebibytes.saturating_mul(1 << 20);
    silently(human.vmm.balloon(human.cx, commands::Balloon { value }))
}

pub(super) fn block_resize(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let device = line.needs("block device name")?;
    let wrong = || Stop::Usage("invalid size".to_owned());
    let size = line.word()?.ok_or_else(wrong)?;
    let size = parse_size(&size)
        .ok()
        .and_then(|size| i64::try_from(size).ok());
    line.end()?;
    let mut args = commands::BlockResize::new(size.ok_or_else(wrong)?);
    args.device = Some(device);
    silently(human.vmm.block_resize(human.cx, args))
}

pub(super) fn calc_dirty_rate(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let [by_rings, by_bitmap] = line.flags(['r', 'b'])?;
    let calc_time = expression::read(human, &mut line)?;
    let sample_pages = match line.is_empty() {
        true => None,
        false => Some(expression::read(human, &mut line)?),
    };
    line.end()?;
    if calc_time == 0 {
        let text = "Incorrect period length specified!\n";
        return Err(Stop::Text(text.to_owned()));
    }
    let mode = match (by_rings, by_bitmap) {
        (true, true) => {
            let text = "Either dirty ring or dirty bitmap can be specified!\n";
            return Err(Stop::Text(text.to_owned()));
        }
        (true, false) => DirtyRateMeasureMode::DirtyRing,
        (false, true) => DirtyRateMeasureMode::DirtyBitmap,
        (false, false) => DirtyRateMeasureMode::PageSampling,
    };
    let mut args = commands::CalcDirtyRate::new(calc_time);
    args.sample_pages = sample_pages;
    args.mode = Some(mode);
    human.vmm.calc_dirty_rate(human.cx, args)?;
    Ok(format!(
        "Starting dirty rate measurement with period {calc_time} seconds\n\
         [Please use 'info dirty_rate' to check results]\n"
    ))
}

pub(super) fn closefd(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let fdname = line.needs("string")?;
    line.end()?;
    silently(human.vmm.closefd(human.cx, commands::Closefd { fdname }))
}

pub(super) fn getfd(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let fdname = line.needs("string")?;
    line.end()?;
    silently(human.vmm.getfd(human.cx, commands::Getfd { fdname }))
}

pub(super) fn cpu(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let index = expression::read_32(human, &mut line)?;
    line.end()?;
    match human.vmm.known_cpu(index, "index") {
        Ok(_) => Ok(String::new()),
        Err(_) => Err(Stop::Text("invalid CPU index\n".to_owned())),
    }
}

pub(super) fn dump_guest_memory(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let [paging, detach] = line.flags(['p', 'd'])?;
    let protocol = format!("file:{}", line.needs("filename")?);
    let mut range = [None, None];
    for part in &mut range {
        if !line.is_empty() {
            *part = Some(expression::read(human, &mut line)?);
        }
    }
    line.end()?;
    let mut args = commands::DumpGuestMemory::new(paging, protocol);
    [args.begin, args.length] = range;
    args.detach = Some(detach);
    silently(human.vmm.dump_guest_memory(human.cx, args))
}

pub(super) fn memsave(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let (val, size, filename) = range_and_file(human, &mut line)?;
    let mut args = commands::Memsave::new(val, size, filename);
    args.cpu_index = Some(human.cpu.into());
    silently(human.vmm.memsave(human.cx, args))
}

pub(super) fn pmemsave(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let (val, size, filename) = range_and_file(human, &mut line)?;
    let args = commands::Pmemsave::new(val, size, filename);
    silently(human.vmm.pmemsave(human.cx, args))
}

fn range_and_file(human: &Human<'_, '_>, line: &mut Line<'_>) -> Result<(u64, u64, String), Stop> {
    let address = expression::read(human, line)?.cast_unsigned();
    let size = expression::read_32(human, line)?.cast_unsigned();
    let file = line.needs("string")?;
    line.end()?;
    Ok((address, size, file))
}

pub(super) fn screendump(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let mut args = commands::Screendump::new(line.needs("filename")?);
    if line.flags(['f'])?[0] {
        let format = line.needs("string")?;
        args.format = Some(word_as::<ImageFormat>(&format)?);
    }
    args.device = line.word()?;
    if !line.is_empty() {
        args.head = Some(expression::read(human, &mut line)?);
    }
    line.end()?;
    silently(human.vmm.screendump(human.cx, args))
}

/// A value of an enumeration, or QEMU's refusal.
fn word_as<T: std::str::FromStr>(word: &str) -> Result<T, Stop> {
    let parsed = word.parse();
    parsed.map_err(|_| {
        let text = format!("invalid parameter value: {word}");
        Stop::Failed(qmp_runtime::QmpError::generic(text))
    })
}

pub(super) fn sendkey(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let names = line.needs("string")?;
    let hold = match line.is_empty() {
        true => None,
        false => Some(expression::read_32(human, &mut line)?),
    };
    line.end()?;
    let keys: Result<Vec<KeyValue>, Stop> = names.split('-').map(key).collect();
    let mut args = commands::SendKey::new(keys?);
    args.hold_time = hold;
    silently(human.vmm.send_key(human.cx, args))
}

/// A key by its name, or by its number in hexadecimal.
fn key(name: &str) -> Result<KeyValue, Stop> {
    let number = name
        .strip_prefix("0x")
        .map(|digits| i64::from_str_radix(digits, 16));
    let text = match (number, name) {
        (Some(Ok(number)), _) => format!("{{\"type\": \"number\", \"data\": {number}}}"),
        (None, "<") => "{\"type\": \"qcode\", \"data\": \"less\"}".to_owned(),
        (None, name) if name.parse::<QKeyCode>().is_ok() => {
            format!("{{\"type\": \"qcode\", \"data\": \"{name}\"}}")
        }
        _ => return Err(Stop::Text(format!("invalid parameter: {name}\n"))),
    };
    Ok(codec::from_str(&text, Unknown::Refuse)?)
}

pub(super) fn watchdog_action(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let action = line.needs("string")?;
    line.end()?;
    let action = word_as::<WatchdogAction>(&action)?;
    let args = commands::SetAction {
        watchdog: Some(action),
        ..commands::SetAction::default()
    };
    silently(human.vmm.set_action(human.cx, args))
}
