//! A handler trait in the shape that the generator emits.
#![allow(dead_code)]

use qmp_runtime::{Command, CommandInfo, Context, Entry, QmpError, record};

pub struct Stop {}
record!(Stop, []);

impl Command for Stop {
    type Return = ();
    const INFO: CommandInfo = CommandInfo::new("stop");
}

pub struct Cont {}
record!(Cont, []);

impl Command for Cont {
    type Return = ();
    const INFO: CommandInfo = CommandInfo::new("cont");
}

pub trait ToyCommands: Sized + 'static {
    const COMMANDS: &'static [Entry<Self>];

    const STOP: Entry<Self> =
        Entry::new::<Stop>(|handler, cx, call| call.run(|args| Self::stop(handler, cx, args)));
    const CONT: Entry<Self> =
        Entry::new::<Cont>(|handler, cx, call| call.run(|args| Self::cont(handler, cx, args)));

    fn stop(&mut self, _: &mut Context<'_>, _: Stop) -> Result<(), QmpError> {
        Err(QmpError::command_not_found("stop"))
    }

    fn cont(&mut self, _: &mut Context<'_>, _: Cont) -> Result<(), QmpError> {
        Err(QmpError::command_not_found("cont"))
    }
}
