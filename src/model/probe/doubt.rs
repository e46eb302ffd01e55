//! Doubts about a probe: actions of this host's Postfix that a probe does not imitate.

/// A reason why Postfix's conversation may differ from the probe's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The part of the conversation with which the doubt begins.
    pub from: Matter,
    /// The doubt in words.
    pub text: String,
}

/// Subject of a doubt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matter {
    /// The whole conversation.
    #[default]
    All,
    /// TLS, and everything that is said after it.
    Tls,
    /// The login, and everything that is said after it.
    Login,
    /// The sender's address, and everything that is said after it.
    Sender,
}
