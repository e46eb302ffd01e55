//! `relayhost init`: makes an answers file from flags and questions. The relay is tried before anything is written,
//! and at a terminal a person can correct the answer that the relay does not like.

mod form;
mod password;
mod tried;

use super::arguments::Init;
use super::ask::{self, Menu, Told, Turn};
use super::question::whether;
use super::show::screen::Screen;
use super::show::terminal::Mark;
use crate::engine::init::{self, Manner, Target, found};
use crate::error::{Complaint, Error, Result, shown};
use crate::model::answers::access::Access;
use crate::model::answers::choices::Choices;
use crate::model::answers::interview::{Interview, Question, level};
use crate::model::desired::Rewrite;
use crate::model::ended::Ended;
use crate::model::probe::{Ending, Probe};
use crate::model::text;
use crate::sys::tty;
use tried::{is_failed, took_login};

/// What a person can have done at once when the answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// `relayhost apply`
    Apply,
    /// `relayhost login`, without which `apply` has no token.
    LogIn,
}

impl Next {
    /// The command's name.
    pub fn command(self) -> &'static str {
        if self == Self::Apply { "apply" } else { "login" }
    }

    /// Asks whether to do it. The end of the input is a no: the answers are written already.
    pub fn is_wanted(self, screen: &Screen) -> Result<bool> {
        let command = format!("relayhost {}", self.command());
        let (text, what) = match self {
            Self::Apply => ("Apply now?", "configures Postfix and sends the test message"),
            Self::LogIn => ("Log in now?", "shows the page at which a person logs in, once"),
        };
        let wanted =
            whether(screen, text, &format!("yes: `{command}`, which {what}; no: nothing more is done"), true);
        match wanted {
            Err(error) if error.interruption().is_none() => Ok(false),
            Err(error) => Err(error.interrupted_with(|left| {
                left.stays.push(format!("what was written stays; `{command}` goes on with it"));
            })),
            wanted => wanted,
        }
    }
}

/// Gathers the answers, tries them, and writes them. `next`: what the person at the terminal may want then.
pub fn run(options: &Init, screen: &mut Screen, next: &mut Option<Next>) -> Result<Ended> {
    let target = Target::new(&options.output)?;
    if options.describe {
        return form::describe(options, &target);
    }
    let somebody = options.shown.json.is_none() && options.from.is_none() && tty::is_there();
    // Checked before anybody has typed anything.
    target.refuse_if_taken(
        options.password_file.is_none() && !options.inline_password,
        options.force || somebody || options.new_password,
    )?;
    let choices = choices(options)?;
    choices.check_flags().map_err(invalid)?;
    // The shell runs what was pasted and not read.
    let _rest = somebody.then_some(Rest);
    let settled = settle(choices, options, &target, somebody, screen).inspect_err(|error| {
        if somebody && error.interruption().is_some() {
            screen.line("", &format!("nothing was written{}", target.as_it_was()));
        }
    });
    let (interview, found) = settled?;
    let choices = interview.choices();
    let written = match found {
        Some(failed) if !somebody && is_failed(&failed) && !(options.new_password && took_login(&failed)) => {
            init::refused(choices, failed)?
        }
        found => {
            let manner = Manner {
                inline: options.inline_password,
                force: options.force || somebody || options.new_password,
                password_alone: options.new_password,
            };
            let has_person = choices.access.as_ref().is_some_and(Access::has_person);
            let then = if has_person { Next::LogIn } else { Next::Apply };
            // `apply` would only say again what the relay has refused.
            let is_good = !options.no_probe && !found.as_ref().is_some_and(is_failed);
            let written = init::write(&target, choices, manner, found, screen)?;
            *next = (somebody && is_good && target.is_of_host()).then_some(then);
            written
        }
    };
    Ok(Ended::Written(written))
}

/// What is typed while nobody reads, dropped at the end.
struct Rest;

impl Drop for Rest {
    fn drop(&mut self) {
        tty::forget_typed();
    }
}

