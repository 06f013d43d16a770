//! Guests and images that mean no good: whatever they do, the machine stays in
//! hand and the host unharmed.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use vmm_core::accel::IrqLine;
use vmm_core::clock::Clocks;
use vmm_core::devices::{
    AcpiPm, Buses, Cmos, DebugExit, Device, Ib700, KeyboardController, PvPanic, Requester,
    ResetControl, Rtc, RtcConfig, SerialPort, Vga,
};
use vmm_core::machine::{BootConfig, Cause, DeviceMemory, Image, MachineError, RunState};

use crate::fixture::Fixture;

fn devices() -> Vec<Arc<dyn Device>> {
    let line = || IrqLine::new(4).unwrap();
    let clocks = Clocks::manual(0);
    vec![
        Arc::new(AcpiPm::new(line())),
        Arc::new(DebugExit),
        Arc::new(Vga::new(DeviceMemory::new(0, 1 << 20).unwrap())),
        KeyboardController::new(line(), line()),
        Arc::new(PvPanic::default()),
        Arc::new(ResetControl::default()),
        Ib700::new(&clocks, Requester::new(drop)),
        Rtc::new(
            RtcConfig::default(),
            &Cmos::new(64 << 20, 0, 1),
            line(),
            &clocks,
        ),
        Arc::new(SerialPort::new(0, 0x3f8, line(), None)),
    ]
}

proptest! {
    #[test]
    fn any_access_to_any_device_is_harmless(
        accesses in proptest::collection::vec((0u64..16, any::<[u8; 4]>(), 0usize..5), 1..200),
        far: u64,
    ) {
        for device in devices() {
            for (offset, bytes, len) in &accesses {
                device.write(*offset, &bytes[..*len]);
                device.read(*offset, &mut [0; 4][..*len]);
            }
            device.write(far, &[1]);
            device.read(far, &mut [0]);
            device.reset();
        }
        let buses = Buses::default();
        for (slot, device) in (0u64..).zip(devices()) {
            buses.pio.insert(slot * 8, 8, device).unwrap();
        }
        buses.pio.read(far, &mut [0; 8]);
        buses.reset();
    }
}

/// Runs `code` for a moment; then every control operation must work.
fn run(code: &[u8]) -> Option<RunState> {
    let boot = BootConfig::new(Image::Bytes(Arc::from(code)));
    let fixture = Fixture::guest(boot, |_| {})?;
    fixture.pass(Duration::from_millis(5));
    let machine = &fixture.machine;
    match machine.stop() {
        Ok(_) => {
            let state = machine.run_state();
            machine.reset(Cause::HostQmpSystemReset).unwrap();
            assert_eq!(machine.run_state(), RunState::Prelaunch);
            machine.quit().unwrap();
            Some(state)
        }
        Err(MachineError::Finished) => Some(machine.run_state()),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn code_that_never_ends_or_makes_no_sense_is_stopped() {
    let cases: [&[u8]; 8] = [
        &[0xeb, 0xfe],                      // jmp $
        &[0xf4],                            // hlt, then zero bytes
        &[0xfb, 0xf4],                      // sti; hlt without a table
        &[0x0f, 0x0b],                      // ud2
        &[0x0f, 0x01, 0xc1],                // vmcall
        &[0xcc],                            // int3
        &[0xe4, 0x80, 0xeb, 0xfc],          // in al, 0x80 for ever
        &[0xa2, 0, 0, 0, 0xf0, 0xeb, 0xf9], // mov [0xf0000000], al for ever
    ];
    for code in cases {
        let _ = run(code);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_code_leaves_the_machine_in_hand(code in proptest::collection::vec(any::<u8>(), 1..64)) {
        let _ = run(&code);
    }
}
