//! The mode registers of the VBE interface of Bochs.
//!
//! A guest sets a mode without firmware: it writes the number of a register to
//! port 0x1ce and the register's value to port 0x1cf.

use serde::{Deserialize, Serialize};

/// Versions of the interface that a guest may ask for.
const VERSIONS: std::ops::RangeInclusive<u16> = 0xb0c0..=0xb0c5;
const MAX_WIDTH: u16 = 16_000;
const MAX_HEIGHT: u16 = 12_000;
const MAX_DEPTH: u16 = 32;

const VERSION: u16 = 0;
const WIDTH: u16 = 1;
const HEIGHT: u16 = 2;
const DEPTH: u16 = 3;
const ENABLE: u16 = 4;
const BANK: u16 = 5;
const VIRTUAL_WIDTH: u16 = 6;
const VIRTUAL_HEIGHT: u16 = 7;
const X_OFFSET: u16 = 8;
const Y_OFFSET: u16 = 9;
const MEMORY: u16 = 10;

const ENABLED: u16 = 1 << 0;
/// The size registers tell what is possible.
const ASK_LIMITS: u16 = 1 << 1;
const WIDE_PALETTE: u16 = 1 << 5;
const KEEP_MEMORY: u16 = 1 << 7;

/// The registers; what is in them always makes a picture that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mode {
    memory: u64,
    version: u16,
    width: u16,
    height: u16,
    depth: u16,
    enable: u16,
    bank: u16,
    virtual_width: u16,
    x_offset: u16,
    y_offset: u16,
}

/// Where the picture is in the video memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bits of a pixel.
    pub(super) depth: u16,
    /// Bytes from one line to the next.
    pub(super) stride: u64,
    /// The first byte.
    pub(super) start: u64,
}

impl Mode {
    /// Registers over `memory` bytes of video memory, at power-on.
    pub(super) fn new(memory: u64) -> Self {
        Self {
            memory,
            version: *VERSIONS.end(),
            width: 0,
            height: 0,
            depth: 0,
            enable: 0,
            bank: 0,
            virtual_width: 0,
            x_offset: 0,
            y_offset: 0,
        }
    }

    pub(super) fn read(&self, register: u16) -> u16 {
        let limits = self.enable & ASK_LIMITS != 0;
        match register {
            VERSION => self.version,
            WIDTH if limits => MAX_WIDTH,
            HEIGHT if limits => MAX_HEIGHT,
            DEPTH if limits => MAX_DEPTH,
            WIDTH => self.width,
            HEIGHT => self.height,
            DEPTH => self.depth,
            ENABLE => self.enable,
            BANK => self.bank,
            VIRTUAL_WIDTH => self.virtual_width,
            VIRTUAL_HEIGHT => match self.stride() {
                0 => 0,
                stride => u16::try_from(self.memory / stride).unwrap_or(u16::MAX),
            },
            X_OFFSET => self.x_offset,
            Y_OFFSET => self.y_offset,
            MEMORY => u16::try_from(self.memory >> 16).unwrap_or(u16::MAX),
            _ => 0,
        }
    }

    /// Writes a register; how many bytes of video memory are to be cleared.
    pub(super) fn write(&mut self, register: u16, value: u16) -> u64 {
        match register {
            VERSION if VERSIONS.contains(&value) => self.version = value,
            WIDTH => self.width = value,
            HEIGHT => self.height = value,
            DEPTH => self.depth = value,
            BANK => self.bank = value,
            VIRTUAL_WIDTH => self.virtual_width = value,
            X_OFFSET => self.x_offset = value,
            Y_OFFSET => self.y_offset = value,
            ENABLE => {
                let turned_on = value & ENABLED != 0 && self.enable & ENABLED == 0;
                self.enable = value;
                if turned_on {
                    self.virtual_width = 0;
                    (self.x_offset, self.y_offset) = (0, 0);
                    self.fit();
                    if value & KEEP_MEMORY == 0 {
                        return self.stride() * u64::from(self.height);
                    }
                }
            }
            _ => {}
        }
        self.fit();
        0
    }

    /// Whether registers over `memory` bytes can have got there.
    pub(super) fn is_sane(self, memory: u64) -> bool {
        let mut fitted = self;
        fitted.fit();
        fitted == self && self.memory == memory
    }

