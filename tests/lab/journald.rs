//! Hosts with the machine's own journald in place of rsyslog.

use std::fs::canonicalize;
use std::process::Command;

use crate::host::{Host, host};

/// The host, with journald's files on it.
pub fn on(host: Host) -> Host {
    let list = "ldd /lib/systemd/systemd-journald /usr/bin/journalctl | awk '$3 { print $3 }' | sort -u; echo /lib/systemd/systemd-journald; echo /usr/bin/journalctl";
    let list = Command::new("bash").args(["-c", list]).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let theirs = |path: &&str| !path.contains("libc.so") && !path.contains("ld-linux");
    list.lines()
        .filter(theirs)
        .fold(host, |host, path| host.bind(&canonicalize(path).unwrap_or_else(|_| path.into()), path))
}

/// The commands that start journald on such a host; `None` if this machine has none that runs there. `scripts/vm logs` is
/// what tries the journal then.
pub fn start() -> Option<&'static str> {
    if on(host()).sh("test -x /lib/systemd/systemd-journald && journalctl --version").code != 0 {
        println!("not tried: this machine has no journald that runs in a host of the lab");
        return None;
    }
    Some(
        "kill $(cat /run/rsyslogd.pid); sleep 1; rm -f /var/log/maillog /dev/log; \
         [ -s /etc/machine-id ] || echo 0123456789abcdef0123456789abcdef >/etc/machine-id; \
         mkdir -p /run/systemd/journal /run/log/journal/$(cat /etc/machine-id); \
         mount -t cgroup2 -o ro none /sys/fs/cgroup; /lib/systemd/systemd-journald >/root/journald 2>&1 & \
         await [ -S /run/systemd/journal/dev-log ]; \
         ln -s /run/systemd/journal/dev-log /dev/log; postfix stop; postfix start; ",
    )
}
