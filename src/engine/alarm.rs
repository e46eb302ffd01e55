//! Tells events by the ways that the answers name, and by the journal. Ways do not wait for each other, each attempt has an
//! end, and what a way has taken is on the disk before it is told the next.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::load::load;
use super::observe::ca_files;
use super::{End, Progress, now};
use crate::error::{Result, shown, typed};
use crate::model::alarm::nagios::line;
use crate::model::alarm::refusal::{Refusal, of_status};
use crate::model::alarm::{Command, Nagios, VARIABLES, Way, Webhook};
use crate::model::desired::Desired;
use crate::model::ended::{Alarmed, Told};
use crate::model::incident::event::Event;
use crate::model::incident::record::Incidents;
use crate::model::journald::Notice;
use crate::model::text;
use crate::sys::incidents::{self, WatchLock};
use crate::sys::run::Cmd;
use crate::sys::{clock, command_file, host, http, interpreter, journal, orphans, secrets, signals};

/// Longest time for which a way is told one event after the other; what is left waits for the next look.
const TURN: Duration = Duration::from_secs(60);
/// Longest wait for room in a command file.
const ROOM: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read, and that are shown.
const ANSWER: u64 = 2048;
const SHOWN: usize = 200;
/// Where the address of a webhook is.
const ADDRESS: &str = "`url` or `url_file` of the [[alarm]]";

/// What a way said, or why it did not take an event.
type Answer = std::result::Result<String, Refusal>;

/// A way; the journal is one too.
#[derive(Debug, Clone)]
pub struct Channel<'a> {
    /// Its name for a person.
    pub name: String,
    /// Its key in the record.
    pub key: String,
    /// The way; `None` for the journal.
    way: Option<&'a Way>,
}

/// All ways: the journal, where this host has one, and those that the answers name.
pub fn channels(desired: &Desired) -> Vec<Channel<'_>> {
    let log = Channel { name: "journal".into(), key: "journal".into(), way: None };
    let names: Vec<String> = desired.alarms.iter().map(Way::name).collect();
    let name = |place: usize, way: &Way| {
        let name = way.name();
        // Two webhooks of one receiver differ in what is secret.
        let is_one = names.iter().filter(|other| **other == name).count() == 1;
        if is_one { name } else { format!("{name} (alarm {})", place + 1) }
    };
    let ways = desired.alarms.iter().enumerate();
    let ways = ways.map(|(place, way)| Channel { name: name(place, way), key: way.key(), way: Some(way) });
    journal::is_there().then_some(log).into_iter().chain(ways).collect()
}

/// Tells what has still to be told, all ways at once, and notes in the record what was taken. A way that fails keeps what it
/// has not taken for the next look.
pub fn tell_all(
    record: Incidents,
    desired: &Desired,
    lock: &WatchLock,
    progress: &mut dyn Progress,
) -> (Incidents, Vec<Told>) {
    let mut due = channels(desired);
    due.retain(|channel| !record.untold_by(&channel.key).is_empty());
    let shared = Mutex::new((record, Vec::new()));
    let work = |channel: &Channel| {
        let until = clock::now() + TURN;
        let events = shared.lock().unwrap_or_else(PoisonError::into_inner).0.untold_by(&channel.key);
        for event in events {
            if clock::left(until).is_err() {
                break;
            }
            let told = attempt(channel, &event);
            let has_failed = told.outcome.is_err();
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let refusal = told.outcome.as_ref().err().map(|refusal| refusal.why.as_str());
            shared.0.note(&channel.key, event.sequence, refusal);
            // If it cannot be written, the event is told once more at the next look.
            let _ = incidents::write(&shared.0, lock);
            shared.1.push(told);
            // In their order: an incident is not closed before it is opened.
            if has_failed {
                break;
            }
        }
    };
    at_once(&due, work);
    let (record, all) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    for told in &all {
        report(told, progress);
    }
    (record, all)
}

/// Tells by each way that has not taken it since the boot that the record of incidents cannot be written. What was taken is noted
/// where a full disk allows it.
pub fn tell_unwritten(mut event: Event, desired: &Desired, progress: &mut dyn Progress) {
    event.incident.cause = secrets::hide(&event.incident.cause);
    let mut taken = incidents::unwritten().unwrap_or_default();
    let all: Vec<Channel> =
        channels(desired).into_iter().filter(|channel| !taken.contains(&channel.key)).collect();
    let told = at_once(&all, |channel| (channel.key.clone(), attempt(channel, &event)));
    taken.extend(told.iter().filter(|(_, told)| told.outcome.is_ok()).map(|(key, _)| key.clone()));
    // If it cannot be noted, the next look tells it once more, by the same name and number.
    let _ = incidents::note_unwritten(Some(&taken));
    for (_, told) in &told {
        report(told, progress);
    }
}

/// Tries each way with a test event, which opens nothing. Errors: the answers cannot be read.
pub fn test(answers: &Path, progress: &mut dyn Progress) -> Result<Alarmed> {
    let desired = load(answers)?;
    let known = incidents::read();
    let unknown = known.as_ref().err().map(ToString::to_string);
    let event = Event::test(now(), known.ok().flatten().and_then(|record| record.worst()));
    let all = at_once(&channels(&desired), |channel| match (channel.way, &unknown) {
        // A result is the state of a service, which nobody knows then: a good one would be a lie.
        (Some(Way::Nagios(_)), Some(why)) => {
            let refusal =
                Refusal::new(format!("not tried, since its state is not known: {why}"), "relayhost watch");
            Told {
                way: channel.name.clone(),
                event: event.clone(),
                outcome: Err(refusal),
                took: Duration::ZERO,
            }
        }
        _ => attempt(channel, &event),
    });
    signals::check()?;
    for told in &all {
        report(told, progress);
    }
    Ok(Alarmed { host: host::hostname(), told: all, alarms: desired.alarms.len() })
}

