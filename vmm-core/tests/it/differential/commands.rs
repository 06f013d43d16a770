//! Commands and their answers, in every state that they matter in.

use vmm_core::devices::Key;
use vmm_core::guests::{self, ResetBy};

use super::peer::{both_work, peers};
use super::script::Step::{Do, End, Event, Output};
use super::script::{CONT, RESET, STATUS, STOP, play};

#[test]
fn run_state_follows_commands_alike() {
    if !both_work() {
        return;
    }
    let script = [
        STATUS,
        STOP,
        STATUS,
        RESET,
        Event("RESET"),
        STATUS,
        CONT,
        Output("spin\n"),
        STATUS,
        CONT,
        STATUS,
        STOP,
        STOP,
        STATUS,
        CONT,
        STATUS,
        Do("{'execute': 'system_powerdown'}"),
        Event("POWERDOWN"),
        STATUS,
        STOP,
        Do("{'execute': 'x-exit-preconfig'}"),
        Do("{'execute': 'quit'}"),
        End,
    ];
    play(&guests::spin().unwrap(), &[], &script);
}

#[test]
fn resets_and_panics_follow_actions_alike() {
    if !both_work() {
        return;
    }
    let panic = guests::poke(0x505, 1).unwrap();
    let pause = [CONT, Event("STOP"), STATUS, CONT, STATUS, Output("alive\n")];
    let stay = [CONT, Output("alive\n"), STATUS, STOP, STATUS];
    let end = [CONT, End];
    let pvpanic = ["-device", "pvpanic"];
    let action = |action| [&pvpanic[..], &["-action", action]].concat();
    play(&panic, &action("panic=pause"), &pause);
    play(&panic, &action("panic=shutdown,shutdown=pause"), &pause);
    play(&panic, &action("panic=none"), &stay);
    play(&panic, &pvpanic, &end);
    play(&panic, &action("panic=exit-failure"), &end);
    let failed = [CONT, Event("STOP"), STATUS, CONT];
    play(
        &panic,
        &action("panic=exit-failure,shutdown=pause"),
        &failed,
    );
    play(&guests::poke(0x505, 2).unwrap(), &pvpanic, &stay);
    play(&guests::poke(0x505, 4).unwrap(), &pvpanic, &end);
    let stopped = [
        CONT,
        Event("STOP"),
        STATUS,
        CONT,
        Do("{'execute': 'set-action', 'arguments': {'reboot': 'reset'}}"),
        RESET,
        Event("RESET"),
        STATUS,
    ];
    let fault = guests::reset(ResetBy::TripleFault).unwrap();
    play(&fault, &["-no-reboot", "-no-shutdown"], &stopped);
    play(&fault, &["-no-reboot"], &end);
    let keyboard = guests::poke(0x64, 0xfe).unwrap();
    let options = ["-device", "i8042", "-no-reboot", "-no-shutdown"];
    play(&keyboard, &options, &stopped);
}

#[test]
fn watchdog_acts_alike() {
    if !both_work() {
        return;
    }
    let guest = guests::poke(0x443, 0x0f).unwrap();
    let barked = [CONT, Event("WATCHDOG"), Output("alive\n"), STATUS];
    for action in ["none", "debug"] {
        let action = format!("watchdog={action}");
        play(&guest, &["-device", "ib700", "-action", &action], &barked);
    }
    let told = [CONT, Event("POWERDOWN"), Output("alive\n"), STATUS];
    let options = ["-device", "ib700", "-action", "watchdog=shutdown"];
    play(&guest, &options, &told);
    let stopped = [CONT, Event("STOP"), STATUS, CONT];
    let action = "watchdog=reset,reboot=shutdown,shutdown=pause";
    play(&guest, &["-device", "ib700", "-action", action], &stopped);
    let pause = [CONT, Event("STOP"), STATUS, CONT, STATUS, Output("alive\n")];
    let options = ["-device", "ib700", "-action", "watchdog=pause"];
    play(&guest, &options, &pause);
    let poweroff = [
        Do("{'execute': 'watchdog-set-action', 'arguments': {'action': 'poweroff'}}"),
        CONT,
        End,
    ];
    play(&guest, &["-device", "ib700"], &poweroff);
}

