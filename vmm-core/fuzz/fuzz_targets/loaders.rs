//! Damaged kernels of all formats, with any command line and RAM disk: loaded or
//! refused, and what is loaded starts in memory.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use vmm_core::boot::Loader;
use vmm_core::guests;
use vmm_core::machine::{BootConfig, GuestRam, Image};

const RAM: u64 = 4 << 20;

/// What the image is before it is damaged.
#[derive(Arbitrary, Debug)]
enum Base<'a> {
    Bytes(&'a [u8]),
    Pvh,
    Vmlinux,
    BzImage,
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    base: Base<'a>,
    damage: Vec<(u16, u8)>,
    cut: Option<u16>,
    initrd: Option<&'a [u8]>,
    cmdline: &'a str,
}

fn image(input: &Input<'_>) -> Option<Vec<u8>> {
    let guest = guests::linux_parameters().ok()?;
    let mut image = match input.base {
        Base::Bytes(bytes) => bytes.to_vec(),
        Base::Pvh => guest.elf(),
        Base::Vmlinux => guests::vmlinux(&guest),
        Base::BzImage => guests::bzimage(&guest, |_| ()),
    };
    for &(at, byte) in &input.damage {
        if let Some(target) = image.get_mut(usize::from(at)) {
            *target = byte;
        }
    }
    if let Some(length) = input.cut {
        image.truncate(usize::from(length));
    }
    Some(image)
}

fuzz_target!(|input: Input<'_>| {
    let (Some(image), Ok(ram)) = (image(&input), GuestRam::new(RAM)) else {
        return;
    };
    let config = BootConfig {
        kernel: Image::Bytes(image.into()),
        initrd: input.initrd.map(|bytes| Image::Bytes(bytes.into())),
        cmdline: input.cmdline.to_owned(),
    };
    let Ok(loader) = Loader::new(&config) else {
        return;
    };
    match loader.load(&ram, 0xe_0000) {
        Ok(entry) => assert!(ram.contains(entry.address, 1), "{entry:?}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
