//! The barrier, with cores that run nothing but a counter.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::accel::AccelError;

/// Counts its runs, and misbehaves at a given one.
#[derive(Debug, Default)]
struct Counter {
    runs: Arc<AtomicU32>,
    request_at: Option<u32>,
    panic_at: Option<u32>,
}

impl Core for Counter {
    fn attach(&mut self) {}

    fn executes(&self) -> bool {
        true
    }

    fn arm(&mut self) {}

    fn run(&mut self, _buses: &Buses) -> Exit {
        let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        assert_ne!(self.panic_at, Some(run), "as planned");
        if self.request_at == Some(run) {
            return Exit::Request(GuestRequest::Reset);
        }
        Exit::Kicked
    }

    fn settle(&mut self) {}

    fn nmi(&mut self) -> Result<(), AccelError> {
        Ok(())
    }

    fn translate(&self, _address: u64) -> Result<Option<u64>, AccelError> {
        Ok(None)
    }

    fn halted(&self) -> bool {
        false
    }
}

fn spawn(core: Counter) -> (Vcpus, Arc<AtomicU32>, Receiver<Message>) {
    let runs = Arc::clone(&core.runs);
    let (sender, receiver) = channel();
    let vcpus = Vcpus::spawn(vec![(0, Box::new(core))], &Arc::default(), &sender, false).unwrap();
    (vcpus, runs, receiver)
}

fn await_runs(runs: &AtomicU32, least: u32) {
    while runs.load(Ordering::SeqCst) < least {
        thread::yield_now();
    }
}

#[test]
fn nothing_runs_before_resume_or_after_pause() {
    let (vcpus, runs, _requests) = spawn(Counter::default());
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    for _ in 0..100 {
        let before = runs.load(Ordering::SeqCst);
        vcpus.resume();
        await_runs(&runs, before + 3);
        vcpus.pause();
        let stopped = runs.load(Ordering::SeqCst);
        vcpus.on_cpu(0, |_| ()).unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), stopped);
    }
}

#[test]
fn job_is_done_whether_or_not_the_cpu_runs() {
    let (vcpus, runs, _requests) = spawn(Counter::default());
    assert_eq!(vcpus.on_cpu(0, |_| 1).unwrap(), 1);
    vcpus.resume();
    await_runs(&runs, 1);
    assert_eq!(vcpus.on_cpu(0, |_| 2).unwrap(), 2);
    assert!(matches!(
        vcpus.on_cpu(1, |_| ()),
        Err(MachineError::NoCpu(1))
    ));
}

#[test]
fn request_holds_its_cpu_until_released() {
    let (vcpus, runs, requests) = spawn(Counter {
        request_at: Some(5),
        ..Default::default()
    });
    vcpus.resume();
    let Message::Guest { cpu, life, request } = requests.recv().unwrap() else {
        panic!()
    };
    assert_eq!((cpu, request), (0, GuestRequest::Reset));
    assert!(vcpus.is_open(0, life));
    vcpus.pause();
    vcpus.resume(); // a stop and a cont do not let it go
    vcpus.on_cpu(0, |_| ()).unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 5);
    vcpus.release(0);
    await_runs(&runs, 6);
}

#[test]
fn replacement_closes_requests_of_the_old_core() {
    let (vcpus, _, requests) = spawn(Counter {
        request_at: Some(1),
        ..Default::default()
    });
    vcpus.resume();
    let Message::Guest { life, .. } = requests.recv().unwrap() else {
        panic!()
    };
    vcpus.pause();
    let next = Counter::default();
    let runs = Arc::clone(&next.runs);
    vcpus.replace(vec![(0, Box::new(next))]);
    assert!(!vcpus.is_open(0, life));
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    vcpus.resume();
    await_runs(&runs, 1);
}

#[test]
fn failed_thread_is_reported_and_nobody_waits_for_it() {
    let (vcpus, _, requests) = spawn(Counter {
        panic_at: Some(2),
        ..Default::default()
    });
    vcpus.resume();
    let Message::Guest { request, .. } = requests.recv().unwrap() else {
        panic!()
    };
    assert!(matches!(request, GuestRequest::InternalError(_)));
    vcpus.pause();
    vcpus.resume();
    vcpus.pause();
    assert!(vcpus.on_cpu(0, |_| ()).is_err());
}
