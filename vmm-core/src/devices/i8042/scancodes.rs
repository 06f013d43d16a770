//! Scan codes: what a keyboard sends when a key goes down or up.

use super::keyboard::Modifiers;
use crate::devices::Key;

const PREFIX: u8 = 0xe0;
/// Set 1: the key goes up.
const RELEASED: u8 = 0x80;
/// Set 2: the key of the next code goes up.
const RELEASE: u8 = 0xf0;

/// Codes in set 2 by those in set 1.
const SET_2: [u8; 128] = [
    0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d,
    0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b,
    0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,
    0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03,
    0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, 0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69,
    0x72, 0x7a, 0x70, 0x71, 0x84, 0x00, 0x61, 0x78, 0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f,
    0x47, 0x4f, 0x56, 0x5e, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40, 0x48, 0x50, 0x57, 0x6f,
    0x13, 0x19, 0x39, 0x51, 0x53, 0x5c, 0x5f, 0x62, 0x63, 0x64, 0x65, 0x67, 0x68, 0x6a, 0x6d, 0x6e,
];

/// Pause and Print share their keys with Break and System Request.
fn special(
    key: Key,
    down: bool,
    modifiers: Modifiers,
    codes: &SpecialCodes,
) -> Option<&'static [u8]> {
    let pick = |[pressed, released]: [&'static [u8]; 2]| if down { pressed } else { released };
    let held = |[left, right]: [bool; 2]| left || right;
    let [left_alt, right_alt] = modifiers.alt;
    Some(match key {
        Key::PAUSE if held(modifiers.ctrl) => pick([codes.interrupt, &[]]),
        Key::PAUSE => pick([codes.pause, &[]]),
        Key::PRINT | Key::SYS_RQ if left_alt => pick(codes.left_alt_print),
        Key::PRINT | Key::SYS_RQ if right_alt => pick(codes.right_alt_print),
        Key::PRINT | Key::SYS_RQ if held(modifiers.shift) || held(modifiers.ctrl) => {
            pick(codes.shift_print)
        }
        Key::PRINT | Key::SYS_RQ => pick(codes.print),
        _ => return None,
    })
}

/// Pressed and released, where a release is heard at all.
struct SpecialCodes {
    pause: &'static [u8],
    interrupt: &'static [u8],
    print: [&'static [u8]; 2],
    shift_print: [&'static [u8]; 2],
    left_alt_print: [&'static [u8]; 2],
    right_alt_print: [&'static [u8]; 2],
}

const SPECIAL_1: SpecialCodes = SpecialCodes {
    pause: &[0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5],
    interrupt: &[0xe0, 0x46, 0xe0, 0xc6],
    print: [&[0xe0, 0x2a, 0xe0, 0x37], &[0xe0, 0xb7, 0xe0, 0xaa]],
    shift_print: [&[0xe0, 0x37], &[0xe0, 0xb7]],
    left_alt_print: [&[0xb8, 0x38, 0x54], &[0xd4, 0xb8, 0x38]],
    right_alt_print: [
        &[0xe0, 0xb8, 0xe0, 0x38, 0x54],
        &[0xd4, 0xe0, 0xb8, 0xe0, 0x38],
    ],
};

const SPECIAL_2: SpecialCodes = SpecialCodes {
    pause: &[0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77],
    interrupt: &[0xe0, 0x7e, 0xe0, 0xf0, 0x7e],
    print: [
        &[0xe0, 0x12, 0xe0, 0x7c],
        &[0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12],
    ],
    shift_print: [&[0xe0, 0x7c], &[0xe0, 0xf0, 0x7c]],
    left_alt_print: [&[0xf0, 0x11, 0x11, 0x84], &[0xf0, 0x84, 0xf0, 0x11, 0x11]],
    right_alt_print: [
        &[0xe0, 0xf0, 0x11, 0xe0, 0x11, 0x84],
        &[0xf0, 0x84, 0xe0, 0xf0, 0x11, 0xe0, 0x11],
    ],
};

/// The codes of set 1.
pub(super) fn set_1(key: Key, down: bool, modifiers: Modifiers) -> Vec<u8> {
    if let Some(codes) = special(key, down, modifiers, &SPECIAL_1) {
        return codes.to_vec();
    }
    let (code, prefixed) = key.code();
    let code = if down { code } else { code | RELEASED };
    prefixed
        .then_some(PREFIX)
        .into_iter()
        .chain([code])
        .collect()
}

/// The codes of set 2; none for keys that it lacks.
pub(super) fn set_2(key: Key, down: bool, modifiers: Modifiers) -> Vec<u8> {
    if let Some(codes) = special(key, down, modifiers, &SPECIAL_2) {
        return codes.to_vec();
    }
    if !key.in_set_2() {
        return Vec::new();
    }
    let (code, prefixed) = key.code();
    let release = (!down).then_some(RELEASE);
    let code = SET_2[usize::from(code)];
    let prefix = prefixed.then_some(PREFIX).into_iter();
    prefix.chain(release).chain([code]).collect()
}

/// What the controller makes of codes of set 2.
pub(super) fn translate(codes: &[u8]) -> Vec<u8> {
    let mut translated = Vec::new();
    let mut released = 0;
    for &code in codes {
        if code == RELEASE {
            released = RELEASED;
            continue;
        }
        let known = SET_2.iter().position(|&known| known == code && code != 0);
        let plain = known.and_then(|at| u8::try_from(at).ok()).unwrap_or(code);
        translated.push(plain | released);
        released = 0;
    }
    translated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Key {
        Key::named(name).unwrap()
    }

    #[test]
    fn translated_codes_are_those_of_set_1() {
        for (name, key) in Key::all().filter(|(_, key)| key.in_set_2()) {
            for down in [true, false] {
                let none = Modifiers::default();
                let codes = translate(&set_2(key, down, none));
                assert_eq!(codes, set_1(key, down, none), "{name} {down}");
            }
        }
    }

    #[test]
    fn codes_are_those_of_a_keyboard() {
        let none = Modifiers::default();
        for (name, one, two) in [
            ("a", &[0x1e][..], &[0x1c][..]),
            ("up", &[0xe0, 0x48], &[0xe0, 0x75]),
            ("f7", &[0x41], &[0x83]),
            ("kp_enter", &[0xe0, 0x1c], &[0xe0, 0x5a]),
            ("menu", &[0xe0, 0x1e], &[]),
        ] {
            assert_eq!(set_1(named(name), true, none), one, "{name}");
            assert_eq!(set_2(named(name), true, none), two, "{name}");
        }
        assert_eq!(set_1(named("up"), false, none), [0xe0, 0xc8]);
        assert_eq!(set_2(named("up"), false, none), [0xe0, 0xf0, 0x75]);
    }

    #[test]
    fn print_and_pause_depend_on_modifiers() {
        let alt = Modifiers {
            alt: [true, false],
            ..Modifiers::default()
        };
        let ctrl = Modifiers {
            ctrl: [false, true],
            ..Modifiers::default()
        };
        assert_eq!(set_2(named("print"), true, alt), [0xf0, 0x11, 0x11, 0x84]);
        assert_eq!(set_2(named("sysrq"), true, ctrl), [0xe0, 0x7c]);
        assert_eq!(set_1(named("pause"), true, ctrl), [0xe0, 0x46, 0xe0, 0xc6]);
        assert!(set_1(named("pause"), false, ctrl).is_empty());
    }
}
