//! What a user does with a keyboard and a mouse, and who takes it.

use std::sync::{Arc, Mutex};

use super::Key;
use crate::sync::lock;

/// One thing that a user does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputEvent {
    /// A key goes down or up; `None` is one that no keyboard has.
    Key {
        /// The key.
        key: Option<Key>,
        /// It goes down.
        down: bool,
    },
    /// A button of a mouse goes down or up.
    Button {
        /// The button.
        button: Button,
        /// It goes down.
        down: bool,
    },
    /// The pointer moves.
    Move {
        /// Along which axis.
        axis: Axis,
        /// How far, to the right or downwards.
        by: i64,
    },
    /// The pointer goes to a place.
    Position {
        /// Along which axis.
        axis: Axis,
        /// Where, from 0 to 32767.
        at: i64,
    },
    /// A finger touches the screen.
    Touch,
}

/// The kinds of [`InputEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// Keys.
    Key,
    /// Buttons.
    Button,
    /// Movements.
    Relative,
    /// Places.
    Absolute,
    /// Fingers.
    Touch,
}

impl InputKind {
    /// The name in QMP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Button => "btn",
            Self::Relative => "rel",
            Self::Absolute => "abs",
            Self::Touch => "mtt",
        }
    }
}

impl InputEvent {
    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> InputKind {
        match self {
            Self::Key { .. } => InputKind::Key,
            Self::Button { .. } => InputKind::Button,
            Self::Move { .. } => InputKind::Relative,
            Self::Position { .. } => InputKind::Absolute,
            Self::Touch => InputKind::Touch,
        }
    }
}

/// A button; turns of a wheel count as buttons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub enum Button {
    Left,
    Middle,
    Right,
    WheelUp,
    WheelDown,
    WheelLeft,
    WheelRight,
    Side,
    Extra,
    Touch,
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// To the right.
    X,
    /// Downwards.
    Y,
}

/// A device that input goes to.
pub trait InputDevice: Send + Sync + std::fmt::Debug {
    /// Its name for people.
    fn name(&self) -> &'static str;

    /// What it takes.
    fn kinds(&self) -> &'static [InputKind];

    /// Takes something; [`sync`](Self::sync) comes when it belongs together
    /// with what came before. Whether it would wake a sleeping guest.
    fn event(&self, event: &InputEvent) -> bool;

    /// The end of what belongs together. Whether it would wake a sleeping guest.
    fn sync(&self) -> bool {
        false
    }
}

/// A pointing device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MouseInfo {
    /// Its number among all input devices.
    pub index: usize,
    /// Its name.
    pub name: &'static str,
    /// Whether it takes places rather than movements.
    pub absolute: bool,
    /// Whether input goes to it.
    pub current: bool,
}

/// Who takes input; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Inputs(Arc<Mutex<Vec<Arc<dyn InputDevice>>>>);

/// Nobody takes input of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Input handler not found for event type {}", .0.as_str())]
pub struct NoHandler(pub InputKind);

impl Inputs {
    /// Adds a device, which comes before those that are there.
    pub fn add(&self, device: Arc<dyn InputDevice>) {
        lock(&self.0).push(device);
    }

    fn find(&self, kind: InputKind) -> Result<Arc<dyn InputDevice>, NoHandler> {
        let devices = lock(&self.0);
        let mut newest_first = devices.iter().rev();
        let found = newest_first.find(|device| device.kinds().contains(&kind));
        found.cloned().ok_or(NoHandler(kind))
    }

    /// Hands over what belongs together; whether it would wake a sleeping guest.
    ///
    /// # Errors
    /// Nobody takes one of these; then nothing is handed over.
    pub fn send(&self, events: &[InputEvent]) -> Result<bool, NoHandler> {
        for event in events {
            self.find(event.kind())?;
        }
        let mut wakes = false;
        for event in events {
            wakes |= self.find(event.kind())?.event(event);
        }
        let devices = lock(&self.0).clone();
        for device in devices {
            wakes |= device.sync();
        }
        Ok(wakes)
    }

    /// The pointing devices, the one that counts first.
    #[must_use]
    pub fn mice(&self) -> Vec<MouseInfo> {
        let devices = lock(&self.0);
        let mut mice = Vec::new();
        for (index, device) in devices.iter().enumerate().rev() {
            let absolute = device.kinds().contains(&InputKind::Absolute);
            if absolute || device.kinds().contains(&InputKind::Relative) {
                mice.push(MouseInfo {
                    index: index + 1,
                    name: device.name(),
                    absolute,
                    current: mice.is_empty(),
                });
            }
        }
        mice
    }
}
