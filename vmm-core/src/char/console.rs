//! The terminal that the process was started on, raw for as long as a character device uses it.

use std::sync::Mutex;

use rustix::stdio::stdin;
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios,
    tcgetattr, tcsetattr,
};

use crate::sync::lock;

/// How the terminal was.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Takes keys one by one, without an echo; whether Ctrl-C still ends the process is to be said. Nothing happens
/// if standard input is no terminal.
pub(super) fn make_raw(signals: bool) {
    let Ok(mut modes) = tcgetattr(stdin()) else {
        return;
    };
    lock(&BEFORE).get_or_insert_with(|| modes.clone());
    modes.input_modes &= !(InputModes::IGNBRK
        | InputModes::BRKINT
        | InputModes::PARMRK
        | InputModes::ISTRIP
        | InputModes::INLCR
        | InputModes::IGNCR
        | InputModes::ICRNL
        | InputModes::IXON);
    modes.output_modes |= OutputModes::OPOST;
    modes.local_modes &=
        !(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::IEXTEN);
    modes.local_modes.set(LocalModes::ISIG, signals);
    modes.control_modes &= !(ControlModes::CSIZE | ControlModes::PARENB);
    modes.control_modes |= ControlModes::CS8;
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    let _ = tcsetattr(stdin(), OptionalActions::Now, &modes); // then it stays as it is
}

/// Makes the terminal what it was.
pub(crate) fn restore() {
    if let Some(modes) = lock(&BEFORE).take() {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &modes); // it may have gone
    }
}
