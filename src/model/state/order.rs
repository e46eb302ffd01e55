//! The order that a run was given, and its consequences. An order that was typed inside an RPM transaction is kept
//! with its request until the transaction is over, so the form is part of the queue's, and frozen with it.

use serde::{Deserialize, Serialize};

use crate::error::Exit;

/// The condition for a test message. The one that asks for more is greater.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// `--no-verify`
    Never,
    /// Only if there was something to do.
    #[default]
    IfChanged,
    /// `--verify`
    Always,
}

/// The reaction to a relay that refuses. The one that puts less back is smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The configuration stays.
    Keep,
    /// The previous configuration is put back when the relay has refused the test message.
    PutBack,
    /// The relay is probed before anything is changed; a configuration that it refuses later is put back.
    #[default]
    AskFirst,
}

/// The options of a run. The default is for a package, which cannot give options: the full job, with a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Order {
    /// Whether values that somebody changed by hand are overwritten.
    #[serde(skip_serializing_if = "is_default")]
    pub force: bool,
    /// The condition for the test message.
    #[serde(skip_serializing_if = "is_default")]
    pub message: Message,
    /// The reaction to a relay that refuses.
    #[serde(skip_serializing_if = "is_default")]
    pub refusal: Refusal,
}

/// The options of `apply` and `repair`, each true if it was typed.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Flags {
    /// `--force`
    pub force: bool,
    /// `--verify`
    pub verify: bool,
    /// `--no-verify`
    pub no_verify: bool,
    /// `--on-failure keep`
    pub keep: bool,
    /// `--no-probe`
    pub no_probe: bool,
}

/// The fate of a change once the test message has been followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// The change stays: the relay has confirmed it.
    Keep,
    /// The change stays, and is to be proved later.
    KeepUnproven,
    /// The previous configuration is put back.
    Undo,
}

/// The reason why the previous configuration was put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PutBack {
    /// The relay refused the test message.
    Refused,
    /// The relay took no message before the deadline, and the configuration before had worked.
    NoWord,
    /// The relay took the message, it was not seen to arrive, and that is required.
    NotArrived,
}

impl PutBack {
    /// The reason after a message that ended so at the relay.
    pub fn after(relay: Exit) -> Self {
        match relay {
            Exit::Refused => Self::Refused,
            Exit::Done => Self::NotArrived,
            _ => Self::NoWord,
        }
    }

    /// The reason, in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Refused => "the relay refused the test message",
            Self::NoWord => "no word of the relay, and the configuration before had worked",
            Self::NotArrived => {
                "the test message was not seen to arrive, which is required, and the configuration before had worked"
            }
        }
    }
}

impl Order {
    /// The order of an `apply` with these options.
    pub fn to_apply(flags: Flags) -> Self {
        Self {
            force: flags.force,
            message: match (flags.no_verify, flags.verify) {
                (true, _) => Message::Never,
                (false, true) => Message::Always,
                (false, false) => Message::IfChanged,
            },
            refusal: match (flags.keep, flags.no_probe) {
                (true, _) => Refusal::Keep,
                (false, true) => Refusal::PutBack,
                (false, false) => Refusal::AskFirst,
            },
        }
    }

    /// The order of a `repair`: an administrator who types it has said that the answers are right.
    pub fn to_repair(flags: Flags) -> Self {
        Self { force: true, message: Message::Always, ..Self::to_apply(flags) }
    }

