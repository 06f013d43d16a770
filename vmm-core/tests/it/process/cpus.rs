//! CPUs and boards as clients ask for them.

#![expect(deprecated, reason = "commands that QEMU has removed live on here")]

use qmp_runtime::codec::{self, Unknown};
use qmp_runtime::json::Value;
use qmp_types::qmp::commands;
use qmp_types::qmp::types::{CpuModelExpansionInfo, CpuModelExpansionType, CpuModelInfo};
use vmm_core::guests;

use super::Vmm;
use crate::differential::peer::{Board, both_work, peers_beside};
use crate::fixture::kvm_works;

// proves: query-machines, query-hotpluggable-cpus, query-cpus, cpu-add, cpu
#[test]
fn topology_is_told_and_filled() {
    let mut vmm = Vmm::start(&[
        "-M",
        "microvm,pit=off,pic=off,rtc=off,accel=none",
        "-smp",
        "2,maxcpus=8,sockets=2,cores=2",
        "-cpu",
        "qemu64",
    ]);
    let mut client = vmm.connect();
    let machines = client
        .execute(&commands::QueryMachines { compat_props: None })
        .unwrap();
    let board = machines.iter().find(|machine| machine.name == "q-min");
    let board = board.unwrap();
    assert_eq!(board.alias.as_deref(), Some("microvm"));
    assert_eq!((board.cpu_max, board.hotpluggable_cpus), (255, true));

    let slots = client.execute(&commands::QueryHotpluggableCpus {}).unwrap();
    assert_eq!(slots.len(), 8);
    let last = &slots[0]; // the last comes first
    let props = &last.props;
    assert_eq!(
        (props.socket_id, props.core_id, props.thread_id),
        (Some(1), Some(1), Some(1))
    );
    assert_eq!(last.r#type, "qemu64-x86_64-cpu");
    assert_eq!(
        slots.iter().filter(|slot| slot.qom_path.is_some()).count(),
        2
    );

    client.execute(&commands::CpuAdd { id: 5 }).unwrap();
    let error = client.execute(&commands::CpuAdd { id: 8 }).unwrap_err();
    assert!(error.to_string().contains("Invalid CPU id: 8"), "{error}");
    client.execute(&commands::Cpu { index: 5 }).unwrap();
    assert!(client.execute(&commands::Cpu { index: 7 }).is_err());
    let cpus = client.execute(&commands::QueryCpus {}).unwrap();
    let told: Vec<_> = cpus.iter().map(|cpu| (cpu.cpu, cpu.current)).collect();
    assert_eq!(told, [(0, false), (1, false), (5, true)]);
    client.execute(&commands::Quit {}).unwrap();
    assert_eq!(vmm.exit_code(), 0);
}

/// The places are there; only what would tell the guest of a new CPU is not.
#[test]
fn places_for_cpus_are_told_without_acpi() {
    let mut vmm = Vmm::start(&["-M", "microvm,acpi=off,accel=none", "-smp", "1,maxcpus=2"]);
    let mut client = vmm.connect();
    let slots = client.execute(&commands::QueryHotpluggableCpus {}).unwrap();
    let taken: Vec<bool> = slots.iter().map(|slot| slot.qom_path.is_some()).collect();
    assert_eq!(taken, [false, true]);
    let refused = client.execute(&commands::CpuAdd { id: 1 }).unwrap_err();
    assert!(refused.to_string().contains("hot-plug"), "{refused}");
}

fn model(name: &str, props: Option<Value>) -> CpuModelInfo {
    CpuModelInfo {
        name: name.to_owned(),
        props,
    }
}

// proves: query-cpu-definitions, query-cpu-model-expansion
#[test]
fn models_are_expanded_as_the_host_allows() {
    if !kvm_works() {
        return;
    }
    let mut vmm = Vmm::start(&["-M", "none"]);
    let mut client = vmm.connect();
    let known = client.execute(&commands::QueryCpuDefinitions {}).unwrap();
    let host = known.iter().find(|model| model.name == "host").unwrap();
    assert_eq!(host.unavailable_features.as_deref(), Some(&[][..]));
    assert_eq!(host.typename, "host-x86_64-cpu");

    let mut expand = |r#type, model| {
        let answer = client.execute(&commands::QueryCpuModelExpansion { r#type, model });
        answer
            .map(|answer| answer.model)
            .map_err(|error| error.to_string())
    };
    let on = |model: &CpuModelInfo, name: &str| match model.props.as_ref().unwrap() {
        Value::Object(props) => props.get(name) == Some(&Value::Bool(true)),
        _ => panic!("no object"),
    };
    let whole = expand(CpuModelExpansionType::Full, model("host", None)).unwrap();
    assert_eq!(whole.name, "host");
    assert!(on(&whole, "sse2") && on(&whole, "lm"), "{whole:?}");
    let bare = expand(CpuModelExpansionType::Static, model("base", None)).unwrap();
    assert!(!on(&bare, "sse2"));
    let without = Value::Object([("sse2".to_owned(), false.into())].into_iter().collect());
    let less = expand(
        CpuModelExpansionType::Static,
        model("qemu64", Some(without)),
    )
    .unwrap();
    assert_eq!(less.name, "base");
    assert!(!on(&less, "sse2") && on(&less, "sse"), "{less:?}");

    let wrong = Value::Object([("nope".to_owned(), true.into())].into_iter().collect());
    for (model, text) in [
        (model("nope", None), "CPU model 'nope' not found"),
        (
            model("qemu64", Some(wrong)),
            "Property 'qemu64-x86_64-cpu.nope' not found",
        ),
        (
            model("qemu64", Some(7.into())),
            "Invalid parameter type for 'model.props', expected: object",
        ),
    ] {
        let error = expand(CpuModelExpansionType::Full, model).unwrap_err();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn cpu_has_its_features_as_properties() {
    if !kvm_works() {
        return;
    }
    let options = ["-cpu", "host,-sse2,+3dnow", "-S"];
    let mut vmm = Vmm::start(&options);
    let mut client = vmm.connect();
    let mut get = |name: &str| {
        let path = "/machine/unattached/device[0]".to_owned();
        let get = commands::QomGet::new(path, name);
        client.execute(&get).unwrap()
    };
    assert_eq!(get("sse2"), Value::from(false));
    assert_eq!(get("fpu"), Value::from(true));
    assert_eq!(get("migratable"), Value::from(true));
    let missing = get("unavailable-features");
    let missing = missing.as_array().unwrap();
    // Whoever has it is an old AMD CPU.
    assert_eq!(
        missing.contains(&"3dnow".into()),
        !get("3dnow").as_bool().unwrap()
    );
}

/// Deprecated properties are told by another target alone.
#[test]
fn expansion_has_the_members_that_qemus_has() {
    if !both_work() {
        return;
    }
    let guest = guests::hello().unwrap();
    let expand = "{'execute': 'query-cpu-model-expansion', 'arguments': {'type': 'static', 'model': {'name': 'host'}}}";
    for mut peer in peers_beside(Board::MicrovmUnderKvm, &guest, [&[], &[]]) {
        let reply = peer.execute(expand);
        let members: Vec<_> = reply["return"].as_object().unwrap().keys().collect();
        assert_eq!(members, ["model"]);
        let text = reply["return"].to_string();
        let info: CpuModelExpansionInfo = codec::from_str(&text, Unknown::Refuse).unwrap();
        assert_eq!((&*info.model.name, info.deprecated_props), ("base", None));
    }
}

#[test]
fn machine_without_a_board_has_a_cpu_if_its_model_is_named() {
    let cases: [(&[&str], usize); 3] = [(&[], 0), (&["-smp", "1"], 0), (&["-cpu", "qemu64"], 1)];
    for (options, count) in cases {
        let mut vmm = Vmm::start(&[&["-M", "none", "-accel", "none"], options].concat());
        let cpus = vmm.connect().execute(&commands::QueryCpusFast {}).unwrap();
        assert_eq!(cpus.len(), count, "{options:?}");
    }
}
