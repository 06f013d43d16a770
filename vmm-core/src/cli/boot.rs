//! `-boot`: which device firmware is to start from. There is no firmware here, as QEMU's own board of
//! that name has none that minds; what is said is checked, and changes nothing.

use super::UsageError;
use super::params::Params;

/// Devices have letters up to this one.
const LAST_DEVICE: char = 'p';
const LONGEST: i64 = 0xffff;

/// Takes what `-boot` said of the board.
pub(super) fn take(params: &mut Params) -> Result<(), UsageError> {
    let order = params.take("boot.order");
    let once = params.take("boot.once");
    params.take("boot.splash");
    // Nothing else is tried when there is no kernel, whether this is said or not.
    params.take_switch("boot.strict", false)?;
    params.take_switch("boot.menu", false)?;
    for devices in [&order, &once].into_iter().flatten() {
        check(devices)?;
    }
    if once.is_some() {
        let text = "no function defined to set boot device list for this architecture";
        return Err(UsageError::new(text));
    }
    let time = number(params, "boot.splash-time")?;
    if time.is_some_and(|time| !(0..=LONGEST).contains(&time)) {
        let text = "splash-time is invalid,it should be a value between 0 and 65535";
        return Err(UsageError::new(text));
    }
    let timeout = number(params, "boot.reboot-timeout")?;
    if timeout.is_some_and(|timeout| !(-1..=LONGEST).contains(&timeout)) {
        let text = "reboot timeout is invalid,it should be a value between -1 and 65535";
        return Err(UsageError::new(text));
    }
    Ok(params.no_more_of("boot")?)
}

fn number(params: &mut Params, key: &str) -> Result<Option<i64>, UsageError> {
    let text = params.take(key);
    let number = text.map(|text| text.parse()).transpose();
    number.map_err(|_| UsageError::new(format!("Parameter '{key}' expects integer")))
}

fn check(devices: &str) -> Result<(), UsageError> {
    for (at, device) in devices.char_indices() {
        if !('a'..=LAST_DEVICE).contains(&device) {
            return Err(UsageError::new(format!("Invalid boot device '{device}'")));
        }
        if devices[..at].contains(device) {
            let text = format!("Boot device '{device}' was given twice");
            return Err(UsageError::new(text));
        }
    }
    Ok(())
}
