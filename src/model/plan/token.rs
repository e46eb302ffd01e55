//! The part of a plan that is about the access token: it is renewed beside the runs, and mail stops when it has ended.

use super::{Plan, Remedy, State};
use crate::model::desired::Desired;
use crate::model::oauth::token::Token;

impl Plan {
    /// Adds whether there is a token, and whether it lives at `now`, in seconds since 1970; nothing for a login without one.
    pub fn token(&mut self, desired: &Desired, kept: Option<&Token>, now: u64) {
        let Some(app) = desired.app() else { return };
        let (state, found, remedy) = match kept.filter(|token| token.is_for(app)) {
            None => (State::Differs, "none was fetched for these answers", Some(Remedy::Apply)),
            Some(token) if !token.is_alive(now) => (
                State::Differs,
                "it has ended: mail waits, and is bounced after maximal_queue_lifetime",
                Some(Remedy::say("relayhost token")),
            ),
            Some(token) if token.is_due(now) => (
                State::Warning,
                "more than half of its life is over, and it was not renewed",
                Some(Remedy::say("relayhost token")),
            ),
            Some(_) => (State::Fine, "lives, and is not due", None),
        };
        self.add("token", state, found, remedy);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::answers::Answers;
    use crate::model::answers::complete::complete;
    use crate::model::observed::{Observed, Postfix};
    use crate::model::secret::Secret;

    #[test]
    fn a_token_is_said_to_be_missing_ended_late_or_fine() {
        let text = "version = 1\n[relay]\nhost = \"r.example.com\"\n[auth]\nusername = \"u\"\n[auth.oauth]\nprovider = \"other\"\n\
                    flow = \"secret\"\nclient_id = \"me\"\nclient_secret_file = \"/s\"\ntoken_url = \"https://id.example.com/t\"\n";
        let answers = Answers::parse("a", text.as_bytes()).unwrap();
        let desired = complete(&answers, Some(Secret::new("s"))).unwrap();
        let observed = Observed {
            packages: BTreeMap::new(),
            plugins: std::collections::BTreeSet::new(),
            link: None,
            mail_command: None,
            last: crate::model::state::generation::LastRun::default(),
            postfix: Some(Postfix::with(&[])),
            lacks: None,
        };
        let token = Token::new(desired.app().unwrap(), &Secret::new("x"), 1000, 100);
        for (kept, now, state) in [
            (None, 1000, State::Differs),
            (Some(&token), 1010, State::Fine),
            (Some(&token), 1060, State::Warning),
            (Some(&token), 1100, State::Differs),
        ] {
            let mut plan = Plan::new(&desired, &observed).unwrap();
            plan.token(&desired, kept, now);
            assert_eq!(plan.findings.last().map(|finding| finding.state), Some(state), "{now}");
        }
    }
}
