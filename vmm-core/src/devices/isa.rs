//! The bus of the old PC devices, as an object: devices that a user makes go
//! onto it, and take their ports and interrupts themselves.

use std::sync::Arc;

use crate::qom::{BusState, NewNode, Object, QomError, Tree, TypeInfo, base};

/// What the bus hangs on.
pub(super) static ISA_BRIDGE: TypeInfo = TypeInfo::new("isabus-bridge", &base::SYS_BUS_DEVICE);
/// The bus.
pub(super) static ISA_BUS: TypeInfo = TypeInfo::new("ISA", &base::BUS);

#[derive(Debug)]
struct Bridge;

impl Object for Bridge {}

#[derive(Debug)]
struct Bus;

impl Object for Bus {
    fn bus(&self) -> Option<BusState> {
        Some(BusState {
            full: false,
            hotplug: false,
        })
    }
}

/// Puts the bus `isa.0` into the tree.
pub(crate) fn add_bus(tree: &Tree) -> Result<(), QomError> {
    let bridge = tree.add_unattached(&ISA_BRIDGE, Arc::new(Bridge))?;
    bridge.add(NewNode::plain("isa.0", &ISA_BUS, Arc::new(Bus)))?;
    Ok(())
}
