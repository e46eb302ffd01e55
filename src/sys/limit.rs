//! The limit on core files, for programs that have a password in their memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The limit is the whole process's, and postmap is run in two threads side by side: one at a time may change it, or
/// the second would take the first one's for the caller's and leave that behind.
static CHANGING: Mutex<()> = Mutex::new(());

/// One byte, not none: core_pattern may lead into a program (abrt, systemd-coredump), for which the kernel does not
/// look at the limit, but for this value, with which it gives nothing to anybody (do_coredump in fs/coredump.c). A
/// core *file* of one byte it does not begin either.
const NOTHING: rlim_t = 1;

/// While this lives, what is started leaves no core. The limit is our own for the moment, since there is no way to set
/// a child's without `unsafe`; what is started later, Postfix's daemons among it, has the caller's again.
pub struct NoCore {
    before: Option<(rlim_t, rlim_t)>,
    _alone: MutexGuard<'static, ()>,
}

impl NoCore {
    /// Waits for the one before, if there is one: as long as it takes to start a program.
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
