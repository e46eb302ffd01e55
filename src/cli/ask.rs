//! Puts the questions of `init` at the terminal, and shows what is wrong with an answer. Which questions there are,
//! and what an answer means, `model::answers::interview` decides.

use super::question::{Put, Refused, put, whether};
use super::show::providers::{choose, introduce};
use super::show::screen::Screen;
use super::show::terminal::Mark;
use crate::engine::init::found::{Found, Login};
use crate::engine::init::{not_written, secret_fits};
use crate::error::{Complaint, RUN_AGAIN, Result};
use crate::model::answers::choices::Choices;
use crate::model::answers::interview::{Interview, Prompt, Question};
use crate::model::oauth::steps::{Part, first, second};
use crate::model::oauth::{Flow, Provider};
use crate::model::text::{by_number, with_numbers};

/// The text that goes back to the question before. No answer and no password is this text.
const BACK: &str = "<";

/// Says what can be typed in place of an answer.
pub fn introduction(screen: &Screen) {
    screen.line(
        "",
        &format!("(in place of an answer, ? explains the question, and {BACK} goes back to the one before)"),
    );
}

/// What a person was told: it is not repeated when an answer is corrected.
#[derive(Default)]
pub struct Told {
    provider: Option<&'static str>,
    steps: Steps,
}

/// Puts every open question. Once a provider is known, shows what to have ready and which pitfalls there are. `before`: what
/// was there before the first of them; without it there is no way back from that.
pub fn everything(
    interview: &mut Interview,
    told: &mut Told,
    before: Option<&Menu>,
    screen: &Screen,
) -> Result<Turn> {
    loop {
        let provider = interview.provider();
        let mut is_new = |title| told.provider.replace(title) != Some(title);
        if let Some(provider) = provider.filter(|provider| is_new(provider.title.as_str())) {
            introduce(screen, provider);
        }
        let prompt = interview.next();
        if told.steps.show(interview, prompt.as_ref().map(|prompt| prompt.question), screen)? == Turn::Back {
            interview.back();
            continue;
        }
        let Some(prompt) = prompt else { return Ok(Turn::On) };
        let hidden = prompt.question == Question::Password;
        let below = hint(&prompt, interview, screen);
        let hint = below.as_deref();
        let asked = Put { text: &prompt.text, default: prompt.default, hint, help: &prompt.help, hidden };
        let turn = put(screen, asked, |typed| {
            if typed.trim() == BACK {
                return back(interview, before);
            }
            interview.answer(prompt.question, typed).map_err(|complaint| {
                let default = interview.default_of(prompt.question);
                Refused { complaint, default }
            })?;
            let fits = match prompt.question {
                Question::File | Question::Password => secret_fits(interview.choices()),
                _ => Ok(()),
            };
            // The question stays open: at the end, this would cost all answers.
            fits.map(|()| Turn::On).map_err(|complaint| {
                interview.back();
                complaint.into()
            })
        })?;
        if turn == Turn::Back {
            return Ok(turn);
        }
        said(interview, screen);
    }
}

/// What stands below a question: how its answers can be typed, or what they are where none is offered.
fn hint(prompt: &Prompt, interview: &Interview, screen: &Screen) -> Option<String> {
    match prompt.question {
        Question::Relay => {
            choose(screen);
            None
        }
        Question::Way => {
            let options = interview.options(Question::Way);
            let words = with_numbers(options.iter().map(|(word, _)| word.as_str()));
            Some(format!("{words}; ? explains them"))
        }
        _ => Some(prompt.help.clone()).filter(|_| prompt.default.is_none()),
    }
}

/// Goes back to the question before; from the first one to `before`.
fn back(interview: &mut Interview, before: Option<&Menu>) -> std::result::Result<Turn, Refused> {
    match before {
        _ if interview.back() => Ok(Turn::On),
        Some(Menu) => Ok(Turn::Back),
        None => Err(Complaint::new("there is no question before this one", "answer it").into()),
    }
}

/// The steps of an administrator at Microsoft or Google. Each is shown once, as soon as the values that it is filled in with
/// are known.
#[derive(Default)]
struct Steps {
    /// The way to log in that they are for.
    way: Option<(Provider, Flow)>,
    /// Whether `init` has asked for the application: a person who corrects a later answer has seen the steps.
    asked: bool,
    stage: Reached,
}

/// Whether the questions go on, or back to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// On.
    On,
    /// Back.
    Back,
}

/// The question which answer shall be corrected.
#[derive(Debug, Clone, Copy)]
pub struct Menu;

/// How far the steps were shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    #[default]
    Begun,
    First,
    Second,
    Waited,
}

impl Steps {
    /// Notes that this stage is reached. True only the first time.
    fn reach(&mut self, stage: Reached) -> bool {
        let is_new = self.stage < stage;
        self.stage = self.stage.max(stage);
        is_new
    }

