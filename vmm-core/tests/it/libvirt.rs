//! Unmodified libvirt with `vmm` as its emulator.
//!
//! Opt-in: `VMM_LIBVIRT_ROOT` names a folder that libvirt's packages were unpacked into (docs/libvirt.md).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use qmp_runtime::codec::{self, Unknown};
use qmp_runtime::json::Value;
use vmm_core::guests::{self, BlkRequest, Guest, TICKS, Wait};

use crate::fixture::{LIMIT, direct_works, kvm_works};

/// Where the packages are.
const ROOT: &str = "VMM_LIBVIRT_ROOT";

/// What the daemon ends with when it may not mount.
const NO_MOUNTS: i32 = 77;

/// Gives the daemon the folders that it was built for, in a mount namespace of its own; what it writes
/// goes with it. `$1` is where the packages are, `$2` is the scratch folder.
const DAEMON: &str = r#"
root=$1 work=$2
mkdir "$work/private"
{
    mount -t tmpfs none "$work/private" &&
    mkdir "$work"/private/{etc,etc.work,var,var.work} &&
    mount -t overlay -o "lowerdir=$root/usr/share:/usr/share" none /usr/share &&
    mount -t overlay -o "lowerdir=$root/etc:/etc,upperdir=$work/private/etc,workdir=$work/private/etc.work" none /etc &&
    mount -t overlay -o "lowerdir=/var,upperdir=$work/private/var,workdir=$work/private/var.work" none /var &&
    mount -t tmpfs none /run
} || exit 77
grep -q ^libvirt-qemu: /etc/passwd || echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/bin/false' >>/etc/passwd
for group in libvirt-qemu:64055 libvirt:64056 kvm:64057; do
    grep -q "^${group%:*}:" /etc/group || echo "${group%:*}:x:${group#*:}:" >>/etc/group
done
cp "$work/qemu.conf" /etc/libvirt/qemu.conf
PATH=$work/bin exec "$root/usr/sbin/libvirtd" -f "$work/libvirtd.conf" --timeout 120
"#;

/// No users, labels, namespaces and control groups but those of whoever runs the test.
const QEMU_CONF: &str = r#"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
stdio_handler = "file"
cgroup_controllers = [ ]
namespaces = [ ]
"#;

/// A daemon, and the folder that everything of it is in.
struct Libvirt {
    root: PathBuf,
    dir: tempfile::TempDir,
    daemon: Child,
}

impl Libvirt {
    /// Starts the daemon; none, and a word why, where that cannot be.
    fn start() -> Option<Self> {
        let Some(root) = std::env::var_os(ROOT).map(PathBuf::from) else {
            println!("skipped: {ROOT} does not name a folder with libvirt");
            return None;
        };
        if !kvm_works() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path();
        fs::create_dir(work.join("bin")).unwrap();
        let emulator = work.join("bin/qemu-system-x86_64");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vmm"), emulator).unwrap();
        fs::write(work.join("qemu.conf"), QEMU_CONF).unwrap();
        let conf = format!(
            "unix_sock_dir = \"{0}/sockets\"\nauth_unix_rw = \"none\"\n\
             log_filters = \"1:qemu.qemu_monitor 1:util.command 3:*\"\n\
             log_outputs = \"1:file:{0}/log\"\n",
            work.display()
        );
        fs::create_dir(work.join("sockets")).unwrap();
        fs::write(work.join("libvirtd.conf"), conf).unwrap();
        let mut command = with_libraries("unshare", &root);
        let daemon = command
            .args(["--mount", "bash", "-c", DAEMON, "libvirtd"])
            .args([&root, work])
            .stdin(Stdio::null())
            .spawn();
        let Ok(daemon) = daemon else {
            println!("skipped: there is no unshare");
            return None;
        };
        let libvirt = Self { root, dir, daemon };
        libvirt.wait_for_socket()
    }

