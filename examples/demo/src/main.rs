//! A guest under KVM and a QMP conversation with it, start to end.
//!
//! What is shown: `build.rs` compiles `schema/qmp` to Rust; a machine boots a guest that this project
//! assembles itself; a client with the compiled types drives the machine over its QMP socket.

mod console;
mod conversation;
mod machine;

/// The bindings that `build.rs` has made from `schema/qmp`.
mod qmp {
    include!(concat!(env!("OUT_DIR"), "/qmp.rs"));
}

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use vmm_core::guests;

use conversation::Conversation;
use machine::Demo;
use qmp::{commands, events};

const USAGE: &str = "\
usage: demo [--accel none]

Boots a built-in guest under KVM and shows a QMP conversation with its machine.
Without /dev/kvm, or with --accel none, no guest code runs and the rest is the same.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let try_kvm = match arguments[..] {
        [] => true,
        ["--accel", "none"] => false,
        ["--help" | "-h"] => {
            anstream::print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            anstream::eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    match run(try_kvm) {
        Ok(()) => {
            conversation::note(&format!("done in {:.1} s", started.elapsed().as_secs_f64()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            anstream::eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(try_kvm: bool) -> anyhow::Result<()> {
    let demo = Demo::start(try_kvm)?;
    let mut qmp = Conversation::connect(demo.socket())?;
    conversation::note("what machine is this?");
    qmp.execute(&commands::QueryName {})?;
    qmp.execute(&commands::QueryKvm {})?;
    qmp.execute(&commands::QueryCpusFast {})?;
    conversation::note("let it run");
    qmp.execute(&commands::Cont {})?;
    if demo.has_guest() {
        demo.wait_for_guest("heartbeat: running")?;
        std::thread::sleep(Duration::from_millis(300)); // some heartbeats
    }
    conversation::note("stop it, and look into its memory if it has run");
    qmp.execute(&commands::Stop {})?;
    qmp.execute(&commands::QueryStatus {})?;
    if demo.has_guest() {
        look_into_memory(&demo, &mut qmp)?;
    }
    conversation::note("go on, with a non-maskable interrupt");
    qmp.execute(&commands::Cont {})?;
    if demo.has_guest() {
        qmp.execute(&commands::InjectNmi {})?;
        demo.wait_for_guest("NMI")?;
    }
    end(&demo, &mut qmp)
}

/// Saves the guest's pattern and its count of timer ticks, and checks the pattern.
fn look_into_memory(demo: &Demo, qmp: &mut Conversation) -> anyhow::Result<()> {
    let pattern = save(demo, qmp, guests::PATTERN_ADDRESS, guests::PATTERN_SIZE)?;
    let words = pattern.chunks_exact(4).zip(0..);
    let right = words
        .filter(|(word, index)| **word == guests::pattern(*index).to_le_bytes())
        .count();
    conversation::note(&format!(
        "{right} of {} words are the guest's pattern",
        pattern.len() / 4
    ));
    let ticks = save(demo, qmp, guests::TICKS, 4)?;
    let ticks = u32::from_le_bytes(ticks[..4].try_into()?);
    conversation::note(&format!("its timer has ticked {ticks} times"));
    Ok(())
}

fn save(demo: &Demo, qmp: &mut Conversation, address: u64, size: u64) -> anyhow::Result<Vec<u8>> {
    let file = demo.folder().join("memory");
    let filename = file
        .to_str()
        .context("the folder for temporary files has no UTF-8 name")?
        .to_owned();
    qmp.execute(&commands::Pmemsave {
        val: address,
        size,
        filename,
    })?;
    let bytes = std::fs::read(&file)?;
    anyhow::ensure!(
        bytes.len() as u64 == size,
        "{} bytes were saved",
        bytes.len()
    );
    Ok(bytes)
}

fn end(demo: &Demo, qmp: &mut Conversation) -> anyhow::Result<()> {
    if demo.has_guest() {
        conversation::note("press the power button; the guest switches itself off");
        qmp.execute(&commands::SystemPowerdown {})?;
    } else {
        conversation::note("no guest code runs, so end the machine from here");
        qmp.execute(&commands::Quit {})?;
    }
    let shutdown: events::Shutdown = qmp.wait_for()?;
    anyhow::ensure!(
        shutdown.guest == demo.has_guest(),
        "the machine ended for another reason"
    );
    demo.finish()
}
