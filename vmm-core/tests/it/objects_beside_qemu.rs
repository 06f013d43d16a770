//! Objects, their properties and their types, beside QEMU's.

use serde_json::{Value, json};

use crate::chardevs::beside_qemu::compare;

type Request = (&'static str, Value);

fn object(kind: &str, mut properties: Value) -> Request {
    properties["qom-type"] = json!(kind);
    properties["id"] = json!("o");
    ("object-add", properties)
}

fn delete() -> Request {
    ("object-del", json!({"id": "o"}))
}

fn set(property: &str, value: &Value) -> Request {
    let arguments = json!({"path": "/objects/o", "property": property, "value": value});
    ("qom-set", arguments)
}

fn get(property: &str) -> Request {
    let arguments = json!({"path": "/objects/o", "property": property});
    ("qom-get", arguments)
}

// proves: object-add, object-del, qom-get, qom-set
#[test]
fn numbers_are_taken_and_refused_alike() {
    let mut script = Vec::new();
    let values = [
        json!(0),
        json!(-1),
        json!(1),
        json!(64),
        json!(65),
        json!(i32::MAX),
        json!(1i64 << 31),
        json!(i64::MAX),
        json!(1u64 << 63),
        json!(i64::MIN),
        json!(1.0),
        json!(1e30),
        json!("1"),
        json!(true),
        Value::Null,
    ];
    let names = [
        "thread-pool-min",
        "thread-pool-max",
        "aio-max-batch",
        "poll-max-ns",
        "poll-grow",
        "poll-shrink",
    ];
    for name in names {
        for value in &values {
            script.extend([
                object("iothread", json!({name: value})),
                get(name),
                delete(),
            ]);
        }
        script.push(object("iothread", json!({})));
        for value in &values {
            script.extend([set(name, value), get(name)]);
        }
        script.push(delete());
    }
    let both = json!({"thread-pool-min": 5, "thread-pool-max": 4});
    script.extend([object("iothread", both), delete()]);
    compare(script);
}

// proves: qom-list-types, qom-list-properties, device-list-properties
#[test]
fn types_are_told_alike() {
    let mut script = Vec::new();
    for name in [
        "iothread",
        "rng-builtin",
        "rng-random",
        "secret",
        "chardev-null",
        "nope",
        "",
    ] {
        script.push(("qom-list-properties", json!({"typename": name})));
    }
    let devices = [
        "virtconsole",
        "virtserialport",
        "pc-dimm",
        "ib700",
        "isa-vga",
        "device",
        "iothread",
        "nope",
        "",
    ];
    for name in devices {
        script.push(("device-list-properties", json!({"typename": name})));
    }
    for name in [
        "iothread",
        "memory-backend-ram",
        "secret",
        "virtio-rng-device",
        "nope",
    ] {
        for abstract_too in [true, false] {
            let arguments = json!({"implements": name, "abstract": abstract_too});
            script.push(("qom-list-types", arguments));
        }
    }
    compare(script);
}

// proves: device_add, device_del
#[test]
fn what_is_no_text_and_no_device_is_answered_alike() {
    let mut script = Vec::new();
    for driver in [json!(3), Value::Null, json!(["iothread"]), json!("")] {
        script.push(("device_add", json!({"driver": driver})));
    }
    script.push((
        "device_add",
        json!({"driver": "virtio-rng-device", "id": 3}),
    ));
    script.push((
        "device_add",
        json!({"driver": "virtio-rng-device", "bus": 3}),
    ));
    for id in [
        "",
        "/",
        "/machine",
        "/machine/peripheral",
        "/objects/",
        "a/b",
        "nope",
        "peripheral",
    ] {
        script.push(("device_del", json!({"id": id})));
    }
    compare(script);
}

// proves: blockdev-add
#[test]
fn options_that_exclude_each_other_are_refused_alike() {
    let image = tempfile::NamedTempFile::new().unwrap();
    let path = image.path().to_str().unwrap();
    let node = |options: Value| {
        let mut node = json!({"driver": "file", "node-name": "n", "filename": path});
        let all = node.as_object_mut().unwrap();
        all.extend(options.as_object().unwrap().clone());
        ("blockdev-add", node)
    };
    let memory = |options: Value| {
        let mut memory = json!({"size": 4096, "mem-path": path});
        let all = memory.as_object_mut().unwrap();
        all.extend(options.as_object().unwrap().clone());
        object("memory-backend-file", memory)
    };
    let script = vec![
        node(json!({"filename": ""})),
        node(json!({"force-share": true})),
        node(json!({"force-share": true, "auto-read-only": true})),
        node(json!({"detect-zeroes": "unmap"})),
        node(json!({"force-share": true, "read-only": true})),
        memory(json!({"mem-path": ""})),
        memory(json!({"rom": "on"})),
        memory(json!({"rom": "off", "readonly": true, "share": true})),
    ];
    compare(script);
}
