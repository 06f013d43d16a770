//! A video card with a linear frame buffer, set up through the VBE interface of
//! Bochs. There is no text mode: without a mode it shows black.
//!
//! | where         | what |
//! |---------------|------|
//! | 0x1ce         | which mode register |
//! | 0x1cf - 0x1d0 | its value |
//! | 0x3c6 - 0x3c9 | palette of modes with 8 bits a pixel |
//! | 0xe0000000    | video memory |

mod mode;

use std::sync::{Arc, Mutex};

use super::{Device, Display, GuestRequest, Picture};
use crate::machine::DeviceMemory;
use crate::qom::{Kind, Object, Property, QomError, TypeInfo, base};
use crate::state::{self, Invalid, Restore, Stateful};
use crate::sync::lock;
use mode::{Geometry, Mode};

/// The type of it, for `-device`.
pub static ISA_VGA: TypeInfo = TypeInfo::new("isa-vga", &base::ISA_DEVICE)
    .properties(&[Property::new("vgamem_mb", Kind::UINT32).default_uint(8)])
    .created_by(|cx| {
        let services = cx.services;
        let mib = cx.properties.u64("vgamem_mb");
        if !mib.is_power_of_two() || mib > MAX_MIB {
            return Err(QomError::Refused(format!(
                "Parameter 'vgamem_mb' expects a power of two up to {MAX_MIB}"
            )));
        }
        let refused = |error: &dyn std::fmt::Display| QomError::Refused(error.to_string());
        let memory = DeviceMemory::new(FRAME_BUFFER, mib << 20).map_err(|error| refused(&error))?;
        let card = Arc::new(Vga::new(memory.clone()));
        let pio = &services.buses.pio;
        pio.insert(Vga::MODE_PORT, Vga::MODE_PORTS, Arc::clone(&card) as _)?;
        let palette = Palette(Arc::clone(&card));
        pio.insert(PALETTE_PORT, PALETTE_PORTS, Arc::new(palette))?;
        services.device_memory.add(memory);
        services.displays.add(cx.path, Arc::clone(&card) as _);
        Ok(card)
    });

/// Where the video memory is in the guest's.
const FRAME_BUFFER: u64 = 0xe000_0000;
const MAX_MIB: u64 = 256;
const PALETTE_PORT: u64 = 0x3c6;
const PALETTE_PORTS: u64 = 4;
/// What a screen without a mode shows.
const BLANK: (u32, u32) = (640, 480);

/// The card.
#[derive(Debug)]
pub struct Vga {
    memory: DeviceMemory,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    register: u16,
    mode: Mode,
    colours: [[u8; 3]; 256],
    /// The colour, and the part of it, that the next read and write are for.
    read_at: (u8, usize),
    write_at: (u8, usize),
}

impl State {
    fn new(memory: u64) -> Self {
        Self {
            register: 0,
            mode: Mode::new(memory),
            colours: [[0; 3]; 256],
            read_at: (0, 0),
            write_at: (0, 0),
        }
    }
}

impl Vga {
    /// The first port of the mode registers.
    pub const MODE_PORT: u64 = 0x1ce;
    /// Number of those ports.
    pub const MODE_PORTS: u64 = 3;

    /// A card over video memory.
    #[must_use]
    pub fn new(memory: DeviceMemory) -> Self {
        let state = State::new(memory.size());
        Self {
            memory,
            state: Mutex::new(state),
        }
    }
}

impl Object for Vga {}

impl Device for Vga {
    fn read(&self, offset: u64, data: &mut [u8]) {
        let state = lock(&self.state);
        let value = match offset {
            0 => state.register,
            _ => state.mode.read(state.register),
        };
        data.fill(0);
        data.iter_mut()
            .zip(value.to_le_bytes())
            .for_each(|(to, from)| *to = from);
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let value = match *data {
            [] => return None,
            [low] => u16::from(low),
            [low, high, ..] => u16::from_le_bytes([low, high]),
        };
        let mut state = lock(&self.state);
        if offset == 0 {
            state.register = value;
        } else {
            let register = state.register;
            let cleared = state.mode.write(register, value);
            self.memory.clear(cleared);
        }
        None
    }

    fn reset(&self) {
        *lock(&self.state) = State::new(self.memory.size());
    }

    fn stateful(self: Arc<Self>) -> Option<Arc<dyn Stateful>> {
        Some(self)
    }
}

impl Stateful for Vga {
    fn kind(&self) -> &'static str {
        "isa-vga"
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        let state = lock(&self.state);
        let colours = &state.colours[..];
        state::encode(&(
            state.register,
            state.mode,
            colours,
            state.read_at,
            state.write_at,
        ))
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        type Saved = (u16, Mode, Vec<[u8; 3]>, (u8, usize), (u8, usize));
        let (register, mode, colours, read_at, write_at): Saved = state::decode(bytes)?;
        state::check(mode.is_sane(self.memory.size()), "the mode")?;
        state::check(read_at.1 < 3 && write_at.1 < 3, "the part of a colour")?;
        let Ok(colours) = colours.try_into() else {
            return Err(Invalid::new("there are not 256 colours"));
        };
        let saved = State {
            register,
            mode,
            colours,
            read_at,
            write_at,
        };
        Ok(Box::new(move || *lock(&self.state) = saved))
    }
}

/// The palette's ports.
#[derive(Debug)]
struct Palette(Arc<Vga>);

