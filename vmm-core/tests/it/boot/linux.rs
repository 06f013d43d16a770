//! A real Linux kernel, where there is one that may be read: `VMM_TEST_KERNEL`
//! or what is in `/boot`.

use std::path::PathBuf;
use std::time::Duration;

use vmm_core::char::{BackendConfig, Registry};
use vmm_core::machine::{BootConfig, Image};

use crate::fixture::Fixture;

/// Where a guest's kernel mode is emulated, unpacking alone takes most of a
/// minute.
const PATIENCE: Duration = Duration::from_secs(600);

fn kernel() -> Option<PathBuf> {
    let named = std::env::var_os("VMM_TEST_KERNEL").map(PathBuf::from);
    let found = || {
        let entries = std::fs::read_dir("/boot").ok()?.flatten();
        let kernels = entries.filter(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("vmlinuz")
        });
        kernels.map(|entry| entry.path()).max()
    };
    let kernel = named
        .or_else(found)
        .filter(|path| std::fs::File::open(path).is_ok());
    if kernel.is_none() {
        println!("skipped: no kernel in /boot that may be read, and VMM_TEST_KERNEL names none");
    }
    kernel
}

#[test]
fn distributions_kernel_prints_the_command_line_that_it_was_given() {
    let Some(kernel) = kernel() else {
        return;
    };
    let chardevs = Registry::new();
    chardevs
        .add("console", &BackendConfig::RingBuf { size: 1 << 16 })
        .unwrap();
    let console = chardevs.get("console").unwrap();
    let cmdline = "earlyprintk=ttyS0,115200 console=ttyS0 nokaslr a-word-of-our-own=1";
    let boot = BootConfig {
        cmdline: cmdline.to_owned(),
        ..BootConfig::new(Image::File(kernel))
    };
    let Some(_fixture) = Fixture::guest_with(chardevs, "console", boot, |config| {
        config.ram_size = 256 << 20;
    }) else {
        return;
    };
    let ring = console.backend().ring().unwrap();
    let line = format!("Command line: {cmdline}");
    let seen = ring.wait_for(line.as_bytes(), PATIENCE);
    let said = String::from_utf8_lossy(&ring.read(1 << 16)).into_owned();
    assert!(seen, "{said}");
    assert!(said.contains("Linux version "), "{said}");
}
