//! The outcome of one comparison, and its remedy.

use serde::Serialize;

use crate::error::{Advice, BY_HAND};

/// The outcome of one comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable name: `package.postfix`, `setting.relayhost`, `map.sasl_passwd.database`, `service.running`.
    pub id: String,
    /// Verdict.
    pub state: State,
    /// The state that was seen, in words.
    pub found: String,
    /// The remedy, unless the state is fine.
    pub remedy: Option<Remedy>,
}

/// Verdict of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As the answers say.
    Fine,
    /// Not as the answers say.
    Differs,
    /// As the answers say, and yet it may keep mail from arriving.
    Warning,
    /// Worth knowing, and no fault.
    Note,
}

/// The remedy for a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// `apply` mends it.
    Apply,
    /// `apply` mends it with `--force`, since somebody changed a value by hand.
    Force,
    /// `apply` changes nothing for it, and sends the test message that was not confirmed.
    Prove,
    /// `repair` mends it.
    Repair,
    /// A person has to do this.
    Say(Advice),
}

impl Finding {
    /// Whether `apply` mends it.
    pub fn is_for_apply(&self) -> bool {
        matches!(self.remedy, Some(Remedy::Apply | Remedy::Force | Remedy::Prove))
    }

    /// Whether a person is to look at it.
    pub fn is_amiss(&self) -> bool {
        matches!(self.state, State::Differs | State::Warning)
    }

    /// Whether its remedy is one for all that differs, which is said once.
    pub fn is_one_of_all(&self) -> bool {
        matches!(self.remedy, Some(Remedy::Apply | Remedy::Force))
    }
}

impl Remedy {
    /// The same steps on a host without answers.
    #[must_use]
    pub fn unanswered(&self) -> Self {
        match self {
            Self::Apply | Self::Force | Self::Prove | Self::Repair => {
                Self::say("`relayhost init` (writes the answers, and offers to apply them)")
            }
            Self::Say(advice) => Self::Say(advice.unanswered()),
        }
    }

    /// A step that a person has to take.
    pub fn say(advice: impl Into<Advice>) -> Self {
        Self::Say(advice.into())
    }

    /// The text for a person.
    pub fn text(&self) -> String {
        match self {
            Self::Apply => "relayhost apply".into(),
            Self::Force => BY_HAND.into(),
            Self::Prove => "relayhost apply (sends the test message again)".into(),
            Self::Repair => "relayhost repair".into(),
            Self::Say(advice) => advice.text(),
        }
    }
}