// as QEMU: set_password, expire_password, add_client
#[test]
fn displays_and_input_are_refused_alike() {
    if !both_work() {
        return;
    }
    let script = [
        Do("{'execute': 'screendump', 'arguments': {'filename': '/x'}}"),
        Do("{'execute': 'screendump', 'arguments': {'filename': '/x', 'device': 'no'}}"),
        Do("{'execute': 'screendump', 'arguments': {'filename': '/x', 'head': 1}}"),
        Do("{'execute': 'set_password', 'arguments': {'protocol': 'vnc', 'password': 'x'}}"),
        Do(
            "{'execute': 'set_password', 'arguments': {'protocol': 'vnc', 'password': 'x', 'connected': 'fail'}}",
        ),
        Do("{'execute': 'set_password', 'arguments': {'protocol': 'spice', 'password': 'x'}}"),
        Do("{'execute': 'expire_password', 'arguments': {'protocol': 'vnc', 'time': 'never'}}"),
        Do("{'execute': 'expire_password', 'arguments': {'protocol': 'vnc', 'time': '+5x'}}"),
        Do("{'execute': 'expire_password', 'arguments': {'protocol': 'spice', 'time': 'now'}}"),
        Do("{'execute': 'change-vnc-password', 'arguments': {'password': 'x'}}"),
        Do("{'execute': 'add_client', 'arguments': {'protocol': 'vnc', 'fdname': 'x'}}"),
        Do("{'execute': 'query-vnc'}"),
        Do("{'execute': 'query-vnc-servers'}"),
        Do("{'execute': 'query-spice'}"),
        Do("{'execute': 'query-mice'}"),
        Do("{'execute': 'rtc-reset-reinjection'}"),
        Do("{'execute': 'send-key', 'arguments': {'keys': [{'type': 'qcode', 'data': 'no'}]}}"),
        Do("{'execute': 'send-key', 'arguments': {'keys': []}}"),
        Do("{'execute': 'input-send-event', 'arguments': {'device': 'no', 'events': []}}"),
        Do("{'execute': 'input-send-event', 'arguments': {'events': []}}"),
        CONT,
        Do(
            "{'execute': 'input-send-event', 'arguments': {'events': [{'type': 'abs', 'data': {'axis': 'x', 'value': 1}}]}}",
        ),
        Do(
            "{'execute': 'input-send-event', 'arguments': {'events': [{'type': 'rel', 'data': {'axis': 'x', 'value': 1}}]}}",
        ),
        Do("{'execute': 'input-send-event', 'arguments': {'device': 'p', 'events': []}}"),
        Do("{'execute': 'screendump', 'arguments': {'filename': '/x', 'device': 'p', 'head': 3}}"),
    ];
    let guest = guests::spin().unwrap();
    let options = ["-device", "i8042", "-device", "pvpanic,id=p"];
    play(&guest, &options, &script);
}

#[test]
fn every_key_arrives_alike() {
    if !both_work() {
        return;
    }
    for translate in [true, false] {
        let sentinel = match translate {
            true => "k1e\nk9e\n",
            false => "k1c\nkf0\nk1c\n",
        };
        let guest = guests::kbd(translate).unwrap();
        let [theirs, ours] = peers(&guest, &["-device", "i8042"]).map(|mut peer| {
            peer.execute("{'execute': 'cont'}");
            peer.await_output("kbd: ready\n", 1);
            let mut count = 0;
            for (name, _) in Key::all() {
                for key in [name, "a"] {
                    for down in [true, false] {
                        peer.send(&format!(
                            r#"{{"execute": "input-send-event", "arguments": {{"events": [{{"type": "key",
                            "data": {{"down": {down}, "key": {{"type": "qcode", "data": "{key}"}}}}}}]}}}}"#
                        ));
                    }
                }
                count += if name == "a" { 2 } else { 1 };
                peer.await_output(sentinel, count);
            }
            peer.output()
        });
        assert_eq!(ours, theirs);
    }
}

#[test]
fn clock_that_is_set_is_told_alike() {
    if !both_work() {
        return;
    }
    let guest = guests::set_clock().unwrap();
    for base in ["2030-01-02T03:00:00", "2031-01-02"] {
        let base = format!("base={base}");
        let offsets = peers(&guest, &["-rtc", &base]).map(|mut peer| {
            peer.execute("{'execute': 'cont'}");
            peer.await_event("RTC_CHANGE");
            peer.await_output("minute 04\n", 1);
            let event = peer
                .events
                .iter()
                .find(|event| event["event"] == "RTC_CHANGE");
            event.unwrap()["data"]["offset"].as_i64().unwrap()
        });
        // each process started at another moment
        assert!(offsets[0].abs_diff(offsets[1]) <= 20, "{offsets:?}");
    }
}
