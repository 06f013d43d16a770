//! Pictures that devices show.

use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// What a device shows at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Red, green, blue of each pixel, line by line from the top.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A black one.
    #[must_use]
    pub fn black(width: u32, height: u32) -> Self {
        let pixels = u64::from(width) * u64::from(height);
        let bytes = usize::try_from(pixels * 3).unwrap_or_default();
        Self {
            width,
            height,
            rgb: vec![0; bytes],
        }
    }
}

/// A device that shows a picture.
pub trait Display: Send + Sync + std::fmt::Debug {
    /// What it shows now.
    fn picture(&self) -> Picture;
}

/// The displays of a machine, each with the path of its device; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Displays(Arc<Mutex<Vec<Entry>>>);

/// The path of a device, and what it shows.
type Entry = (String, Arc<dyn Display>);

impl Displays {
    /// Adds what the device at `path` shows.
    pub fn add(&self, path: &str, display: Arc<dyn Display>) {
        lock(&self.0).push((path.to_owned(), display));
    }

    /// The first display.
    #[must_use]
    pub fn first(&self) -> Option<Arc<dyn Display>> {
        let displays = lock(&self.0);
        displays.first().map(|(_, display)| Arc::clone(display))
    }

    /// The display of the device at `path`; devices have one each, number 0.
    #[must_use]
    pub fn of(&self, path: &str, head: i64) -> Option<Arc<dyn Display>> {
        let displays = lock(&self.0);
        let mut found = displays.iter().filter(|(device, _)| device == path);
        let display = found.nth(usize::try_from(head).ok()?)?;
        Some(Arc::clone(&display.1))
    }
}
