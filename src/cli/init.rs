//! `relayhost init`: makes an answers file from flags and questions. The relay is tried before anything is written,
//! and at a terminal a person can correct the answer that the relay does not like.

use super::arguments::Init;
use super::ask::{self, Told};
use super::show;
use super::show::screen::Screen;
use super::show::terminal::Mark;
use crate::engine::init::{self, Target};
use crate::engine::probe;
use crate::error::{Complaint, Error, Result};
use crate::model::answers::access::Access;
use crate::model::answers::choices::Choices;
use crate::model::answers::interview::{Interview, Question, level};
use crate::model::desired::Rewrite;
use crate::model::ended::Ended;
use crate::model::probe::{Ending, Probe};
use crate::model::text;
use crate::sys::environment;
use crate::sys::tty;

/// Gathers the answers, tries them, and writes them.
pub fn run(options: &Init, screen: &mut Screen) -> Result<Ended> {
    let target = Target::new(&options.output)?;
    // Checked before anybody has typed anything.
    target.refuse_if_taken(options.password_file.is_none() && !options.inline_password, options.force)?;
    let choices = choices(options)?;
    choices.check_flags().map_err(invalid)?;
    let mut interview = Interview::new(choices, &init::local_domain());
    if options.rewrite == ["none"] {
        interview.leave_senders();
    }
    let somebody = !options.json && tty::is_there();
    let mut told = Told::default();
    if somebody {
        ask::introduction(screen);
        ask::everything(&mut interview, &mut told, screen)?;
        confirm(&mut interview, &mut told, options, &target, screen)?;
    } else {
        answer_from_flags(&mut interview)?;
    }
    // A person logs in after the answers are written, so there is no token yet to try the relay with: `apply` tries it.
    let has_person = interview.choices().access.as_ref().is_some_and(Access::has_person);
    let found = if options.no_probe || has_person {
        None
    } else {
        try_relay(&mut interview, &mut told, somebody, screen)?
    };
    let choices = interview.choices();
    let written = match found {
        Some(failed) if !somebody && is_failed(&failed) => init::refused(choices, failed)?,
        found => init::write(&target, choices, options.inline_password, options.force, found, screen)?,
    };
    Ok(Ended::Written(written))
}

/// Tries the relay. A person at the terminal may correct the answer that the relay does not like, which is tried
/// again, or have the answers written all the same.
fn try_relay(
    interview: &mut Interview,
    told: &mut Told,
    somebody: bool,
    screen: &mut Screen,
) -> Result<Option<Probe>> {
    loop {
        if somebody {
            screen.write("\n");
        }
        let mut desired = init::desired(interview.choices())?;
        let mut found = probe::probe_typed(&mut desired, probe::TIMEOUT, screen)?;
        if let Ending::Failed(failure) = &mut found.ending {
            let remedy = if somebody { failure.remedy.asked_next() } else { failure.remedy.clone() };
            // There are no answers yet that `relayhost apply` could be run with.
            failure.remedy = remedy.applied_by(&environment::command_line());
        }
        show::probe::probed(screen, &found);
        if !somebody || !is_failed(&found) {
            return Ok(Some(found));
        }
        let stage = found.stages.last().map_or("", |stage| stage.name);
        let cause = if let Ending::Failed(failure) = &found.ending { failure.id.as_str() } else { "" };
        if !correct(interview, told, Interview::suspect(stage, cause), screen)? {
            return Ok(Some(found));
        }
    }
}

/// Has a person correct an answer, which is the `suspect` as a rule; false if the answers are to be written as they are.
fn correct(interview: &mut Interview, told: &mut Told, suspect: Question, screen: &Screen) -> Result<bool> {
    let Some(question) = ask::change(interview, suspect, screen)? else { return Ok(false) };
    interview.reopen(question);
    ask::everything(interview, told, screen).map(|()| true)
}

/// Whether the relay refused or could not be reached. A part that could not be tried here is no failure.
fn is_failed(found: &Probe) -> bool {
    matches!(found.ending, Ending::Failed(_))
}

