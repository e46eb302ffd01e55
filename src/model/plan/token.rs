//! The part of a plan that is about the access token. It is renewed beside the runs; mail stops when it has ended, or when
//! the secret, the certificate or the person's login has ended that it is fetched with.

use super::ending::{Ending, SOON};
use super::{Plan, Remedy, State};
use crate::model::desired::Desired;
use crate::model::oauth::login::{Login, Logins, missing};
use crate::model::oauth::token::Token;
use crate::model::oauth::trouble::Trouble;
use crate::model::oauth::{App, Proof, Provider};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What a look at the token needs to know. Times are in seconds since 1970.
pub struct Sight<'a> {
    /// The token that was fetched last.
    pub kept: Option<&'a Token>,
    /// The failures since then.
    pub trouble: Option<&'a Trouble>,
    /// The logins of persons.
    pub logins: Option<&'a Logins>,
    /// The time of the look.
    pub now: u64,
    /// How long Postfix keeps a message (`maximal_queue_lifetime`), in seconds, if it is known.
    pub lifetime: Option<u64>,
    /// Writes a moment for a person.
    pub when: &'a dyn Fn(u64) -> String,
}

impl Sight<'_> {
    /// The login of the person that an application fetches tokens by.
    fn login(&self, app: &App) -> Option<&Login> {
        self.logins.and_then(|logins| logins.of(app))
    }
}

/// The remedy for a token that is missing.
const BY_APPLY: &str = "relayhost apply (fetches one, and tries it at the relay)";

impl Plan {
    /// Adds whether there is a token, and whether it lives; then when what it is fetched with ends.
    /// Nothing for a login without a token that relayhost fetches.
    pub fn token(&mut self, desired: &Desired, sight: &Sight) {
        let Some(app) = desired.app() else { return };
        let trouble = sight.trouble.filter(|trouble| trouble.is_for(app));
        let by_login = format!("`{}`", app.login);
        let kept = sight.kept.filter(|token| token.is_for(app));
        self.note(Ending::TOKEN, kept.map(|token| i64::try_from(token.ends).unwrap_or(i64::MAX)), sight);
        let (state, found, remedy) = match kept {
            None => {
                let needs_login = app.person().is_some() && sight.login(app).is_none();
                let remedy = if needs_login { by_login.as_str() } else { BY_APPLY };
                (State::Differs, "none was fetched for these answers".to_owned(), Some(remedy))
            }
            Some(token) if !token.is_alive(sight.now) => {
                (State::Differs, ended(token, sight), Some("relayhost token"))
            }
            Some(token) if token.is_due(sight.now) => {
                let found = "more than half of its life is over, and it was not renewed";
                let ends = (sight.when)(token.ends);
                (
                    State::Warning,
                    format!("{found}; it ends {ends}, and mail waits then"),
                    Some("relayhost token"),
                )
            }
            Some(_) => {
                self.add("token", State::Fine, "lives, and is not due", None);
                return self.credential(app, sight);
            }
        };
        let course = trouble.map(|trouble| {
            format!("; to fetch one fails: {} ({})", trouble.cause, trouble.course(sight.when))
        });
        let found = format!("{found}{}", course.unwrap_or_default());
        let remedy = trouble.map(|trouble| trouble.remedy.as_str()).or(remedy);
        self.add("token", state, found, remedy.map(Remedy::say));
        self.credential(app, sight);
    }

    /// Adds when the application's client secret or certificate ends, or the login of the person.
    fn credential(&mut self, app: &App, sight: &Sight) {
        if app.person().is_some() {
            self.login(app, sight);
        }
        let (what, name, ends) = match (&app.proof, app.secret_ends) {
            (Proof::Certificate(certificate), _) => ("certificate", "certificate", Some(certificate.ends)),
            (Proof::Secret(_), ends) => ("client secret", "client_secret", ends),
            // A person's application need not have a secret.
            (_, Some(ends)) => ("client secret", "client_secret", Some(ends)),
            _ => return,
        };
        let Some(ends) = ends else {
            if app.provider == Provider::Microsoft {
                let remedy = "add client_secret_ends = \"YYYY-MM-DD\" under [auth.oauth]: Entra shows it as \"Expires\" beside the secret";
                self.add(
                    format!("token.{name}"),
                    State::Note,
                    "nobody has said when the client secret ends",
                    Remedy::say(remedy),
                );
            }
            return;
        };
        self.ends(name, ends, "", Remedy::say(replace(app, what)), sight);
    }

