//! How much an `apply` is asked to do. What was typed inside an RPM transaction is kept with its request until that is
//! over, so the form is part of the queue's, and frozen with it.

use serde::{Deserialize, Serialize};

/// When the test message is sent. What asks for more is greater.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// `--no-verify`
    Never,
    /// Unless there was nothing to do.
    #[default]
    IfChanged,
    /// `--verify`
    Always,
}

/// What is done about a relay that refuses. What takes less back is smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The configuration stays.
    Keep,
    /// It is put back when the relay has refused the test message.
    PutBack,
    /// The relay is probed before anything is changed; what it refuses later is put back.
    #[default]
    AskFirst,
}

/// The options of an `apply`. The default is what a package asks for, which has none: the full job, message included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// Whether values that somebody changed by hand are overwritten.
    #[serde(skip_serializing_if = "is_default")]
    pub force: bool,
    /// When the test message is sent.
    #[serde(skip_serializing_if = "is_default")]
    pub message: Message,
    /// What is done about a relay that refuses.
    #[serde(skip_serializing_if = "is_default")]
    pub refusal: Refusal,
}

impl Wish {
    /// What serves both. A message that one of them wants is sent. Otherwise what somebody said counts more than what
    /// somebody else left unsaid: a person who typed --force, --no-probe or --on-failure keep knows this host, and a
    /// package that asks in the same transaction does not.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            force: self.force || other.force,
            message: self.message.max(other.message),
            refusal: self.refusal.min(other.refusal),
        }
    }
}

/// For serde: what nobody asked for is not written, so that earlier versions read it too.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_asks_too_wants_the_message_and_takes_no_option_back() {
        let typed = Wish { force: true, message: Message::Never, refusal: Refusal::Keep };
        let both = Wish { message: Message::IfChanged, ..typed };
        assert_eq!(typed.and(Wish::default()), both);
        assert_eq!(Wish::default().and(typed), both);
        assert_eq!(typed.and(typed), typed);
        let repair = Wish { message: Message::Always, refusal: Refusal::PutBack, ..Wish::default() };
        assert_eq!(repair.and(typed), Wish { message: Message::Always, ..typed });
    }
}
