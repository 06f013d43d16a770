//! Every guest with its script.

use std::fs;

use vmm_core::boot::FLAT_ADDRESS;
use vmm_core::guests::{self, BOOTS, Guest, PATTERN_ADDRESS, PATTERN_SIZE, ResetBy, SPINS, TICKS};

use super::peer::{Board, both_work};
use super::script::Step::{self, Do, End, Event, Memory, Output, Saved, Word};
use super::script::{CONT, RESET, STATUS, STOP, play, play_beside};

/// Segment descriptors that all guests set up.
const DESCRIPTORS: Step = Memory(0x1_0000, 0x40);

fn code(guest: &Guest) -> Step {
    Memory(FLAT_ADDRESS, guest.flat().len() as u64)
}

#[test]
fn hello_powers_off_alike() {
    if !both_work() {
        return;
    }
    let guest = guests::hello().unwrap();
    play_beside(Board::Pc, &guest, &[], &[STATUS, CONT, End]);
    let script = [
        CONT,
        Event("STOP"),
        STATUS,
        code(&guest),
        CONT,
        STATUS,
        RESET,
        STATUS,
    ];
    play_beside(Board::Pc, &guest, &["-no-shutdown"], &script);
}

#[test]
fn hello_under_kvm_alike() {
    if !both_work() {
        return;
    }
    let guest = guests::poke(0x80, 0).unwrap();
    let script = [
        STATUS,
        CONT,
        Output("poke\nalive\n"),
        STOP,
        STATUS,
        code(&guest),
        DESCRIPTORS,
    ];
    play_beside(Board::MicrovmUnderKvm, &guest, &[], &script);
}

#[test]
fn echo_answers_alike() {
    if !both_work() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    fs::write(&input, b"as it sounds\n").unwrap();
    let chardev = format!("file,id=c,path={{dir}}/out,input-path={}", input.display());
    let guest = guests::echo().unwrap();
    let options = ["-chardev", &chardev, "-serial", "chardev:c"];
    let script = [CONT, Output("echo\nas it sounds\n"), STATUS];
    play(&guest, &options, &script);
}

#[test]
fn kernel_finds_its_parameters_alike() {
    if !both_work() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let disk = dir.path().join("initrd");
    fs::write(&disk, b"more to load\n").unwrap();
    let guest = guests::pvh_parameters().unwrap();
    // The guest has page tables for this much.
    let mut options = vec!["-m", "16", "-append", "console=ttyS0  quiet"];
    let script = [CONT, Output("end\n"), End];
    play_beside(Board::Pc, &guest, &options, &script);
    options.extend(["-initrd", disk.to_str().unwrap()]);
    play_beside(Board::Pc, &guest, &options, &script);
}

#[test]
fn heartbeat_ticks_alike() {
    if !both_work() {
        return;
    }
    let guest = guests::heartbeat().unwrap();
    let script = [
        CONT,
        Output("heartbeat: running\n"),
        Memory(PATTERN_ADDRESS, PATTERN_SIZE),
        code(&guest),
        Word(TICKS, 3),
        Do("{'execute': 'inject-nmi'}"),
        Output("heartbeat: NMI\n"),
        STOP,
        STATUS,
        CONT,
        Do("{'execute': 'system_powerdown'}"),
        End,
    ];
    play_beside(Board::Pc, &guest, &[], &script);
    play(&guest, &[], &script[..9]);
}

#[test]
fn spin_is_stopped_alike() {
    if !both_work() {
        return;
    }
    let guest = guests::spin().unwrap();
    let script = [
        CONT,
        Word(SPINS, 1000),
        STOP,
        STATUS,
        code(&guest),
        CONT,
        STATUS,
        STOP,
    ];
    play(&guest, &[], &script);
}

#[test]
fn smp_starts_every_cpu_alike() {
    if !both_work() {
        return;
    }
    let guest = guests::smp().unwrap();
    play_beside(Board::Pc, &guest, &["-smp", "3"], &[CONT, End]);
}

#[test]
fn resets_are_told_alike() {
    if !both_work() {
        return;
    }
    for by in [
        ResetBy::KeyboardController,
        ResetBy::ResetControl,
        ResetBy::TripleFault,
    ] {
        let guest = guests::reset(by).unwrap();
        play_beside(Board::Pc, &guest, &[], &[CONT, End]);
        let script = [
            CONT,
            Event("SHUTDOWN"),
            STATUS,
            Memory(BOOTS, 4),
            code(&guest),
        ];
        play_beside(Board::Pc, &guest, &["-no-shutdown"], &script);
        let script = [CONT, Event("SHUTDOWN"), STATUS, Memory(BOOTS, 4), CONT];
        play_beside(Board::Pc, &guest, &["-no-reboot", "-no-shutdown"], &script);
    }
}

#[test]
fn panics_are_told_alike() {
    if !both_work() {
        return;
    }
    for guest in [guests::panic(), guests::crash_load(), guests::pv_shutdown()] {
        let guest = guest.unwrap();
        let options = ["-device", "pvpanic"];
        play_beside(Board::Pc, &guest, &options, &[CONT, End]);
        let options = [
            "-device",
            "pvpanic",
            "-action",
            "panic=none",
            "-no-shutdown",
        ];
        play_beside(
            Board::Pc,
            &guest,
            &options,
            &[CONT, Event("SHUTDOWN"), STATUS],
        );
    }
}

#[test]
fn sleep_is_told_alike() {
    if !both_work() {
        return;
    }
    let guest = guests::suspend().unwrap();
    let script = [
        Do("{'execute': 'system_wakeup'}"),
        CONT,
        Event("SUSPEND"),
        Output("good night\n"),
        STATUS,
        STOP,
        STATUS,
        Do("{'execute': 'system_wakeup'}"),
        CONT,
        STATUS,
    ];
    play_beside(Board::Pc, &guest, &[], &script);
}

#[test]
fn picture_is_the_same() {
    if !both_work() {
        return;
    }
    let script = [
        CONT,
        Output("vga: painted\n"),
        Do("{'execute': 'screendump', 'arguments': {'filename': '{dir}/shot'}}"),
        Saved("shot"),
    ];
    play_beside(
        Board::Pc,
        &guests::vga().unwrap(),
        &["-device", "isa-vga"],
        &script,
    );
}

#[test]
fn clock_is_set_alike() {
    if !both_work() {
        return;
    }
    let guest = guests::clock_ticks().unwrap();
    let script = [
        CONT,
        Output("clock: running\n"),
        Word(TICKS, 3),
        STOP,
        code(&guest),
    ];
    play_beside(Board::Pc, &guest, &[], &script);
}

#[test]
fn code_that_cannot_run_is_an_internal_error_alike() {
    if !both_work() {
        return;
    }
    let guest = guests::wild_jump().unwrap();
    let script = [
        CONT,
        Output("into the void\n"),
        Event("STOP"),
        STATUS,
        CONT,
        STATUS,
        STOP,
        STATUS,
        code(&guest),
        RESET,
        Event("RESET"),
        STATUS,
    ];
    play_beside(Board::MicrovmUnderKvm, &guest, &[], &script);
}