/// Does something with each way, with all at the same time. What programs have left behind ends with that.
fn at_once<T: Send>(channels: &[Channel], work: impl Fn(&Channel) -> T + Sync) -> Vec<T> {
    let all = || at_the_same_time(channels, &work);
    let has_program = channels.iter().any(|channel| matches!(channel.way, Some(Way::Command(_))));
    if has_program { orphans::ended_after(all) } else { all() }
}

fn at_the_same_time<T: Send>(channels: &[Channel], work: impl Fn(&Channel) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = channels.iter().map(|channel| scope.spawn(move || work(channel))).collect();
        let join =
            |thread: thread::ScopedJoinHandle<T>| thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        threads.into_iter().map(join).collect()
    })
}

fn report(told: &Told, progress: &mut dyn Progress) {
    progress.begin("alarm");
    let end = if told.outcome.is_ok() { End::Good } else { End::Bad };
    progress.end(end, &told.text(), told.took);
}

/// Tells one event by one way.
fn attempt(channel: &Channel, event: &Event) -> Told {
    let (begin, host) = (clock::now(), host::hostname());
    let outcome = match channel.way {
        None => journal::tell(Notice::of_event(event, &host))
            .map(|()| String::new())
            .map_err(|why| Refusal::new(why, "systemctl status systemd-journald")),
        Some(Way::Webhook(webhook)) => post(webhook, event, &host),
        Some(Way::Command(command)) => run(command, event, &host),
        Some(Way::Nagios(nagios)) => hand_in(nagios, event, &host),
    };
    let clean = |words: String| secrets::hide(&text::one_line(text::clipped(words.trim(), 2 * SHOWN)));
    let outcome = outcome.map(clean).map_err(|Refusal { why, remedy }| Refusal { why: clean(why), remedy });
    Told { way: channel.name.clone(), event: event.clone(), outcome, took: begin.elapsed() }
}

fn post(webhook: &Webhook, event: &Event, host: &str) -> Answer {
    let way = http::Via::new(webhook.proxy.as_deref()).map_err(|variable| {
        let why = format!("{variable} is not the address of a proxy that can be used");
        Refusal::new(why, format!("write http://host:port into {variable}"))
    })?;
    let message = http::Message {
        url: webhook.url.clone(),
        content_type: webhook.template.content_type(),
        headers: webhook.headers.clone(),
        body: webhook.template.fill(&event.fields(host)),
    };
    let bundle = ca_files("").into_iter().next();
    let through = way.proxy().map(|proxy| format!("through the proxy {proxy}: ")).unwrap_or_default();
    let answer = http::deliver(message, &way, bundle.as_deref(), ANSWER, clock::now() + webhook.limit);
    let answer = answer.map_err(|(obstacle, words)| {
        Refusal::new(format!("{through}{words}"), obstacle.remedy(ADDRESS, !through.is_empty()))
    })?;
    let said = String::from_utf8_lossy(&answer.body);
    let said = behind(&text::clipped(said.trim(), SHOWN).replace(['\r', '\n'], " "));
    let why = match answer.status {
        200..300 => return Ok(format!("{}{said}", answer.status)),
        300..400 => {
            format!("{through}it leads elsewhere ({}), and relayhost does not follow", answer.status)
        }
        status => format!("{through}it answered {status}{said}"),
    };
    Err(Refusal::new(why, of_status(answer.status, ADDRESS)))
}

fn run(command: &Command, event: &Event, host: &str) -> Answer {
    let Command { program, arguments, limit } = command;
    let by_hand = || format!("see what it does by hand: {}", typed(program));
    let is_there = interpreter::program(program)
        .map_err(|error| Refusal::new(error.to_string(), error.hint("relayhost alarm --test")))?;
    if !is_there {
        let why = format!("there is no program {}", shown(program));
        return Err(Refusal::new(why, "install it there, or correct its path in `argv`"));
    }
    let cmd = Cmd::new(program).args(arguments.iter().cloned()).within(*limit);
    let fields = VARIABLES.into_iter().zip(event.fields(host));
    let cmd = fields.fold(cmd, |cmd, (variable, (_, value))| cmd.variable(variable, value));
    let output = cmd.run().map_err(|error| match error.interruption() {
        Some(_) => Refusal::new("relayhost was told to end", "the next look tries again"),
        None if matches!(error, crate::error::Error::Timeout { .. }) => {
            let why = format!("it had not ended after {} s, and was ended", limit.as_secs());
            Refusal::new(why, format!("{}; `limit` of the [[alarm]] gives it more time", by_hand()))
        }
        None => Refusal::new(error.to_string(), by_hand()),
    })?;
    let said = behind(&text::clipped(&output.tail(), SHOWN).replace('\n', " / "));
    let end = format!("{}{said}", output.status());
    if output.success() { Ok(end) } else { Err(Refusal::new(end, by_hand())) }
}

/// What a way said, to stand behind its status.
fn behind(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

fn hand_in(nagios: &Nagios, event: &Event, host: &str) -> Answer {
    let line = line(nagios, event, host);
    let written = command_file::write(&nagios.file, &line, clock::now() + ROOM);
    let file = shown(&nagios.file);
    written
        .map(|()| format!("written to {file}"))
        .map_err(|Refusal { why, remedy }| Refusal { why: format!("{file}: {why}"), remedy })
}
