//! What the host is told of the guest's memory.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use qmp_runtime::codec::Unknown;
use qmp_runtime::json::Value;
use qmp_types::qmp::commands;
use rustix::fs::{SealFlags, fcntl_get_seals};
use vmm_core::guests;

use super::{Vmm, run};
use crate::differential::peer::{Board, Peer, QEMU, both_work, peers_beside};
use crate::virtio::blk::complaint;

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
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        let words = format!("Parameter '{name}' expects 'on' or 'off'");
        assert!(text.contains(&words), "{text}");
    }
}

/// Both say the same of a back end that cannot be made.
fn refused_alike(object: &str) {
    let machine = ["-M", "microvm,memory-backend=m", "-object", object];
    let theirs = complaint(QEMU, &machine);
    let option = format!("-object {object}: ");
    let said = theirs.trim_end().split_once(": ").unwrap().1;
    let said = said.strip_prefix(&option).unwrap_or(said);
    let ours = complaint(env!("CARGO_BIN_EXE_vmm"), &machine);
    assert!(
        ours.trim_end().ends_with(&format!(": {said}")),
        "{object}\n{theirs}{ours}"
    );
}

/// Whether the host has set pages of 2 MiB aside, or would when they are asked for.
fn has_huge_pages() -> bool {
    ["nr_hugepages", "nr_overcommit_hugepages"]
        .iter()
        .any(|name| {
            let text = fs::read_to_string(format!("/proc/sys/vm/{name}"));
            text.is_ok_and(|text| text.trim() != "0")
        })
}

#[test]
fn back_ends_that_cannot_be_made_are_refused_alike() {
    if !both_work() {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(5 << 20).unwrap();
    let path = format!("mem-path={}", file.path().display());
    for (kind, properties) in [
        ("memfd", "size=16M,hugetlb=on,hugetlbsize=3M"),
        ("memfd", "size=16M,hugetlb=on,hugetlbsize=64k"),
        ("memfd", "size=16M,hugetlb=on,hugetlbsize=64k,seal=off"),
        ("memfd", "size=16M,hugetlb=on,hugetlbsize=1G"),
        ("memfd", "size=15M,hugetlb=on"),
        ("memfd", "size=5000000"),
        ("ram", "size=16M,prealloc=on,prealloc-threads=0"),
        ("ram", "size=16M,prealloc-threads=5000000000"),
        ("ram", "size=16M,reserve=off,prealloc=on"),
        ("ram", "size=16M,policy=x"),
        ("file", "size=16M"),
        ("file", "size=16M,mem-path=/nonexistent/x"),
        ("file", "size=16M,discard-data=maybe,PATH"),
        // longer than the file, by its size or by where it begins
        ("file", "size=16M,PATH"),
        ("file", "size=16M,readonly=on,rom=off,PATH"),
        ("file", "size=5M,offset=4k,PATH"),
        ("file", "size=5000000,PATH"),
        ("file", "size=4M,offset=1,PATH"),
        ("file", "size=4M,align=1000,PATH"),
        ("file", "size=4M,align=12k,PATH"),
    ] {
        let properties = properties.replace("PATH", &path);
        refused_alike(&format!("memory-backend-{kind},id=m,{properties}"));
    }
    assert_eq!(file.as_file().metadata().unwrap().len(), 5 << 20);
    if has_huge_pages() {
        println!("skipped: this host has huge pages");
        return;
    }
    for more in ["", ",prealloc=on", ",hugetlbsize=2M,seal=off"] {
        let object = format!("memory-backend-memfd,id=m,size=16M,hugetlb=on{more}");
        refused_alike(&object);
    }
}

/// What cannot be done to the memory of a process, which is a file without name.
fn seals(peer: &Peer) -> SealFlags {
    let fds = fs::read_dir(format!("/proc/{}/fd", peer.id())).unwrap();
    let mut found = fds.filter_map(|fd| {
        let path = fd.unwrap().path();
        let is_memory =
            fs::read_link(&path).is_ok_and(|to| to.to_string_lossy().starts_with("/memfd:"));
        is_memory.then(|| fcntl_get_seals(File::open(path).unwrap()).unwrap())
    });
    found.next().unwrap()
}

#[test]
fn memory_is_sealed_as_with_qemu() {
    if !both_work() {
        return;
    }
    let all = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    for (seal, expected) in [("on", all), ("off", SealFlags::SEAL)] {
        let object = format!("memory-backend-memfd,id=m,size=4M,seal={seal}");
        let options: &[&str] = &["-object", &object];
        let peers = peers_beside(Board::Microvm, &guests::spin().unwrap(), [options; 2]);
        assert_eq!(peers.each_ref().map(seals), [expected; 2], "{seal}");
    }
}

/// How many bytes and blocks a file has, and how many bytes are what they were.
fn rest(path: &Path) -> (usize, u64, usize) {
    let bytes = fs::read(path).unwrap();
    let kept = bytes.iter().filter(|byte| **byte == b'x').count();
    (bytes.len(), fs::metadata(path).unwrap().blocks(), kept)
}

// proves: object-del
#[test]
fn contents_of_a_file_go_with_the_object_if_they_are_shared_and_not_wanted() {
    if !both_work() {
        return;
    }
    let size = 1 << 20;
    for (share, discard, end) in [
        (
            true,
            true,
            "{'execute': 'object-del', 'arguments': {'id': 'm'}}",
        ),
        (true, true, "{'execute': 'quit'}"),
        (
            true,
            false,
            "{'execute': 'object-del', 'arguments': {'id': 'm'}}",
        ),
        (
            false,
            true,
            "{'execute': 'object-del', 'arguments': {'id': 'm'}}",
        ),
    ] {
        let peers = peers_beside(Board::Microvm, &guests::spin().unwrap(), [&[], &[]]);
        let rests = peers.map(|mut peer| {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), vec![b'x'; size]).unwrap();
            let path = file.path().display();
            let made = peer.execute(&format!(
                "{{'execute': 'object-add', 'arguments': {{'qom-type': 'memory-backend-file', 'id': 'm', \
                 'size': {size}, 'mem-path': '{path}', 'share': {share}, 'discard-data': {discard}}}}}"
            ));
            assert!(made.get("return").is_some(), "{made:?}");
            peer.execute(end);
            if end.contains("quit") {
                peer.await_end();
            }
            rest(file.path())
        });
        assert_eq!(rests[0], rests[1], "{share} {discard} {end}");
        let kept = if share && discard { 0 } else { size };
        assert_eq!(rests[1].2, kept);
    }
}
