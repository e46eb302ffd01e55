//! The figures of `check` for Prometheus, in its text format ("Exposition formats", "Text-based format"; "Metric and label
//! naming", both at prometheus.io/docs). A moment is told as such, and not as an age: whoever evaluates the figures has a
//! clock, and the file that they are read from can be old. What is not known has no line. A label has only words of
//! relayhost's, and the relay and the logins as the answers name them: nothing that a relay or a user of this host has said.

use crate::model::ended::{Compared, Ended, Tally};
use crate::model::leaving::{InQueue, Leaving, Told};
use crate::model::log::stamp::Seconds;
use crate::model::plan::ending::Ending;
use crate::model::text::one_line;

/// The figures of a `check` that ended so, at the time `now`.
pub fn figures(ended: &Ended, now: Seconds) -> String {
    let mut page = Page::default();
    page.family("build_info", "Version of relayhost.").is(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family("check_timestamp_seconds", "When relayhost check looked.").is(&[], now);
    page.family(
        "check_exit_status",
        "Exit status of relayhost check: 0 is in order, 3 is not, others see relayhost(8).",
    )
    .is(&[], ended.exit().code().into());
    let leaves = match ended {
        Ended::Checked(compared) => {
            host(&mut page, compared);
            // Without Postfix, or with one that is not whole, nothing is known of its queue and log, and nothing is sent.
            compared.leaving.as_ref().map_or(Some(false), |leaving| leaving.mail_leaves())
        }
        Ended::Failed { error, .. } if error.stops_mail() => Some(false),
        _ => None,
    };
    let mut family =
        page.family("mail_leaves", "Whether mail leaves through the relay: 1 for the state that holds.");
    for (state, holds) in [("yes", Some(true)), ("no", Some(false)), ("unknown", None)] {
        family.is(&[("state", state)], (leaves == holds).into());
    }
    if let Ended::Checked(Compared { leaving: Some(leaving), .. }) = ended {
        mail(&mut page, leaving);
        queue(&mut page, &leaving.queue);
        ways(&mut page, leaving);
    }
    page.text
}

/// How the host compares with the answers, and what ends.
fn host(page: &mut Page, compared: &Compared) {
    let in_order = compared.plan.is_in_order();
    page.family("host_in_order", "1 if packages, files and service are as the answers say.")
        .is(&[], in_order.into());
    let Tally { all, differs, warnings } = compared.tally();
    let mut family = page.family("findings", "Findings of relayhost check, by their state.");
    let fine = all.saturating_sub(differs).saturating_sub(warnings);
    for (state, count) in [("fine", fine), ("warning", warnings), ("differs", differs)] {
        family.is(&[("state", state)], i64::try_from(count).unwrap_or(i64::MAX));
    }
    let help = "When the access token ends, and what it is fetched with.";
    let mut family = page.family("credential_end_timestamp_seconds", help);
    for Ending { what, login, ends, .. } in &compared.plan.endings {
        let login = login.as_deref().map(|login| ("login", login));
        let labels: Vec<_> = std::iter::once(("credential", *what)).chain(login).collect();
        family.if_known(&labels, *ends);
    }
}

/// What the log and the test messages have told.
fn mail(page: &mut Page, leaving: &Leaving) {
    page.family("relay_info", "The relay that the answers name.").is(&[("relay", &leaving.relay)], 1);
    let taken = leaving.taken.as_ref().map(|taken| taken.time);
    page.family("message_taken_timestamp_seconds", "When the relay took the last message that is known.")
        .if_known(&[], taken);
    let help = "The last attempt that failed, with its cause in relayhost's catalogue.";
    let mut family = page.family("failure_timestamp_seconds", help);
    if let Some((word, cause)) = &leaving.refused {
        let cause = leaving.cause_against().or(cause.as_ref()).map_or("unknown", |cause| &cause.id);
        family.is(&[("cause", cause)], word.time);
    }
    let help = "The last test message that the relay took, and the last that had no success since.";
    let mut family = page.family("test_message_timestamp_seconds", help);
    family.if_known(&[("result", "taken")], leaving.proved);
    family.if_known(&[("result", "failed")], leaving.tested.as_ref().map(|test| test.time));
}

fn queue(page: &mut Page, queue: &InQueue) {
    let is_listed = queue.unlisted.is_none();
    page.family(
        "queue_listed",
        "1 if Postfix's queue was listed to its end; else there may be more messages.",
    )
    .is(&[], is_listed.into());
    let count = |count| queue.known(count).map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    let help =
        "Messages that wait for the relay, are held, or wait for a service of this host that is missing.";
    let mut family = page.family("queue_messages", help);
    family.if_known(&[("state", "waiting")], count(queue.waiting));
    family.if_known(&[("state", "held")], count(queue.held));
    family.if_known(&[("state", "unserved")], count(queue.unserved));
    let help = "Arrival of the oldest message that waits for the relay; those refused for their own sender or recipient do not count.";
    page.family("queue_oldest_message_timestamp_seconds", help).if_known(&[], queue.oldest);
}

/// What is known of each way; of more than `WAYS` of them, those that fail come first, and the others are one.
fn ways(page: &mut Page, leaving: &Leaving) {
    let (failing, well): (Vec<_>, Vec<_>) = leaving.ways.iter().partition(|told| told.refused.is_some());
    let all: Vec<&Told> = failing.into_iter().chain(well).collect();
    let (named, others) = all.split_at(all.len().min(WAYS));
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let sum = |ways: &[&Told], count: Count| number(ways.iter().map(|told| count(told)).sum());
    let counts: [(&str, &str, Count); 2] = [
        (
            "way_messages",
            "Messages that each way of the answers took, since the time of way_counted.",
            |told| told.tally.taken,
        ),
        ("way_fails", "1 if the last message of an account or a route did not leave by it.", |told| {
            told.refused.is_some().into()
        }),
    ];
    for (name, help, count) in counts {
        let mut family = page.family(name, help);
        for told in named {
            family.is(&[("way", &told.way.table)], number(count(told)));
        }
        if !others.is_empty() {
            family.is(&[("way", OTHERS)], sum(others, count));
        }
    }
    let mut family = page.family("way_taken_timestamp_seconds", "When each way took its last message.");
    for told in named {
        family.if_known(&[("way", &told.way.table)], told.tally.last);
    }
    let last = others.iter().filter_map(|told| told.tally.last).max();
    family.if_known(&[("way", OTHERS)], last);
    page.family("way_counted_timestamp_seconds", "The time from which on way_messages counts.")
        .if_known(&[], leaving.counted.filter(|_| !leaving.ways.is_empty()));
}

/// A figure of one way.
type Count = fn(&Told) -> u64;

/// Ways that have labels of their own: each label is a series that Prometheus keeps.
const WAYS: usize = 20;
/// The label of all others.
const OTHERS: &str = "others";

/// The lines so far.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// Begins a family of gauges; without a sample it leaves no line.
    fn family<'a>(&'a mut self, name: &'a str, help: &'a str) -> Family<'a> {
        Family { page: self, name, help, has_head: false }
    }
}

struct Family<'a> {
    page: &'a mut Page,
    name: &'a str,
    help: &'a str,
    has_head: bool,
}

impl Family<'_> {
    fn is(&mut self, labels: &[(&str, &str)], value: i64) {
        let (text, name) = (&mut self.page.text, self.name);
        if !self.has_head {
            text.push_str(&format!("# HELP relayhost_{name} {}\n# TYPE relayhost_{name} gauge\n", self.help));
            self.has_head = true;
        }
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        text.push_str(&format!("relayhost_{name}{labels} {value}\n"));
    }

    fn if_known(&mut self, labels: &[(&str, &str)], value: Option<i64>) {
        if let Some(value) = value {
            self.is(labels, value);
        }
    }
}

/// A label's value, as the text format wants it: in one line, with `\` before `\` and `"`.
fn escaped(value: &str) -> String {
    one_line(value).replace('\\', r"\\").replace('"', "\\\"")
}

#[cfg(test)]
#[path = "prometheus_tests.rs"]
mod tests;
