//! Programs for the kernel's filters, which find a system call by halving.
//!
//! What becomes of a call that depends on its arguments is worked out anew each time, by all filters of the thread, and
//! every exit from a guest ends in such a call. The kernel also runs a new filter once for each call that there is. So a
//! program must not compare with one call after the other, as `seccompiler` would have it.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{BpfProgram, sock_filter};

/// What the kernel does about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Allow,
    /// Answers with this error.
    Refuse(i32),
    /// Ends the process.
    Kill,
}

/// Whether the bits `mask` of an argument are `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) argument: u32,
    pub(super) mask: u32,
    pub(super) value: u32,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Always(Action),
    If {
        bits: Bits,
        then: Action,
        otherwise: Action,
    },
}

/// What becomes of each call.
pub(super) type Verdicts = BTreeMap<c_long, Verdict>;

/// `AUDIT_ARCH_X86_64`: calls of 64-bit programs.
const ARCHITECTURE: u32 = 0xC000_003E;
/// Numbers from here on are those of an architecture that looks like the one above and is none of ours (x32).
const FOREIGN: u32 = 0x4000_0000;

/// Where the kernel has a call's number, architecture and arguments, in bytes.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;
const ARGUMENT_SIZE: u32 = 8;

/// The program for `verdicts`, and `otherwise` for calls that are not among them.
pub(super) fn program(verdicts: &Verdicts, otherwise: Action) -> BpfProgram {
    let mut program = vec![
        load(ARCH),
        jump(libc::BPF_JEQ, ARCHITECTURE, 1, 0),
        give(Action::Kill),
        load(NUMBER),
    ];
    program.extend(search(&runs(verdicts, otherwise)));
    program
}

/// Where what becomes of calls changes: a call, and the verdict from there to the next one.
fn runs(verdicts: &Verdicts, otherwise: Action) -> Vec<(u32, Verdict)> {
    let mut runs = vec![(0, Verdict::Always(otherwise))];
    let mut change = |at: u32, verdict| match runs.last_mut() {
        Some(last) if last.0 == at => last.1 = verdict,
        Some(last) if last.1 == verdict => {}
        _ => runs.push((at, verdict)),
    };
    let numbers = verdicts.iter();
    let numbers = numbers.filter_map(|(call, verdict)| Some((u32::try_from(*call).ok()?, verdict)));
    for (call, verdict) in numbers.filter(|(call, _)| *call < FOREIGN) {
        change(call, *verdict);
        change(call + 1, Verdict::Always(otherwise));
    }
    change(FOREIGN, Verdict::Always(Action::Kill));
    runs
}

/// Instructions that end with the verdict of the run that the number is in.
fn search(runs: &[(u32, Verdict)]) -> BpfProgram {
    let (lower, upper) = runs.split_at(runs.len() / 2);
    let Some((middle, verdict)) = upper.first() else {
        return BpfProgram::new(); // there is always one
    };
    if lower.is_empty() {
        return judge(verdict);
    }
    let lower = search(lower);
    let mut program = match u8::try_from(lower.len()) {
        Ok(length) => vec![jump(libc::BPF_JGE, *middle, length, 0)],
        Err(_) => vec![jump(libc::BPF_JGE, *middle, 0, 1), skip(lower.len())],
    };
    program.extend(lower);
    program.extend(search(upper));
    program
}

fn judge(verdict: &Verdict) -> BpfProgram {
    match *verdict {
        Verdict::Always(action) => vec![give(action)],
        Verdict::If {
            bits,
            then,
            otherwise,
        } => vec![
            load(ARGUMENTS + ARGUMENT_SIZE * bits.argument), // the lower half comes first
            plain(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, bits.mask),
            jump(libc::BPF_JEQ, bits.value, 0, 1),
            give(then),
            give(otherwise),
        ],
    }
}

