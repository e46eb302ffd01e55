//! A record that no access token could be fetched: since when, why, and when the next attempt is.

use serde::{Deserialize, Serialize};

use super::App;

/// Version of the record.
const VERSION: u32 = 1;

/// No access token could be fetched, once or many times since the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    version: u32,
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
        Self { version: VERSION, app: app.print(), since, next, cause, remedy }
    }

    /// Whether this application asked, with this secret.
    pub fn is_for(&self, app: &App) -> bool {
        self.app == app.print()
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
}
