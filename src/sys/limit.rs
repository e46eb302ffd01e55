//! The limit on core files, for programs that have a password in their memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The limit is the whole process's, and two threads run postmap side by side: one at a time may change it, or the second
/// would take the first one's limit for the caller's and restore that.
static CHANGING: Mutex<()> = Mutex::new(());

/// One byte, not none: core_pattern may name a program (abrt, systemd-coredump), for which the kernel ignores every
/// limit but this one, with which it hands over nothing (do_coredump in fs/coredump.c). Nor does it begin a core *file*
/// of one byte.
const NOTHING: rlim_t = 1;

/// A limit with which programs that are started leave no core; dropping it restores the caller's limit, which programs
/// that are started later get, Postfix's daemons among them. It is this process's own limit, since setting that of a
/// child alone takes `unsafe`.
pub struct NoCore {
    before: Option<(rlim_t, rlim_t)>,
    _alone: MutexGuard<'static, ()>,
}

impl NoCore {
    /// Sets the limit. Waits for a thread that has set it already: for as long as a program takes to start.
    pub fn begin() -> Self {
        let alone = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
        let before = getrlimit(Resource::RLIMIT_CORE).ok();
        if let Some((_, hard)) = before {
            let _ = setrlimit(Resource::RLIMIT_CORE, NOTHING, hard.max(NOTHING));
        }
        Self { before, _alone: alone }
    }
}

impl Drop for NoCore {
    fn drop(&mut self) {
        if let Some((soft, hard)) = self.before {
            let _ = setrlimit(Resource::RLIMIT_CORE, soft, hard);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sys::run::Cmd;

    /// The soft limit that a program has, in bytes.
    fn limit_of(cmd: Cmd) -> String {
        let line = cmd.arg("core file").arg("/proc/self/limits").ok().unwrap().text();
        line.split_whitespace().nth(4).unwrap().to_owned()
    }

    fn grep() -> Cmd {
        Cmd::new(Path::new("/bin/grep"))
    }

    /// postmap is asked for two tables side by side: each must have no core, and what comes after must have the
    /// caller's limit again.
    #[test]
    fn programs_without_core_at_the_same_time_leave_the_callers_limit() {
        let (_, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap();
        assert!(hard > NOTHING, "core files are forbidden here altogether: nothing is shown");
        setrlimit(Resource::RLIMIT_CORE, hard, hard).unwrap();
        let callers = limit_of(grep());
        assert_ne!(callers, "1");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        assert_eq!(limit_of(grep().without_core()), "1");
                    }
                });
            }
        });
        assert_eq!(limit_of(grep()), callers);
    }
}
