//! The object model: types, objects at paths, and their properties.
//!
//! Everything that a user can name lives here: the machine, its devices, CPUs,
//! back ends, character devices. The words are those of QEMU's object model
//! (QOM), which its clients know.
//!
//! - A [`TypeInfo`] is a static: name, parent, properties, and the function
//!   that makes an object of it. [`registry`] lists them all.
//! - An [`Object`] is the real thing behind a path. It answers for those of its
//!   properties that change; the others are what it was made with.
//! - The [`Tree`] has the objects. `/machine/peripheral/ID` and
//!   `/machine/peripheral-anon/device[N]` are devices that the user made,
//!   `/machine/unattached/device[N]` those that belong to the board,
//!   `/objects/ID` back ends and other helpers.
//!
//! # A new device
//!
//! Declare the type beside the device, with a constructor that checks what it
//! was given and takes what it needs from the machine
//! ([`Services`](crate::machine::Services)), and list it in the module's
//! `TYPES`, which [`registry`] lists in turn:
//!
//! ```
//! use std::sync::Arc;
//! use vmm_core::qom::{Creation, Kind, Object, Property, QomError, TypeInfo, base};
//! # use vmm_core::devices::{Device, GuestRequest};
//!
//! #[derive(Debug)]
//! struct Beeper { volume: u8 }
//! # impl Device for Beeper {
//! #     fn read(&self, _: u64, data: &mut [u8]) { data.fill(self.volume) }
//! #     fn write(&self, _: u64, _: &[u8]) -> Option<GuestRequest> { None }
//! # }
//!
//! impl Object for Beeper {} // nothing that changes
//!
//! static BEEPER: TypeInfo = TypeInfo::new("isa-beeper", &base::ISA_DEVICE)
//!     .described("A beeper")
//!     .properties(&[
//!         Property::new("iobase", Kind::UINT32).default_uint(0x61),
//!         Property::new("volume", Kind::UINT8).default_uint(11).described("0 is silence"),
//!     ])
//!     .created_by(|cx: &mut Creation<'_>| {
//!         let volume = cx.properties.u64("volume") as u8;
//!         if volume > 11 {
//!             return Err(QomError::Refused("nobody wants that".into()));
//!         }
//!         let beeper = Arc::new(Beeper { volume });
//!         cx.services.buses.pio.insert(cx.properties.u64("iobase"), 1, beeper.clone())?;
//!         Ok(beeper)
//!     });
//! ```
//!
//! `-device isa-beeper,volume=3` and `device_add` now make one, and it shows up
//! in `qom-list`, `device-list-properties` and `-device help`. A link property
//! (`Kind::link("rng-backend")`) arrives resolved and of the right type, as
//! `cx.properties.link("rng")`; the object at its other end counts as in use for
//! as long as the device lives. What the board always has is put into the tree
//! with [`Tree::add_unattached`].
//!
//! # A new back end
//!
//! The same with [`base::OBJECT`] (or an abstract type for its family) as parent
//! and `.user_creatable()`: `-object` and `object-add` make one at `/objects/ID`.
//!
//! # Unplugging
//!
//! `device_del` asks [`Object::unplug`]. A device that answers
//! [`Unplug::Requested`] has told its guest, and whoever hears the guest's
//! answer calls [`Machine`](crate::machine::Machine)'s `unplugged` or
//! `unplug_failed`.

pub mod base;
mod create;
mod error;
mod link;
mod node;
mod object;
mod property;
pub mod registry;
mod tree;
mod types;

pub(crate) use create::is_id;
pub use error::QomError;
pub use link::Link;
pub(crate) use node::NewNode;
pub use node::{Entry, Node};
pub use object::{BusState, Child, Create, Creation, Given, Object, Spec, Unplug};
pub use property::{Access, Default, Kind, Properties, Property, Wording};
pub use tree::Tree;
pub use types::TypeInfo;
