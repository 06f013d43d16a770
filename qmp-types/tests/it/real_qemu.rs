//! The typed client and the bindings against QEMU itself.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use qmp_runtime::client::{Client, ClientError};
use qmp_types::qmp::types::{RunState, SchemaInfo};
use qmp_types::qmp::{commands, events};

/// A QEMU without a machine, which ends with the test.
struct Qemu {
    process: Child,
    dir: tempfile::TempDir,
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Qemu {
    fn start() -> Option<Qemu> {
        let dir = tempfile::tempdir().unwrap();
        let qmp = format!(
            "unix:{},server=on,wait=off",
            dir.path().join("qmp").display()
        );
        let spawned = Command::new("qemu-system-x86_64")
            .args([
                "-nodefaults",
                "-display",
                "none",
                "-M",
                "none",
                "-name",
                "peer",
                "-qmp",
                &qmp,
            ])
            .stdin(Stdio::null())
            .spawn();
        match spawned {
            Ok(process) => Some(Qemu { process, dir }),
            Err(_) => {
                println!("skipped: no qemu-system-x86_64");
                None
            }
        }
    }

    fn connect(&self) -> Client {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match Client::connect_unix(self.dir.path().join("qmp")) {
                Ok(client) => return client,
                // It may not listen yet.
                Err(ClientError::Io(_)) if Instant::now() < deadline => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn client_drives_qemu() {
    let Some(qemu) = Qemu::start() else { return };
    let mut client = qemu.connect();
    client.set_timeout(Some(Duration::from_secs(20)));
    let version = client.execute(&commands::QueryVersion {}).unwrap();
    assert_eq!(
        version.qemu.major,
        i64::from(client.greeting().version.major)
    );
    assert_eq!(
        client
            .execute(&commands::QueryName {})
            .unwrap()
            .name
            .as_deref(),
        Some("peer")
    );
    client.execute(&commands::Stop {}).unwrap();
    assert!(
        client
            .next_event(Some(Duration::from_secs(20)))
            .unwrap()
            .unwrap()
            .is::<events::Stop>()
    );
    assert_eq!(
        client.execute(&commands::QueryStatus {}).unwrap().status,
        RunState::Paused
    );
}

#[test]
fn whole_schema_of_qemu_decodes() {
    let Some(qemu) = Qemu::start() else { return };
    let schema: Vec<SchemaInfo> = qemu
        .connect()
        .execute(&commands::QueryQmpSchema {})
        .unwrap();
    assert!(schema.len() > 1000, "only {} entries", schema.len());
}