    /// Shows what is to be done before the open question is answered, and waits until it is done, or somebody goes back.
    fn show(&mut self, interview: &Interview, open: Option<Question>, screen: &Screen) -> Result<Turn> {
        use Question as Q;
        let Some(access) = &interview.choices().access else { return Ok(Turn::On) };
        let chosen = interview.choices();
        let values = access.values(chosen.username.as_deref(), chosen.password_file.as_deref());
        let (provider, flow) = (access.provider, access.flow);
        if self.way.replace((provider, flow)) != Some((provider, flow)) {
            (self.asked, self.stage) = (false, Reached::Begun);
        }
        self.asked |= matches!(open, Some(Q::Tenant | Q::Client | Q::File));
        let is_open = |questions: &[Q]| open.is_some_and(|open| questions.contains(&open));
        if is_open(&[Q::Tenant, Q::Client, Q::File]) && self.reach(Reached::First) {
            show(screen, &first(provider, flow, &values));
        }
        let before = [Q::Way, Q::Username, Q::Tenant, Q::Client, Q::File];
        if !self.asked || is_open(&before) {
            return Ok(Turn::On);
        }
        let parts = second(provider, flow, &values);
        if self.reach(Reached::Second) {
            show(screen, &parts);
        }
        if parts.is_empty() || is_open(&[Q::Password, Q::Ends]) || !self.reach(Reached::Waited) {
            return Ok(Turn::On);
        }
        let wait = parts.iter().find_map(|part| part.wait.as_ref()).map(|wait| format!(" ({wait})"));
        let text = format!("Enter when all of that is done{}", wait.unwrap_or_default());
        let help = if access.has_person() {
            "`relayhost login` and `relayhost apply` fail before that"
        } else {
            "the relay is tried before anything is written"
        };
        let turn = put(screen, Put::with_default(&text, "done", help), |typed| match typed.trim() {
            "" | "done" => Ok(Turn::On),
            BACK => Ok(Turn::Back),
            _ => {
                let remedy = format!("press Enter when it is done, or type {BACK} to go back");
                Err(Complaint::new("that is no answer to this question", &remedy).into())
            }
        })?;
        if turn == Turn::Back {
            self.stage = Reached::Second;
        }
        Ok(turn)
    }
}

fn show(screen: &Screen, parts: &[Part]) {
    for part in parts {
        screen.section(&part.title);
        part.steps.iter().for_each(|step| screen.line("  - ", step));
        part.commands.iter().for_each(|command| screen.write(&format!("      {command}\n")));
    }
}

/// Asks which answer shall be corrected; `None` if the answers are to be written as they are.
pub fn change(interview: &Interview, suspect: Question, screen: &Screen) -> Result<Option<Question>> {
    let known = interview.words();
    let words = known.iter().map(|(word, _)| *word).chain(["write", "quit"]).collect::<Vec<_>>();
    let of = |wanted: Question| known.iter().find(|(_, question)| *question == wanted).map(|(word, _)| *word);
    // Not every answer of a login by a token is asked for; how it is made is.
    let way = interview.choices().access.as_ref().and_then(|_| of(Question::Way));
    let user = of(Question::Username).filter(|_| suspect == Question::Password);
    let usual = of(suspect).or(way).or(user).unwrap_or("relay");
    let text = format!("Correct which answer: {}?", with_numbers(words.iter().copied()));
    let help = "the number or the word of the answer that is asked for again; write: the answers are written as they are; \
                quit: nothing is written";
    let chosen = put(screen, Put::with_default(&text, usual, help), |typed| {
        let typed = typed.trim().to_lowercase();
        let named = by_number(&words, &typed).or_else(|| words.iter().find(|word| **word == typed)).copied();
        let named = if typed.is_empty() { Some(usual) } else { named };
        named.ok_or_else(|| {
            Complaint::new("that is none of these words", format!("type one of {}", words.join(", "))).into()
        })
    })?;
    if chosen == "quit" {
        return Err(not_written("you said quit", format!("{RUN_AGAIN} when the answers are known")));
    }
    Ok(known.iter().find(|(word, _)| *word == chosen).map(|(_, question)| *question))
}

/// Offers to take over the relay that somebody has set up by hand. `None`: it is not taken over. The password is not shown.
pub fn take_over(found: &Found, screen: &Screen) -> Result<Option<Choices>> {
    let relay = &found.relay.text;
    let help = "yes: the questions that it answers are not asked, and of the table the chosen entry alone is copied, into a \
                file that root alone can read; no: you answer each question";
    if found.logins.len() < 2 {
        let login = found.logins.first();
        let as_whom = match login {
            Some(login) => format!("as {} ({})", login.username, login.table),
            None if !found.unread.is_empty() => {
                format!("with a login that cannot be taken over ({})", found.unread.join("; "))
            }
            None => "without a login".to_owned(),
        };
        let text = format!("found: {relay} {as_whom}; take it over?");
        return Ok(whether(screen, &text, help, true)?.then(|| found.choices(login)));
    }
    let named = |login: &Login| format!("{} ({}, key {})", login.username, login.table, login.key);
    screen.section(&format!("found: {relay}, and several logins for it:"));
    for (login, number) in found.logins.iter().zip(1..) {
        screen.line(&format!("{number:>4}  "), &named(login));
    }
    let text = "Which one shall be taken over? A number, or none";
    put(screen, Put::with_default(text, "1", help), |typed| {
        let typed = if typed.trim().is_empty() { "1" } else { typed.trim() };
        if ["none", "no", "n"].contains(&typed.to_lowercase().as_str()) {
            return Ok(None);
        }
        let login = by_number(&found.logins, typed);
        let none = || Complaint::new("there is no login of this number", "type one of the numbers, or none");
        login.map(|login| Some(found.choices(Some(login)))).ok_or_else(|| none().into())
    })
}

/// Puts the question for the password alone.
pub fn password(interview: &mut Interview, screen: &Screen) -> Result<()> {
    let prompt = interview.password();
    let hint = Some(prompt.help.as_str());
    let asked = Put { text: &prompt.text, default: None, hint, help: &prompt.help, hidden: true };
    put(screen, asked, |typed| interview.answer(Question::Password, typed).map_err(Refused::from))?;
    said(interview, screen);
    Ok(())
}

/// Says what was made of an answer that was not taken as it was typed.
fn said(interview: &Interview, screen: &Screen) {
    if let Some(said) = interview.said() {
        screen.marked(Mark::Note, said, 2);
    }
}
