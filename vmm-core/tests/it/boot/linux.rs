//! A real Linux kernel, where there is one that may be read: `VMM_TEST_KERNEL`
//! or what is in `/boot`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use vmm_core::char::{BackendConfig, Registry};
use vmm_core::guests;
use vmm_core::machine::{BootConfig, Image};

use super::unpack::vmlinux;
use crate::differential::peer::{QEMU, both_work};
use crate::fixture::Fixture;

/// Where a guest's kernel mode is emulated, unpacking alone takes most of a
/// minute.
const PATIENCE: Duration = Duration::from_secs(600);

/// Room for all that a kernel says.
const CONSOLE: usize = 1 << 18;

const CMDLINE: &str =
    "earlyprintk=ttyS0,115200 console=ttyS0 nokaslr no_timer_check a-word-of-our-own=1";
const RAM: u64 = 256 << 20;
const PAGE: u64 = 4096;

/// What the first program prints.
const FIRST_WORDS: &str = "the first program was here\n";

/// One kernel at a time: each keeps a CPU of the host busy.
static TURN: Mutex<()> = Mutex::new(());

fn kernel() -> Option<PathBuf> {
    let named = std::env::var_os("VMM_TEST_KERNEL").map(PathBuf::from);
    let found = || {
        let entries = fs::read_dir("/boot").ok()?.flatten();
        let kernels = entries.filter(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("vmlinuz")
        });
        kernels.map(|entry| entry.path()).max()
    };
    let kernel = named
        .or_else(found)
        .filter(|path| fs::File::open(path).is_ok());
    if kernel.is_none() {
        println!("skipped: no kernel in /boot that may be read, and VMM_TEST_KERNEL names none");
    }
    kernel
}

/// A RAM disk that fills no whole number of pages.
fn ram_disk() -> Vec<u8> {
    let mut archive = guests::initramfs(FIRST_WORDS).unwrap();
    archive.resize(0x1_2344, 0);
    archive
}

/// Whether the host runs a guest's kernel mode: programs are beyond the reach
/// of those that emulate it.
fn has_extensions() -> bool {
    ["kvm_intel", "kvm_amd"]
        .iter()
        .any(|name| Path::new("/sys/module").join(name).exists())
}

/// Starts the kernel, and reads along until it has found the ACPI tables; to the
/// first program's words where that can be.
#[track_caller]
fn boots(image: Image, entry: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let chardevs = Registry::new();
    chardevs
        .add("console", &BackendConfig::RingBuf { size: CONSOLE })
        .unwrap();
    let console = chardevs.get("console").unwrap();
    let disk = ram_disk();
    let boot = BootConfig {
        cmdline: CMDLINE.to_owned(),
        initrd: Some(Image::Bytes(Arc::from(&*disk))),
        ..BootConfig::new(image)
    };
    let Some(fixture) = Fixture::guest_with(chardevs, "console", boot, |config| {
        config.ram_size = RAM;
        config.cpus = 2;
    }) else {
        return;
    };
    let ring = console.backend().ring().unwrap();
    let last = match has_extensions() {
        true => FIRST_WORDS.trim_end(),
        false => "ACPI: APIC",
    };
    let seen = ring.wait_for(last.as_bytes(), PATIENCE);
    let said = String::from_utf8_lossy(&ring.read(CONSOLE)).into_owned();
    assert!(seen, "{entry}: {:?} behind\n{said}", fixture.diagnostics());
    is_what_was_given(&said, disk.len() as u64);
}

/// Command line, memory map, RAM disk and ACPI tables, as the kernel found them.
#[track_caller]
fn is_what_was_given(said: &str, disk: u64) {
    assert!(said.contains("Linux version "), "{said}");
    assert!(
        said.contains(&format!("Command line: {CMDLINE}\r\n")),
        "{said}"
    );
    let usable = said
        .lines()
        .filter(|line| line.contains("BIOS-e820") && line.ends_with("usable"))
        .filter_map(|line| line.split_once("[mem ")?.1.split_once(']'))
        .map(|(range, _)| range);
    let usable: Vec<_> = usable.collect();
    let high = range(1 << 20, RAM);
    assert_eq!(usable, [range(0, 0x9_fc00), high], "{said}");
    let start = (RAM - disk) / PAGE * PAGE;
    let end = start + disk.next_multiple_of(PAGE);
    let found = format!("RAMDISK: [mem {:#010x}-{:#010x}]", start, end - 1);
    assert!(said.contains(&found), "{found} in {said}");
    for table in ["RSDP 0x00000000000E0000", "XSDT", "FACP", "DSDT", "APIC"] {
        assert!(
            said.contains(&format!("ACPI: {table}")),
            "{table} in {said}"
        );
    }
    // the types of memory are in force, as firmware leaves them
    assert!(!said.contains("MTRRs disabled"), "{said}");
}

fn range(start: u64, end: u64) -> String {
    format!("{start:#018x}-{:#018x}", end - 1)
}

#[test]
fn distributions_kernel_unpacks_itself_and_finds_what_it_was_given() {
    let Some(kernel) = kernel() else {
        return;
    };
    boots(Image::File(kernel), "bzImage");
}

#[test]
fn unpacked_kernel_of_a_distribution_finds_what_it_was_given() {
    let packed = kernel().map(|path| fs::read(path).unwrap());
    let Some(image) = packed.as_deref().and_then(vmlinux) else {
        return;
    };
    boots(Image::Bytes(Arc::from(image)), "vmlinux");
}

/// How fast the clock and the CPU are to be taken to be: where both are emulated, measuring them by the
/// timer fails now and then, and the kernel waits for ever.
const SPEED: &str = "tsc_early_khz=2600000 lpj=10000000";

/// Emulating all of it takes some seconds.
const PEERS_PATIENCE: Duration = Duration::from_secs(120);

/// What hosts with extensions see of [`boots`], on any host.
#[test]
fn ram_disks_program_runs_in_qemu() {
    let Some(kernel) = kernel().filter(|_| both_work()) else {
        return;
    };
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("disk"), ram_disk()).unwrap();
    let mut peer = Command::new(QEMU)
        .args(["-M", "microvm", "-accel", "tcg", "-m", "256"])
        .args(["-nodefaults", "-display", "none"])
        .args(["-append", &format!("{CMDLINE} {SPEED}")])
        .arg("-serial")
        .arg(format!("file:{}", path("out").display()))
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(path("disk"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + PEERS_PATIENCE;
    let said = || String::from_utf8_lossy(&fs::read(path("out")).unwrap_or_default()).into_owned();
    let has_run = || said().contains(FIRST_WORDS.trim_end());
    while !has_run() && peer.try_wait().unwrap().is_none() && Instant::now() < end {
        sleep(Duration::from_millis(100));
    }
    let _ = peer.kill(); // it may have ended
    peer.wait().unwrap();
    assert!(has_run(), "{}", said());
}