impl Device for Palette {
    fn read(&self, offset: u64, data: &mut [u8]) {
        let mut state = lock(&self.0.state);
        let value = match offset {
            0 => 0xff,
            2 => state.write_at.0,
            3 => {
                let (index, part) = state.read_at;
                state.read_at = next(index, part);
                state.colours[usize::from(index)][part]
            }
            _ => 0,
        };
        data.fill(value);
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let value = *data.first()?;
        let mut state = lock(&self.0.state);
        match offset {
            1 => state.read_at = (value, 0),
            2 => state.write_at = (value, 0),
            3 => {
                let (index, part) = state.write_at;
                state.colours[usize::from(index)][part] = value;
                state.write_at = next(index, part);
            }
            _ => {}
        }
        None
    }
}

/// The part of a colour behind this one.
fn next(index: u8, part: usize) -> (u8, usize) {
    match part {
        0 | 1 => (index, part + 1),
        _ => (index.wrapping_add(1), 0),
    }
}

impl Display for Vga {
    fn picture(&self) -> Picture {
        let state = lock(&self.state);
        let mode = state.mode;
        let colours = state.colours;
        drop(state); // the guest may go on meanwhile
        let Some(geometry) = mode.geometry() else {
            return Picture::black(BLANK.0, BLANK.1);
        };
        let mut picture = Picture::black(geometry.width, geometry.height);
        picture.rgb.clear();
        let mut line = vec![0; usize::try_from(geometry.stride).unwrap_or_default()];
        for row in 0..u64::from(geometry.height) {
            let start = geometry.start + row * geometry.stride;
            self.memory.read(start, &mut line);
            append(&mut picture.rgb, &line, geometry, |index| {
                let colour = colours[usize::from(index)];
                match mode.wide_palette() {
                    true => colour,
                    // 6 bits; the lowest one counts for those that lack
                    false => colour.map(|part| ((part & 0x3f) << 2) | ((part & 1) * 3)),
                }
            });
        }
        picture
    }
}

/// Appends the pixels of one line.
fn append(rgb: &mut Vec<u8>, line: &[u8], geometry: Geometry, palette: impl Fn(u8) -> [u8; 3]) {
    let width = usize::try_from(geometry.width).unwrap_or_default();
    match geometry.depth {
        8 => rgb.extend(line.iter().take(width).flat_map(|&index| palette(index))),
        15 | 16 => {
            let green = geometry.depth - 10;
            for pixel in line.chunks_exact(2).take(width) {
                let word = u16::from_le_bytes([pixel[0], pixel[1]]);
                rgb.extend([
                    expand(word >> (5 + green), 5),
                    expand(word >> 5, green),
                    expand(word, 5),
                ]);
            }
        }
        depth => {
            let size = usize::from(depth / 8).max(3);
            for pixel in line.chunks_exact(size).take(width) {
                rgb.extend([pixel[2], pixel[1], pixel[0]]);
            }
        }
    }
}

/// The low `bits` of a colour's part, on the scale of 8 bits.
fn expand(value: u16, bits: u16) -> u8 {
    let value = value & ((1 << bits) - 1);
    let wide = value << (8 - bits) | value >> (2 * bits - 8);
    wide.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(depth: u16, bytes: &[u8]) -> Arc<Vga> {
        let memory = DeviceMemory::new(FRAME_BUFFER, 1 << 20).unwrap();
        let card = Arc::new(Vga::new(memory.clone()));
        for (register, value) in [(1, 8), (2, 2), (3, depth), (4, 0x41)] {
            card.write(0, &[register, 0]);
            card.write(1, &value.to_le_bytes());
        }
        memory.write(0, bytes);
        card
    }

    #[test]
    fn pixels_of_each_depth_are_shown() {
        for (depth, bytes, pixel) in [
            (32, &[1, 2, 3, 99][..], [3, 2, 1]),
            (24, &[1, 2, 3], [3, 2, 1]),
            (16, &[0xff, 0x07], [0, 255, 255]),
            (16, &[0x00, 0xf8], [255, 0, 0]),
            (15, &[0xe0, 0x03], [0, 255, 0]),
            (15, &[0x10, 0x00], [0, 0, 132]),
        ] {
            let picture = card(depth, bytes).picture();
            assert_eq!((picture.width, picture.height), (8, 2));
            assert_eq!(picture.rgb.len(), 48);
            assert_eq!(picture.rgb[..3], pixel, "{depth}");
            assert_eq!(picture.rgb[3..], [0; 45], "{depth}");
        }
    }

    #[test]
    fn palette_colours_the_rest() {
        let card = card(8, &[0, 5]);
        let palette = Palette(Arc::clone(&card));
        palette.write(2, &[5]);
        for part in [0x3f, 0x20, 0] {
            palette.write(3, &[part]);
        }
        assert_eq!(card.picture().rgb[..6], [0, 0, 0, 255, 128, 0]);
        palette.write(1, &[5]);
        let mut byte = [0];
        palette.read(3, &mut byte);
        assert_eq!(byte, [0x3f]);
    }

    #[test]
    fn setting_a_mode_clears_it_and_reset_forgets_it() {
        let card = card(32, &[9; 64]);
        for enable in [0u16, 0x41] {
            card.write(0, &[4, 0]);
            card.write(1, &enable.to_le_bytes());
        }
        assert_eq!(card.picture(), Picture::black(8, 2));
        card.reset();
        assert_eq!(card.picture(), Picture::black(640, 480));
    }
}
