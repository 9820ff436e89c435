//! Every unsafe site of `src/jail/sys.rs`, called as the jail calls it. Without the test harness, whose threads forbid a fork; so that
//! `tests/run` can have valgrind watch it too, which sees what the kernel is told to read or write. (Miri knows none of these system calls.)
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test: a failed step fails it, and it says what it did")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use kiroclaw::jail::sys::{self, Fork};
use rustix::mount::{MountAttrFlags, OpenTreeFlags};
use rustix::process::{Pid, Signal, WaitOptions};
use rustix::thread::UnshareFlags;

fn main() {
    // As the harness answers those who ask what there is.
    if std::env::args().any(|word| word == "--list") {
        return;
    }
    assert_eq!(sys::thread_count().unwrap(), 1);
    println!("Landlock ABI: {:?}", sys::landlock_abi());
    sys::unblock_signals().unwrap();
    assert_eq!(in_child(UnshareFlags::empty(), descriptors), Some(0));
    assert_eq!(in_child(UnshareFlags::empty(), signals), Some(0));
    let all = UnshareFlags::NEWUSER | UnshareFlags::NEWNET | UnshareFlags::NEWPID | UnshareFlags::NEWNS;
    match in_child(all, namespaces) {
        None => println!("SKIPPED: namespaces are not allowed here"),
        status => assert_eq!(status, Some(0)),
    }
}

/// Runs `what` in a child, which says by its exit code whether it held; `None` where such a child is not allowed.
fn in_child(namespaces: UnshareFlags, what: fn()) -> Option<i32> {
    match sys::fork_into(namespaces) {
        Ok(Fork::Child) => {
            let held = std::panic::catch_unwind(what).is_ok();
            std::process::exit(i32::from(!held));
        }
        Ok(Fork::Parent(child)) => {
            assert!(sys::children().unwrap().contains(&child));
            rustix::process::waitpid(Some(child), WaitOptions::empty()).unwrap().unwrap().1.exit_status()
        }
        Err(error) => {
            println!("{error}");
            None
        }
    }
}

/// What a debugger's own kernel does not know is said, and fails nothing.
fn known(name: &str, done: io::Result<()>) -> bool {
    match done {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOSYS.raw_os_error()) => {
            println!("SKIPPED: {name} is not known here");
            false
        }
        done => {
            done.unwrap();
            true
        }
    }
}

fn descriptors() {
    let kept = File::open("/dev/null").unwrap();
    let copy = sys::inherited(kept.as_raw_fd()).unwrap();
    assert!(copy.as_raw_fd() > 2 && copy.as_raw_fd() != kept.as_raw_fd());
    assert!(sys::inherited(1000).is_err());
    if known("close_range", sys::close_on_exec_from(3)) {
        assert!(rustix::io::fcntl_getfd(&kept).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
        sys::close_all_but(kept.as_fd()).unwrap();
        assert!(kept.metadata().is_ok() && rustix::io::fcntl_getfd(&copy).is_err());
        sys::close_from(3).unwrap();
        assert!(kept.metadata().is_err());
    }
    // Their numbers are nobody's any more.
    std::mem::forget((kept, copy));
}

fn signals() {
    let fd = sys::signal_fd(&[Signal::USR1, Signal::CHILD]).unwrap();
    assert_eq!(sys::next_signal(&fd).unwrap(), None);
    rustix::process::kill_process(rustix::process::getpid(), Signal::USR1).unwrap();
    assert_eq!(sys::next_signal(&fd).unwrap(), Some(Signal::USR1));
    assert!(sys::next_signal(File::open("/dev/null").unwrap()).is_err());
    sys::unblock_signals().unwrap();
}

/// As process 1, with every capability here.
fn namespaces() {
    assert_eq!(rustix::process::getpid(), Pid::INIT);
    sys::loopback_up().unwrap();
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| std::net::TcpStream::connect(listener.local_addr()?)).unwrap();
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    match rustix::mount::open_tree(rustix::fs::CWD, Path::new("/usr"), flags) {
        Ok(tree) => {
            let read_only = u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits());
            known("mount_setattr", sys::set_mount_attributes(tree.as_fd(), read_only, false));
        }
        Err(errno) => println!("SKIPPED: open_tree: {errno}"),
    }
    match sys::fork().unwrap() {
        Fork::Child => loop {
            let _ = rustix::thread::nanosleep(&rustix::time::Timespec { tv_sec: 1000, tv_nsec: 0 });
        },
        Fork::Parent(child) => {
            // Everybody here but us.
            sys::kill_all_within_reach();
            let ended = rustix::process::waitpid(Some(child), WaitOptions::empty()).unwrap().unwrap().1;
            assert_eq!(ended.terminating_signal(), Some(Signal::KILL.as_raw()));
        }
    }
}
