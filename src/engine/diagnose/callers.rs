//! Local logins that may not be the sender of their mail: Postfix's log has the number of each, this host its name, and the answers
//! who may.

use std::time::Duration;

use crate::model::causes::form::Form;
use crate::model::desired::Desired;
use crate::model::log::report::Failure;
use crate::model::observed::Postfix;
use crate::model::text::{one_line, quoted};
use crate::sys::{clock, passwd};

/// The cause in the catalogue.
const ID: &str = "sender-of-other-login";
/// Logins that are looked up, and how long that may take: any user can write numbers into the log.
const MOST: usize = 16;
const LONGEST: Duration = Duration::from_secs(3);

/// Adds to these failures the name of the login, and who may be the sender.
pub fn name(failures: &mut [Failure], answered: Option<(&Desired, &Postfix)>) {
    let until = clock::now() + LONGEST;
    for failure in failures.iter_mut().filter(|failure| failure.cause.id == ID).take(MOST) {
        let Some((before, sender)) = failure.words.split_once("): not authorized to use sender='") else {
            continue;
        };
        let Some((_, number)) = before.rsplit_once('(') else { continue };
        if let Some(login) = passwd::name(number, until) {
            let login = plain(&login, Form::Login);
            let numbered = format!("the local login with the number {number}");
            failure.cause.cause =
                failure.cause.cause.replace(&numbered, &format!("{login} (number {number})"));
        }
        let sender = sender.trim_end_matches('\'');
        let limits = answered.and_then(|(desired, postfix)| desired.limits(&postfix.settings));
        if let Some(who) = limits.and_then(|limits| limits.who_may(sender)) {
            let sender = plain(sender, Form::Mail);
            failure.cause.cause.push_str(&format!("; {who} may send as {sender}"));
        }
    }
}

/// A value in a sentence.
fn plain(text: &str, form: Form) -> String {
    if form.fits(text) { text.to_owned() } else { quoted(&one_line(text)) }
}