fn load(offset: u32) -> sock_filter {
    plain(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn give(action: Action) -> sock_filter {
    let value = match action {
        Action::Allow => libc::SECCOMP_RET_ALLOW,
        Action::Refuse(error) => {
            libc::SECCOMP_RET_ERRNO | (error.unsigned_abs() & libc::SECCOMP_RET_DATA)
        }
        Action::Kill => libc::SECCOMP_RET_KILL_PROCESS,
    };
    plain(libc::BPF_RET | libc::BPF_K, value)
}

fn skip(instructions: usize) -> sock_filter {
    let count = u32::try_from(instructions).unwrap_or(u32::MAX); // the kernel refuses programs of that size
    plain(libc::BPF_JMP | libc::BPF_JA, count)
}

fn plain(code: u32, k: u32) -> sock_filter {
    sock_filter {
        code: code as u16, // all codes are small
        jt: 0,
        jf: 0,
        k,
    }
}

fn jump(condition: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    let code = libc::BPF_JMP | condition | libc::BPF_K;
    sock_filter {
        jt,
        jf,
        ..plain(code, k)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the kernel would do, and how many instructions it would take.
    fn execute(program: &[sock_filter], data: &[u8; 64]) -> (u32, usize) {
        let (mut at, mut value) = (0, 0u32);
        for steps in 1.. {
            let instruction = &program[at];
            let code = u32::from(instruction.code);
            at += 1;
            let branch = |taken: bool| match taken {
                true => usize::from(instruction.jt),
                false => usize::from(instruction.jf),
            };
            match code & 7 {
                libc::BPF_LD => {
                    let bytes = &data[instruction.k as usize..][..4];
                    value = u32::from_le_bytes(bytes.try_into().unwrap());
                }
                libc::BPF_ALU => value &= instruction.k,
                libc::BPF_RET => return (instruction.k, steps),
                _ => {
                    at += match code & 0xf0 {
                        libc::BPF_JA => instruction.k as usize,
                        libc::BPF_JEQ => branch(value == instruction.k),
                        libc::BPF_JGE => branch(value >= instruction.k),
                        other => panic!("{other:#x}"),
                    }
                }
            }
        }
        unreachable!()
    }

    fn call(arch: u32, number: u32, arguments: [u64; 6]) -> [u8; 64] {
        let mut data = [0; 64];
        data[..4].copy_from_slice(&number.to_le_bytes());
        data[4..8].copy_from_slice(&arch.to_le_bytes());
        for (bytes, argument) in data[16..].chunks_mut(8).zip(arguments) {
            bytes.copy_from_slice(&argument.to_le_bytes());
        }
        data
    }

    fn expected(
        verdicts: &Verdicts,
        otherwise: Action,
        number: u32,
        arguments: [u64; 6],
    ) -> Action {
        if number >= FOREIGN {
            return Action::Kill;
        }
        match verdicts.get(&c_long::from(number)) {
            None => otherwise,
            Some(Verdict::Always(action)) => *action,
            Some(Verdict::If {
                bits,
                then,
                otherwise,
            }) => {
                let set = arguments[bits.argument as usize] as u32 & bits.mask;
                if set == bits.value { *then } else { *otherwise }
            }
        }
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            Just(Action::Allow),
            Just(Action::Kill),
            (1..100).prop_map(Action::Refuse)
        ]
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        let bits = (0u32..6, 0u32..8, 0u32..8);
        let bits = bits.prop_map(|(argument, mask, value)| Bits {
            argument,
            mask,
            value,
        });
        prop_oneof![
            3 => action().prop_map(Verdict::Always),
            1 => (bits, action(), action()).prop_map(|(bits, then, otherwise)| Verdict::If {
                bits,
                then,
                otherwise
            }),
        ]
    }

    proptest! {
        #[test]
        fn every_call_gets_its_verdict(
            verdicts in proptest::collection::btree_map(0 as c_long..600, verdict(), 0..400),
            otherwise in action(),
            arguments in any::<[u64; 6]>(),
        ) {
            let program = program(&verdicts, otherwise);
            for number in (0..610).chain([FOREIGN - 1, FOREIGN, FOREIGN + 1, u32::MAX]) {
                let (given, steps) = execute(&program, &call(ARCHITECTURE, number, arguments));
                let action = expected(&verdicts, otherwise, number, arguments);
                prop_assert_eq!(given, give(action).k, "call {}", number);
                prop_assert!(steps < 32, "{steps} for call {number}");
                let (given, _) = execute(&program, &call(0x4000_0003, number, arguments));
                prop_assert_eq!(given, libc::SECCOMP_RET_KILL_PROCESS);
            }
        }
    }
}
