//! What a text is about, line by line, so far as that decides whether an exception is one about mail: `Connection refused` may
//! be about anything. It counts beside a line that is about mail, as the frames of the same stack are, which also name the
//! host and the port; or as the only line that somebody asks about.

use super::exception::{self, MOST, Place};
use super::network;
use super::piece::Piece;
use super::unexplained;
use crate::model::text::clipped;

/// Lines around one about mail, without those of a stack, in which an exception is about mail.
pub const NEAR: u8 = 3;

/// What the lines so far were about.
#[derive(Debug, Default)]
pub struct Trace {
    /// Host and port of mail that were named last.
    place: Option<Place>,
    /// Lines since the last that was about mail; `None`: there was none, or it is too far away.
    since: Option<u8>,
    /// Whether the code of a frame follows (Python).
    is_frame: bool,
    /// Whether there was a frame.
    has_stack: bool,
    /// Whether openssl's s_client shows a connection: what it prints says nothing of mail, whoever pastes it here does.
    in_client: bool,
}

impl Trace {
    /// Takes notice of a line. True if it is a frame of a stack, which says nothing by itself.
    pub fn note(&mut self, text: &str) -> bool {
        let text = clipped(text, MOST).trim_start();
        let follows_frame = std::mem::take(&mut self.is_frame);
        self.is_frame = text.starts_with("File \"") && text.contains(", line ");
        self.in_client |= text.starts_with("CONNECTED(");
        let is_frame = follows_frame || self.is_frame || self.in_client || is_of_stack(text);
        self.has_stack |= is_frame;
        let (host, port) = network::place(text);
        if let Some((host, port)) = host.zip(port) {
            self.place = Some((host.to_owned(), port));
        }
        if network::is_of_mail(text) || port.is_some() || self.in_client {
            self.since = Some(0);
        } else if !is_frame {
            self.since = self.since.map(|lines| lines + 1).filter(|lines| *lines <= NEAR);
            self.place = self.place.take().filter(|_| self.since.is_some());
        }
        is_frame
    }

    /// Whether the line that was noticed last is about mail.
    pub fn is_at_mail(&self) -> bool {
        self.since == Some(0)
    }

    /// Whether a stack was there that is not about mail: then the exception is about something else.
    pub fn is_about_other(&self) -> bool {
        self.has_stack && self.since.is_none()
    }

    /// What the line that was noticed last says, if it is an exception, or about TLS, and near one about mail.
    pub fn read(&self, text: &str) -> Option<Piece> {
        let lines = self.since?;
        let of_tls = || (lines <= 1).then(|| network::of_tls(text)).flatten();
        exception::read(text, self.place.as_ref()).or_else(of_tls)
    }

    /// What the line that was noticed last says, if it is about mail, and does not say why.
    pub fn vague(&self, text: &str) -> Option<Piece> {
        self.since.and_then(|_| unexplained::read(text, self.is_at_mail()))
    }
}

/// Whether a line belongs to a stack of Python's, Java's, Node's, PHP's, Ruby's or PowerShell's.
pub fn is_of_stack(text: &str) -> bool {
    const WHOLE: [&str; 6] = [
        "Traceback (most recent call last):",
        "During handling of the above exception, another exception occurred:",
        "The above exception was the direct cause of the following exception:",
        "nested exception is:",
        "Stack trace:",
        "{main}",
    ];
    let text = text.trim_end();
    let has_line = || text.contains(':') && text.ends_with(|c: char| c == ')' || c.is_ascii_digit());
    // PowerShell's: `At C:\scripts\report.ps1:12 char:1`
    let in_script = || text.starts_with("At ") && text.contains(" char:");
    WHOLE.contains(&text)
        || in_script()
        || text.starts_with("at ") && (text.ends_with([')', '{']) || has_line())
        || ["At line:", "+ CategoryInfo", "+ FullyQualifiedErrorId", "+ ~"]
            .iter()
            .any(|head| text.starts_with(head))
        || text.starts_with("from ") && text.contains(":in ")
        || text.starts_with('#') && text.contains("): ")
        || text.starts_with("... ") && text.ends_with(" more")
        || text.starts_with("More details here: ")
        || is_property(text)
        || !text.is_empty() && text.bytes().all(|c| b"~^ ".contains(&c))
}

/// Whether a line is a property of an error as Node prints it after the frames: `errno: -111,`.
fn is_property(text: &str) -> bool {
    let is_name = |name: &str| name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    text.split_once(": ").is_some_and(|(name, value)| {
        is_name(name)
            && value.ends_with(',')
            && (value.starts_with(['\'', '"', '-', '[']) || value.starts_with(|c: char| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_before_tell_what_it_is_about() {
        let refused = "ConnectionRefusedError: [Errno 111] Connection refused";
        let mut trace = Trace::default();
        assert!(trace.note("Traceback (most recent call last):") && trace.read(refused).is_none());
        for frame in ["File \"a.py\", line 3, in <module>", "smtplib.SMTP(\"r.example.com\", 25)", "^^^^^^"] {
            assert!(trace.note(frame), "{frame}");
        }
        let reason = |trace: &Trace| trace.read(refused).and_then(Piece::reason);
        assert_eq!(
            reason(&trace).as_deref(),
            Some("connect to r.example.com[r.example.com]:25: Connection refused")
        );
        for _ in 0..=NEAR {
            assert!(trace.note("errno: -111,") && trace.note("  at a.b (c.js:1:2) {"));
            assert!(reason(&trace).is_some() && !trace.note("some other line"));
        }
        assert_eq!(reason(&trace), None);
    }
}
