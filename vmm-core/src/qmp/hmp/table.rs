//! All commands but `info`'s.

use super::{HumanCommand, Stop, actions, help, memory, mouse, objects, ports};

pub(super) const COMMANDS: &[HumanCommand] = &[
    HumanCommand {
        name: "balloon",
        arguments: "target",
        help: "ask the guest to get along with so many MiB",
        run: actions::balloon,
    },
    HumanCommand {
        name: "block_resize",
        arguments: "device size",
        help: "give a disk another size, in MiB unless it says otherwise",
        run: actions::block_resize,
    },
    HumanCommand {
        name: "calc_dirty_rate",
        arguments: "[-r] [-b] second [sample_pages_per_GB]",
        help: "measure how fast the guest writes to memory (-b: by a bitmap, -r: by rings)",
        run: actions::calc_dirty_rate,
    },
    HumanCommand {
        name: "chardev-add",
        arguments: "args",
        help: "make a character device",
        run: objects::chardev_add,
    },
    HumanCommand {
        name: "chardev-change",
        arguments: "id args",
        help: "give a character device another back end",
        run: objects::chardev_change,
    },
    HumanCommand {
        name: "chardev-remove",
        arguments: "id",
        help: "remove a character device",
        run: objects::chardev_remove,
    },
    HumanCommand {
        name: "chardev-send-break",
        arguments: "id",
        help: "send a break over a character device",
        run: objects::chardev_send_break,
    },
    HumanCommand {
        name: "closefd",
        arguments: "name",
        help: "close a descriptor that was passed",
        run: actions::closefd,
    },
    HumanCommand {
        name: "cont|c",
        arguments: "",
        help: "let the guest go on",
        run: actions::cont,
    },
    HumanCommand {
        name: "cpu",
        arguments: "index",
        help: "check that there is such a CPU; registers are those of the one that the request names",
        run: actions::cpu,
    },
    HumanCommand {
        name: "device_add",
        arguments: "driver[,prop=value][,...]",
        help: "plug a device in",
        run: objects::device_add,
    },
    HumanCommand {
        name: "device_del",
        arguments: "device",
        help: "unplug a device",
        run: objects::device_del,
    },
    HumanCommand {
        name: "dump-guest-memory",
        arguments: "[-p] [-d] filename [begin length]",
        help: "write the guest's memory to a file (-p: with its page tables, -d: in the background)",
        run: actions::dump_guest_memory,
    },
    HumanCommand {
        name: "exit_preconfig",
        arguments: "",
        help: "have the machine made, after --preconfig",
        run: actions::x_exit_preconfig,
    },
    HumanCommand {
        name: "getfd",
        arguments: "name",
        help: "keep the descriptor that comes along under a name",
        run: actions::getfd,
    },
    HumanCommand {
        name: "gva2gpa",
        arguments: "addr",
        help: "the physical address behind a virtual one of the CPU",
        run: memory::place,
    },
    HumanCommand {
        name: "help|?",
        arguments: "[cmd]",
        help: "what commands there are",
        run: |_, mut line| {
            // What is behind that does not matter.
            let (of, about) = (line.word()?, line.word()?);
            Ok(help(of.as_deref(), about.as_deref()))
        },
    },
    HumanCommand {
        name: "i",
        arguments: "/fmt addr[.index]",
        help: "read an I/O port (behind writing the index to the one before)",
        run: ports::read,
    },
    HumanCommand {
        name: "info",
        arguments: "[subcommand]",
        help: "show what there is",
        run: |_, line| {
            line.end()?;
            Ok(help(Some("info"), None))
        },
    },
    HumanCommand {
        name: "memsave",
        arguments: "addr size file",
        help: "save virtual memory to a file",
        run: actions::memsave,
    },
    HumanCommand {
        name: "migrate_cancel",
        arguments: "",
        help: "give a migration up",
        run: actions::migrate_cancel,
    },
    HumanCommand {
        name: "mouse_button",
        arguments: "state",
        help: "hold buttons of the mouse down (1 left, 2 right, 4 middle) and release the others",
        run: mouse::button,
    },
    HumanCommand {
        name: "mouse_move",
        arguments: "dx dy [dz]",
        help: "move the mouse, or its wheel",
        run: mouse::moves,
    },
    HumanCommand {
        name: "mouse_set",
        arguments: "index",
        help: "have this mouse get what is sent",
        run: mouse::set,
    },
    HumanCommand {
        name: "nmi",
        arguments: "",
        help: "inject an NMI",
        run: actions::nmi,
    },
    HumanCommand {
        name: "o",
        arguments: "/fmt addr value",
        help: "write to an I/O port",
        run: ports::write,
    },
    HumanCommand {
        name: "object_add",
        arguments: "[qom-type=]type,id=str[,prop=value][,...]",
        help: "make an object",
        run: objects::object_add,
    },
    HumanCommand {
        name: "object_del",
        arguments: "id",
        help: "remove an object",
        run: objects::object_del,
    },
    HumanCommand {
        name: "pmemsave",
        arguments: "addr size file",
        help: "save physical memory to a file",
        run: actions::pmemsave,
    },
    HumanCommand {
        name: "print|p",
        arguments: "/fmt expr",
        help: "the value of an expression ($reg for a register)",
        run: memory::print,
    },
    HumanCommand {
        name: "qom-get",
        arguments: "path property",
        help: "a property of an object",
        run: objects::qom_get,
    },
    HumanCommand {
        name: "qom-list",
        arguments: "path",
        help: "the properties of an object",
        run: objects::qom_list,
    },
    HumanCommand {
        name: "qom-set",
        arguments: "[-j] path property value",
        help: "set a property of an object (-j: to a JSON value)",
        run: objects::qom_set,
    },
    HumanCommand {
        name: "quit|q",
        arguments: "",
        help: "end the machine",
        run: actions::quit,
    },
    HumanCommand {
        name: "ringbuf_read",
        arguments: "device size",
        help: "take bytes from a ring buffer",
        run: objects::ringbuf_read,
    },
    HumanCommand {
        name: "ringbuf_write",
        arguments: "device data",
        help: "put text into a ring buffer",
        run: objects::ringbuf_write,
    },
    HumanCommand {
        name: "screendump",
        arguments: "filename [-f format] [device [head]]",
        help: "save the screen to a file, as ppm or png",
        run: actions::screendump,
    },
    HumanCommand {
        name: "sendkey",
        arguments: "keys [hold_ms]",
        help: "press keys ('sendkey ctrl-alt-f1'), for 100 ms unless said otherwise",
        run: actions::sendkey,
    },
    HumanCommand {
        name: "stop|s",
        arguments: "",
        help: "pause the guest",
        run: actions::stop,
    },
    HumanCommand {
        name: "sum",
        arguments: "addr size",
        help: "the checksum of physical memory, as BSD's sum",
        run: memory::sum,
    },
    HumanCommand {
        name: "system_powerdown",
        arguments: "",
        help: "press the power button",
        run: actions::system_powerdown,
    },
    HumanCommand {
        name: "system_reset",
        arguments: "",
        help: "reset the machine",
        run: actions::system_reset,
    },
    HumanCommand {
        name: "system_wakeup",
        arguments: "",
        help: "wake the guest up from sleep",
        run: actions::system_wakeup,
    },
    HumanCommand {
        name: "trace-event",
        arguments: "name on|off",
        help: "switch trace events on or off",
        run: |_, mut line| {
            let (name, on) = (line.needs("string")?, line.switch()?);
            line.end()?;
            let switched = crate::trace::switch(&name, on);
            switched.map_err(|error| Stop::Text(format!("{error}\n")))?;
            Ok(String::new())
        },
    },
    HumanCommand {
        name: "watchdog_action",
        arguments: "[reset|shutdown|poweroff|pause|debug|none|inject-nmi]",
        help: "what happens when the watchdog has waited in vain",
        run: actions::watchdog_action,
    },
    HumanCommand {
        name: "x",
        arguments: "/fmt addr",
        help: "virtual memory from an address on",
        run: memory::of_cpu,
    },
    HumanCommand {
        name: "x_colo_lost_heartbeat",
        arguments: "",
        help: "a copy of the machine elsewhere is given up",
        run: actions::x_colo_lost_heartbeat,
    },
    HumanCommand {
        name: "xp",
        arguments: "/fmt addr",
        help: "physical memory from an address on",
        run: memory::physical,
    },
];
