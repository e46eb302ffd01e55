//! `[[relay.fallback]]`: relays that are tried after the first one.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::complete::NamedSecret;
use super::{Answers, Auth, SecretSource};
use crate::error::Result;
use crate::model::desired::Tls;

/// Most relays that are tried after the first one. smtp(8) tries all of them in one attempt, one connection after another.
const MOST: usize = 5;

/// `[[relay.fallback]]`: a relay, and the login there. Its keys mean what they mean in `[relay]` and `[auth]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fallback {
    /// Name of a preset.
    pub provider: Option<Spanned<String>>,
    /// Host name or address.
    pub host: Option<Spanned<String>>,
    /// TCP port.
    pub port: Option<Spanned<i64>>,
    /// Level of TLS.
    pub tls: Option<Spanned<Tls>>,
    /// TLS from the first byte.
    pub implicit_tls: Option<Spanned<bool>>,
    /// `[relay.fallback.auth]`.
    pub auth: Auth,
}

/// The secret of a fallback relay's login.
#[derive(Debug)]
pub struct Named {
    /// Where it is.
    pub source: SecretSource,
    /// Its place in the answers, if they name one.
    pub place: Option<Range<usize>>,
    /// The login; empty without one.
    pub user: String,
    /// Whether it is a password, and not what an application proves itself with.
    pub is_password: bool,
}

impl Answers {
    /// The secrets of the fallback relays' logins, in the order of the relays, and then those of the accounts of senders; an error
    /// if one is named twice.
    pub fn fallback_secrets(&self) -> Result<Vec<Named>> {
        let named = |auth: &Auth| {
            let user = auth.username.as_ref().map_or("", |name| name.get_ref()).to_owned();
            let is_password = auth.oauth.is_none();
            Ok(Named { source: self.source_of(auth)?, place: auth.secret_place(), user, is_password })
        };
        let fallbacks = self.tables.relay.fallback.iter().map(|fallback| &fallback.get_ref().auth);
        let accounts = self.tables.senders.iter().map(|account| &account.get_ref().auth);
        fallbacks.chain(accounts).map(named).collect()
    }

    /// Each secret that stands in the answers, for answers that are checked and not used.
    pub(super) fn fallback_stand_ins(&self) -> Result<Vec<NamedSecret>> {
        let stand_in = |named: Named| match named.source {
            SecretSource::Absent => NamedSecret::Absent,
            SecretSource::Inline(secret) => NamedSecret::Given(secret),
            SecretSource::File(_) | SecretSource::Environment(_) | SecretSource::Credential(_) => {
                NamedSecret::Elsewhere
            }
        };
        Ok(self.fallback_secrets()?.into_iter().map(stand_in).collect())
    }

    /// Refuses more relays than can be tried within one attempt.
    pub(super) fn count_fallbacks(&self) -> Result<()> {
        let Some(beyond) = self.tables.relay.fallback.get(MOST) else { return Ok(()) };
        let problem = format!("there are more than {MOST} fallback relays");
        Err(self.error(Some(beyond.span()), &problem, "remove some: each is tried in the same attempt"))
    }
}
