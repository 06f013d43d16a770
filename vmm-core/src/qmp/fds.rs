//! File descriptors that clients have sent: named ones, which belong to a monitor, and sets, which
//! belong to all.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use qmp_runtime::{Context, MonitorId, QmpError};
use qmp_types::qmp::types::{AddfdInfo, FdsetFdInfo, FdsetInfo};

use crate::fdset::FdSets;

/// All descriptors that clients have sent.
#[derive(Debug, Default)]
pub(super) struct Fds {
    named: HashMap<(MonitorId, String), OwnedFd>,
    sets: FdSets,
}

fn receive(cx: &Context<'_>) -> Result<OwnedFd, QmpError> {
    cx.take_fd()
        .ok_or_else(|| QmpError::generic("No file descriptor supplied via SCM_RIGHTS"))
}

fn not_found(name: &str) -> QmpError {
    QmpError::generic(format!("File descriptor named '{name}' not found"))
}

impl Fds {
    /// Named descriptors, and these sets.
    pub(super) fn new(sets: FdSets) -> Self {
        Self {
            named: HashMap::new(),
            sets,
        }
    }

    /// Names the descriptor that came along; an older one of that name is closed.
    pub(super) fn get(&mut self, cx: &Context<'_>, name: String) -> Result<(), QmpError> {
        let fd = receive(cx)?;
        if name.starts_with(|ch: char| ch.is_ascii_digit()) {
            return Err(QmpError::generic(
                "Parameter 'fdname' expects a name not starting with a digit",
            ));
        }
        self.named.insert((cx.monitor(), name), fd);
        Ok(())
    }

    /// Takes a named descriptor for good.
    pub(super) fn take(&mut self, cx: &Context<'_>, name: String) -> Result<OwnedFd, QmpError> {
        let key = (cx.monitor(), name);
        self.named.remove(&key).ok_or_else(|| {
            let name = key.1;
            QmpError::generic(format!("File descriptor named '{name}' has not been found"))
        })
    }

    /// Closes a named descriptor.
    pub(super) fn close(&mut self, cx: &Context<'_>, name: String) -> Result<(), QmpError> {
        let key = (cx.monitor(), name);
        self.named
            .remove(&key)
            .map(drop)
            .ok_or_else(|| not_found(&key.1))
    }

    /// Puts the descriptor that came along into a set; without a number into a new one, with the
    /// lowest number that is free.
    pub(super) fn add(
        &mut self,
        cx: &Context<'_>,
        set: Option<i64>,
        opaque: Option<String>,
    ) -> Result<AddfdInfo, QmpError> {
        let fd = receive(cx)?;
        let fdset_id = match set {
            Some(number) if number < 0 => {
                return Err(QmpError::generic(
                    "Parameter 'fdset-id' expects a non-negative value",
                ));
            }
            Some(number) => number,
            None => self.sets.free_number(),
        };
        let fd = self.sets.insert(fdset_id, fd, opaque);
        Ok(AddfdInfo { fdset_id, fd })
    }

    /// Closes one descriptor of a set, or all of them and the set.
    pub(super) fn remove(&mut self, set: i64, fd: Option<i64>) -> Result<(), QmpError> {
        let name = fd.map_or(format!("fdset-id:{set}"), |fd| {
            format!("fdset-id:{set}, fd:{fd}")
        });
        match self.sets.remove(set, fd) {
            true => Ok(()),
            false => Err(not_found(&name)),
        }
    }

    /// The sets themselves.
    pub(super) fn sets(&self) -> &FdSets {
        &self.sets
    }

    /// All sets, the highest number first; in each the oldest descriptor first.
    pub(super) fn list(&self) -> Vec<FdsetInfo> {
        let sets = self.sets.list().into_iter();
        sets.map(|(fdset_id, members)| FdsetInfo {
            fdset_id,
            fds: members
                .into_iter()
                .map(|(fd, opaque)| FdsetFdInfo { fd, opaque })
                .collect(),
        })
        .collect()
    }
}
