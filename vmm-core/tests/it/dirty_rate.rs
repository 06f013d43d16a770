//! How fast guests write to memory, measured while they run and while they stand still.

use std::time::{Duration, Instant};

use qmp_runtime::json::Value;
use qmp_types::qmp::commands;
use vmm_core::guests;
use vmm_core::machine::{Cause, DirtyRateMode, Machine};

use crate::differential::peer::{Peer, both_work, peers};
use crate::differential::script::Step::Do;
use crate::differential::script::play;
use crate::fixture::{Fixture, LIMIT};
use crate::process::Vmm;

const TIME: Duration = Duration::from_millis(100);
const MODES: [DirtyRateMode; 2] = [DirtyRateMode::Sampling(16384), DirtyRateMode::Bitmap];

fn dirty_guest() -> Option<Fixture> {
    let fixture = Fixture::guest(guests::dirty().unwrap().boot(), |config| {
        config.ram_size = 16 << 20;
    })?;
    fixture.expect("dirty\n");
    Some(fixture)
}

/// The rate in MiB per second.
fn measure(machine: &Machine, mode: DirtyRateMode) -> Option<u64> {
    machine.measure_dirty_rate(mode, TIME).unwrap();
    await_end(machine)
}

/// The rate of a guest that writes; on a busy host it may not have run at all, and is measured once more then.
fn measure_writer(machine: &Machine, mode: DirtyRateMode) -> u64 {
    let deadline = Instant::now() + LIMIT;
    loop {
        let rate = measure(machine, mode).unwrap();
        if rate > 0 {
            return rate;
        }
        assert!(Instant::now() < deadline, "{mode:?}: it writes nothing");
    }
}

fn await_end(machine: &Machine) -> Option<u64> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let last = machine.dirty_rate().unwrap();
        if !last.is_measuring {
            return last.rate;
        }
        assert!(Instant::now() < deadline, "it takes too long");
        std::thread::sleep(TIME / 10);
    }
}

// proves: calc-dirty-rate, query-dirty-rate
#[test]
fn guest_that_writes_has_a_rate_and_one_that_stands_still_has_none() {
    let Some(fixture) = dirty_guest() else {
        return;
    };
    let machine = &fixture.machine;
    assert_eq!(machine.dirty_rate(), None);
    // It can write to all of its memory, 16 MiB, once in that time, as far as a bitmap tells.
    let most = 16 * 1000 / u64::try_from(TIME.as_millis()).unwrap();
    for mode in MODES {
        let rate = measure_writer(machine, mode);
        assert!((1..=most).contains(&rate), "{mode:?}: {rate} MiB/s");
    }
    machine.stop().unwrap();
    for mode in MODES {
        assert_eq!(measure(machine, mode), Some(0), "{mode:?}");
    }
    machine.cont().unwrap();
    measure_writer(machine, DirtyRateMode::Bitmap);
}

#[test]
fn log_outlives_a_reset_and_the_end_of_the_machine_ends_the_wait() {
    let Some(fixture) = dirty_guest() else {
        return;
    };
    let machine = &fixture.machine;
    machine
        .measure_dirty_rate(DirtyRateMode::Bitmap, TIME * 20)
        .unwrap();
    machine.reset(Cause::HostQmpSystemReset).unwrap();
    assert!(await_end(machine) > Some(0));
    measure_writer(machine, DirtyRateMode::Bitmap);
    machine
        .measure_dirty_rate(DirtyRateMode::Bitmap, LIMIT * 10)
        .unwrap();
    let again = machine.measure_dirty_rate(DirtyRateMode::Bitmap, TIME);
    assert!(again.is_err(), "one at a time");
    let begin = Instant::now();
    drop(fixture);
    assert!(begin.elapsed() < LIMIT, "nobody waits for it");
}

#[test]
fn stop_under_way_leaves_the_measurement_what_was_written_before() {
    let Some(fixture) = dirty_guest() else {
        return;
    };
    let machine = &fixture.machine;
    let sampling = DirtyRateMode::Sampling(16384);
    for mode in [sampling, DirtyRateMode::Bitmap] {
        machine.measure_dirty_rate(mode, TIME).unwrap();
        machine.stop().unwrap();
        assert!(await_end(machine).is_some(), "{mode:?}");
        assert_eq!(measure(machine, mode), Some(0), "{mode:?}");
        machine.cont().unwrap();
    }
}

/// Asks until the last measurement has got to this stage; the reply, without the time of the start.
fn await_stage(peer: &mut Peer, stage: &str) -> Value {
    let deadline = Instant::now() + LIMIT;
    loop {
        let mut reply = peer.execute(
            "{'execute': 'query-dirty-rate', 'arguments': {'calc-time-unit': 'millisecond'}}",
        );
        if reply["return"]["status"] == stage {
            let members = reply.as_object_mut().unwrap().get_mut("return").unwrap();
            let start = members.as_object_mut().unwrap().remove("start-time");
            assert!(start.is_some(), "{reply:?}");
            return reply;
        }
        assert!(Instant::now() < deadline, "{reply:?}");
        std::thread::sleep(TIME / 10);
    }
}

