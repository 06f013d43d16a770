//! What a guest shows.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use qmp_runtime::client::Client;
use qmp_types::qmp::commands;
use qmp_types::qmp::types::ImageFormat;
use vmm_core::devices::Picture;
use vmm_core::guests;
use vmm_core::machine::MachineConfig;
use vmm_core::qom::Spec;

use crate::fixture::{Ended, Fixture, LIMIT, kvm_works};
use crate::process::Vmm;

fn with_card(config: &mut MachineConfig) {
    config.devices.push(Spec {
        type_name: "isa-vga".to_owned(),
        id: Some("card".to_owned()),
        ..Spec::default()
    });
}

fn painted() -> Picture {
    let (width, height) = (guests::PICTURE_WIDTH, guests::PICTURE_HEIGHT);
    let line = |row| (0..width).flat_map(move |column| guests::pixel(column, row));
    Picture {
        width,
        height,
        rgb: (0..height).flat_map(line).collect(),
    }
}

fn pixmap(picture: &Picture) -> Vec<u8> {
    let head = format!("P6\n{} {}\n255\n", picture.width, picture.height);
    [head.as_bytes(), &picture.rgb].concat()
}

#[test]
fn guest_paints_into_the_frame_buffer() {
    let Some(fixture) = Fixture::guest(guests::vga().unwrap().boot(), with_card) else {
        return;
    };
    fixture.expect("vga: painted\n");
    assert_eq!(fixture.machine.picture(None).unwrap(), painted());
    let named = fixture.machine.picture(Some(("card", 0))).unwrap();
    assert_eq!(named, painted());
    // it is there after a reset as well, and black before the guest paints
    fixture.machine.stop().unwrap();
    let cause = vmm_core::machine::Cause::HostQmpSystemReset;
    fixture.machine.reset(cause).unwrap();
    assert_eq!(
        fixture.machine.picture(None).unwrap(),
        Picture::black(640, 480)
    );
    fixture.console();
    fixture.machine.cont().unwrap();
    fixture.expect("vga: painted\n");
    assert_eq!(fixture.machine.picture(None).unwrap(), painted());
}

#[test]
fn errors_say_what_shows_nothing() {
    let none = Fixture::new(|_| {});
    let error = |picture: Result<Picture, _>| {
        let error: vmm_core::machine::MachineError = picture.unwrap_err();
        error.to_string()
    };
    assert_eq!(
        error(none.machine.picture(None)),
        "There is no console to take a screendump from"
    );
    let card = Fixture::new(with_card);
    for (device, head, text) in [
        ("cord", 0, "Device 'cord' not found"),
        (
            "card",
            1,
            "Device card (head 1) is not bound to a QemuConsole",
        ),
        (
            "card",
            -1,
            "Device card (head -1) is not bound to a QemuConsole",
        ),
    ] {
        assert_eq!(error(card.machine.picture(Some((device, head)))), text);
    }
}

/// Waits until a file has this text.
fn await_text(path: &Path, text: &str) {
    let end = Instant::now() + LIMIT;
    while !fs::read_to_string(path).is_ok_and(|found| found.contains(text)) {
        assert!(Instant::now() < end, "{text:?} does not come");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn connect(path: &Path) -> Client {
    let end = Instant::now() + LIMIT;
    loop {
        match Client::connect_unix(path) {
            Ok(client) => return client,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn dump(client: &mut Client, path: &Path, format: Option<ImageFormat>) -> Vec<u8> {
    let filename = path.to_str().unwrap().to_owned();
    client
        .execute(&commands::Screendump {
            format,
            device: Some("card".to_owned()),
            ..commands::Screendump::new(filename)
        })
        .unwrap();
    fs::read(path).unwrap()
}

fn decode(png: &[u8]) -> Picture {
    let decoder = png::Decoder::new(std::io::Cursor::new(png));
    let mut reader = decoder.read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgb).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgb);
    Picture {
        width: info.width,
        height: info.height,
        rgb,
    }
}

// proves: screendump
#[test]
fn screendump_writes_what_the_guest_has_painted() {
    if !kvm_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let kernel = dir.path().join("vga.elf");
    fs::write(&kernel, guests::vga().unwrap().elf()).unwrap();
    let kernel = kernel.to_str().unwrap();
    let options = ["-m", "16", "-device", "isa-vga,id=card", "-kernel", kernel];
    let serial = ["-serial", "file:{dir}/out"];
    let mut vmm = Vmm::start(&[&options[..], &serial].concat());
    let mut client = vmm.connect();
    await_text(&vmm.path("out"), "vga: painted\n");
    let pixels = dump(&mut client, &dir.path().join("ours.ppm"), None);
    assert_eq!(pixels, pixmap(&painted()));
    let png = dump(
        &mut client,
        &dir.path().join("ours.png"),
        Some(ImageFormat::Png),
    );
    assert_eq!(decode(&png), painted());
}

#[test]
fn same_guest_shows_the_same_under_qemu() {
    let version = Command::new("qemu-system-x86_64").arg("--version").output();
    if version.is_err() {
        println!("skipped: there is no qemu-system-x86_64");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("vga.elf"), guests::vga().unwrap().elf()).unwrap();
    let process = Command::new("qemu-system-x86_64")
        .args(["-M", "microvm", "-accel", "tcg", "-m", "64"])
        .args([
            "-nodefaults",
            "-display",
            "none",
            "-device",
            "isa-vga,id=card",
        ])
        .arg("-kernel")
        .arg(path("vga.elf"))
        .arg("-serial")
        .arg(format!("file:{}", path("out").display()))
        .arg("-qmp")
        .arg(format!("unix:{},server=on,wait=off", path("qmp").display()))
        .stdin(Stdio::null())
        .spawn();
    let _qemu = Ended(process.unwrap());
    let mut client = connect(&path("qmp"));
    client.set_timeout(Some(LIMIT));
    await_text(&path("out"), "vga: painted\n");
    let pixels = dump(&mut client, &path("theirs.ppm"), None);
    assert_eq!(pixels, pixmap(&painted()));
}
