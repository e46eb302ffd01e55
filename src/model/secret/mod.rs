//! A password that cannot be printed by accident.

pub mod mask;
pub mod named;
mod reading;

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error};

/// A password. Its `Debug` shows nothing, and it has no `Display` and no `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The password itself. Each use is a place where it could leak: there should be few.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Serde's own type errors quote the value (invalid type: integer 1234), which for a password would be a leak;
/// so the error for every type but a string is replaced by words that quote nothing.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let not_text = |_| Error::custom("a password must be a string in quotes");
        String::deserialize(deserializer).map(Self).map_err(not_text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some(Secret(…))");
    }

    #[test]
    fn a_wrong_type_is_refused_without_quoting_it() {
        #[derive(Debug, serde::Deserialize)]
        struct File {
            #[expect(dead_code, reason = "only the error matters")]
            password: Secret,
        }
        for value in ["4711", "47.11", "true", "[ 4711 ]", "{ a = 4711 }", "4711-01-01"] {
            let error = toml::from_str::<File>(&format!("password = {value}")).unwrap_err();
            assert!(!error.message().contains("47"), "{}", error.message());
            assert!(error.message().contains("string in quotes"), "{}", error.message());
        }
    }
}
