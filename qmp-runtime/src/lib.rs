//! The QMP protocol: JSON, dispatch to handlers, server, client.
//!
//! Generated bindings depend on this crate alone. An emulator author implements a generated handler
//! trait, puts the handler into a [`Router`], and serves it:
//!
//! ```no_run
//! # use qmp_runtime::{Entry, Router, server::Server};
//! # struct Vm; const COMMANDS: &[Entry<Vm>] = &[];
//! let router = Router::new().mount(Vm, &[COMMANDS])?;
//! let server = Server::builder().version(10, 0, 2, "").serve(router);
//! server.listen("unix:/tmp/vm.qmp".parse()?)?;
//! server.wait();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod asynchronous;
pub mod client;
pub mod codec;
mod command;
mod context;
mod emit;
mod error;
mod events;
mod fd;
mod introspect;
pub mod json;
mod policy;
mod router;
#[cfg(feature = "serde")]
pub mod serde;
pub mod server;
mod session;
#[cfg(feature = "tracing")]
pub mod trace;
#[cfg(not(feature = "tracing"))]
#[path = "untraced.rs"]
mod trace;

pub use asynchronous::{AsyncEntry, Running};
pub use command::{Call, Command, CommandInfo, Entry, Event, EventInfo, OobCommand, OobEntry};
pub use context::{Context, MonitorId};
#[doc(hidden)]
pub use emit::names::*;
pub use error::{ErrorClass, QmpError, ResultExt};
pub use events::{EventSink, RateLimit};
pub use policy::{CompatPolicy, InputPolicy, InvalidPolicy, OutputPolicy};
pub use qapi_macros::handlers;
#[cfg(feature = "schema")]
pub use qapi_macros::qapi_schema;
pub use router::{DuplicateCommand, Router};

/// Open to this project's tests and fuzz targets alone.
#[doc(hidden)]
pub mod __private {
    pub use crate::session::solo::Solo;

    /// All of a schema's introspection data, masked.
    pub fn select_all(unmasked: &str) -> crate::json::Value {
        crate::introspect::select(unmasked, None, &|_| true, &|_| true)
    }
}
