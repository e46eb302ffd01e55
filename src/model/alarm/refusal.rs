//! Why a way did not take an event, and what to do about it, in words for a person.

/// Why a way did not take an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

impl Refusal {
    /// A reason, and what to do.
    pub fn new(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { why: why.into(), remedy: remedy.into() }
    }
}

/// What to do about a status of a web server (RFC 9110 §15) by which it did not take a message.
pub fn of_status(status: u16, place: &str) -> String {
    match status {
        300..400 => format!("write the address that it leads to into {place}"),
        401 | 403 => {
            format!("have the receiver make a new address or key, and write it into {place} or `headers`")
        }
        404 | 410 => format!("the receiver no longer knows the address in {place}: have it make a new one"),
        413 => "have `template` send less".into(),
        429 => "it takes no more for a while: the next look tries again".into(),
        400..500 => "see in the receiver's description which form it takes, and write `template` so".into(),
        _ => "it is the receiver that fails: the next look tries again".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_a_remedy_of_its_own_kind() {
        for (status, word) in [
            (302, "leads to"),
            (400, "template"),
            (401, "headers"),
            (404, "new one"),
            (429, "next look"),
            (503, "receiver"),
        ] {
            assert!(of_status(status, "`url`").contains(word), "{status}");
        }
    }
}