    /// Whether the palette has 8 bits a colour rather than 6.
    pub(super) fn wide_palette(&self) -> bool {
        self.enable & WIDE_PALETTE != 0
    }

    /// Where the picture is, if the interface is on.
    pub(super) fn geometry(&self) -> Option<Geometry> {
        (self.enable & ENABLED != 0).then(|| Geometry {
            width: self.width.into(),
            height: self.height.into(),
            depth: self.depth,
            stride: self.stride(),
            start: self.start(),
        })
    }

    /// Bits that a pixel takes in memory.
    fn bits(&self) -> u64 {
        match self.depth {
            15 => 16,
            depth => depth.into(),
        }
    }

    fn stride(&self) -> u64 {
        u64::from(self.virtual_width) * self.bits() / 8
    }

    fn start(&self) -> u64 {
        u64::from(self.x_offset) * self.bits() / 8 + u64::from(self.y_offset) * self.stride()
    }

    /// Makes the registers fit each other and the memory.
    fn fit(&mut self) {
        if self.enable & ENABLED == 0 {
            return; // a guest sets one after another
        }
        if !matches!(self.depth, 8 | 15 | 16 | 24 | 32) {
            self.depth = 8;
        }
        let width = |value: u16| (value & !7).clamp(8, MAX_WIDTH);
        self.width = width(self.width);
        self.virtual_width = width(self.virtual_width).max(self.width);
        self.height = self.height.clamp(1, MAX_HEIGHT);
        let lines = self.memory / self.stride();
        self.height = self.height.min(u16::try_from(lines).unwrap_or(u16::MAX));
        let size = self.stride() * u64::from(self.height);
        if self.start() + size > self.memory {
            self.y_offset = 0;
        }
        if self.start() + size > self.memory {
            self.x_offset = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: u64 = 8 << 20;

    fn set(mode: &mut Mode, width: u16, height: u16, depth: u16) -> u64 {
        mode.write(WIDTH, width);
        mode.write(HEIGHT, height);
        mode.write(DEPTH, depth);
        mode.write(ENABLE, ENABLED | 0x40)
    }

    #[test]
    fn mode_is_set_and_memory_cleared() {
        let mut mode = Mode::new(SIZE);
        assert_eq!(mode.geometry(), None);
        assert_eq!(set(&mut mode, 640, 480, 32), 640 * 480 * 4);
        let geometry = Geometry {
            width: 640,
            height: 480,
            depth: 32,
            stride: 2560,
            start: 0,
        };
        assert_eq!(mode.geometry(), Some(geometry));
        mode.write(VIRTUAL_WIDTH, 800);
        mode.write(X_OFFSET, 2);
        mode.write(Y_OFFSET, 3);
        let moved = mode.geometry().unwrap();
        assert_eq!((moved.stride, moved.start), (3200, 9608));
        mode.write(ENABLE, 0);
        assert_eq!(mode.geometry(), None);
        assert_eq!(mode.write(ENABLE, ENABLED | KEEP_MEMORY), 0);
    }

    #[test]
    fn limits_and_version_are_told() {
        let mut mode = Mode::new(SIZE);
        mode.write(ENABLE, ASK_LIMITS);
        let told = [VERSION, WIDTH, HEIGHT, DEPTH, MEMORY].map(|register| mode.read(register));
        assert_eq!(told, [0xb0c5, 16_000, 12_000, 32, 128]);
        mode.write(VERSION, 0xb0c2);
        mode.write(VERSION, 0xdead);
        assert_eq!(mode.read(VERSION), 0xb0c2);
    }

    proptest! {
        #[test]
        fn any_mode_fits_the_memory(writes in proptest::collection::vec((0u16..12, any::<u16>()), 1..40)) {
            let mut mode = Mode::new(SIZE);
            for (register, value) in writes {
                let cleared = mode.write(register, value);
                prop_assert!(cleared <= SIZE);
                if let Some(geometry) = mode.geometry() {
                    let size = geometry.stride * u64::from(geometry.height);
                    prop_assert!(geometry.start + size <= SIZE, "{:?}", geometry);
                    let line = u64::from(geometry.width) * u64::from(geometry.depth).div_ceil(8);
                    prop_assert!(line <= geometry.stride, "{:?}", geometry);
                }
            }
        }
    }
}
