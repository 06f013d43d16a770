//! The options, declared once.

use std::fmt::Write;

/// The kind of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// Text.
    String,
    /// `on` or `off`.
    Boolean,
    /// A number.
    Number,
    /// A number of bytes with an optional suffix.
    Size,
}

/// A parameter of an option, as `query-command-line-options` tells of it.
#[derive(Debug, Clone, Copy)]
pub struct ParamSpec {
    /// Its key.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: ParamKind,
    /// What it is, if the name does not say it.
    pub help: Option<&'static str>,
}

/// An option.
#[derive(Debug)]
pub struct OptionSpec {
    /// Its name, without dashes.
    pub name: &'static str,
    /// Another name for it.
    pub alias: Option<&'static str>,
    /// What its argument looks like, if it has one.
    pub argument: Option<&'static str>,
    /// What it does, in one line.
    pub help: &'static str,
    /// The name under which QMP tells of its parameters; QEMU has names of its own for some.
    pub group: Option<&'static str>,
    /// Its parameters.
    pub params: &'static [ParamSpec],
}

const fn param(name: &'static str, kind: ParamKind) -> ParamSpec {
    ParamSpec {
        name,
        kind,
        help: None,
    }
}

const fn flag(name: &'static str, help: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        alias: None,
        argument: None,
        help,
        group: None,
        params: &[],
    }
}

const fn option(name: &'static str, argument: &'static str, help: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        alias: None,
        argument: Some(argument),
        help,
        group: None,
        params: &[],
    }
}

impl OptionSpec {
    const fn or(self, alias: &'static str) -> Self {
        OptionSpec {
            alias: Some(alias),
            ..self
        }
    }

    const fn group(self, group: &'static str, params: &'static [ParamSpec]) -> Self {
        OptionSpec {
            group: Some(group),
            params,
            ..self
        }
    }
}

use ParamKind::{Boolean, Number, Size, String as Text};

