//! The router: which handler a command goes to, and what the server may say it can do.

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

#[cfg(feature = "tokio")]
use crate::asynchronous::Running;
use crate::asynchronous::{AsyncEntry, block_on};
use crate::command::{Call, CommandInfo, Entry, OobEntry};
use crate::context::Context;
use crate::error::QmpError;
use crate::introspect;
use crate::json::{Value, Writer};
use crate::policy::CompatPolicy;
use crate::session::Protocol;

/// Two handlers for one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateCommand {
    /// The command.
    pub name: &'static str,
}

impl fmt::Display for DuplicateCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "two handlers implement the command '{}'", self.name)
    }
}

impl std::error::Error for DuplicateCommand {}

/// Handlers and the commands that they implement.
///
/// ```
/// # use qmp_runtime::{Entry, Router};
/// # struct Vm; const COMMANDS: &[Entry<Vm>] = &[];
/// // COMMANDS is what `#[handlers]` collects: `<Vm as MiscCommands>::COMMANDS`
/// let router = Router::new().mount(Vm, &[COMMANDS])?;
/// # Ok::<(), qmp_runtime::DuplicateCommand>(())
/// ```
#[derive(Debug, Default)]
pub struct Router {
    in_band: Vec<Box<dyn Service>>,
    shared: Vec<Box<dyn OobService>>,
    routes: BTreeMap<&'static str, Route>,
    schema: &'static str,
    conditions: &'static [(&'static str, bool)],
    events: Option<Vec<&'static str>>,
    policy: CompatPolicy,
    guard: Guard,
}

/// What decides whether a command may run now.
type Question = dyn Fn(&str) -> Result<(), QmpError> + Send + Sync;

/// What a [`Router`] asks before each command.
#[derive(Default)]
struct Guard(Option<Box<Question>>);

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.0.is_some()).finish()
    }
}

impl Guard {
    fn check(&self, name: &str) -> Result<(), QmpError> {
        self.0.as_ref().map_or(Ok(()), |guard| guard(name))
    }
}

/// Where a command goes.
#[derive(Debug, Clone, Copy)]
struct Route {
    info: CommandInfo,
    /// The service is one that others may use at the same time.
    shared: bool,
    /// Its method is `async`.
    #[cfg_attr(
        not(feature = "tokio"),
        expect(dead_code, reason = "it matters to the server on tokio alone")
    )]
    is_async: bool,
    out_of_band: bool,
    service: usize,
    entry: usize,
}

trait Service: Send {
    fn call(&mut self, entry: usize, cx: &mut Context<'_>, call: Call<'_>) -> Result<(), QmpError>;
}

trait OobService: Send + Sync {
    fn call(&self, entry: usize, cx: &mut Context<'_>, call: Call<'_>) -> Result<(), QmpError>;

    /// The future of a command, if its method is `async`; those of others have no future.
    #[cfg(feature = "tokio")]
    fn start<'f>(
        &'f self,
        entry: usize,
        cx: &'f mut Context<'_>,
        call: Call<'f>,
    ) -> Option<Running<'f>> {
        let _ = (entry, cx, call);
        None
    }
}

struct Mounted<H: 'static> {
    handler: H,
    entries: Vec<&'static Entry<H>>,
}

struct OobMounted<H: 'static> {
    handler: Arc<H>,
    entries: Vec<&'static OobEntry<H>>,
}

impl<H: Send> Service for Mounted<H> {
    fn call(&mut self, entry: usize, cx: &mut Context<'_>, call: Call<'_>) -> Result<(), QmpError> {
        (self.entries[entry].call)(&mut self.handler, cx, call)
    }
}

impl<H: Send + Sync> OobService for OobMounted<H> {
    fn call(&self, entry: usize, cx: &mut Context<'_>, call: Call<'_>) -> Result<(), QmpError> {
        (self.entries[entry].call)(&self.handler, cx, call)
    }
}

struct AsyncMounted<H: 'static> {
    handler: Arc<H>,
    entries: Vec<&'static AsyncEntry<H>>,
}

impl<H: Send + Sync> OobService for AsyncMounted<H> {
    fn call(&self, entry: usize, cx: &mut Context<'_>, call: Call<'_>) -> Result<(), QmpError> {
        block_on((self.entries[entry].call)(&self.handler, cx, call))
    }

    #[cfg(feature = "tokio")]
    fn start<'f>(
        &'f self,
        entry: usize,
        cx: &'f mut Context<'_>,
        call: Call<'f>,
    ) -> Option<Running<'f>> {
        Some((self.entries[entry].call)(&self.handler, cx, call))
    }
}

impl fmt::Debug for dyn Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(type_name::<Self>())
    }
}

impl fmt::Debug for dyn OobService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(type_name::<Self>())
    }
}

impl Router {
    /// No handler yet.
    pub fn new() -> Self {
        Router::default()
    }

