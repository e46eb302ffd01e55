//! What lies in the place of a file and is none.

use std::fmt;

/// A kind of thing that is no regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// A directory.
    Directory,
    /// A pipe with a name.
    Fifo,
    /// A socket.
    Socket,
    /// A device.
    Device,
}

impl fmt::Display for Odd {
    /// The kind with its article, for a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "a directory",
            Self::Fifo => "a FIFO",
            Self::Socket => "a socket",
            Self::Device => "a device",
        })
    }
}