    /// The order that serves both. A message that one of them wants is sent. Otherwise an option that one of them has
    /// counts more than its absence in the other: a person who typed --force, --no-probe or --on-failure keep knows
    /// this host, and a package that asks in the same transaction does not.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            force: self.force || other.force,
            message: self.message.max(other.message),
            refusal: self.refusal.min(other.refusal),
        }
    }

    /// Whether to probe the relay before anything is changed. Without a message nothing would be put back.
    pub fn asks_first(self) -> bool {
        self.refusal == Refusal::AskFirst && self.message != Message::Never
    }

    /// Whether to send a test message. `changes`: the run has something to do; `unproven`: the relay has not
    /// confirmed what is in force.
    pub fn wants_message(self, changes: bool, unproven: bool) -> bool {
        match self.message {
            Message::Never => false,
            Message::IfChanged => changes || unproven,
            Message::Always => true,
        }
    }

    /// The fate of a change. `verdict` is the end of the message; `None` if it could not be sent or followed.
    /// `has_worked`: the configuration before the change has worked, and gives way only to one that was seen to work.
    pub fn consequence(self, verdict: Option<Exit>, has_worked: bool) -> Consequence {
        match verdict {
            Some(Exit::Done) => Consequence::Keep,
            Some(Exit::Refused) | None if self.refusal != Refusal::Keep => Consequence::Undo,
            Some(_) if has_worked && self.refusal != Refusal::Keep => Consequence::Undo,
            _ => Consequence::KeepUnproven,
        }
    }
}

/// Whether serde leaves a value out: a default is not written, so that earlier versions can read the record too.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_asks_too_wants_the_message_and_takes_no_option_back() {
        let typed = Order { force: true, message: Message::Never, refusal: Refusal::Keep };
        let both = Order { message: Message::IfChanged, ..typed };
        assert_eq!(typed.and(Order::default()), both);
        assert_eq!(Order::default().and(typed), both);
        assert_eq!(typed.and(typed), typed);
        let repair = Order { message: Message::Always, refusal: Refusal::PutBack, ..Order::default() };
        assert_eq!(repair.and(typed), Order { message: Message::Always, ..typed });
    }
    #[test]
    fn an_order_is_what_was_typed() {
        let none = Flags::default();
        assert_eq!(Order::to_apply(none), Order::default());
        let order = Order::to_apply(Flags { no_verify: true, no_probe: true, ..none });
        assert_eq!(order, Order { message: Message::Never, refusal: Refusal::PutBack, force: false });
        let order = Order::to_apply(Flags { verify: true, keep: true, no_probe: true, force: true, ..none });
        assert_eq!(order, Order { message: Message::Always, refusal: Refusal::Keep, force: true });
        let order = Order::to_repair(Flags { keep: true, ..none });
        assert_eq!(order, Order { message: Message::Always, refusal: Refusal::Keep, force: true });
    }

    #[test]
    fn a_message_is_sent_for_what_was_changed_or_never_proved() {
        let order = |message| Order { message, ..Order::default() };
        for (message, expected) in [
            (Message::Never, [false; 3]),
            (Message::IfChanged, [false, true, true]),
            (Message::Always, [true; 3]),
        ] {
            let wants = [(false, false), (true, false), (false, true)]
                .map(|(changes, unproven)| order(message).wants_message(changes, unproven));
            assert_eq!(wants, expected, "{message:?}");
        }
        assert!(order(Message::IfChanged).asks_first() && !order(Message::Never).asks_first());
        assert!(!Order { refusal: Refusal::PutBack, ..Order::default() }.asks_first());
    }

    #[test]
    fn a_change_is_undone_by_the_relays_no_and_by_silence_where_the_configuration_before_had_worked() {
        for has_worked in [false, true] {
            let without_a_word = if has_worked { Consequence::Undo } else { Consequence::KeepUnproven };
            for refusal in [Refusal::AskFirst, Refusal::PutBack] {
                let order = Order { refusal, ..Order::default() };
                assert_eq!(order.consequence(Some(Exit::Done), has_worked), Consequence::Keep);
                assert_eq!(order.consequence(Some(Exit::Refused), has_worked), Consequence::Undo);
                assert_eq!(order.consequence(Some(Exit::NoWord), has_worked), without_a_word);
                assert_eq!(order.consequence(None, has_worked), Consequence::Undo);
            }
            let keep = Order { refusal: Refusal::Keep, ..Order::default() };
            assert_eq!(keep.consequence(Some(Exit::Done), has_worked), Consequence::Keep);
            for verdict in [Some(Exit::Refused), Some(Exit::NoWord), None] {
                assert_eq!(keep.consequence(verdict, has_worked), Consequence::KeepUnproven);
            }
        }
    }
}