    /// Adds a handler with the lists of commands that it implements.
    ///
    /// # Errors
    /// One of them has a handler already.
    pub fn mount<H: Send + 'static>(
        mut self,
        handler: H,
        commands: &[&'static [Entry<H>]],
    ) -> Result<Self, DuplicateCommand> {
        let entries: Vec<&'static Entry<H>> = commands.iter().copied().flatten().collect();
        let service = self.in_band.len();
        for (index, entry) in entries.iter().enumerate() {
            self.route(Route {
                info: entry.info,
                shared: false,
                is_async: false,
                out_of_band: false,
                service,
                entry: index,
            })?;
        }
        self.in_band.push(Box::new(Mounted { handler, entries }));
        Ok(self)
    }

    /// Adds a handler of commands that may run out of band, while another command runs.
    ///
    /// # Errors
    /// One of them has a handler already.
    pub fn mount_oob<H: Send + Sync + 'static>(
        mut self,
        handler: Arc<H>,
        commands: &[&'static [OobEntry<H>]],
    ) -> Result<Self, DuplicateCommand> {
        let entries: Vec<&'static OobEntry<H>> = commands.iter().copied().flatten().collect();
        let service = self.shared.len();
        for (index, entry) in entries.iter().enumerate() {
            self.route(Route {
                info: entry.info,
                shared: true,
                is_async: false,
                out_of_band: true,
                service,
                entry: index,
            })?;
        }
        self.shared.push(Box::new(OobMounted { handler, entries }));
        Ok(self)
    }

    /// Adds a handler with `async` methods. Its commands do not wait for those of other monitors, and
    /// those that may run out of band do.
    ///
    /// # Errors
    /// One of them has a handler already.
    pub fn mount_async<H: Send + Sync + 'static>(
        mut self,
        handler: Arc<H>,
        commands: &[&'static [AsyncEntry<H>]],
    ) -> Result<Self, DuplicateCommand> {
        let entries: Vec<&'static AsyncEntry<H>> = commands.iter().copied().flatten().collect();
        let service = self.shared.len();
        for (index, entry) in entries.iter().enumerate() {
            self.route(Route {
                info: entry.info,
                shared: true,
                is_async: true,
                out_of_band: entry.info.allow_oob,
                service,
                entry: index,
            })?;
        }
        self.shared
            .push(Box::new(AsyncMounted { handler, entries }));
        Ok(self)
    }

    /// Sets the introspection data of the schema, the generated `INTROSPECTION`.
    ///
    /// Clients see the part of it that belongs to the commands mounted and the events emitted.
    #[must_use]
    pub fn schema(self, introspection: &'static str) -> Self {
        Router {
            schema: introspection,
            ..self
        }
    }

    /// Says which configuration symbols are defined, the generated `CONDITIONS`, where the bindings were
    /// generated to go by Cargo features. What has a condition that does not hold is not told of.
    #[must_use]
    pub fn conditions(self, symbols: &'static [(&'static str, bool)]) -> Self {
        Router {
            conditions: symbols,
            ..self
        }
    }

    /// Names the events that the handlers emit; without this, clients are told of all in the schema.
    #[must_use]
    pub fn emits(self, events: &[&'static str]) -> Self {
        Router {
            events: Some(events.to_vec()),
            ..self
        }
    }

    /// Says what becomes of what is deprecated or unstable; it is all let through without this.
    #[must_use]
    pub fn compat(self, policy: CompatPolicy) -> Self {
        Router { policy, ..self }
    }

    /// Has `guard` asked before each command that has a handler, with its name, whether it may run now. Its
    /// error is the reply.
    #[must_use]
    pub fn guard(
        self,
        guard: impl Fn(&str) -> Result<(), QmpError> + Send + Sync + 'static,
    ) -> Self {
        Router {
            guard: Guard(Some(Box::new(guard))),
            ..self
        }
    }

    fn route(&mut self, route: Route) -> Result<(), DuplicateCommand> {
        match self.routes.insert(route.info.name, route) {
            None => Ok(()),
            Some(earlier) => Err(DuplicateCommand {
                name: earlier.info.name,
            }),
        }
    }
}

/// What can be called, and from when on.
#[derive(Debug)]
pub(crate) struct Catalog {
    routes: BTreeMap<&'static str, Route>,
    schema: &'static str,
    conditions: &'static [(&'static str, bool)],
    events: Option<Vec<&'static str>>,
    pub(crate) policy: CompatPolicy,
    pub(crate) protocol: Protocol,
    guard: Guard,
    introspection: OnceLock<Value>,
    preconfig: AtomicBool,
}

impl Catalog {
    /// The mounted commands and the protocol's own ones, in the order of their names.
    pub(crate) fn command_names(&self) -> impl Iterator<Item = &str> {
        let built_in = self.built_in().iter().copied();
        let mut names: Vec<&str> = self.routes.keys().copied().chain(built_in).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter()
    }

    /// The mounted commands.
    pub(crate) fn commands(&self) -> impl Iterator<Item = CommandInfo> {
        self.routes.values().map(|route| route.info)
    }

