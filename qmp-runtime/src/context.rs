//! What a handler may do besides returning a value.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::command::{CommandInfo, Event};
use crate::events::EventSink;
use crate::fd::MAX_FDS;
use crate::json::Value;
use crate::router::Catalog;

/// Identifies a monitor, that is a place where clients connect, for as long as the server lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MonitorId(pub u32);

/// The surroundings of a running command.
#[derive(Debug)]
pub struct Context<'a> {
    pub(crate) events: &'a EventSink,
    pub(crate) catalog: &'a Catalog,
    pub(crate) monitor: MonitorId,
    pub(crate) out_of_band: bool,
    /// Descriptors that the command may take.
    pub(crate) fds: Mutex<Vec<OwnedFd>>,
    /// Descriptors that go along with the reply.
    pub(crate) sends: Vec<OwnedFd>,
    pub(crate) quit: bool,
    /// 0xFF goes ahead of the reply.
    pub(crate) delimits: bool,
}

impl<'a> Context<'a> {
    /// For a request that came over `monitor` and may take `fds`.
    pub(crate) fn new(
        events: &'a EventSink,
        catalog: &'a Catalog,
        monitor: MonitorId,
        fds: Vec<OwnedFd>,
    ) -> Self {
        Context {
            events,
            catalog,
            monitor,
            out_of_band: false,
            fds: Mutex::new(fds),
            sends: Vec::new(),
            quit: false,
            delimits: false,
        }
    }

    fn fds(&self) -> MutexGuard<'_, Vec<OwnedFd>> {
        self.fds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The descriptors that were not taken.
    pub(crate) fn left_fds(&self) -> Vec<OwnedFd> {
        std::mem::take(&mut *self.fds())
    }

    /// Sends an event to all clients; it precedes the reply to this command.
    pub fn emit<E: Event>(&self, event: &E) {
        self.events.emit(event);
    }

    /// A handle for sending events later and from other threads.
    pub fn events(&self) -> &EventSink {
        self.events
    }

    /// Takes the file descriptor that came with the request, or with an earlier one that left it.
    pub fn take_fd(&self) -> Option<OwnedFd> {
        // Of several, the first counts; the others are closed.
        self.left_fds().into_iter().next()
    }

    /// Sends a file descriptor along with the reply, whether that is a result or an error. It is closed where
    /// the client's connection carries none (anything but a unix socket), or where 16 go along already.
    pub fn send_fd(&mut self, fd: OwnedFd) {
        if self.sends.len() < MAX_FDS {
            self.sends.push(fd);
        }
    }

    /// The monitor over which the command came.
    pub fn monitor(&self) -> MonitorId {
        self.monitor
    }

    /// Whether the command runs out of band.
    pub fn is_out_of_band(&self) -> bool {
        self.out_of_band
    }

    /// The names of the commands that can be called.
    pub fn command_names(&self) -> impl Iterator<Item = &str> {
        self.catalog.command_names()
    }

    /// The commands that have handlers, in the order of their names.
    pub fn commands(&self) -> impl Iterator<Item = CommandInfo> {
        self.catalog.commands()
    }

    /// Puts a byte 0xFF ahead of the reply, which occurs in no JSON text, as the guest agent does for
    /// `guest-sync-delimited`: a client that does not know where it is drops all up to that byte.
    pub fn delimit(&mut self) {
        self.delimits = true;
    }

    /// The introspection data of what can be called, as `query-qmp-schema` returns it.
    pub fn introspection(&self) -> Value {
        self.catalog.introspection().clone()
    }

    /// Lets commands through that wait for the machine to be initialised.
    pub fn leave_preconfig(&self) {
        self.catalog.set_preconfig(false);
    }

    /// Ends the session behind the reply to this command, and the server's [`wait`] with it.
    ///
    /// [`wait`]: crate::server::Server::wait
    pub fn quit(&mut self) {
        self.quit = true;
    }
}
