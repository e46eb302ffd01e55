//! Doubts of a probe: what Postfix does on this host, and a probe does not.

/// Something that makes Postfix's conversation another than the probe's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// From which stage on.
    pub from: Matter,
    /// In words.
    pub text: String,
}

/// Subject of a doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matter {
    /// The whole conversation.
    All,
    /// TLS and what is said after it.
    Tls,
    /// The login and what is said after it.
    Login,
    /// The sender's address and what is said after it.
    Sender,
}
