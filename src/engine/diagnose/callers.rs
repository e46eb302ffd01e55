//! Local logins that may not be the sender of their mail: Postfix's log has the number of each, this host its name, and the answers
//! who may.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::typed;
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

/// Adds to these failures the name of the login, who may be the sender, and what lets it, by whether the sender has a table in the
/// answers.
pub fn name(failures: &mut [Failure], answered: Option<(&Desired, &Postfix)>) {
    let until = clock::now() + LONGEST;
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    let limits = answered.and_then(|(desired, postfix)| desired.limits(&postfix.settings));
    for failure in failures.iter_mut().filter(|failure| failure.cause.id == ID) {
        let Some((before, sender)) = failure.words.split_once("): not authorized to use sender='") else {
            continue;
        };
        let Some((_, number)) = before.rsplit_once('(') else { continue };
        if known.len() < MOST && !known.contains_key(number) {
            known.insert(number.to_owned(), passwd::name(number, until));
        }
        let login = known.get(number).and_then(Option::as_deref);
        if let Some(login) = login {
            let login = plain(login, Form::Login);
            let numbered = format!("the local login with the number {number}");
            failure.cause.cause =
                failure.cause.cause.replace(&numbered, &format!("{login} (number {number})"));
        }
        let sender = sender.trim_end_matches('\'');
        if let Some(who) = limits.as_ref().and_then(|limits| limits.who_may(sender)) {
            let sender = plain(sender, Form::Mail);
            failure.cause.cause.push_str(&format!("; {who} may send as {sender}"));
        }
        if let Some((_, postfix)) = answered.filter(|_| limits.is_some()) {
            let login = login.filter(|login| Form::Login.fits(login)).unwrap_or("LOGIN");
            let table = limits.as_ref().and_then(|limits| limits.table_of(sender));
            failure.cause.remedy = remedy(postfix, login, table).as_str().into();
        }
    }
}

/// What lets a login be the sender. `table`: that of the sender in the answers, if only some logins may.
fn remedy(postfix: &Postfix, login: &str, table: Option<String>) -> String {
    let other = "or have the program send as its own login or as another sender of the answers";
    if let Some(table) = table {
        return format!(
            "if {login} may send as this sender, add \"{login}\" to `local_users` of {table} in the answers, and run `relayhost apply`; {other}"
        );
    }
    let setting = "local_login_sender_maps";
    let value = typed(format!("{setting} = inline:{{ {{ {login} = * }} }}, {}", postfix.setting(setting)));
    format!("no [[senders]] has this sender: if {login} may send as any, `postconf -e {value}`; {other}")
}

/// A value in a sentence.
fn plain(text: &str, form: Form) -> String {
    if form.fits(text) { text.to_owned() } else { quoted(&one_line(text)) }
}
