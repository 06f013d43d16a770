//! Configurations that make no machine say why.

use std::path::PathBuf;
use std::sync::Arc;

use vmm_core::char::{BackendConfig, Registry};
use vmm_core::machine::{BootConfig, Image, Machine, MachineConfig, MachineEvent, MachineKind};

fn refusal(change: impl FnOnce(&mut MachineConfig)) -> String {
    let chardevs = Registry::new();
    chardevs.add("a", &BackendConfig::Null).unwrap();
    let mut config = MachineConfig {
        kind: MachineKind::QMin,
        ram_size: 4 << 20,
        cpus: 1,
        ..MachineConfig::default()
    };
    change(&mut config);
    let observer = Arc::new(|_: &MachineEvent| {});
    Machine::new(config, chardevs, observer)
        .unwrap_err()
        .to_string()
}

fn kernel(bytes: &[u8]) -> Option<BootConfig> {
    Some(BootConfig::new(Image::Bytes(Arc::from(bytes))))
}

#[test]
fn missing_kernel_is_named() {
    let path = PathBuf::from("/nonexistent/vmlinux");
    let text = refusal(|config| config.boot = Some(BootConfig::new(Image::File(path))));
    assert!(
        text.starts_with("could not load '/nonexistent/vmlinux': No such file"),
        "{text}"
    );
}

#[test]
fn unreadable_kernel_is_named() {
    let path = PathBuf::from("/"); // a directory can be opened, not read
    let text = refusal(|config| config.boot = Some(BootConfig::new(Image::File(path))));
    assert!(text.starts_with("could not load '/': "), "{text}");
}

#[test]
fn kernel_that_does_not_fit_gives_the_remedy() {
    let text = refusal(|config| config.boot = kernel(&vec![0x90; 5 << 20]));
    assert_eq!(
        text,
        "kernel: it needs 5242880 bytes at 0x100000, the guest has 4194304 bytes of memory: use a larger -m"
    );
}

#[test]
fn empty_and_broken_kernels_are_told_apart() {
    assert_eq!(
        refusal(|config| config.boot = kernel(b"")),
        "kernel: the file is empty"
    );
    let text = refusal(|config| config.boot = kernel(b"\x7fELF"));
    assert_eq!(
        text,
        "kernel: it is a broken ELF file: the header is cut off"
    );
    let mut linux = [0; 0x400];
    linux[0x202..0x206].copy_from_slice(b"HdrS");
    assert!(refusal(|config| config.boot = kernel(&linux)).starts_with("kernel: "));
}

#[test]
fn ram_disk_and_command_line_must_fit() {
    let text = refusal(|config| {
        config.boot = kernel(b"\xf4");
        let large = Image::Bytes(Arc::from(vec![0; 4 << 20]));
        config.boot.as_mut().unwrap().initrd = Some(large);
    });
    assert!(
        text.starts_with("initial RAM disk: its 4194304 bytes"),
        "{text}"
    );
    for cmdline in ["x".repeat(0x10000), "a\0b".to_owned()] {
        let text = refusal(|config| {
            config.boot = kernel(b"\xf4");
            config.boot.as_mut().unwrap().cmdline = cmdline;
        });
        assert!(text.contains("command line"), "{text}");
    }
}

#[test]
fn sizes_and_counts_are_checked() {
    assert_eq!(
        refusal(|config| config.ram_size = 1 << 20),
        "machine q-min needs at least 2 MiB of memory"
    );
    assert_eq!(
        refusal(|config| config.cpus = 0),
        "machine q-min has 1 to 255 CPUs"
    );
    assert_eq!(
        refusal(|config| {
            config.cpus = 4;
            config.max_cpus = 2;
        }),
        "4 CPUs are more than the 2 that the machine may have"
    );
    assert!(refusal(|config| config.ram_size = u64::MAX).contains("more than this host"));
    assert!(refusal(|config| config.ram_size = 1 << 47).contains("more than this host"));
}

#[test]
fn serial_ports_need_their_devices() {
    let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
    assert_eq!(
        refusal(|config| config.serial = labels(&["b"])),
        "Chardev 'b' not found"
    );
    assert_eq!(
        refusal(|config| config.serial = labels(&["a", "a"])),
        "Chardev 'a' is busy"
    );
    assert_eq!(
        refusal(|config| config.serial = labels(&["a", "b", "c"])),
        "machine q-min has 2 serial ports"
    );
    assert_eq!(
        refusal(|config| {
            config.kind = MachineKind::None;
            config.boot = kernel(b"\xf4");
        }),
        "machine none starts no kernel: use -M q-min"
    );
}