/// All options, in the order of `--help`.
pub const OPTIONS: &[OptionSpec] = &[
    flag("help", "print this help and exit").or("h"),
    flag("version", "print the version and exit"),
    option("machine", "TYPE", "the board: q-min (default) or none")
        .or("M")
        .group(
            "machine",
            &[
                param("type", Text),
                param("accel", Text),
                param("memory-backend", Text),
            ],
        ),
    option(
        "accel",
        "kvm|none",
        "what runs guest code; 'none' runs no guest code, all else works",
    )
    .group("accel", &[]),
    flag("enable-kvm", "the same as -machine accel=kvm"),
    option(
        "cpu",
        "MODEL[,+FEATURE][,-FEATURE]",
        "what CPUID tells the guest: host (default), max, base, qemu64, kvm64, qemu32",
    ),
    option(
        "smp",
        "N[,maxcpus=N][,sockets=N,…]",
        "CPUs at power-on, and how many there can be in sockets, dies, cores, threads",
    )
    .group(
        "smp-opts",
        &[
            param("cpus", Number),
            param("drawers", Number),
            param("books", Number),
            param("sockets", Number),
            param("dies", Number),
            param("clusters", Number),
            param("modules", Number),
            param("cores", Number),
            param("threads", Number),
            param("maxcpus", Number),
        ],
    ),
    option("m", "SIZE", "memory, in MiB or with a suffix: 128, 64M, 2G").group(
        "memory",
        &[
            param("size", Size),
            param("slots", Number),
            param("maxmem", Size),
        ],
    ),
    option(
        "mem-path",
        "PATH",
        "keep memory in this file, or in a file without a name in this directory",
    ),
    flag("mem-prealloc", "have the host provide all memory at once"),
    option(
        "kernel",
        "FILE",
        "a Linux vmlinux or bzImage, an ELF image with a PVH entry, or a flat binary for 1 MiB",
    ),
    option("append", "STRING", "the kernel's command line"),
    option("initrd", "FILE", "the initial RAM disk"),
    option(
        "serial",
        "DEVICE",
        "the next serial port: stdio, null, none, pty, file:, pipe:, unix:, tcp:, telnet:, udp: or chardev:ID; mon: in front adds a monitor",
    ),
    option(
        "chardev",
        "BACKEND,id=ID",
        "a character device: null, stdio, file, pipe, pty, ringbuf, socket, udp, mux or hub; mux=on for several users",
    )
    .group(
        "chardev",
        &[
            param("backend", Text),
            param("path", Text),
            param("host", Text),
            param("port", Text),
            param("fd", Text),
            param("server", Boolean),
            param("wait", Boolean),
            param("size", Size),
            param("append", Boolean),
            param("input-path", Text),
            param("abstract", Boolean),
            param("tight", Boolean),
            param("to", Number),
            param("ipv4", Boolean),
            param("ipv6", Boolean),
            param("reconnect-ms", Number),
            param("mode", Text),
            param("tls-creds", Text),
            param("localaddr", Text),
            param("localport", Text),
            param("nodelay", Boolean),
            param("telnet", Boolean),
            param("logfile", Text),
            param("logappend", Boolean),
        ],
    ),
    option(
        "object",
        "TYPE,id=ID[,PROPERTY=VALUE]",
        "an object: iothread, secret, … or tls-creds-x509 (dir=DIR,endpoint=server) for a socket",
    )
    .group("object", &[]),
    option(
        "qmp",
        "ADDRESS",
        "a QMP monitor: unix:PATH, tcp:HOST:PORT, vsock:CID:PORT or stdio, with ,server=on,wait=off",
    ),
    option("qmp-pretty", "ADDRESS", "the same, with indented output"),
    option(
        "mon",
        "chardev=ID[,mode=readline|control]",
        "a human monitor on a character device, or with mode=control a QMP monitor",
    )
    .group(
        "mon",
        &[
            param("mode", Text),
            param("chardev", Text),
            param("pretty", Boolean),
        ],
    ),
    option(
        "monitor",
        "DEVICE",
        "a human monitor: stdio, none, pty, unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT or chardev:ID",
    ),
    option(
        "echr",
        "NUMBER",
        "the character that makes the next key a multiplexer's, if it is not to be Ctrl-A (1)",
    ),
    flag("S", "start with the guest paused; 'cont' lets it go"),
    flag(
        "preconfig",
        "wait for 'x-exit-preconfig' before the machine is made ready",
    ),
    flag("no-reboot", "the same as -action reboot=shutdown"),
    flag("no-shutdown", "the same as -action shutdown=pause"),
    option(
        "action",
        "EVENT=ACTION",
        "reboot=reset|shutdown, shutdown=poweroff|pause, panic=…, watchdog=…",
    )
    .group(
        "action",
        &[
            param("shutdown", Text),
            param("reboot", Text),
            param("panic", Text),
            param("watchdog", Text),
        ],
    ),
    option(
        "watchdog-action",
        "ACTION",
        "the same as -action watchdog=ACTION",
    ),
    option(
        "device",
        "TYPE[,id=ID][,PROPERTY=VALUE]",
        "a device beside those of the board: isa-vga, ib700, pvpanic, …",
    )
    .group("device", &[]),
    option(
        "blockdev",
        "DRIVER,node-name=NAME[,PARAMETER=VALUE]",
        "a disk image: file or host_device (filename=FILE), raw (file=NAME) above another, or null-co (size=N)",
    ),
    option(
        "drive",
        "if=none,id=ID,file=FILE,format=raw",
        "a disk image for a device; readonly=, cache=writeback|writethrough|none|directsync|unsafe, discard=, detect-zeroes=",
    )
    .group(
        "drive",
        &[
            param("if", Text),
            param("id", Text),
            param("file", Text),
            param("format", Text),
            param("read-only", Boolean),
            param("cache", Text),
            param("cache.writeback", Boolean),
            param("cache.direct", Boolean),
            param("cache.no-flush", Boolean),
            param("aio", Text),
            param("discard", Text),
            param("detect-zeroes", Text),
        ],
    ),
    option(
        "rtc",
        "base=utc|localtime|DATE",
        "the guest's clock: its time at first, clock=host|rt|vm, driftfix=none|slew",
    )
    .group(
        "rtc",
        &[
            param("base", Text),
            param("clock", Text),
            param("driftfix", Text),
        ],
    ),
    option("name", "NAME", "the guest's name").group(
        "name",
        &[
            param("guest", Text),
            param("process", Text),
            param("debug-threads", Boolean),
        ],
    ),
    option("uuid", "UUID", "the guest's UUID"),
    option(
        "sandbox",
        "on|off",
        "system calls that are given up: all that can be (default); obsolete=allow, spawn=allow, …",
    )
    .group(
        "sandbox",
        &[
            param("enable", Boolean),
            param("obsolete", Text),
            param("elevateprivileges", Text),
            param("spawn", Text),
            param("resourcecontrol", Text),
        ],
    ),
    option(
        "global",
        "DRIVER.PROPERTY=VALUE",
        "what all devices of a type are to have unless -device says otherwise",
    )
    .group(
        "global",
        &[
            param("driver", Text),
            param("property", Text),
            param("value", Text),
        ],
    ),
    option(
        "set",
        "GROUP.ID.PARAMETER=VALUE",
        "another parameter for an option in front: device, chardev, drive, mon",
    ),
    option(
        "readconfig",
        "FILE",
        "options out of a file: [device \"ID\"], then PARAMETER = \"VALUE\" in lines of their own",
    ),
    option(
        "audiodev",
        "none,id=ID",
        "where sound goes to; there is silence alone",
    ),
    option(
        "boot",
        "[order=DEVICES][,menu=on][,strict=on]",
        "accepted for QEMU's sake: nothing but the kernel is started",
    )
    .group(
        "boot-opts",
        &[
            param("order", Text),
            param("once", Text),
            param("menu", Boolean),
            param("splash", Text),
            param("splash-time", Number),
            param("reboot-timeout", Number),
            param("strict", Boolean),
        ],
    ),
    option(
        "overcommit",
        "mem-lock=off|on|on-fault",
        "keep the process in the host's memory",
    )
    .group(
        "overcommit",
        &[param("mem-lock", Text), param("cpu-pm", Boolean)],
    ),
    option(
        "msg",
        "timestamp=on",
        "put the time, or with guest-name=on the guest's name, in front of messages",
    )
    .group(
        "msg",
        &[param("timestamp", Boolean), param("guest-name", Boolean)],
    ),
    option(
        "trace",
        "[enable=]PATTERN[,events=FILE][,file=FILE]",
        "switch trace events on: their names, or 'help' for a list; by a file with a name in each line, too",
    )
    .group(
        "trace",
        &[
            param("file", Text),
            param("events", Text),
            param("enable", Text),
        ],
    ),
    option(
        "d",
        "ITEM[,ITEM]...",
        "switch on what is written: trace:PATTERN for trace events, or 'help' for a list",
    ),
    option(
        "D",
        "FILE",
        "where trace events are written to, in place of standard error",
    ),
    option(
        "add-fd",
        "fd=N,set=N[,opaque=TEXT]",
        "add a descriptor that came with the process to a set, for /dev/fdset/N",
    )
    .group(
        "add-fd",
        &[
            param("fd", Number),
            param("set", Number),
            param("opaque", Text),
        ],
    ),
    flag(
        "daemonize",
        "go on in the background; the command ends as soon as the machine is ready",
    ),
    option("pidfile", "FILE", "write the process id to a file"),
    option(
        "compat",
        "POLICY",
        "deprecated-input=accept|reject|crash, deprecated-output=accept|hide, unstable-…",
    ),
    option(
        "display",
        "none",
        "accepted for QEMU's sake: there is no display",
    ),
    option("vga", "none", "the same"),
    option("vnc", "none", "the same"),
    option(
        "net",
        "none",
        "accepted for QEMU's sake: there is no network",
    ),
    option("nic", "none", "the same"),
    option(
        "parallel",
        "none",
        "accepted for QEMU's sake: there are no parallel ports",
    ),
    option(
        "gdb",
        "none",
        "accepted for QEMU's sake: debuggers cannot connect",
    ),
    flag(
        "nographic",
        "the first serial port and a human monitor are on the terminal, unless -serial and -monitor say otherwise",
    ),
    flag(
        "nodefaults",
        "no serial port and no monitor for -nographic; there are no other default devices",
    ),
    flag("no-hpet", "accepted for QEMU's sake: there is no such timer"),
    flag(
        "no-user-config",
        "accepted for QEMU's sake: there are no configuration files",
    ),
];