    fn wait_for_socket(mut self) -> Option<Self> {
        let end = Instant::now() + LIMIT;
        while !self.path("sockets/libvirt-sock").exists() {
            if let Some(status) = self.daemon.try_wait().unwrap() {
                match status.code() {
                    // unshare itself fails with 1
                    Some(1 | NO_MOUNTS) => println!("skipped: mounting is not permitted"),
                    Some(127) => println!("skipped: libvirtd lacks libraries"),
                    _ => panic!("libvirtd has ended: {status}"),
                }
                return None;
            }
            assert!(Instant::now() < end, "libvirtd does not listen");
            std::thread::yield_now();
        }
        Some(self)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn try_virsh(&self, arguments: &[&str]) -> Output {
        let socket = self.path("sockets/libvirt-sock");
        let uri = format!("qemu+unix:///system?socket={}", socket.display());
        let program = self.root.join("usr/bin/virsh");
        with_libraries(&program, &self.root)
            .args(["-q", "-c", &uri])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What `virsh` prints; it must succeed.
    #[track_caller]
    fn virsh(&self, arguments: &[&str]) -> String {
        let output = self.try_virsh(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {text}{}{}",
            String::from_utf8_lossy(&output.stderr),
            self.log()
        );
        text.trim().to_owned()
    }

    /// The emulator's last words in the daemon's log.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        let lines: Vec<_> = log
            .lines()
            .filter(|line| line.contains(": error : "))
            .collect();
        lines.join("\n")
    }

    /// Starts a guest; its serial port is the file `NAME.out`.
    #[track_caller]
    fn create(&self, name: &str, guest: &Guest, devices: &str) {
        let (kernel, xml) = (self.path(&format!("{name}.elf")), self.path("domain.xml"));
        fs::write(&kernel, guest.elf()).unwrap();
        let output = self.path(&format!("{name}.out"));
        fs::write(
            &xml,
            domain(name, self.dir.path(), &kernel, &output, devices),
        )
        .unwrap();
        self.virsh(&["create", xml.to_str().unwrap()]);
    }

    /// What the guest has printed so far.
    fn output(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.out"))).unwrap_or_default()
    }

    /// Sends a command past the daemon; the return value.
    #[track_caller]
    fn monitor(&self, name: &str, command: &str) -> Value {
        let reply = self.virsh(&["qemu-monitor-command", name, command]);
        let reply: Value = codec::from_str(&reply, Unknown::Refuse).unwrap();
        reply
            .get("return")
            .unwrap_or_else(|| panic!("{reply:?}"))
            .clone()
    }

    /// Timer interrupts that the guest has counted.
    fn ticks(&self, name: &str) -> u32 {
        let file = self.path("ticks");
        let command = format!(
            r#"{{"execute": "pmemsave", "arguments": {{"val": {TICKS}, "size": 4, "filename": "{}"}}}}"#,
            file.display()
        );
        self.monitor(name, &command);
        let bytes = fs::read(file).unwrap();
        u32::from_le_bytes(bytes.try_into().unwrap())
    }

    fn is_known(&self, name: &str) -> bool {
        self.virsh(&["list", "--name"])
            .lines()
            .any(|known| known.trim() == name)
    }
}

impl Drop for Libvirt {
    fn drop(&mut self) {
        // A guest outlives its daemon.
        if matches!(self.daemon.try_wait(), Ok(None)) {
            for name in self.virsh_names() {
                self.try_virsh(&["destroy", &name]);
            }
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Libvirt {
    fn virsh_names(&self) -> Vec<String> {
        let output = self.try_virsh(&["list", "--name"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let names = text.lines().map(str::trim).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    }
}

fn with_libraries(program: impl AsRef<std::ffi::OsStr>, root: &Path) -> Command {
    let libraries = root.join("usr/lib/x86_64-linux-gnu");
    let mut command = Command::new(program);
    command
        .env(
            "LIBVIRT_DRIVER_DIR",
            libraries.join("libvirt/connection-driver"),
        )
        .env("LD_LIBRARY_PATH", libraries);
    command
}

/// A domain without what the board lacks, as docs/libvirt.md has it.
fn domain(name: &str, work: &Path, kernel: &Path, output: &Path, devices: &str) -> String {
    format!(
        "<domain type='kvm'>
           <name>{name}</name>
           <memory unit='MiB'>64</memory>
           <vcpu>1</vcpu>
           <os>
             <type arch='x86_64' machine='q-min'>hvm</type>
             <kernel>{}</kernel>
           </os>
           <features><acpi/></features>
           <cpu mode='host-passthrough'/>
           <devices>
             <emulator>{}/bin/qemu-system-x86_64</emulator>
             <serial type='file'><source path='{}'/></serial>
             <controller type='usb' model='none'/>
             {devices}
           </devices>
         </domain>",
        kernel.display(),
        work.display(),
        output.display()
    )
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < end, "not {what}");
        std::thread::yield_now();
    }
}

const NO_BALLOON: &str = "<memballoon model='none'/>";

const STATUS: &str = r#"{"execute": "query-status"}"#;

#[test]
fn guest_lives_its_life_under_libvirt() {
    let Some(libvirt) = Libvirt::start() else {
        return;
    };
    let capabilities = libvirt.virsh(&["capabilities"]);
    for expected in [
        "<domain type='kvm'",
        ">q-min</machine>",
        ">microvm</machine>",
    ] {
        assert!(
            capabilities.contains(expected),
            "{expected}: {capabilities}"
        );
    }

    libvirt.create("pulse", &guests::heartbeat().unwrap(), NO_BALLOON);
    wait_until("running", || {
        libvirt.output("pulse").contains("heartbeat: running\n")
    });
    assert_eq!(libvirt.virsh(&["domstate", "pulse"]), "running");
    assert_eq!(libvirt.monitor("pulse", STATUS)["status"], "running");
    assert_eq!(
        libvirt.monitor("pulse", r#"{"execute": "query-name"}"#)["name"],
        "pulse"
    );

    libvirt.virsh(&["suspend", "pulse"]);
    assert_eq!(libvirt.virsh(&["domstate", "pulse"]), "paused");
    assert_eq!(libvirt.monitor("pulse", STATUS)["status"], "paused");
    let ticks = libvirt.ticks("pulse");
    assert_eq!(libvirt.ticks("pulse"), ticks);
    libvirt.virsh(&["resume", "pulse"]);
    assert_eq!(libvirt.monitor("pulse", STATUS)["status"], "running");
    wait_until("ticking", || libvirt.ticks("pulse") > ticks);

    libvirt.virsh(&["shutdown", "pulse"]);
    wait_until("gone", || !libvirt.is_known("pulse"));
    assert!(libvirt.output("pulse").ends_with("heartbeat: good night\n"));
}

#[test]
fn guest_that_does_not_listen_is_destroyed() {
    let Some(libvirt) = Libvirt::start() else {
        return;
    };
    libvirt.create("deaf", &guests::spin().unwrap(), NO_BALLOON);
    wait_until("running", || libvirt.output("deaf").contains("spin\n"));
    libvirt.virsh(&["shutdown", "deaf"]);
    assert_eq!(libvirt.virsh(&["domstate", "deaf"]), "running");
    libvirt.virsh(&["destroy", "deaf"]);
    assert!(!libvirt.is_known("deaf"));
}

/// Disk, entropy, a channel to the guest and a balloon, all on the board.
fn devices(image: &Path, driver: &str) -> String {
    format!(
        "<disk type='file' device='disk'>
           <driver name='qemu' type='raw' {driver}/>
           <source file='{}'/><target dev='vda' bus='virtio'/>
           <serial>disk-7</serial><shareable/><address type='virtio-mmio'/>
         </disk>
         <rng model='virtio'>
           <backend model='random'>/dev/urandom</backend><address type='virtio-mmio'/>
         </rng>
         <controller type='virtio-serial' index='0'><address type='virtio-mmio'/></controller>
         <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
         <memballoon model='virtio'><address type='virtio-mmio'/></memballoon>",
        image.display()
    )
}

#[test]
fn devices_of_a_domain_are_on_the_board() {
    let Some(libvirt) = Libvirt::start() else {
        return;
    };
    let image = libvirt.path("disk.raw");
    fs::write(&image, vec![0; 1 << 20]).unwrap();
    let direct = "cache='none' io='native' discard='unmap' detect_zeroes='unmap'";
    let devices = ["cache='writeback'", direct].map(|driver| devices(&image, driver));
    let requests = [BlkRequest::Id, BlkRequest::Write(2, 1024, 0x5A)];
    let writer = guests::blk(Wait::Interrupt, &requests).unwrap();
    let ways = if direct_works(&image) { 2 } else { 1 };
    for devices in &devices[..ways] {
        fs::write(&image, vec![0; 1 << 20]).unwrap();
        libvirt.create("writer", &writer, devices);
        wait_until("gone", || !libvirt.is_known("writer"));
        let output = libvirt.output("writer");
        assert!(
            output.contains("disk-7") && output.ends_with("blk: done\n"),
            "{output}"
        );
        let written = fs::read(&image).unwrap();
        let is_written = |at: usize| (2 * 512..4 * 512).contains(&at);
        let expected = |at| if is_written(at) { 0x5A } else { 0 };
        let mut bytes = written.iter().enumerate();
        assert!(bytes.all(|(at, byte)| *byte == expected(at)));
    }

    libvirt.create("idle", &guests::heartbeat().unwrap(), &devices[0]);
    let disks = libvirt.virsh(&["domblklist", "idle"]);
    assert!(
        disks.contains("vda") && disks.contains("disk.raw"),
        "{disks}"
    );
    libvirt.virsh(&["blockresize", "idle", "vda", "2M"]);
    assert_eq!(fs::metadata(&image).unwrap().len(), 2 << 20);
    let memory = libvirt.virsh(&["dommemstat", "idle"]);
    assert!(memory.contains("actual 65536"), "{memory}");
    libvirt.virsh(&["destroy", "idle"]);
}
