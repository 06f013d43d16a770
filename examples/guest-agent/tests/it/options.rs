//! The command line and the configuration file.

use std::ffi::OsString;

use guest_agent::Permitted;
use guest_agent::options::{Method, Options, Task};

fn parse(arguments: &[&str]) -> Result<Task, String> {
    Options::parse(arguments.iter().map(OsString::from))
}

fn options(arguments: &[&str]) -> Options {
    match parse(arguments) {
        Ok(Task::Run(options)) => *options,
        other => panic!("{other:?}"),
    }
}

fn only(names: &[&str]) -> Permitted {
    Permitted::Only(names.iter().map(|&name| name.to_owned()).collect())
}

#[test]
fn command_line_says_it_all() {
    let line = "-c /dev/null -m unix-listen -p /run/a -r -a guest-ping,guest-info -F/x --dry-run -t /s -d -f /p -l /l -v";
    let all = options(&line.split(' ').collect::<Vec<_>>());
    let expected = Options {
        method: Method::UnixListen,
        path: Some("/run/a".into()),
        retry_path: true,
        permitted: only(&["guest-ping", "guest-info"]),
        hook: Some("/x".into()),
        dry_run: true,
        state_dir: Some("/s".into()),
        daemon: true,
        pid_file: Some("/p".into()),
        log_file: Some("/l".into()),
        verbose: true,
    };
    assert_eq!(all, expected);
}

#[test]
fn dumped_configuration_reads_back_as_the_same() {
    let line =
        "-c /dev/null -m isa-serial -p /dev/ttyS1 -b guest-shutdown -F --dry-run -t /s -f /p -v";
    let line: Vec<&str> = line.split(' ').collect();
    let Ok(Task::Print(text)) = parse(&[&line[..], &["-D"]].concat()) else {
        panic!("a text to print");
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("conf");
    std::fs::write(&file, text).unwrap();
    assert_eq!(options(&["-c", file.to_str().unwrap()]), options(&line));
}

#[test]
fn file_of_qemus_agent_is_read_and_the_command_line_wins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("conf");
    let text = "# comment\n[general]\ndaemon=false\nmethod=virtio-serial\npath = /dev/vport\n\
                pidfile=/run/p\nstatedir=/run\nverbose=true\nblock-rpcs=guest-shutdown,guest-fstrim\n[other]\n";
    std::fs::write(&file, text).unwrap();
    let read = options(&["-c", file.to_str().unwrap(), "-p", "/dev/other"]);
    assert_eq!(read.path.as_deref(), Some("/dev/other"));
    assert!(read.verbose && !read.daemon);
    let Permitted::AllBut(names) = read.permitted else {
        panic!("a list of what is not permitted");
    };
    assert_eq!(names.len(), 2);
}

#[test]
fn wrong_usage_names_the_remedy() {
    for (arguments, remedy) in [
        (
            &["-m", "carrier-pigeon"][..],
            "there are virtio-serial, isa-serial",
        ),
        (&["-a", "guest-pong"], "--allow-rpcs=help lists them"),
        (&["-a", "guest-ping", "-b", "guest-ping"], "give one list"),
        (&["-d", "-m", "stdio"], "no standard input"),
        (&["--frobnicate"], "Try 'guest-agent --help'"),
        (&["-c", "/nonexistent"], "/nonexistent: No such file"),
        (&["stray"], "Try 'guest-agent --help'"),
    ] {
        let error = parse(arguments).unwrap_err();
        assert!(error.contains(remedy), "{arguments:?}: {error}");
    }
    let error = options(&["-c", "/dev/null", "-m", "unix-listen"])
        .endpoint()
        .unwrap_err();
    assert!(error.contains("needs --path"), "{error}");
}

#[test]
fn fault_in_a_file_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("conf");
    for (text, fault) in [
        ("path=/x", ":1: this stands below no [general]"),
        ("[general]\n\nnonsense", ":3: this is no KEY=VALUE"),
        ("[general]\nverbose=maybe", ":2: say true or false"),
        ("[general]\ncolour=red", ":2: there is no option 'colour'"),
        (
            "[general]\nallow-rpcs=guest-ping\nblock-rpcs=guest-info",
            ":3: there is another list",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = parse(&["-c", file.to_str().unwrap()]).unwrap_err();
        assert!(error.contains(fault), "{text}: {error}");
    }
}

#[test]
fn lists_of_commands_can_be_asked_for() {
    let Ok(Task::Print(text)) = parse(&["-c", "/dev/null", "--block-rpcs=help"]) else {
        panic!("a text to print");
    };
    assert_eq!(text.lines().count(), 19);
}