/// The option with this name.
pub(super) fn find(name: &str) -> Option<&'static OptionSpec> {
    OPTIONS
        .iter()
        .find(|spec| spec.name == name || spec.alias == Some(name))
}

/// The option whose parameters QMP tells of under this name.
pub(super) fn group(name: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|spec| spec.group == Some(name))
}

/// An option whose name is almost this one.
pub(super) fn closest(name: &str) -> Option<&'static str> {
    let names = OPTIONS
        .iter()
        .map(|spec| spec.name)
        .filter(|known| known.len() > 2);
    names
        .map(|known| (distance(name, known), known))
        .filter(|&(distance, _)| distance <= 2)
        .min()
        .map(|(_, known)| known)
}

/// How many letters to change, add or leave out.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, ch) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &other) in right.iter().enumerate() {
            let change = diagonal + usize::from(ch != other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

/// The text of `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "vmm: a small virtual machine monitor over KVM that speaks QMP\n\n\
         usage: vmm [options]\n\n\
         Options are QEMU's; one dash or two.\n\n",
    );
    for spec in OPTIONS {
        let mut left = format!("-{}", spec.name);
        if let Some(alias) = spec.alias {
            left = format!("-{alias}, {left}");
        }
        if let Some(argument) = spec.argument {
            left = format!("{left} {argument}");
        }
        // Writing to a string does not fail.
        let _ = if left.len() <= 28 {
            writeln!(text, "  {left:<28}  {}", spec.help)
        } else {
            writeln!(text, "  {left}\n  {:<28}  {}", "", spec.help)
        };
    }
    text.push_str(
        "\nExit codes: 0 the machine was shut down; 1 it could not start, the command line\n\
         is wrong, or the guest panicked with -action panic=exit-failure.\n\n\
         Example: vmm -kernel guest.elf -m 128 -serial stdio -qmp unix:/tmp/qmp,server=on,wait=off\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn option_names_are_unique() {
        let mut names: Vec<_> = OPTIONS
            .iter()
            .flat_map(|spec| [Some(spec.name), spec.alias])
            .flatten()
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn slip_of_the_pen_is_recognised() {
        assert_eq!(closest("kernle"), Some("kernel"));
        assert_eq!(closest("frobnicate"), None);
    }
}
