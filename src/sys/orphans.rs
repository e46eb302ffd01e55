//! Processes that programs have started and left behind, also in sessions and groups of their own: while somebody runs those
//! programs they become children of this process and not of init (prctl(2), PR_SET_CHILD_SUBREAPER), and they are ended when the
//! programs are.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::clock;

/// Longest time for which they are ended: one that forks faster than that stays.
const ENDING: Duration = Duration::from_secs(2);

/// Does some work, which runs programs and waits for them, and ends what these have left behind. Other children of this process
/// stay. What runs in other threads meanwhile may start no program that is to stay.
pub fn ended_after<T>(work: impl FnOnce() -> T) -> T {
    let before = children();
    let is_set = set_child_subreaper(true).is_ok();
    let result = work();
    if is_set {
        end_all_but(&before);
        let _ = set_child_subreaper(false);
    }
    result
}

/// Each that is ended makes its own children ours.
fn end_all_but(before: &BTreeSet<i32>) {
    let begin = clock::now();
    loop {
        let left: Vec<i32> = children().difference(before).copied().collect();
        if left.is_empty() || begin.elapsed() > ENDING {
            return;
        }
        for pid in left.into_iter().map(Pid::from_raw) {
            // Nobody else waits for it, so its number is its own until it is waited for here.
            let _ = kill(pid, Signal::SIGKILL);
            let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
        }
        clock::pause();
    }
}

/// The children of this process, those that have ended and were not waited for included.
fn children() -> BTreeSet<i32> {
    let own = std::process::id().to_string();
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeSet::new() };
    let pid = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
    let is_ours = |pid: &i32| {
        // A name may have anything in it, also `)`; after the last are the state and the parent (proc(5), stat).
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        parent == Some(own.as_str())
    };
    entries.filter_map(Result::ok).filter_map(pid).filter(is_ours).collect()
}
