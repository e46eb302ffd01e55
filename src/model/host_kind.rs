//! The kind of this host: whether programs can be started here, now.

/// Signs of the kind of host.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signs {
    /// Whether the root directory of this process is that of process 1; `None` without /proc.
    pub root_of_init: Option<bool>,
    /// `/run/systemd/system` (sd_booted(3)). An installer shows its own /run in the tree that it fills, so this alone
    /// says little.
    pub systemd: bool,
    /// `SYSTEMD_OFFLINE`: the caller wants PID 1 left alone (systemd's docs/ENVIRONMENT.md).
    pub offline: bool,
    /// `/run/anaconda`: the installer runs.
    pub installer: bool,
}

/// The kind of a host, which decides what can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKind {
    /// systemd runs, and belongs to this host.
    Systemd,
    /// No systemd: a container, or an older init. Postfix can be started by its own command.
    NoSystemd,
    /// The installer itself, which is not the system that it installs.
    Installer,
    /// A tree that is not running: a chroot, an image under construction.
    Tree,
}

impl Signs {
    /// The kind that all signs together show.
    pub fn kind(self) -> HostKind {
        match self.root_of_init {
            // A running host has /proc.
            Some(false) | None => HostKind::Tree,
            Some(true) if self.offline => HostKind::Tree,
            Some(true) if self.installer => HostKind::Installer,
            Some(true) if self.systemd => HostKind::Systemd,
            Some(true) => HostKind::NoSystemd,
        }
    }
}

/// The systemd unit of a process, by its cgroup (proc_pid_cgroup(5), cgroups(7)): the last part of the path, in the
/// hierarchy that systemd keeps.
pub fn unit_of(cgroup: &str) -> Option<&str> {
    let path = cgroup.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, controller) = (parts.next()?, parts.next()?);
        (number == "0" || controller == "name=systemd").then(|| parts.next()).flatten()
    })?;
    let is_unit = |part: &&str| matches!(part.rsplit_once('.'), Some((_, "service" | "scope")));
    path.rsplit('/').find(is_unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_known_by_its_cgroup_in_both_hierarchies() {
        assert_eq!(unit_of("0::/system.slice/relayhost-check.service\n"), Some("relayhost-check.service"));
        let el7 = "4:cpu:/\n1:name=systemd:/system.slice/relayhost-check.service\n";
        assert_eq!(unit_of(el7), Some("relayhost-check.service"));
        assert_eq!(unit_of("0::/user.slice/user-0.slice/session-1.scope\n"), Some("session-1.scope"));
        assert_eq!(unit_of("0::/\n"), None);
        assert_eq!(unit_of(""), None);
    }

    #[test]
    fn a_chroot_is_known_by_its_root_and_not_by_run() {
        let booted = Signs { root_of_init: Some(true), systemd: true, ..Signs::default() };
        assert_eq!(booted.kind(), HostKind::Systemd);
        // Anaconda's %post: /run is the installer's.
        let sysimage = Signs { root_of_init: Some(false), installer: true, ..booted };
        assert_eq!(sysimage.kind(), HostKind::Tree);
        assert_eq!(Signs { root_of_init: None, ..booted }.kind(), HostKind::Tree);
        assert_eq!(Signs { installer: true, ..booted }.kind(), HostKind::Installer);
        // rpm-ostree's sandbox, mock, osbuild
        assert_eq!(Signs { offline: true, ..booted }.kind(), HostKind::Tree);
        assert_eq!(Signs { systemd: false, ..booted }.kind(), HostKind::NoSystemd);
    }
}