/// Gathers the answers, and tries the relay with them. Nothing is written.
fn settle(
    given: Choices,
    options: &Init,
    target: &Target,
    somebody: bool,
    screen: &mut Screen,
) -> Result<(Interview, Option<Probe>)> {
    let mut interview = if options.new_password {
        password::begin(given, target)?
    } else if somebody {
        begin(given, target, screen)?
    } else {
        // What the flags leave out stays as it was, as on a terminal. A file that cannot be edited is replaced.
        let earlier = if options.force { init::earlier(target).ok().flatten() } else { None };
        let domain = init::local_domain();
        match earlier {
            Some(earlier) => Interview::editing(given, earlier, &domain),
            None => Interview::new(given, &domain),
        }
    };
    if options.rewrite == ["none"] {
        interview.leave_senders();
    }
    if options.new_password {
        let found = password::settle(&mut interview, options, somebody, screen)?;
        return Ok((interview, found));
    }
    let mut told = Told::default();
    if options.from.is_some() {
        interview = form::fill(options, target)?;
    } else if somebody {
        ask::everything(&mut interview, &mut told, None, screen)?;
        confirm(&mut interview, &mut told, options, target, screen)?;
    } else {
        answer_from_flags(&mut interview)?;
    }
    let is_tried = is_tried(options, &interview);
    let found = if is_tried { try_relay(&mut interview, &mut told, somebody, screen)? } else { None };
    Ok((interview, found))
}

/// Whether the relay is tried before the answers are written. A person logs in after that, so there is no token yet to try it
/// with: `apply` tries it.
fn is_tried(options: &Init, interview: &Interview) -> bool {
    !options.no_probe && !interview.choices().access.as_ref().is_some_and(Access::has_person)
}

/// Begins with what is there, for a person to change: the answers, or else a relay that somebody has set up by hand.
fn begin(given: Choices, target: &Target, screen: &Screen) -> Result<Interview> {
    let domain = init::local_domain();
    ask::introduction(screen);
    match init::earlier(target) {
        Ok(Some(earlier)) => {
            screen.line("", "(the answers that are there are offered, and Enter takes one over)");
            return Ok(Interview::editing(given, earlier, &domain));
        }
        Ok(None) => {}
        Err(error) => {
            let text = format!("what is in {} is not offered: {error}", shown(&target.answers));
            screen.marked(Mark::Warning, &text, 2);
        }
    }
    let is_open = given.provider.is_none() && given.host.is_none() && given.username.is_none();
    // A host whose Postfix cannot be asked has nothing to take over, and `apply` says what is wrong with it.
    let found = if is_open { found::by_hand().ok().flatten() } else { None };
    let taken = found.as_ref().map(|found| ask::take_over(found, screen)).transpose()?.flatten();
    let Some(taken) = taken else { return Ok(Interview::new(given, &domain)) };
    let has_login = taken.username.is_some() || found.is_some_and(|found| !found.unread.is_empty());
    let mut interview = Interview::new(given.or(taken), &domain);
    if !has_login {
        interview.without_login();
    }
    Ok(interview)
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
        let found = tried::once(interview.choices(), somebody, screen)?;
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
    while let Some(question) = ask::change(interview, suspect, screen)? {
        let before = interview.clone();
        interview.reopen(question);
        if ask::everything(interview, told, Some(&Menu), screen)? == Turn::On {
            return Ok(true);
        }
        *interview = before;
    }
    Ok(false)
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
        let is_tried = is_tried(options, interview);
        let text = if is_tried { "Try the relay with this, and write it?" } else { "Write this?" };
        if whether(screen, text, "no: you name the answer to correct, or quit", true)?
            || !correct(interview, told, Question::Relay, screen)?
        {
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
        sender: options.sender.clone(),
        sender_name: options.sender_name.clone(),
        to: options.to.clone(),
        root: options.root_to.clone(),
        ..Choices::default()
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
