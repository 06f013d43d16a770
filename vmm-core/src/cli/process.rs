//! Options about the process rather than its machine.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_getfd};

use super::apply::{Builder, Taken};
use super::params::{Params, ParamsError};
use super::{UsageError, audio, sandbox, trace};

/// How much of the process stays in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemoryLock {
    /// What the host keeps there.
    #[default]
    Off,
    /// All of it, from the start.
    On,
    /// What has been touched once.
    OnFault,
}

/// A descriptor that the parent process has opened for a set.
#[derive(Debug)]
pub struct GivenFd {
    /// The number of the set.
    pub set: i64,
    /// The descriptor.
    pub fd: OwnedFd,
    /// What the parent says of it.
    pub opaque: Option<String>,
}

impl Builder {
    pub(super) fn process_option(&mut self, name: &str, value: &str) -> Result<Taken, UsageError> {
        let options = &mut self.options;
        match name {
            "name" => self.name(value)?,
            "uuid" => options.uuid = Some(parse_uuid(value)?),
            "compat" => {
                let policy = value.parse();
                options.compat = policy.map_err(|error| UsageError::new(format!("{error}")))?;
            }
            "pidfile" => options.pidfile = Some(value.into()),
            "daemonize" => options.daemonize = true,
            "overcommit" => options.memory_lock = overcommit(value)?,
            "msg" => (options.messages.timestamp, self.names_guest) = msg(value)?,
            "trace" => return Ok(trace::parse(value, options)?.into()),
            "d" => return Ok(trace::log_items(value, options)?.into()),
            "D" => options.trace_file = Some(value.into()),
            "audiodev" => options.audiodevs.push(audio::parse(value)?),
            "add-fd" => options.fds.push(add_fd(value)?),
            "sandbox" => self.sandbox = Some(sandbox::parse(value)?),
            _ => return Ok(Taken::No),
        }
        Ok(Taken::Yes)
    }

    fn name(&mut self, value: &str) -> Result<(), UsageError> {
        let mut params = Params::parse(value, Some("guest"));
        self.options.name = params.first().map(str::to_owned);
        // The threads have names anyhow.
        params.take_switch("debug-threads", true)?;
        self.options.process_name = params.take("process");
        Ok(params.finish()?)
    }
}

/// `-overcommit`.
pub(super) fn overcommit(value: &str) -> Result<MemoryLock, UsageError> {
    let mut params = Params::parse(value, None);
    let lock = match params.take("mem-lock").as_deref() {
        None | Some("off" | "no" | "false") => MemoryLock::Off,
        Some("on" | "yes" | "true") => MemoryLock::On,
        Some("on-fault") => MemoryLock::OnFault,
        Some(other) => {
            return Err(UsageError::new(format!(
                "'mem-lock={other}': say on, on-fault or off"
            )));
        }
    };
    if params.take_switch("cpu-pm", false)? {
        return Err(UsageError::new(
            "cpu-pm=on: the guest's idle CPUs are always given to others; say cpu-pm=off",
        ));
    }
    params.finish()?;
    Ok(lock)
}

/// `-msg`: whether the time and the guest's name stand in front.
pub(super) fn msg(value: &str) -> Result<(bool, bool), UsageError> {
    let mut params = Params::parse(value, None);
    let timestamp = params.take_switch("timestamp", false)?;
    let guest_name = params.take_switch("guest-name", false)?;
    params.finish()?;
    Ok((timestamp, guest_name))
}

/// `-add-fd`; the words are QEMU's.
pub(super) fn add_fd(value: &str) -> Result<GivenFd, UsageError> {
    let mut params = Params::parse(value, None);
    let mut number = |key: &str| -> Result<Option<i64>, ParamsError> {
        let text = params.take(key);
        text.map(|text| {
            let wrong = || ParamsError(format!("Parameter '{key}' expects a number"));
            text.parse().map_err(|_| wrong())
        })
        .transpose()
    };
    let (fd, set) = (number("fd")?, number("set")?);
    let opaque = params.take("opaque");
    params.finish()?;
    let fail = |text: &str| Err(UsageError::new(text));
    let Some(fd) = fd.filter(|&fd| fd >= 0) else {
        return fail("fd option is required and must be non-negative");
    };
    if fd <= 2 {
        return fail("fd cannot be a standard I/O stream");
    }
    let Some(set) = set.filter(|&set| set >= 0) else {
        return fail("set option is required and must be non-negative");
    };
    let fd = RawFd::try_from(fd).ok().and_then(inherited);
    match fd {
        Some(fd) => Ok(GivenFd { set, fd, opaque }),
        None => fail("fd is not valid or already in use"),
    }
}

fn parse_uuid(text: &str) -> Result<String, UsageError> {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let is_hex = groups
        .iter()
        .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if lengths != [8, 4, 4, 4, 12] || !is_hex {
        return Err(UsageError::new(format!(
            "failed to parse UUID string: wrong format: '{text}'; example: 550e8400-e29b-41d4-a716-446655440000"
        )));
    }
    Ok(text.to_ascii_lowercase())
}

/// A duplicate of a descriptor that the parent process has opened.
#[expect(
    unsafe_code,
    reason = "a number on the command line has no owner in the type system"
)]
pub(super) fn inherited(number: RawFd) -> Option<OwnedFd> {
    if number < 0 || !std::fs::exists(format!("/proc/self/fd/{number}")).unwrap_or(false) {
        return None;
    }
    // SAFETY: the descriptor is open, as was just seen, and nothing closes it meanwhile: there is one
    // thread, and by QEMU's convention the number is handed over with the option. It is only
    // duplicated here, so naming it twice does no harm.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    // What was inherited stays open in a new program; what this one has opened does not.
    let flags = fcntl_getfd(descriptor.as_fd()).ok()?;
    if flags.contains(FdFlags::CLOEXEC) {
        return None;
    }
    fcntl_dupfd_cloexec(descriptor, 3).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_locked_as_far_as_asked() {
        for (text, expected) in [
            ("mem-lock=off", MemoryLock::Off),
            ("mem-lock=on,cpu-pm=off", MemoryLock::On),
            ("mem-lock=on-fault", MemoryLock::OnFault),
        ] {
            assert_eq!(overcommit(text).unwrap(), expected, "{text}");
        }
        for text in ["mem-lock=maybe", "cpu-pm=on", "x=y"] {
            assert!(overcommit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_was_inherited_joins_a_set() {
        let file = tempfile::tempfile().unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        let add = |text: &str| add_fd(text).map_err(|error| error.to_string());
        let own = add(&format!("fd={number},set=1")).unwrap_err();
        assert_eq!(own, "fd is not valid or already in use");
        rustix::io::fcntl_setfd(&file, FdFlags::empty()).unwrap();
        let given = add(&format!("fd={number},set=1,opaque=a")).unwrap();
        assert_eq!((given.set, given.opaque.as_deref()), (1, Some("a")));
        for (text, expected) in [
            ("set=1", "fd option is required"),
            ("fd=-1,set=1", "fd option is required"),
            ("fd=2,set=1", "standard I/O"),
            (&format!("fd={number}"), "set option is required"),
            ("fd=9999,set=1", "not valid"),
            ("fd=x,set=1", "expects a number"),
        ] {
            let error = add(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
