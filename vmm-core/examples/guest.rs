//! Runs one of the built-in guests on this terminal, or writes it to a file.
//!
//! ```text
//! cargo run -p vmm-core --example guest -- hello
//! cargo run -p vmm-core --example guest -- smp --cpus 4
//! cargo run -p vmm-core --example guest -- heartbeat --elf heartbeat.elf
//! ```

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use vmm_core::accel::AccelKind;
use vmm_core::char::{BackendConfig, Registry};
use vmm_core::guests::{self, BlkRequest, Guest, ResetBy, Wait};
use vmm_core::machine::{Machine, MachineConfig, MachineEvent, MachineKind};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let guest = guest(args.first().map(String::as_str))?;
    let option = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)
    };
    if let Some(path) = option("--elf") {
        std::fs::write(path, guest.elf())?;
        return Ok(ExitCode::SUCCESS);
    }
    let cpus = option("--cpus").map_or(Ok(1), |count| count.parse())?;
    run(&guest, cpus)
}

fn guest(name: Option<&str>) -> Result<Guest, Box<dyn Error>> {
    Ok(match name {
        Some("hello") => guests::hello()?,
        Some("heartbeat") => guests::heartbeat()?,
        Some("echo") => guests::echo()?,
        Some("smp") => guests::smp()?,
        Some("panic") => guests::panic()?,
        Some("suspend") => guests::suspend()?,
        Some("spin") => guests::spin()?,
        // what an exit costs: writes to a serial port's scratch register, between two texts
        Some("ports") => guests::ports(0x3ff, 100_000)?,
        Some("reset") => guests::reset(ResetBy::KeyboardController)?,
        // those need devices: write them to a file, for `vmm -kernel FILE -device …`
        Some("rng") => guests::rng(Wait::Interrupt)?,
        Some("balloon") => guests::balloon()?,
        Some("console") => guests::console()?,
        Some("disk") => guests::blk(Wait::Interrupt, &[BlkRequest::Again(4096, 20_000)])?,
        Some("disk-poll") => guests::blk(Wait::Poll, &[BlkRequest::Again(4096, 20_000)])?,
        _ => {
            let names = "hello heartbeat echo smp panic suspend spin ports reset rng balloon console disk disk-poll";
            return Err(format!("name a guest: {names}").into());
        }
    })
}

fn run(guest: &Guest, cpus: u32) -> Result<ExitCode, Box<dyn Error>> {
    let chardevs = Registry::new();
    chardevs.add("serial0", &BackendConfig::Stdio { signal: true })?;
    let config = MachineConfig {
        kind: MachineKind::QMin,
        accel: AccelKind::Kvm,
        ram_size: 64 << 20,
        cpus,
        boot: Some(guest.boot()),
        serial: vec!["serial0".to_owned()],
        ..MachineConfig::default()
    };
    let report = |event: &MachineEvent| eprintln!("{}", event.name());
    let machine = Machine::new(config, chardevs, Arc::new(report))?;
    machine.start()?;
    let code = machine.wait().exit_code;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
