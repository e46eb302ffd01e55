//! The screen of `diagnose`.

use super::plan;
use super::screen::Screen;
use super::terminal::Mark;
use crate::model::causes::{Basis, Cause};
use crate::model::ended::{Diagnosed, FromLog};
use crate::model::inspection::WAITING;
use crate::model::json;
use crate::model::log::report::{Failure, News, Report};
use crate::model::log::stamp::Calendar;
use crate::model::log::story::Story;
use crate::model::message::trail::Author;
use crate::model::plan::{Finding, State};
use crate::model::state::last::LAST_RUN;
use crate::model::text::{counted, quoted};

/// Most failures that are shown; they begin with the most important one, and nobody reads a thousand paragraphs.
const SHOWN: usize = 40;

/// Shows the failures in a log, and the faults of the host.
pub fn diagnosed(screen: &Screen, found: &Diagnosed) {
    match &found.log {
        FromLog::All(report) => self::report(screen, report, found),
        FromLog::One(story) => self::story(screen, story, &found.calendar),
    }
    if found.own && found.author == Author::Anybody && !found.sources.is_empty() {
        screen.line("", "(every user of this host can write to that log, in Postfix's name too)");
    }
    for trouble in &found.trouble {
        screen.marked(Mark::Warning, trouble, 2);
    }
    for note in &found.notes {
        screen.marked(Mark::Note, note, 2);
    }
}

/// Shows what has just failed in the log that is followed.
pub fn news(screen: &mut Screen, news: &News, calendar: &Calendar) {
    // A program reads the document; the same in words would only fill its log.
    if screen.document_of_many(&json::log::news(news, calendar)) {
        return;
    }
    match news {
        News::Begun(sources) => {
            screen.line("", &format!("following {sources}: what fails from now on is shown; Ctrl-C ends it"));
        }
        News::Failed(one) => failure(screen, one, false, calendar),
        News::Again(one) => {
            screen.marked(Mark::Bad, &format!("{} again: {}", one.cause.id, extent(one, calendar)), 2);
        }
        News::Over(one) => {
            screen.marked(Mark::Good, &format!("{}: {}", one.cause.id, extent(one, calendar)), 2);
        }
        News::Through(id) => screen.marked(Mark::Good, &format!("{id}: all messages got through"), 2),
    }
}

fn report(screen: &Screen, report: &Report, found: &Diagnosed) {
    let sources = match found.sources.as_slice() {
        [] => "no log".to_owned(),
        [first, .., last] if found.sources.len() > 3 => {
            format!("{first} to {last} ({} files)", found.sources.len())
        }
        few => few.join(", "),
    };
    let span = match report.span {
        (Some(first), Some(last)) => {
            format!(": {} to {}", found.calendar.show(first), found.calendar.show(last))
        }
        // Lines without a time are read all the same.
        _ if found.is_blind() || !report.failures.is_empty() || report.accepted > 0 => String::new(),
        _ => ": no line in that time".into(),
    };
    screen.line("", &format!("{sources}{span}"));
    screen.write("\n");
    let (last, mut findings): (Vec<&Finding>, Vec<&Finding>) =
        found.findings.iter().partition(|finding| finding.id == LAST_RUN);
    if !last.is_empty() {
        // The run that had no success has left the host as it was: that all of it differs is one fact.
        for finding in last {
            plan::with_remedy(screen, finding);
        }
        let differs = |finding: &&Finding| finding.state == State::Differs && finding.is_for_apply();
        let (one_line, others) = findings.into_iter().partition::<Vec<_>, _>(differs);
        if let [single] = one_line.as_slice() {
            plan::with_remedy(screen, single);
        } else if !one_line.is_empty() {
            let number = counted(one_line.len() as u64, "difference");
            screen.marked(Mark::Bad, &format!("{number} from the answers: relayhost plan shows them"), 2);
        }
        findings = others;
    }
    failures(screen, report, &found.calendar);
    for finding in findings {
        plan::with_remedy(screen, finding);
    }
    if !report.failures.is_empty() || !found.findings.is_empty() {
        screen.write("\n");
    }
    screen.line("", &verdict(report, found));
}

fn failures(screen: &Screen, report: &Report, calendar: &Calendar) {
    let several = report.hosts.len() > 1;
    for failure in report.failures.iter().take(SHOWN) {
        self::failure(screen, failure, several, calendar);
    }
    if let Some(rest @ 1..) = report.failures.len().checked_sub(SHOWN) {
        let more = counted(rest as u64, "more failure");
        screen.marked(Mark::Note, &format!("{more}, each of less weight than these: --json has all"), 2);
    }
}