    /// What the server answers itself when no handler does.
    fn built_in(&self) -> &'static [&'static str] {
        match self.protocol {
            Protocol::Monitor => &BUILT_IN,
            Protocol::Agent => &[],
        }
    }

    pub(crate) fn introspection(&self) -> &Value {
        self.introspection.get_or_init(|| {
            let wanted =
                |name: &str| self.routes.contains_key(name) || self.built_in().contains(&name);
            let emitted = |name: &str| {
                self.events
                    .as_ref()
                    .is_none_or(|events| events.contains(&name))
            };
            let defined = |symbol: &str| self.conditions.contains(&(symbol, true));
            introspect::select(self.schema, Some(&defined), &wanted, &emitted)
        })
    }

    pub(crate) fn set_preconfig(&self, yes: bool) {
        self.preconfig.store(yes, Ordering::SeqCst);
    }

    fn in_preconfig(&self) -> bool {
        self.preconfig.load(Ordering::SeqCst)
    }
}

/// What the server answers itself when no handler does, if it speaks QMP.
const BUILT_IN: [&str; 3] = ["qmp_capabilities", "query-commands", "query-qmp-schema"];

/// A router in service: in-band commands take turns, out-of-band ones do not wait.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    in_band: Mutex<Vec<Box<dyn Service>>>,
    shared: Vec<Box<dyn OobService>>,
    pub(crate) catalog: Catalog,
}

impl Dispatcher {
    pub(crate) fn new(router: Router, protocol: Protocol) -> Self {
        Dispatcher {
            in_band: Mutex::new(router.in_band),
            shared: router.shared,
            catalog: Catalog {
                routes: router.routes,
                schema: router.schema,
                conditions: router.conditions,
                events: router.events,
                policy: router.policy,
                protocol,
                guard: router.guard,
                introspection: OnceLock::new(),
                preconfig: AtomicBool::new(false),
            },
        }
    }

    /// Looks a command up and checks whether it may run now; `None` for one the server answers.
    fn find(&self, name: &str, out_of_band: bool) -> Result<Option<Route>, QmpError> {
        let route = self.catalog.routes.get(name).copied();
        let answers_itself = || {
            self.catalog
                .built_in()
                .iter()
                .skip(1)
                .any(|own| *own == name)
        };
        if route.is_none() && !answers_itself() {
            return Err(QmpError::command_not_found(name));
        }
        let (allow_oob, allow_preconfig) = route.map_or((false, true), |route| {
            (route.out_of_band, route.info.allow_preconfig)
        });
        if out_of_band && !allow_oob {
            return Err(QmpError::generic(format!(
                "The command {name} does not support OOB"
            )));
        }
        if let Some(route) = &route {
            let policy = &self.catalog.policy;
            policy.check_command(name, route.info.features)?;
            self.catalog.guard.check(name)?;
        }
        if self.catalog.in_preconfig() && !allow_preconfig {
            return Err(QmpError::generic(format!(
                "The command '{name}' is permitted only after machine initialization has completed"
            )));
        }
        Ok(route)
    }

    /// Runs a command; says whether success is to be answered.
    pub(crate) fn call(
        &self,
        name: &str,
        cx: &mut Context<'_>,
        call: Call<'_>,
    ) -> Result<bool, QmpError> {
        let call = call.with_policy(self.catalog.policy);
        let Some(route) = self.find(name, cx.out_of_band)? else {
            return self.built_in(name, call).map(|()| true);
        };
        if route.shared {
            self.shared[route.service].call(route.entry, cx, call)?;
        } else {
            // A handler that panicked has left its state as it was then; the others go on.
            let mut services = self.in_band.lock().unwrap_or_else(PoisonError::into_inner);
            services[route.service].call(route.entry, cx, call)?;
        }
        Ok(route.info.success_response)
    }

    /// Whether a command would keep a thread waiting: its handler is there, and not `async`.
    #[cfg(feature = "tokio")]
    pub(crate) fn blocks(&self, name: &str) -> bool {
        let route = self.catalog.routes.get(name);
        route.is_some_and(|route| !route.is_async)
    }

    /// As [`Dispatcher::call`], for a command that does not block.
    #[cfg(feature = "tokio")]
    pub(crate) async fn call_async(
        &self,
        name: &str,
        cx: &mut Context<'_>,
        call: Call<'_>,
    ) -> Result<bool, QmpError> {
        let call = call.with_policy(self.catalog.policy);
        let Some(route) = self.find(name, cx.out_of_band)? else {
            return self.built_in(name, call).map(|()| true);
        };
        match self.shared[route.service].start(route.entry, cx, call) {
            Some(running) => running.await?,
            None => return Err(QmpError::generic(format!("The command {name} blocks"))),
        }
        Ok(route.info.success_response)
    }

    fn built_in(&self, name: &str, call: Call<'_>) -> Result<(), QmpError> {
        call.raw(|out| match name {
            "query-commands" => write_names(self.catalog.command_names(), out),
            _ => out.value(self.catalog.introspection()),
        })
    }
}

fn write_names<'n>(names: impl Iterator<Item = &'n str>, out: &mut Writer) {
    out.begin_array();
    for name in names {
        out.element();
        out.begin_object();
        out.key("name");
        out.str(name);
        out.end_object();
    }
    out.end_array();
}
