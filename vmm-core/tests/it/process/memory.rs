//! What the host is told of the guest's memory.

use qmp_runtime::codec::Unknown;
use qmp_runtime::json::Value;
use qmp_types::qmp::commands;

use super::{Vmm, run};

/// An odd size, so that the memory is found among all that the process has.
const SIZE: &str = "33m";

/// The host's flags of the mapping that is the guest's memory.
fn flags(vmm: &Vmm) -> Vec<String> {
    let maps = std::fs::read_to_string(format!("/proc/{}/smaps", vmm.id())).unwrap();
    let (mut is_memory, mut found) = (false, Vec::new());
    for line in maps.lines() {
        let first = line.split_whitespace().next().unwrap_or_default();
        if let Some((start, end)) = first.split_once('-') {
            let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
            is_memory = end - start == 33 << 20;
        }
        if let Some(flags) = line.strip_prefix("VmFlags:")
            && is_memory
        {
            found.push(flags.split_whitespace().map(str::to_owned).collect());
        }
    }
    assert_eq!(found.len(), 1, "{maps}");
    found.remove(0)
}

/// Whether equal pages may be merged, and whether memory is in a dump of the process.
fn told(vmm: &Vmm) -> (bool, bool) {
    let flags = flags(vmm);
    let has = |flag: &str| flags.iter().any(|known| known == flag);
    (has("mg"), !has("dd"))
}

/// Whether the host's kernel can merge equal pages at all.
fn host_merges() -> bool {
    std::path::Path::new("/sys/kernel/mm/ksm").exists()
}

// proves: qom-set, qom-get
#[test]
fn host_is_told_of_memory_what_the_machine_and_its_back_end_say() {
    let none = ["-accel", "none", "-m", SIZE];
    let backend = |text: &str| format!("memory-backend-ram,id=mem,size={SIZE}{text}");
    for (machine, object, (merge, dump)) in [
        ("q-min", None, (true, true)),
        ("q-min,mem-merge=off", None, (false, true)),
        ("q-min,dump-guest-core=off", None, (true, false)),
        (
            "microvm,dump-guest-core=off,mem-merge=off",
            Some(""),
            (false, false),
        ),
        (
            "q-min,dump-guest-core=off",
            Some(",dump=on,merge=off"),
            (false, true),
        ),
        (
            "q-min,mem-merge=on,dump-guest-core=on",
            Some(",dump=off"),
            (true, false),
        ),
    ] {
        let mut options: Vec<String> = none.map(str::to_owned).into();
        let mut path = "/objects/microvm.ram";
        options.push("-machine".to_owned());
        match object {
            Some(text) => {
                path = "/objects/mem";
                options.push(format!("{machine},memory-backend=mem"));
                options.extend(["-object".to_owned(), backend(text)]);
            }
            None => options.push(machine.to_owned()),
        }
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let mut vmm = Vmm::start(&options);
        let mut client = vmm.connect();
        let merge = merge && host_merges();
        assert_eq!(told(&vmm), (merge, dump), "{options:?}");
        let get = commands::QomGet::new(path, "dump");
        assert_eq!(client.execute(&get).unwrap(), Value::from(dump));
        let set = commands::QomSet::new(path, "dump", (!dump).into());
        client.execute(&set).unwrap();
        assert_eq!(told(&vmm), (merge, !dump), "{options:?}");
    }
}

/// What the machine says is for memory that is made later, too.
#[test]
fn machine_gives_the_defaults_of_memory_that_is_made_later() {
    let mut vmm = Vmm::start(&["-accel", "none", "-m", "4", "-M", "q-min,mem-merge=off"]);
    let mut client = vmm.connect();
    let machine = |name: &str| commands::QomGet::new("/machine", name);
    assert_eq!(
        client.execute(&machine("mem-merge")).unwrap(),
        Value::from(false)
    );
    assert_eq!(
        client.execute(&machine("dump-guest-core")).unwrap(),
        Value::from(true)
    );
    let set = commands::QomSet::new("/machine", "dump-guest-core", false.into());
    client.execute(&set).unwrap();
    let object = r#"{"qom-type": "memory-backend-ram", "id": "mem", "size": 34603008}"#;
    let object: Value = qmp_runtime::codec::from_str(object, Unknown::Refuse).unwrap();
    let object = object.as_object().unwrap();
    client.execute_value("object-add", object).unwrap();
    assert_eq!(told(&vmm), (false, false));
}

#[test]
fn switches_of_the_machine_are_on_or_off() {
    for name in ["mem-merge", "dump-guest-core"] {
        let machine = format!("q-min,{name}=maybe");
        let output = run(&["-M", &machine, "-accel", "none"]);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        let words = format!("Parameter '{name}' expects 'on' or 'off'");
        assert!(text.contains(&words), "{text}");
    }
}
