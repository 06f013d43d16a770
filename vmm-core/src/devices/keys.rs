//! Keys by name and by number, for a keyboard with the American layout.
//!
//! A key's number is its code in scan code set 1, with bit 7 set where the code
//! has the prefix 0xe0.

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u8);

impl Key {
    pub(super) const LEFT_SHIFT: Self = Self(0x2a);
    pub(super) const RIGHT_SHIFT: Self = Self(0x36);
    pub(super) const LEFT_CTRL: Self = Self(0x1d);
    pub(super) const RIGHT_CTRL: Self = Self(0x9d);
    pub(super) const LEFT_ALT: Self = Self(0x38);
    pub(super) const RIGHT_ALT: Self = Self(0xb8);
    pub(super) const PRINT: Self = Self(0xb7);
    pub(super) const SYS_RQ: Self = Self(0x54);
    pub(super) const PAUSE: Self = Self(0xc6);

    /// Every key with its name in QMP; some have two.
    pub fn all() -> impl Iterator<Item = (&'static str, Self)> {
        let keys = KEYS.iter().chain(SET_1_ONLY);
        keys.map(|&(name, number)| (name, Self(number)))
    }

    /// The key of this name; none for `unmapped` and unknown ones.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all()
            .find(|(known, _)| *known == name)
            .map(|(_, key)| key)
    }

    /// The key with this number, if there is one.
    #[must_use]
    pub fn numbered(number: i64) -> Option<Self> {
        let key = Self(u8::try_from(number).ok()?);
        Self::all().any(|(_, known)| known == key).then_some(key)
    }

    /// Its code in set 1 without prefix, and whether it has one.
    pub(super) fn code(self) -> (u8, bool) {
        (self.0 & 0x7f, self.0 & 0x80 != 0)
    }

    /// Whether keyboards that use set 2 have it.
    pub(super) fn in_set_2(self) -> bool {
        KEYS.iter().any(|&(_, number)| number == self.0)
    }
}

/// Keys of every keyboard.
const KEYS: &[(&str, u8)] = &[
    ("esc", 0x01),
    ("1", 0x02),
    ("2", 0x03),
    ("3", 0x04),
    ("4", 0x05),
    ("5", 0x06),
    ("6", 0x07),
    ("7", 0x08),
    ("8", 0x09),
    ("9", 0x0a),
    ("0", 0x0b),
    ("minus", 0x0c),
    ("equal", 0x0d),
    ("backspace", 0x0e),
    ("tab", 0x0f),
    ("q", 0x10),
    ("w", 0x11),
    ("e", 0x12),
    ("r", 0x13),
    ("t", 0x14),
    ("y", 0x15),
    ("u", 0x16),
    ("i", 0x17),
    ("o", 0x18),
    ("p", 0x19),
    ("bracket_left", 0x1a),
    ("bracket_right", 0x1b),
    ("ret", 0x1c),
    ("ctrl", 0x1d),
    ("a", 0x1e),
    ("s", 0x1f),
    ("d", 0x20),
    ("f", 0x21),
    ("g", 0x22),
    ("h", 0x23),
    ("j", 0x24),
    ("k", 0x25),
    ("l", 0x26),
    ("semicolon", 0x27),
    ("apostrophe", 0x28),
    ("grave_accent", 0x29),
    ("shift", 0x2a),
    ("backslash", 0x2b),
    ("z", 0x2c),
    ("x", 0x2d),
    ("c", 0x2e),
    ("v", 0x2f),
    ("b", 0x30),
    ("n", 0x31),
    ("m", 0x32),
    ("comma", 0x33),
    ("dot", 0x34),
    ("slash", 0x35),
    ("shift_r", 0x36),
    ("kp_multiply", 0x37),
    ("asterisk", 0x37),
    ("alt", 0x38),
    ("spc", 0x39),
    ("caps_lock", 0x3a),
    ("f1", 0x3b),
    ("f2", 0x3c),
    ("f3", 0x3d),
    ("f4", 0x3e),
    ("f5", 0x3f),
    ("f6", 0x40),
    ("f7", 0x41),
    ("f8", 0x42),
    ("f9", 0x43),
    ("f10", 0x44),
    ("num_lock", 0x45),
    ("scroll_lock", 0x46),
    ("kp_7", 0x47),
    ("kp_8", 0x48),
    ("kp_9", 0x49),
    ("kp_subtract", 0x4a),
    ("kp_4", 0x4b),
    ("kp_5", 0x4c),
    ("kp_6", 0x4d),
    ("kp_add", 0x4e),
    ("kp_1", 0x4f),
    ("kp_2", 0x50),
    ("kp_3", 0x51),
    ("kp_0", 0x52),
    ("kp_decimal", 0x53),
    ("sysrq", 0x54),
    ("less", 0x56),
    ("f11", 0x57),
    ("f12", 0x58),
    ("kp_equals", 0x59),
    ("f13", 0x5d),
    ("f14", 0x5e),
    ("f15", 0x5f),
    ("katakanahiragana", 0x70),
    ("ro", 0x73),
    ("hiragana", 0x77),
    ("henkan", 0x79),
    ("muhenkan", 0x7b),
    ("yen", 0x7d),
    ("kp_comma", 0x7e),
    ("audioprev", 0x90),
    ("audionext", 0x99),
    ("kp_enter", 0x9c),
    ("ctrl_r", 0x9d),
    ("audiomute", 0xa0),
    ("calculator", 0xa1),
    ("audioplay", 0xa2),
    ("audiostop", 0xa4),
    ("volumedown", 0xae),
    ("volumeup", 0xb0),
    ("ac_home", 0xb2),
    ("kp_divide", 0xb5),
    ("print", 0xb7),
    ("alt_r", 0xb8),
    ("pause", 0xc6),
    ("home", 0xc7),
    ("up", 0xc8),
    ("pgup", 0xc9),
    ("left", 0xcb),
    ("right", 0xcd),
    ("end", 0xcf),
    ("down", 0xd0),
    ("pgdn", 0xd1),
    ("insert", 0xd2),
    ("delete", 0xd3),
    ("meta_l", 0xdb),
    ("meta_r", 0xdc),
    ("compose", 0xdd),
    ("power", 0xde),
    ("sleep", 0xdf),
    ("wake", 0xe3),
    ("ac_bookmarks", 0xe6),
    ("ac_refresh", 0xe7),
    ("stop", 0xe8),
    ("ac_forward", 0xe9),
    ("ac_back", 0xea),
    ("computer", 0xeb),
    ("mail", 0xec),
    ("mediaselect", 0xed),
];

/// Keys of few keyboards, which have no code in set 2.
const SET_1_ONLY: &[(&str, u8)] = &[
    ("f16", 0x55),
    ("f20", 0x5a),
    ("lf", 0x5b),
    ("open", 0x64),
    ("paste", 0x65),
    ("f23", 0x6d),
    ("f24", 0x6f),
    ("lang2", 0x71),
    ("lang1", 0x72),
    ("f21", 0x74),
    ("f17", 0x83),
    ("f19", 0x84),
    ("again", 0x85),
    ("props", 0x86),
    ("undo", 0x87),
    ("front", 0x8c),
    ("menu", 0x9e),
    ("cut", 0xbc),
    ("find", 0xc1),
    ("help", 0xf5),
    ("f18", 0xf7),
    ("copy", 0xf8),
    ("f22", 0xf9),
];