/// Measures to the end; what is told of it then.
fn measure_over_qmp(peer: &mut Peer, mode: &str) -> Value {
    let reply = peer.execute(&format!(
        "{{'execute': 'calc-dirty-rate', 'arguments': {{'calc-time': 60, 'calc-time-unit': 'millisecond', 'mode': '{mode}'}}}}"
    ));
    assert!(reply.get("return").is_some(), "{reply:?}");
    let mut reply = await_stage(peer, "measured");
    let members = reply.as_object_mut().unwrap().get_mut("return").unwrap();
    let took = members.as_object_mut().unwrap().remove("calc-time");
    // both tell how long it took, not how long it was to take
    assert!(took.and_then(|took| took.as_i64()) >= Some(60), "{reply:?}");
    reply
}

#[test]
fn second_measurement_is_refused_alike() {
    if !both_work() {
        return;
    }
    for mode in ["page-sampling", "dirty-bitmap"] {
        let [theirs, ours] = peers(&guests::spin().unwrap(), &[]).map(|mut peer| {
            let start = format!(
                "{{'execute': 'calc-dirty-rate', 'arguments': {{'calc-time': 60, 'mode': '{mode}'}}}}"
            );
            let started = peer.execute(&start);
            // QEMU's thread says so itself, some time after the reply
            let stage = await_stage(&mut peer, "measuring");
            let again = peer.execute(&start);
            let senseless = "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 0}}";
            [started, stage, again, peer.execute(senseless)]
        });
        assert_eq!(ours, theirs, "{mode}");
        assert!(ours[2].get("error").is_some(), "{ours:?}");
    }
}

#[test]
fn results_are_told_alike_and_confined_threads_can_measure() {
    if !both_work() {
        return;
    }
    let [mut theirs, mut ours] = peers(&guests::dirty().unwrap(), &[]);
    for mode in ["page-sampling", "dirty-bitmap"] {
        let expected = measure_over_qmp(&mut theirs, mode);
        assert_eq!(measure_over_qmp(&mut ours, mode), expected, "not started");
        let seconds = "{'execute': 'query-dirty-rate'}";
        let [theirs, ours] = [&mut theirs, &mut ours].map(|peer| {
            let reply = peer.execute(seconds);
            let members = ["status", "dirty-rate", "sample-pages", "mode"];
            members.map(|member| reply["return"][member].clone())
        });
        assert_eq!(ours, theirs, "in seconds");
    }
    ours.execute("{'execute': 'cont'}");
    ours.await_output("dirty\n", 1);
    let deadline = Instant::now() + LIMIT;
    loop {
        let result = measure_over_qmp(&mut ours, "dirty-bitmap");
        if result["return"]["dirty-rate"].as_i64() > Some(0) {
            break;
        }
        assert!(Instant::now() < deadline, "{result:?}"); // it may not have run
    }
}

#[test]
fn quit_does_not_wait_for_the_end_of_a_measurement() {
    for mode in ["page-sampling", "dirty-bitmap"] {
        let mut vmm = Vmm::start(&["-accel", "none", "-M", "q-min"]);
        let mut client = vmm.connect();
        let mode = mode.parse().unwrap();
        let mut measure = commands::CalcDirtyRate::new(60);
        measure.mode = Some(mode);
        client.execute(&measure).unwrap();
        let begin = Instant::now();
        client.execute(&commands::Quit {}).unwrap();
        assert_eq!(vmm.exit_code(), 0);
        assert!(begin.elapsed() < LIMIT, "the measurement takes a minute");
    }
}

#[test]
fn requests_are_refused_alike() {
    if !both_work() {
        return;
    }
    let mut script = vec![
        Do("{'execute': 'query-dirty-rate'}"),
        Do("{'execute': 'query-dirty-rate', 'arguments': {'calc-time-unit': 'millisecond'}}"),
    ];
    script.extend(
        [
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 0}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 61}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': -1}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 49, 'calc-time-unit': 'millisecond'}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 60001, 'calc-time-unit': 'millisecond'}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 9223372036854775807}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1, 'sample-pages': 127}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1, 'sample-pages': 16385}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1, 'sample-pages': -1}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1, 'mode': 'dirty-ring'}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1, 'mode': 'dirty-ring', 'sample-pages': 200}}",
            "{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1, 'mode': 'dirty-bitmap', 'sample-pages': 200}}",
        ]
        .map(Do),
    );
    play(&guests::spin().unwrap(), &[], &script);
}