    /// Adds when the login of a person ends: the refresh token is not used any more then.
    fn login(&mut self, app: &App, sight: &Sight) {
        let Some(login) = sight.login(app) else {
            let remedy = Remedy::say(format!("`{}`", app.login));
            return self.add("token.login", State::Differs, missing(sight.logins), remedy);
        };
        // Providers of which that is not known say nothing of it in their answers.
        let Some(idle) = idle(app.provider) else { return };
        let ends = i64::try_from(login.used).unwrap_or(i64::MAX).saturating_add(idle * DAY);
        let remedy = format!(
            "relayhost token --force (each use makes it last for {idle} days more; once it has ended, `{}`)",
            app.login
        );
        let since = format!(", since it was last used on {}", day(sight, login.used));
        self.ends("login", ends, &since, Remedy::say(remedy), sight);
    }

    /// Notes when something ends, for a monitoring system.
    fn note(&mut self, what: &'static str, ends: Option<i64>, sight: &Sight) {
        self.endings.push(Ending { what, ends, now: i64::try_from(sight.now).unwrap_or(i64::MAX) });
    }

    /// Adds when something ends without which no token can be fetched. `why` follows the day.
    fn ends(&mut self, what: &'static str, ends: i64, why: &str, remedy: Remedy, sight: &Sight) {
        let left = ends - i64::try_from(sight.now).unwrap_or(i64::MAX);
        let days = left.div_euclid(DAY);
        let day = day(sight, u64::try_from(ends).unwrap_or_default());
        let [first, week, last] = SOON;
        self.note(what, Some(ends), sight);
        let (state, found) = match left {
            _ if left < 0 => {
                (State::Differs, format!("it has ended on {day}{why}: no token can be fetched any more"))
            }
            _ if days < last => (State::Differs, format!("it ends within a day, on {day}{why}")),
            _ if days < week => (State::Warning, format!("it ends within a week, on {day}{why}")),
            _ if days < first => (State::Warning, format!("it ends in {days} days, on {day}{why}")),
            _ => (State::Fine, format!("lasts until {day}")),
        };
        self.add(format!("token.{what}"), state, found, remedy);
    }
}

/// The day of a moment, in seconds since 1970.
fn day(sight: &Sight, moment: u64) -> String {
    (sight.when)(moment).chars().take(10).collect()
}

/// Days after which a refresh token ends that was not used: learn.microsoft.com, "Refresh tokens in the Microsoft identity
/// platform"; developers.google.com, "Using OAuth 2.0 to Access Google APIs" (six months). `None`: not known.
fn idle(provider: Provider) -> Option<i64> {
    match provider {
        Provider::Microsoft => Some(90),
        Provider::Google => Some(180),
        Provider::Other => None,
    }
}

/// The words for a token that has ended: since when mail waits, and when it comes back.
fn ended(token: &Token, sight: &Sight) -> String {
    let when = sight.when;
    let text = format!("it has ended {}: mail waits", when(token.ends));
    match sight.lifetime.map(|lifetime| (lifetime, token.ends.saturating_add(lifetime))) {
        // A message that has waited for half of its time is near its end.
        Some((lifetime, bounces)) if sight.now >= token.ends.saturating_add(lifetime / 2) => {
            format!(
                "{text}, and what has waited since then comes back to its sender from {} on",
                when(bounces)
            )
        }
        Some((_, bounces)) => format!("{text}, until {} (maximal_queue_lifetime)", when(bounces)),
        None => format!("{text}, and is bounced after maximal_queue_lifetime"),
    }
}

/// Who must do what before the end of a secret or a certificate, and after it.
pub fn replace(app: &App, what: &str) -> String {
    match (app.provider, what) {
        (Provider::Microsoft, "certificate") => "`relayhost login --new-certificate --force` makes another one beside it; have the application's owner upload that in Entra (App registrations, the application, Certificates & secrets, Certificates), and type the command that it prints; then `relayhost token --force`".into(),
        (Provider::Microsoft, _) => "have the application's owner make another one in Entra (App registrations, the application, Certificates & secrets), put its Value in the place of the old one, and correct client_secret_ends; then `relayhost token --force`".into(),
        _ => format!("have whoever looks after the application at the provider make another {what}, and put it in the place of the old one; then `relayhost token --force`"),
    }
}

