//! The machine of the demo, in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use qmp_runtime::EventSink;
use qmp_runtime::server::{Address, Server};
use vmm_core::accel::AccelKind;
use vmm_core::char::Registry;
use vmm_core::guests;
use vmm_core::machine::{Machine, MachineConfig, MachineKind};
use vmm_core::qmp::{EventBridge, Vmm};

use crate::console::Console;
use crate::conversation::note;

/// Memory of the guest in bytes.
const RAM: u64 = 64 << 20;
/// The label of the guest's console.
const CONSOLE: &str = "console";
/// How long requests under way may hold up the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// A machine with a QMP socket.
pub(crate) struct Demo {
    machine: Arc<Machine>,
    server: Server,
    console: Arc<Console>,
    folder: tempfile::TempDir,
    socket: PathBuf,
}

impl Demo {
    pub(crate) fn start(try_kvm: bool) -> anyhow::Result<Self> {
        let console = Arc::new(Console::default());
        let events = EventSink::new();
        let machine = Arc::new(boot(try_kvm, &console, &events)?);
        let vmm = Vmm::new(Arc::clone(&machine), Some("demo".into()), None);
        let server = vmm.serve(Server::builder().events(&events))?;
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("qmp.sock");
        server.listen(Address::Unix(socket.clone()))?;
        machine.start()?;
        Ok(Demo {
            machine,
            server,
            console,
            folder,
            socket,
        })
    }

    /// Whether guest code runs.
    pub(crate) fn has_guest(&self) -> bool {
        self.machine.accel().kvm_enabled
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn wait_for_guest(&self, line: &str) -> anyhow::Result<()> {
        self.console.wait_for(line)
    }

    /// Waits for the end of the machine.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        let finish = self.machine.wait();
        self.server.close(PATIENCE);
        anyhow::ensure!(
            finish.exit_code == 0,
            "the machine ended with code {}",
            finish.exit_code
        );
        Ok(())
    }
}

/// A machine with the guest `heartbeat`, under KVM where there is one.
fn boot(try_kvm: bool, console: &Arc<Console>, events: &EventSink) -> anyhow::Result<Machine> {
    if try_kvm {
        match make(AccelKind::Kvm, console, events) {
            Ok(machine) => {
                note("a machine with 1 CPU and 64 MiB under KVM, with the guest 'heartbeat'");
                return Ok(machine);
            }
            Err(error) => note(&format!("{error:#}")),
        }
    }
    note("no KVM: no guest code runs, everything else works");
    make(AccelKind::None, console, events)
}

fn make(accel: AccelKind, console: &Arc<Console>, events: &EventSink) -> anyhow::Result<Machine> {
    let chardevs = Registry::new();
    chardevs.insert(CONSOLE, Arc::<Console>::clone(console))?;
    let config = MachineConfig {
        kind: MachineKind::QMin,
        accel,
        ram_size: RAM,
        cpus: 1,
        boot: Some(guests::heartbeat()?.boot()),
        serial: vec![CONSOLE.into()],
        paused: true,
        ..MachineConfig::default()
    };
    Ok(Machine::new(
        config,
        chardevs,
        Arc::new(EventBridge(events.clone())),
    )?)
}
