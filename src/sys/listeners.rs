//! The sockets of this host on which somebody listens, read from /proc/net (proc(5)): nobody is connected to.

use std::path::Path;

use super::files;

/// The most that is read of one list.
const LIMIT: u64 = 4 * 1024 * 1024;

/// Whether somebody listens on this TCP port of this host; `None` if the lists cannot be read.
pub fn on_port(port: u16) -> Option<bool> {
    let lists = ["/proc/net/tcp", "/proc/net/tcp6"].map(list);
    if lists.iter().all(Option::is_none) {
        return None;
    }
    // Of each line the second field is the own address, `hex:hex`, the fourth the state: 0A is LISTEN.
    let suffix = format!(":{port:04X}");
    let listens = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().take(4).collect();
        matches!(fields.as_slice(), [_, own, _, "0A"] if own.ends_with(&suffix))
    };
    Some(lists.iter().flatten().flat_map(|text| text.lines()).any(listens))
}

/// Whether somebody listens on this socket in the file system; `None` if the list cannot be read.
pub fn on_path(path: &Path) -> Option<bool> {
    let path = path.to_str()?;
    // Flag 00010000: the socket accepts connections (__SO_ACCEPTCON).
    let listens = |line: &str| line.contains(" 00010000 ") && line.ends_with(path);
    Some(list("/proc/net/unix")?.lines().any(listens))
}

fn list(path: &str) -> Option<String> {
    let bytes = files::read(Path::new(path), LIMIT).ok()??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use std::time::Duration;

    use super::*;
    use crate::sys::clock;

    #[test]
    fn a_listener_is_seen_and_its_end_too() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(on_port(port), Some(true));
        drop(listener);
        assert!(ends(&|| on_port(port)));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(on_path(&path), Some(true));
        drop(listener);
        assert!(ends(&|| on_path(&path)));
    }

    /// A program that another test starts at the same moment has the socket until it is executed.
    fn ends(look: &dyn Fn() -> Option<bool>) -> bool {
        (0..200).any(|_| look() == Some(false) || clock::sleep(Duration::from_millis(10)).is_err())
    }
}
