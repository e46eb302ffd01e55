//! A record that access tokens could not be fetched: since when, why, and when the next attempt is.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::App;
use super::token::again;

/// Version of the record.
const VERSION: u32 = 1;

/// The record: at most one trouble for each application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Read")]
pub struct Troubles {
    version: u32,
    troubles: Vec<Trouble>,
}

/// The record as it lies on the disk: a list, or, as earlier versions wrote it, the one trouble.
#[derive(Deserialize)]
#[serde(untagged)]
enum Read {
    List {
        #[serde(rename = "version")]
        _version: u32,
        troubles: Vec<Trouble>,
    },
    One(Trouble),
}

impl From<Read> for Troubles {
    fn from(read: Read) -> Self {
        let troubles = match read {
            Read::List { troubles, .. } => troubles,
            Read::One(trouble) => vec![trouble],
        };
        Self { version: VERSION, troubles }
    }
}

impl Troubles {
    /// That of an application.
    pub fn of(&self, app: &App) -> Option<&Trouble> {
        self.troubles.iter().find(|trouble| trouble.is_for(app))
    }

    /// These with another trouble in the place of the one of its application, or with `None` without that. `apps`: the
    /// applications of the answers; the troubles of others are dropped.
    #[must_use]
    pub fn with<'a>(
        self,
        app: &App,
        trouble: Option<Trouble>,
        apps: impl IntoIterator<Item = &'a App>,
    ) -> Self {
        let needed: BTreeSet<String> = apps.into_iter().map(App::print).collect();
        let stays = |one: &Trouble| !one.is_for(app) && needed.contains(&one.app);
        let stay = self.troubles.into_iter().filter(stays);
        Self { version: VERSION, troubles: stay.chain(trouble).collect() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.troubles.is_empty()
    }
}

/// No access token could be fetched, once or many times since the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The application that asked, as [`App::print`] says.
    app: String,
    /// The first attempt that failed, in seconds since 1970.
    pub since: u64,
    /// The next attempt, in seconds since 1970, if it is known who makes it.
    pub next: Option<u64>,
    /// The last cause.
    pub cause: String,
    /// Who must do what.
    pub remedy: String,
}

impl Trouble {
    /// An attempt that failed at `now`, after `before`.
    pub fn new(app: &App, before: Option<&Self>, now: u64, next: Option<u64>, why: [&str; 2]) -> Self {
        let since = before.filter(|before| before.is_for(app)).map_or(now, |before| before.since.min(now));
        let [cause, remedy] = why.map(str::to_owned);
        Self { app: app.print(), since, next, cause, remedy }
    }

    /// Whether this application asked, with this secret.
    pub fn is_for(&self, app: &App) -> bool {
        self.app == app.print()
    }

    /// The pause until the next attempt, where there has never been a token.
    pub fn pause(&self, now: u64) -> std::time::Duration {
        again(now, self.since)
    }

    /// Says since when attempts fail, and when the next one is; `when` writes a moment for a person.
    pub fn course(&self, when: &dyn Fn(u64) -> String) -> String {
        let next = self.next.map(|next| format!(", next attempt {}", when(next))).unwrap_or_default();
        format!("it has failed since {}{next}", when(self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::oauth::{Cloud, Proof};
    use crate::model::secret::Secret;

    #[test]
    fn the_first_failure_is_remembered_for_the_same_application_alone() {
        let app = |secret: &str| {
            App::microsoft(&Cloud::of(None), "t", "id".into(), Proof::Secret(Secret::new(secret)))
        };
        let first = Trouble::new(&app("s"), None, 100, None, ["c", "r"]);
        let second = Trouble::new(&app("s"), Some(&first), 200, Some(260), ["c", "r"]);
        assert_eq!((second.since, second.next), (100, Some(260)));
        assert_eq!(second.course(&|at| at.to_string()), "it has failed since 100, next attempt 260");
        assert_eq!(Trouble::new(&app("other"), Some(&first), 200, None, ["c", "r"]).since, 200);
        assert_eq!(Trouble::new(&app("s"), Some(&first), 50, None, ["c", "r"]).since, 50, "a clock set back");
    }
    #[test]
    fn each_application_has_its_own_and_the_form_of_one_is_read() {
        let app = |tenant: &str| {
            App::microsoft(&Cloud::of(None), tenant, "id".into(), Proof::Secret(Secret::new("s")))
        };
        let [one, other, gone] = ["one", "other", "gone"].map(app);
        let new = |app: &App| Some(Trouble::new(app, None, 100, None, ["c", "r"]));
        let all = [&one, &other];
        let troubles = Troubles::default().with(&gone, new(&gone), [&gone]);
        let troubles = troubles.with(&one, new(&one), all).with(&other, new(&other), all);
        assert!(troubles.of(&one).is_some() && troubles.of(&other).is_some() && troubles.of(&gone).is_none());
        let text = serde_json::to_string(&troubles).unwrap();
        assert_eq!(serde_json::from_str::<Troubles>(&text).unwrap(), troubles);
        let troubles = troubles.with(&one, None, all);
        assert!(troubles.of(&one).is_none() && !troubles.is_empty());
        let before = format!(
            r#"{{"version":1,"app":"{}","since":1,"next":null,"cause":"c","remedy":"r"}}"#,
            one.print()
        );
        let read: Troubles = serde_json::from_str(&before).unwrap();
        assert_eq!(read.of(&one).map(|trouble| trouble.since), Some(1));
    }
}
