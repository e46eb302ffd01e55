//! Writes a line of relayhost to the mail log, on the way that Postfix's lines take.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::clock;
use crate::error::{Error, Result};

/// The socket at which syslog daemons and journald take lines (syslog(3)).
const SOCKET: &str = "/dev/log";

/// The line's program name, with Postfix's name in it, since some syslog configurations sort by that.
pub const TAG: &str = "postfix/relayhost";

/// Sends a line with facility `mail` and priority `info`, as glibc's syslog(3) does.
pub fn mail(text: &str) -> Result<()> {
    const MAIL_INFO: u8 = 2 << 3 | 6;
    let line = format!("<{MAIL_INFO}>{} {TAG}[{}]: {text}", clock::stamp(), std::process::id());
    let fault = |source| Error::Io { action: "write to", path: SOCKET.into(), source };
    let socket = UnixDatagram::unbound().map_err(fault)?;
    socket.set_write_timeout(Some(Duration::from_secs(2))).map_err(fault)?;
    socket.send_to(line.as_bytes(), SOCKET).map(|_| ()).map_err(fault)
}
