//! The requests in QEMU's old document of commands are typed commands here.
#![allow(deprecated, reason = "the document has what has been removed since")]

use std::fs;
use std::path::Path;

use qmp_runtime::Command;
use qmp_runtime::codec::{Unknown, from_str};
use qmp_runtime::json::Value;
use qmp_types::qmp::commands;

/// Whether arguments are those of a command.
type Parse = fn(&str) -> Result<(), String>;

fn parse<C: Command>(arguments: &str) -> Result<(), String> {
    let command: Result<C, _> = from_str(arguments, Unknown::Refuse);
    command.map(drop).map_err(|error| error.to_string())
}

macro_rules! commands {
    ($($command:ident)*) => {
        &[$((
            <commands::$command as Command>::INFO.name,
            parse::<commands::$command>,
        )),*]
    };
}

/// All commands that the document has.
const DOCUMENTED: &[(&str, Parse)] = commands! {
    AddFd Balloon BlockCommit BlockDirtyBitmapAdd BlockDirtyBitmapClear BlockDirtyBitmapRemove
    BlockPasswd BlockResize BlockSetIoThrottle BlockSetWriteThreshold BlockStream BlockdevAdd
    BlockdevBackup BlockdevChangeMedium BlockdevCloseTray BlockdevMirror BlockdevOpenTray
    BlockdevSnapshot BlockdevSnapshotDeleteInternalSync BlockdevSnapshotInternalSync
    BlockdevSnapshotSync Change ChangeBackingFile ChardevAdd ChardevRemove Closefd Cont Cpu CpuAdd
    DeviceAdd DeviceDel DriveBackup DriveMirror DumpGuestMemory DumpSkeys Eject ExpirePassword
    Getfd HumanMonitorCommand InjectNmi InputSendEvent Memsave Migrate MigrateCancel
    MigrateIncoming MigrateSetCacheSize MigrateSetDowntime MigrateSetSpeed NetdevAdd NetdevDel
    ObjectAdd ObjectDel Pmemsave QmpCapabilities QueryAcpiOspmStatus QueryBlock QueryBlockstats
    QueryCommandLineOptions QueryCommands QueryDump QueryDumpGuestMemoryCapability QueryFdsets
    QueryGicCapabilities QueryHotpluggableCpus QueryMemdev QueryMemoryDevices
    QueryMigrateCacheSize QueryNamedBlockNodes QueryQmpSchema QueryRocker QueryRockerOfDpaFlows
    QueryRockerOfDpaGroups QueryRockerPorts QueryRxFilter QueryTpm QueryTpmModels QueryTpmTypes
    QueryVersion RemoveFd RtcResetReinjection Screendump SendKey SetLink SetPassword
    SystemPowerdown SystemReset SystemWakeup TraceEventGetState TraceEventSetState Transaction
    XBlockdevChange XBlockdevDel XBlockdevInsertMedium XBlockdevRemoveMedium XColoLostHeartbeat
    XenLoadDevicesState XenSaveDevicesState XenSetGlobalDirtyLog
};

/// Examples that QEMU refuses as well, by command and line of the document, with the reason.
const REFUSED: [(&str, u64, &str); 5] = [
    ("dump-guest-memory", 509, "\"paging\" is required"),
    ("netdev_add", 567, "\"dnssearch\" is a list of objects"),
    ("object-add", 604, "\"props\" has gone"),
    ("blockdev-add", 2133, "\"cache\" has no \"writeback\""),
    ("trace-event-set-state", 2606, "\"enable\" is a boolean"),
];

#[test]
fn documented_requests_are_typed_commands() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/seeds/qmp-commands.json");
    let Ok(text) = fs::read_to_string(&file) else {
        println!("skipped: no {}", file.display());
        return;
    };
    let document: Vec<Value> = serde_json::from_str(&text).unwrap();
    let find = |name: &str| DOCUMENTED.iter().find(|(known, _)| *known == name);
    let mut refused = Vec::new();
    let mut parsed = 0;
    for command in &document {
        let name = command["command"].as_str().unwrap();
        assert!(find(name).is_some(), "{name} is not listed");
        for example in command["examples"].as_array().unwrap() {
            let request = match &example["send"] {
                Value::Null => &example["repaired"]["send"],
                request => request,
            };
            let name = request["execute"].as_str().unwrap();
            let (_, parse) = find(name).unwrap_or_else(|| panic!("{name} is not listed"));
            let arguments = request.get("arguments");
            let arguments = arguments.map_or_else(|| "{}".to_owned(), Value::to_string);
            match parse(&arguments) {
                Ok(()) => parsed += 1,
                Err(error) => refused.push((name.to_owned(), example["line"].as_u64(), error)),
            }
        }
    }
    let expected = REFUSED.map(|(name, line, _)| (name.to_owned(), Some(line)));
    let found: Vec<_> = refused
        .iter()
        .map(|(name, line, _)| (name.clone(), *line))
        .collect();
    assert_eq!(found, expected, "{refused:?}");
    assert_eq!((document.len(), parsed), (98, 109));
}