fn failure(screen: &Screen, failure: &Failure, several: bool, calendar: &Calendar) {
    let mark = if failure.ours && !failure.over { Mark::Bad } else { Mark::Note };
    let host = match &failure.host {
        Some(host) if several || !failure.ours => format!("{host}: "),
        _ => String::new(),
    };
    screen.marked(mark, &format!("{host}{}: {}", failure.cause.id, extent(failure, calendar)), 2);
    if failure.cause.is_known() {
        screen.below(&failure.cause.cause);
    } else {
        screen.below(&format!("the log says: {}", quoted(&failure.words)));
    }
    screen.remedy(&failure.cause.remedy);
    if let Some(example) = &failure.example {
        let to = if example.to.is_empty() { String::new() } else { format!(" to {}", example.to) };
        screen.below(&format!("e.g. {}{to}: {}", example.queue_id, example.words));
    } else if failure.cause.is_known() {
        screen.below(&format!("e.g. {}", failure.words));
    }
    let is_of_daemon = ["fatal: ", "panic: "].iter().any(|head| failure.words.starts_with(head));
    if is_of_daemon && failure.example.is_some() {
        screen.below(&format!("the log says: {}", quoted(&failure.words)));
    }
    if let Some(rests) = basis(&failure.cause) {
        screen.below(rests);
    }
    for other in &failure.cause.alternatives {
        screen.below(&format!("or {}: {}", other.id, other.cause));
    }
    if failure.relays.len() > 1 {
        let more = if failure.more_relays { " and more" } else { "" };
        screen.below(&format!("at {}{more}", failure.relays.join(", ")));
    }
}

fn story(screen: &Screen, story: &Story, calendar: &Calendar) {
    let middle = story.steps.len() / 2;
    for (number, step) in story.steps.iter().enumerate() {
        if number == middle && story.left_out > 0 {
            screen.line("", &format!("({} more like these)", story.left_out));
        }
        let time = step.time.map_or_else(String::new, |time| format!("{}  ", calendar.show(time)));
        let mark = if step.good { Mark::Good } else { Mark::Bad };
        let times = match (step.times, step.last) {
            (1, _) => String::new(),
            (times, Some(last)) => format!(" (×{times}, until {})", calendar.show(last)),
            (times, None) => format!(" (×{times})"),
        };
        screen.marked(mark, &format!("{time}{}{times}", step.text), time.len());
        if let Some(cause) = &step.cause {
            screen.below(&format!("{} [{}]", cause.cause, cause.id));
            screen.remedy(&cause.remedy);
        }
    }
    screen.section(if story.has_failed() {
        "it did not get through, as far as the log tells"
    } else {
        "nothing of it failed at its end; a relay's acceptance is not yet arrival"
    });
}

/// What a cause rests on, for a person; `None` for a log line that is shown as it is.
fn basis(cause: &Cause) -> Option<&'static str> {
    cause.is_known().then_some(match cause.basis {
        Basis::Relay => "(the relay says so)",
        Basis::Postfix => "(the host says so)",
        Basis::Inferred => "(concluded: no line says it in so many words)",
    })
}

/// The number of messages and lines of a failure, and their times.
fn extent(failure: &Failure, calendar: &Calendar) -> String {
    let tally = &failure.tally;
    let mut parts = Vec::new();
    if tally.messages > 0 {
        parts.push(counted(tally.messages, "message"));
        match tally.waiting {
            0 => {}
            waiting if waiting == tally.messages => parts.push("still in the queue".into()),
            waiting => parts.push(format!("{waiting} still in the queue")),
        }
    }
    if failure.lines > 0 {
        parts.push(counted(failure.lines, "line"));
    }
    match (tally.first, tally.last) {
        (Some(first), Some(last)) if first == last => parts.push(calendar.show(first)),
        (Some(first), Some(last)) => {
            parts.push(format!("{} to {}", calendar.show(first), calendar.show(last)));
        }
        _ => {}
    }
    let extent = parts.join(", ");
    match &failure.taken {
        Some(taken) if failure.over => {
            let (relay, time) = (&taken.relay, calendar.show(taken.time));
            format!("{extent}; over: {relay} has taken mail since, the last at {time}")
        }
        Some(taken) => format!("{extent}; other mail has left since, by {}", taken.relay),
        None => extent,
    }
}

fn verdict(report: &Report, found: &Diagnosed) -> String {
    let ours = report.failures.iter().filter(|failure| failure.ours).count();
    let amiss = found.findings.iter().filter(|finding| finding.state == State::Differs).count();
    let over = report.failures.iter().filter(|failure| failure.ours && failure.over).count();
    let ended = match over {
        0 => String::new(),
        _ if over == ours => ", over by now".to_owned(),
        _ => format!(", {over} of them over by now"),
    };
    let (failures, faults) = (counted(ours as u64, "failure"), counted(amiss as u64, "fault"));
    let mut parts = vec![match (ours, amiss) {
        (0, 0) if found.is_blind() => "nothing can be said: no log could be read".to_owned(),
        (0, _) if found.is_blind() => format!("no log could be read; {faults} on the host"),
        (0, 0) if !found.trouble.is_empty() => "no failure found in what could be read".to_owned(),
        (0, 0) => "no failure found".to_owned(),
        (_, 0) => format!("{failures} found in the log{ended}"),
        (0, _) => format!("no failure in the log; {faults} on the host"),
        (_, _) => format!("{failures} found in the log{ended}, {faults} on the host"),
    }];
    if ours == 0 && found.findings.iter().any(|finding| finding.id == WAITING) {
        parts.push("what becomes of the messages that wait is not known".into());
    }
    let others = report.failures.len() - ours;
    if others > 0 {
        parts.push(format!("{others} of other hosts, which do not count"));
    }
    if report.overflowed {
        parts.push("so many messages failed that the numbers are not exact".into());
    }
    if report.accepted > 0 {
        let noun = if report.accepted == 1 { "delivery was" } else { "deliveries were" };
        parts.push(format!("{} {noun} accepted by a relay, which is not yet arrival", report.accepted));
    }
    parts.join("; ")
}