/// Shows the file that will be written, and puts the questions again whose answers are wrong.
fn confirm(
    interview: &mut Interview,
    told: &mut Told,
    options: &Init,
    target: &Target,
    screen: &mut Screen,
) -> Result<()> {
    loop {
        preview(interview.choices(), options, target, screen);
        let text = if options.no_probe { "Write this?" } else { "Try the relay with this, and write it?" };
        if ask::whether(screen, text, true)? || !correct(interview, told, Question::Relay, screen)? {
            return Ok(());
        }
    }
}

/// Shows the file as it will be, without the password.
fn preview(choices: &Choices, options: &Init, target: &Target, screen: &Screen) {
    let mut shown = choices.clone();
    let own = shown.password.is_some() && !options.inline_password;
    if own {
        shown.password_file = Some(target.password.display().to_string());
    }
    screen.section(&format!("This is what goes into {}:", crate::error::shown(&target.answers)));
    for taken in target.taken(own) {
        screen.marked(Mark::Warning, &format!("{taken}; it will be replaced"), 2);
    }
    screen.write("\n");
    screen.file(&shown.text("", true));
}

/// Answers the open questions without a terminal: with the value that a person would be offered. A question without
/// such a value is an error that names the flag.
fn answer_from_flags(interview: &mut Interview) -> Result<()> {
    interview.no_one_to_ask();
    while let Some(prompt) = interview.next() {
        if prompt.default.is_none() {
            let help = if prompt.help.is_empty() { String::new() } else { format!(" ({})", prompt.help) };
            return Err(invalid(Complaint {
                problem: format!("there is no terminal to ask at: {}", prompt.text),
                remedy: format!("give it as {}{help}", prompt.question.flag()).into(),
            }));
        }
        interview.answer(prompt.question, "").map_err(invalid)?;
    }
    Ok(())
}

/// The answers that were given as flags.
fn choices(options: &Init) -> Result<Choices> {
    let pair = |text: &String| match text.rsplit_once('=') {
        Some((local, public)) => Ok(Rewrite { local: local.into(), public: public.into() }),
        None => Err(invalid(Complaint {
            problem: format!("`--rewrite {}` has no `=`", text::one_line(text)),
            remedy: "write LOCAL=PUBLIC, such as monitor@this.host=alerts@example.com; or none".into(),
        })),
    };
    let rewrites =
        if options.rewrite == ["none"] { Ok(Vec::new()) } else { options.rewrite.iter().map(pair).collect() };
    Ok(Choices {
        provider: options.provider.clone(),
        host: options.host.clone(),
        port: options.port,
        tls: options.tls.as_deref().map(level).transpose().map_err(invalid)?,
        username: options.username.clone(),
        password: if options.password_stdin { Some(init::password_from_stdin()?) } else { None },
        password_file: options.password_file.as_deref().map(init::absolute).transpose()?,
        access: access(options)?,
        rewrites: rewrites?,
        to: options.to.clone(),
    })
}

/// The login by an access token that the flags name.
fn access(options: &Init) -> Result<Option<Access>> {
    let Some(flow) = &options.flow else { return Ok(None) };
    let named = Choices { provider: options.provider.clone(), ..Choices::default() };
    let Some(identity) = named.identity() else {
        let remedy = "give --provider office365 or --provider gmail too; for another provider write [auth.oauth] into the answers (relayhost-answers(5))";
        return Err(invalid(Complaint::new("--flow: the relay's provider gives no access tokens", remedy)));
    };
    let access = Access::by(identity, flow)
        .map_err(|of| invalid(Complaint::new(format!("--flow: {}", of.problem), of.remedy)))?;
    Ok(Some(Access {
        tenant: options.tenant.clone(),
        client_id: options.client_id.clone(),
        ends: options.client_secret_ends.clone(),
        ..access
    }))
}

fn invalid(complaint: Complaint) -> Error {
    complaint.of("init", None)
}
