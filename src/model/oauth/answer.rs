//! What came back from a token endpoint, before anybody has read it.

/// An answer by HTTP.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// The server's clock, in seconds since 1970, if it has sent it.
    pub date: Option<i64>,
    /// The body.
    pub body: Vec<u8>,
}