/// Seconds of `maximal_queue_lifetime`: a number and its unit, days where there is none (postconf(5)).
pub fn seconds(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" | "" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::answers::Answers;
    use crate::model::answers::complete::complete;
    use crate::model::labels::Labels;
    use crate::model::observed::{Observed, Postfix};
    use crate::model::secret::Secret;
    use crate::model::state::generation::LastRun;

    fn desired(more: &str) -> Desired {
        let text = format!(
            "version = 1\n[relay]\nhost = \"r.example.com\"\n[auth]\nusername = \"u\"\n[auth.oauth]\nprovider = \"microsoft\"\n\
             flow = \"secret\"\nclient_id = \"12345678-90ab-cdef-1234-567890abcdef\"\nclient_secret_file = \"/s\"\n\
             tenant = \"example.com\"\n{more}"
        );
        complete(&Answers::parse("a", text.as_bytes()).unwrap(), Some(Secret::new("s"))).unwrap()
    }

    fn observed() -> Observed {
        Observed {
            packages: BTreeMap::new(),
            plugins: std::collections::BTreeSet::new(),
            link: None,
            labels: Labels::NotUsed,
            mail_command: None,
            last: LastRun::default(),
            postfix: Some(Postfix::with(&[])),
            lacks: None,
            timer: None,
        }
    }

    /// The last findings of a plan, with `kept` and `trouble`, at a time.
    fn findings(
        desired: &Desired,
        kept: Option<&Token>,
        trouble: Option<&Trouble>,
        now: u64,
    ) -> Vec<super::super::Finding> {
        findings_of(desired, kept, trouble, None, now)
    }

    fn findings_of(
        desired: &Desired,
        kept: Option<&Token>,
        trouble: Option<&Trouble>,
        logins: Option<&Logins>,
        now: u64,
    ) -> Vec<super::super::Finding> {
        let mut plan = Plan::new(desired, &observed()).unwrap();
        let when = |at: u64| format!("<{at}>");
        plan.token(desired, &Sight { kept, trouble, logins, now, lifetime: Some(1000), when: &when });
        plan.findings.into_iter().filter(|finding| finding.id.starts_with("token")).collect()
    }

    #[test]
    fn a_token_is_said_to_be_missing_ended_late_or_fine() {
        let desired = desired("");
        let token = Token::new(desired.app().unwrap(), &Secret::new("x"), 1000, 100);
        let of = |kept: Option<&Token>, now| {
            let found = findings(&desired, kept, None, now).remove(0);
            (found.state, found.found, found.remedy.map(|remedy| remedy.text()))
        };
        assert_eq!(of(None, 0).0, State::Differs);
        assert!(of(None, 0).2.unwrap().starts_with("relayhost apply"));
        assert_eq!(of(Some(&token), 1000).0, State::Fine);
        assert_eq!(of(Some(&token), 1060).0, State::Warning);
        let (state, text, remedy) = of(Some(&token), 1100);
        assert_eq!((state, remedy.as_deref()), (State::Differs, Some("relayhost token")));
        assert!(text.ends_with("mail waits, until <2100> (maximal_queue_lifetime)"), "{text}");
        let (_, text, _) = of(Some(&token), 1600);
        assert!(text.ends_with("comes back to its sender from <2100> on"), "{text}");
    }

    #[test]
    fn a_monitoring_system_gets_what_a_token_has_left_also_when_it_is_due() {
        let desired = desired("client_secret_ends = \"2027-05-01\"\n");
        let token = Token::new(desired.app().unwrap(), &Secret::new("x"), 1000, 100);
        let of = |kept: Option<&Token>, now| {
            let mut plan = Plan::new(&desired, &observed()).unwrap();
            let when = |at: u64| format!("<{at}>");
            plan.token(
                &desired,
                &Sight { kept, trouble: None, logins: None, now, lifetime: None, when: &when },
            );
            plan.endings.iter().map(Ending::performance).collect::<Vec<_>>()
        };
        assert_eq!(of(Some(&token), 1000), ["token_left=100s;;;0", "client_secret_days=20938;30:;1:;"]);
        assert_eq!(of(Some(&token), 1060)[0], "token_left=40s;;;0");
        assert_eq!(of(Some(&token), 1100)[0], "token_left=0s;;;0");
        assert_eq!(of(None, 1000)[0], "token_left=0s;;;0");
    }

    #[test]
    fn while_no_token_can_be_fetched_it_is_said_why_since_when_and_who_must_do_what() {
        let desired = desired("");
        let app = desired.app().unwrap();
        let token = Token::new(app, &Secret::new("x"), 1000, 100);
        let trouble = Trouble::new(app, None, 1050, Some(1190), ["the secret has ended", "make another"]);
        let found = findings(&desired, Some(&token), Some(&trouble), 1100).remove(0);
        assert!(
            found.found.ends_with(
                "to fetch one fails: the secret has ended (it has failed since <1050>, next attempt <1190>)"
            ),
            "{found:?}"
        );
        assert_eq!(found.remedy.unwrap().text(), "make another");
    }

    #[test]
    fn the_end_of_a_secret_is_told_a_month_a_week_and_a_day_before() {
        let day = u64::try_from(DAY).unwrap();
        let desired = desired("client_secret_ends = \"2027-05-01\"\n");
        let ends = 1_809_129_600;
        let of = |now: u64| {
            let found = findings(&desired, None, None, now).remove(1);
            (found.id, found.state, found.found)
        };
        let states = [31, 29, 6, 0].map(|days| of(ends - days * day - 5).1);
        assert_eq!(states, [State::Fine, State::Warning, State::Warning, State::Differs]);
        assert!(of(ends - 29 * day - 5).2.starts_with("it ends in 29 days"));
        assert!(of(ends - 6 * day - 5).2.starts_with("it ends within a week"));
        assert!(of(ends - 5).2.starts_with("it ends within a day"));
        let (id, state, text) = of(ends + 1);
        assert_eq!((id.as_str(), state), ("token.client_secret", State::Differs));
        assert!(text.contains("no token can be fetched any more"), "{text}");
    }

    #[test]
    fn an_end_that_nobody_has_said_is_asked_for() {
        let found = findings(&desired(""), None, None, 0).remove(1);
        assert_eq!(found.state, State::Note);
        assert!(found.remedy.unwrap().text().contains("client_secret_ends"));
    }

    #[test]
    fn the_end_of_a_persons_login_is_told_and_each_use_moves_it() {
        let day = u64::try_from(DAY).unwrap();
        let text = "version = 1\n[relay]\nhost = \"r.example.com\"\n[auth]\nusername = \"u\"\n[auth.oauth]\nprovider = \"microsoft\"\n\
                    flow = \"device\"\nclient_id = \"12345678-90ab-cdef-1234-567890abcdef\"\ntenant = \"example.com\"\n";
        let desired = complete(&Answers::parse("a", text.as_bytes()).unwrap(), None).unwrap();
        let app = desired.app().unwrap();
        let of = |logins: Option<&Logins>, now: u64| {
            let found = findings_of(&desired, None, None, logins, now);
            let found = found.into_iter().find(|finding| finding.id == "token.login").unwrap();
            (found.state, found.found, found.remedy.map(|remedy| remedy.text()).unwrap_or_default())
        };
        let (state, text, remedy) = of(None, 0);
        assert_eq!((state, remedy.as_str()), (State::Differs, "`relayhost login`"));
        assert!(text.contains("nobody has logged in yet"), "{text}");
        assert_eq!(
            findings_of(&desired, None, None, None, 0)[0].remedy.as_ref().unwrap().text(),
            "`relayhost login`"
        );
        let login = Login::new(app, &Secret::new("r"), 100 * day);
        let logins = Logins::with(None, login.clone());
        let states = [101, 165, 184, 189, 191].map(|days| of(Some(&logins), days * day).0);
        assert_eq!(states, [State::Fine, State::Warning, State::Warning, State::Warning, State::Differs]);
        let (_, text, remedy) = of(Some(&logins), 165 * day);
        assert!(text.starts_with("it ends in 25 days"), "{text}");
        assert!(remedy.starts_with("relayhost token --force"), "{remedy}");
        assert!(of(Some(&logins), 191 * day).1.contains("no token can be fetched any more"));
        let used = Logins::with(None, login.used(None, 165 * day));
        assert_eq!(of(Some(&used), 191 * day).0, State::Fine);
    }

    #[test]
    fn postfixs_times() {
        for (text, seconds) in [
            ("5d", Some(432_000)),
            ("5", Some(432_000)),
            ("1h", Some(3600)),
            ("", None),
            ("x", None),
            ("5y", None),
        ] {
            assert_eq!(super::seconds(text), seconds, "{text}");
        }
    }
}
