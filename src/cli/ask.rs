//! Puts the questions of `init` at the terminal, and shows what is wrong with an answer. Which questions there are,
//! and what an answer means, `model::answers::interview` decides.

use super::show::providers::introduce;
use super::show::screen::Screen;
use super::show::terminal::Mark;
use crate::engine::init::{not_written, secret_fits};
use crate::error::{Complaint, RUN_AGAIN, Result};
use crate::model::answers::interview::{Interview, Question, yes_or_no};
use crate::model::oauth::steps::{Part, first, second};
use crate::model::oauth::{Flow, Provider};
use crate::sys::tty::{self, Typed};

/// Number of unusable answers to one question after which `init` gives up: whoever types does not read the complaints.
const PATIENCE: u32 = 3;

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

/// Puts every open question. Once a provider is known, shows what to have ready and which pitfalls there are.
pub fn everything(interview: &mut Interview, told: &mut Told, screen: &Screen) -> Result<()> {
    loop {
        let provider = interview.provider();
        let mut is_new = |title| told.provider.replace(title) != Some(title);
        if let Some(provider) = provider.filter(|provider| is_new(provider.title.as_str())) {
            introduce(screen, provider);
        }
        let prompt = interview.next();
        let open = prompt.as_ref().map(|prompt| prompt.question);
        if told.steps.show(interview, open, screen)? == Turn::Back {
            interview.back();
            continue;
        }
        let Some(prompt) = prompt else { return Ok(()) };
        let hidden = prompt.question == Question::Password;
        let default = prompt.default.as_deref();
        question(screen, &prompt.text, default, &prompt.help, hidden, |typed| {
            if typed.trim() != BACK {
                interview.answer(prompt.question, typed)?;
                let fits = match prompt.question {
                    Question::File | Question::Password => secret_fits(interview.choices()),
                    _ => Ok(()),
                };
                // The question stays open: at the end, this would cost all answers.
                return fits.inspect_err(|_| {
                    interview.back();
                });
            }
            let first = || Complaint::new("there is no question before this one", "answer it");
            interview.back().then_some(()).ok_or_else(first)
        })?;
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
enum Turn {
    On,
    Back,
}

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
        let turn = question(screen, &text, Some("done"), help, false, |typed| match typed.trim() {
            "" | "done" => Ok(Turn::On),
            BACK => Ok(Turn::Back),
            _ => {
                let remedy = format!("press Enter when it is done, or type {BACK} to go back");
                Err(Complaint::new("that is no answer to this question", &remedy))
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

/// Puts a question that is answered with yes or no.
pub fn whether(screen: &Screen, text: &str, default: bool) -> Result<bool> {
    let default = if default { "yes" } else { "no" };
    question(screen, text, Some(default), "type yes or no", false, |typed| {
        yes_or_no(if typed.trim().is_empty() { default } else { typed })
    })
}

/// Asks which answer shall be corrected; `None` if the answers are to be written as they are.
pub fn change(interview: &Interview, suspect: Question, screen: &Screen) -> Result<Option<Question>> {
    let known = interview.words();
    let words = known.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    // Not every answer of a login by a token is asked for; how it is made is.
    let word = |of: Question| known.iter().find(|(_, question)| *question == of).map(|(word, _)| *word);
    let way = interview.choices().access.as_ref().and_then(|_| word(Question::Way));
    let usual = word(suspect).or(way).unwrap_or("relay");
    let named = |typed: &str| known.iter().find(|(word, _)| *word == typed);
    let text = format!("Correct which answer: {words}? Or write (as it is), or quit");
    let chosen = question(screen, &text, Some(usual), "type one of these words", false, |typed| {
        let typed = if typed.trim().is_empty() { usual.to_owned() } else { typed.trim().to_lowercase() };
        if ["write", "quit"].contains(&typed.as_str()) || named(&typed).is_some() {
            return Ok(typed);
        }
        Err(Complaint {
            problem: "that is none of these words".into(),
            remedy: format!("type one of {words}, write, quit").into(),
        })
    })?;
    if chosen == "quit" {
        return Err(not_written("you said quit", format!("{RUN_AGAIN} when the answers are known")));
    }
    Ok(named(&chosen).map(|(_, question)| *question))
}

/// Reads a line at the prompt, which shows the default.
fn read_line(screen: &Screen, default: Option<&str>, hidden: bool) -> Result<Typed> {
    let offered =
        default.map_or(String::new(), |default| format!("[{}] ", crate::model::text::one_line(default)));
    screen.write(&format!("{offered}> "));
    let typed = tty::read_line(hidden).inspect_err(|_| screen.write("\n"))?;
    if hidden || !matches!(typed, Typed::Line(_)) {
        // The terminal has not shown the end of the line.
        screen.write("\n");
    }
    Ok(typed)
}

/// Puts one question until `take` accepts the answer. `?` shows the help.
fn question<T>(
    screen: &Screen,
    text: &str,
    default: Option<&str>,
    help: &str,
    hidden: bool,
    mut take: impl FnMut(&str) -> std::result::Result<T, Complaint>,
) -> Result<T> {
    screen.section(text);
    if default.is_none() && !help.is_empty() {
        screen.line("", &format!("({help})"));
    }
    let mut wrong = 0;
    while wrong < PATIENCE {
        let complaint = match read_line(screen, default, hidden)? {
            Typed::Line(line) if line.trim() == "?" && !hidden => {
                screen.line("  ", if help.is_empty() { "there is no more to say about it" } else { help });
                continue;
            }
            Typed::Line(line) => match take(&line) {
                Ok(taken) => return Ok(taken),
                Err(complaint) => complaint,
            },
            Typed::NotText => Complaint {
                problem: "that is not UTF-8 text".into(),
                remedy: "type it in a terminal that is set to UTF-8".into(),
            },
            Typed::End => {
                return Err(not_written(
                    "the input ended",
                    format!("{RUN_AGAIN}; or give the answers as flags: relayhost init --help"),
                ));
            }
            Typed::Stop(stop) => {
                screen.line("", "stopped; nothing was written");
                stop.obey();
                return Err(not_written("stopped by a signal", RUN_AGAIN));
            }
        };
        wrong += 1;
        screen.marked(Mark::Bad, &complaint.problem, 2);
        // A person at the terminal can answer again, and need not run the command again.
        screen.remedy(&complaint.remedy.asked_again());
    }
    Err(not_written(
        format!("{PATIENCE} answers to one question that cannot be taken"),
        format!("{RUN_AGAIN}; `?` in place of an answer says more about a question"),
    ))
}
