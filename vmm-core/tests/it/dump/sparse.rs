//! Files with holes where memory is zero, and where there are none.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::thread;

use qmp_runtime::client::Client;
use qmp_types::qmp::commands;

use super::{beating, dump};

/// Puts a dump into a descriptor.
fn dump_into(client: &mut Client, file: &File) {
    let getfd = commands::Getfd {
        fdname: "out".into(),
    };
    client.execute_with_fds(&getfd, &[file]).unwrap();
    client.execute(&dump("fd:out", false)).unwrap();
}

/// Asserts without printing megabytes.
fn assert_same(left: &[u8], right: &[u8], what: &str) {
    assert_eq!(left.len(), right.len(), "{what}");
    let differs = left
        .iter()
        .zip(right)
        .position(|(left, right)| left != right);
    assert_eq!(differs, None, "{what}");
}

#[test]
fn zeroes_are_left_out_of_files_and_the_bytes_are_the_same() {
    // memory of another kind is not known without being looked at
    let shared = [
        "-object",
        "memory-backend-memfd,id=m,size=32M",
        "-machine",
        "memory-backend=m",
    ];
    for options in [&[][..], &shared] {
        let Some((vmm, mut client)) = beating(&[&["-m", "32"], options].concat()) else {
            return;
        };
        client.execute(&commands::Stop {}).unwrap();

        let (mut reader, writer) = std::io::pipe().unwrap();
        let reader = thread::spawn(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            bytes
        });
        let writer = File::from(std::os::fd::OwnedFd::from(writer));
        dump_into(&mut client, &writer);
        drop(writer);
        let expected = reader.join().unwrap();
        assert!(expected.len() > 32 << 20);
        let length = expected.len() as u64;

        let path = vmm.path("dump");
        let protocol = format!("file:{}", path.display());
        client.execute(&dump(&protocol, false)).unwrap();
        assert_same(&fs::read(&path).unwrap(), &expected, "a new file");
        let allocated = fs::metadata(&path).unwrap().blocks() * 512;
        assert!((1..4 << 20).contains(&allocated), "{allocated}");

        // behind what is there, in a descriptor that is left at the end
        let path = vmm.path("behind");
        let mut file = File::options();
        let mut file = file
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        file.write_all(b"before").unwrap();
        dump_into(&mut client, &file);
        assert_eq!(file.stream_position().unwrap(), 6 + length);
        file.write_all(b"after").unwrap();
        let bytes = fs::read(&path).unwrap();
        let all = [b"before", &expected[..], b"after"].concat();
        assert_same(&bytes, &all, "behind what is there");
        let allocated = fs::metadata(&path).unwrap().blocks() * 512;
        assert!(allocated < 4 << 20, "{allocated}");

        // what is there already is written over
        fs::write(&path, vec![0xff; expected.len() + 100]).unwrap();
        file.seek(SeekFrom::Start(10)).unwrap();
        dump_into(&mut client, &file);
        let all = [&[0xff; 10], &expected[..], &[0xff; 90]].concat();
        assert_same(&fs::read(&path).unwrap(), &all, "over what is there");

        // a descriptor that appends, wherever it says that it is
        fs::write(&path, b"1").unwrap();
        let mut file = File::options().append(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(1000)).unwrap();
        dump_into(&mut client, &file);
        let all = [b"1", &expected[..]].concat();
        assert_same(&fs::read(&path).unwrap(), &all, "appended");
    }
}
