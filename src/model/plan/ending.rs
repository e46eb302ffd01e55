//! When something ends without which no mail leaves: the access token, and what it is fetched with.

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Days before the end of a secret, a certificate or a login: `check` warns from the first and from the second on; from the
/// last on it is a fault.
pub const SOON: [i64; 3] = [30, 7, 1];

/// An end, for a monitoring system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What ends: `token`, `client_secret`, `certificate` or `login`.
    pub what: &'static str,
    /// The login that it is of, if there are several.
    pub login: Option<String>,
    /// The moment, in seconds since 1970; `None` for a token that nobody has fetched.
    pub ends: Option<i64>,
    /// The time of the look, in seconds since 1970.
    pub now: i64,
}

impl Ending {
    /// The access token itself.
    pub const TOKEN: &str = "token";

    /// Of each kind the one that ends first: performance data has one value for each.
    pub fn first(all: &[Self]) -> Vec<&Self> {
        let mut firsts: Vec<&Self> = Vec::new();
        for one in all {
            match firsts.iter_mut().find(|known| known.what == one.what) {
                Some(known) if one.ends < known.ends => *known = one,
                Some(_) => {}
                None => firsts.push(one),
            }
        }
        firsts
    }

    /// Performance data (Monitoring Plugins Development Guidelines, "Performance data"): seconds that a token has left, and
    /// days that all others have.
    pub fn performance(&self) -> String {
        let left = self.ends.map_or(0, |ends| ends.saturating_sub(self.now));
        let (what, [first, _, last]) = (self.what, SOON);
        if what == Self::TOKEN {
            format!("{what}_left={}s;;;0", left.max(0))
        } else {
            format!("{what}_days={};{first}:;{last}:;", left.div_euclid(DAY))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_seconds_left_and_the_others_have_days() {
        let of = |what, ends| Ending { what, login: None, ends, now: 1000 }.performance();
        assert_eq!(of("token", Some(1060)), "token_left=60s;;;0");
        assert_eq!(of("token", Some(900)), "token_left=0s;;;0");
        assert_eq!(of("token", None), "token_left=0s;;;0");
        assert_eq!(of("login", Some(1000 + 86_400 * 4 + 5)), "login_days=4;30:;1:;");
        assert_eq!(of("certificate", Some(999)), "certificate_days=-1;30:;1:;");
    }
    #[test]
    fn of_several_logins_the_one_that_ends_first_is_told() {
        let of = |what, ends| Ending { what, login: Some("u".into()), ends, now: 0 };
        let all = [of("token", Some(9)), of("login", Some(7)), of("token", None), of("login", Some(8))];
        let firsts: Vec<_> = Ending::first(&all).iter().map(|one| (one.what, one.ends)).collect();
        assert_eq!(firsts, [("token", None), ("login", Some(7))]);
    }
}
