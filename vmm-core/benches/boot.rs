//! How long a guest takes from nothing to its first byte, and other waits that
//! a user notices. Prints nothing and measures nothing where KVM is missing.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run must say so"
)]
#![allow(missing_docs, reason = "criterion's macros make a public function")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use vmm_core::accel::{AccelKind, kvm};
use vmm_core::char::{BackendConfig, Chardev, Registry};
use vmm_core::guests::{self, Guest};
use vmm_core::machine::{Cause, Machine, MachineConfig, MachineEvent, MachineKind};

const LIMIT: Duration = Duration::from_secs(10);

fn start(guest: &Guest) -> (Machine, Arc<Chardev>) {
    let chardevs = Registry::new();
    let console = chardevs
        .add("serial0", &BackendConfig::RingBuf { size: 4096 })
        .unwrap();
    let config = MachineConfig {
        kind: MachineKind::QMin,
        accel: AccelKind::Kvm,
        ram_size: 64 << 20,
        cpus: 1,
        boot: Some(guest.boot()),
        serial: vec!["serial0".to_owned()],
        ..MachineConfig::default()
    };
    let machine = Machine::new(config, chardevs, Arc::new(|_: &MachineEvent| {})).unwrap();
    machine.start().unwrap();
    (machine, console)
}

fn await_text(console: &Chardev, text: &[u8]) {
    let ring = console.backend().ring().unwrap();
    assert!(ring.wait_for(text, LIMIT));
}

fn boot(criterion: &mut Criterion) {
    if kvm::probe().is_err() {
        return;
    }
    let hello = guests::hello().unwrap();
    criterion.bench_function("create to first serial byte", |bencher| {
        bencher.iter_with_large_drop(|| {
            let (machine, console) = start(&hello);
            await_text(&console, b"h");
            machine
        });
    });
    criterion.bench_function("create to power-off and gone", |bencher| {
        bencher.iter(|| {
            let (machine, _console) = start(&hello);
            black_box(machine.wait())
        });
    });
    let (machine, console) = start(&guests::spin().unwrap());
    await_text(&console, b"spin\n");
    criterion.bench_function("stop and cont of a busy guest", |bencher| {
        bencher.iter(|| (machine.stop().unwrap(), machine.cont().unwrap()));
    });
    criterion.bench_function("reset of a busy guest", |bencher| {
        bencher.iter(|| machine.reset(Cause::HostQmpSystemReset).unwrap());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(Duration::from_secs(3));
    targets = boot
}
criterion_main!(benches);
