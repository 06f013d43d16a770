//! File descriptors that clients have sent: named ones, which belong to a monitor, and sets, which
//! belong to all.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsRawFd, OwnedFd};

use qmp_runtime::{Context, MonitorId, QmpError};
use qmp_types::qmp::types::{AddfdInfo, FdsetFdInfo, FdsetInfo};

use crate::cli::GivenFd;

/// All descriptors that clients have sent.
#[derive(Debug, Default)]
pub(super) struct Fds {
    named: HashMap<(MonitorId, String), OwnedFd>,
    sets: BTreeMap<i64, Vec<Member>>,
}

/// A descriptor in a set.
#[derive(Debug)]
struct Member {
    fd: OwnedFd,
    opaque: Option<String>,
}

impl Member {
    fn number(&self) -> i64 {
        self.fd.as_raw_fd().into()
    }
}

fn receive(cx: &Context<'_>) -> Result<OwnedFd, QmpError> {
    cx.take_fd()
        .ok_or_else(|| QmpError::generic("No file descriptor supplied via SCM_RIGHTS"))
}

fn not_found(name: &str) -> QmpError {
    QmpError::generic(format!("File descriptor named '{name}' not found"))
}

impl Fds {
    /// Takes in the descriptors that came with the process.
    pub(super) fn give(&mut self, all: Vec<GivenFd>) {
        for GivenFd { set, fd, opaque } in all {
            let members = self.sets.entry(set).or_default();
            members.push(Member { fd, opaque });
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
            None => (0..)
                .find(|number| !self.sets.contains_key(number))
                .unwrap_or(i64::MAX),
        };
        let member = Member { fd, opaque };
        let fd = member.number();
        self.sets.entry(fdset_id).or_default().push(member);
        Ok(AddfdInfo { fdset_id, fd })
    }

    /// Closes one descriptor of a set, or all of them and the set.
    pub(super) fn remove(&mut self, set: i64, fd: Option<i64>) -> Result<(), QmpError> {
        let name = fd.map_or(format!("fdset-id:{set}"), |fd| {
            format!("fdset-id:{set}, fd:{fd}")
        });
        let members = self.sets.get_mut(&set).ok_or_else(|| not_found(&name))?;
        let before = members.len();
        members.retain(|member| fd.is_some_and(|fd| member.number() != fd));
        if members.len() == before {
            return Err(not_found(&name));
        }
        if members.is_empty() {
            self.sets.remove(&set);
        }
        Ok(())
    }

    /// All sets, the highest number first; in each the oldest descriptor first.
    pub(super) fn sets(&self) -> Vec<FdsetInfo> {
        let sets = self.sets.iter().rev();
        sets.map(|(&fdset_id, members)| FdsetInfo {
            fdset_id,
            fds: members
                .iter()
                .map(|member| FdsetFdInfo {
                    fd: member.number(),
                    opaque: member.opaque.clone(),
                })
                .collect(),
        })
        .collect()
    }
}
