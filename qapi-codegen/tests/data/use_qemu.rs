//! Uses the bindings of all of QEMU's schemas with QEMU and its guest agent, where they are installed.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use generated_live::{qga, qmp};
use qmp_runtime::client::{Builder, Client, ClientError, Endpoint};

const LONG: Duration = Duration::from_secs(20);

struct Process(Child, tempfile::TempDir);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Starts a program with arguments in which `DIR` is a folder of its own.
    fn start(program: &str, arguments: &str) -> Option<Process> {
        let dir = tempfile::tempdir().unwrap();
        let arguments = arguments.replace("DIR", dir.path().to_str().unwrap());
        let paths = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        let mut command = Command::new(program);
        command.env("PATH", paths).args(arguments.split(' '));
        match command.stdin(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => Some(Process(child, dir)),
            Err(_) => {
                println!("skipped: no {program}");
                None
            }
        }
    }

    fn qemu() -> Option<Process> {
        Process::start(
            "qemu-system-x86_64",
            "-nodefaults -display none -M none -qmp unix:DIR/socket,server=on,wait=off",
        )
    }

    fn agent() -> Option<Process> {
        Process::start("qemu-ga", "-m unix-listen -p DIR/socket -t DIR -f DIR/pid")
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.1.path().join("socket"))
    }

    fn connect(&self, options: Builder) -> Client {
        let deadline = Instant::now() + LONG;
        loop {
            match options.clone().timeout(LONG).connect(&self.endpoint()) {
                Ok(client) => return client,
                Err(ClientError::Io(_)) if Instant::now() < deadline => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn qemu_is_driven() {
    use qmp::{commands, events, types};
    let Some(qemu) = Process::qemu() else { return };
    let mut client = qemu.connect(Client::builder());
    let version = client.execute(&commands::QueryVersion {}).unwrap();
    assert_eq!(version.qemu.major, i64::from(client.greeting().version.major));
    let schema = client.execute(&commands::QueryQmpSchema {}).unwrap();
    assert!(schema.len() > 1000);
    let names = client.execute(&commands::QueryCommands {}).unwrap();
    assert!(names.len() > 200);

    // Unions on their way there, and on their way back.
    let thread = types::ObjectOptionsQomType::Iothread(Box::default());
    let object = types::ObjectOptions::new(thread, "io0");
    client.execute(&commands::ObjectAdd::from(object)).unwrap();
    assert_eq!(client.execute(&commands::QueryIothreads {}).unwrap()[0].id, "io0");
    let null = types::BlockdevOptionsNull {
        size: Some(1 << 20),
        ..Default::default()
    };
    let node = types::BlockdevOptions {
        node_name: Some("disk".into()),
        ..types::BlockdevOptions::new(types::BlockdevOptionsDriver::NullCo(null))
    };
    client.execute(&commands::BlockdevAdd::from(node)).unwrap();
    let nodes = client.execute(&commands::QueryNamedBlockNodes::default()).unwrap();
    assert_eq!(nodes[0].node_name.as_deref(), Some("disk"));
    assert_eq!(nodes[0].image.virtual_size, 1 << 20);
    let chardevs = client.execute(&commands::QueryChardev {}).unwrap();
    assert!(chardevs.iter().any(|chardev| chardev.filename.contains("socket")));

    client.execute_oob(&commands::QueryYank {}).unwrap();
    let error = client.execute(&commands::DeviceDel::new("none")).unwrap_err();
    assert!(error.is_device_not_found(), "{error}");
    client.execute(&commands::Stop {}).unwrap();
    let event = client.next_event(Some(LONG)).unwrap().unwrap();
    event.decode::<events::Stop>().unwrap().unwrap();
    client.execute(&commands::Quit {}).unwrap();
    let event = client.next_event(Some(LONG)).unwrap().unwrap();
    let shutdown = event.decode::<events::Shutdown>().unwrap().unwrap();
    assert_eq!(shutdown.reason, types::ShutdownCause::HostQmpQuit);
}

/// Every query that takes no arguments, by the list that QEMU gives.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_query_without_arguments_is_answered() {
    use qmp::commands;
    let Some(qemu) = Process::qemu() else { return };
    drop(qemu.connect(Client::builder()));
    let options = Client::builder().timeout(LONG);
    let (client, _events) = options.connect_tokio(&qemu.endpoint()).await.unwrap();
    macro_rules! all {
        ($($command:ident),*) => {
            $(match client.execute(&commands::$command {}).await {
                Ok(_) | Err(ClientError::Command(_)) => {}
                Err(error) => panic!("{}: {error}", stringify!($command)),
            })*
        };
    }
    all!(
        QueryAcpiOspmStatus, QueryBalloon, QueryBlock, QueryBlockExports, QueryBlockJobs,
        QueryChardev, QueryChardevBackends, QueryColoStatus, QueryCpuDefinitions, QueryCpusFast,
        QueryDisplayOptions, QueryDumpGuestMemoryCapability, QueryFdsets,
        QueryGicCapabilities, QueryHotpluggableCpus, QueryIothreads, QueryJobs, QueryKvm,
        QueryMemdev, QueryMemoryDevices, QueryMemorySizeSummary, QueryMice, QueryMigrate,
        QueryMigrateCapabilities, QueryMigrateParameters, QueryName,
        QueryPci, QueryPrManagers, QueryReplay, QuerySev, QuerySevCapabilities,
        QuerySgx, QueryStatus, QueryTarget, QueryTpm, QueryTpmModels, QueryTpmTypes, QueryUuid,
        QueryVersion, QueryVmGenerationId, QueryVnc, QueryVncServers, QueryXenReplicationStatus,
        QueryYank
    );
}

#[test]
fn agent_is_driven() {
    use qga::{commands, types};
    let Some(process) = Process::agent() else { return };
    let mut agent = process.connect(Client::builder().agent());
    let info = agent.execute(&commands::GuestInfo {}).unwrap();
    assert!(info.supported_commands.iter().any(|command| command.name == "guest-exec"));
    let exec = commands::GuestExec {
        arg: Some(vec!["to the guest".into()]),
        capture_output: Some(types::GuestExecCaptureOutput::Flag(true)),
        ..commands::GuestExec::new("/bin/echo")
    };
    let pid = agent.execute(&exec).unwrap().pid;
    let deadline = Instant::now() + LONG;
    let status = loop {
        let status = agent.execute(&commands::GuestExecStatus::new(pid)).unwrap();
        assert!(Instant::now() < deadline);
        if status.exited {
            break status;
        }
    };
    assert_eq!(status.exitcode, Some(0));
    assert_eq!(status.out_data.as_deref(), Some("dG8gdGhlIGd1ZXN0Cg=="));
    agent.execute(&commands::GuestNetworkGetInterfaces {}).unwrap();
    agent.execute(&commands::GuestGetOsinfo {}).unwrap();
    let mode = Some("sideways".into());
    let error = agent.execute(&commands::GuestShutdown { mode }).unwrap_err();
    assert!(error.as_command_error().is_some(), "{error}");
}
