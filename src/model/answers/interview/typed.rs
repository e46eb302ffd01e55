//! The answers that a person types, as choices.

use super::Question;
use crate::error::Complaint;
use crate::model::answers::access::{Access, PASSWORD, UNKNOWN, way_words};
use crate::model::answers::choices::Choices;
use crate::model::desired::Tls;
use crate::model::oauth::Provider as Identity;
use crate::model::providers::choose::{self, Meant, meant, of_host};
use crate::model::providers::{self, providers};
use crate::model::text;

/// An answer that cannot be taken, and what is likely meant by it.
#[derive(Debug)]
pub(super) struct Refused {
    /// What is wrong with it.
    pub(super) complaint: Complaint,
    /// The answer that is likely meant.
    pub(super) offer: Option<String>,
}

impl From<Complaint> for Refused {
    fn from(complaint: Complaint) -> Self {
        Self { complaint, offer: None }
    }
}

/// Takes a host name, or else a provider as a person names it: host names have a dot, and no provider's name has one.
pub(super) fn relay(trial: &mut Choices, typed: &str) -> Result<(), Refused> {
    let (bare, part) = typed.split_once('/').map_or((typed, None), |(bare, part)| (bare, Some(part)));
    let named = if bare.contains(['.', ':']) {
        // The preset of a host knows what that relay wants.
        let Some(provider) = of_host(&typed.to_lowercase()) else {
            trial.host = Some(typed.to_owned());
            return Ok(());
        };
        provider
    } else {
        match meant(bare) {
            Meant::One(name) => {
                part.map_or(name.to_owned(), |part| format!("{name}/{}", part_of(name, part)))
            }
            other => return Err(no_relay(typed, other)),
        }
    };
    if named.contains('/') {
        providers::find(&named)?;
    }
    let provider = providers().get(named.split('/').next().unwrap_or_default());
    if provider.is_some_and(|known| known.fixed_username.is_some() || known.username.is_none()) {
        (trial.username, trial.password) = (provider.and_then(|known| known.fixed_username.clone()), None);
    }
    trial.provider = Some(named);
    Ok(())
}

/// The name of a provider's part that a person means; what is none of them stays, in lower case.
pub(super) fn part_of(provider: &str, typed: &str) -> String {
    let meant = providers().get(provider).and_then(|provider| choose::part(provider, typed));
    meant.map_or_else(|| typed.to_lowercase(), |part| part.name.clone())
}

/// Reads the number of a port.
pub(super) fn port(typed: &str) -> Result<i64, Complaint> {
    let problem = || format!("`{}` is not a number", text::one_line(typed));
    typed.parse().map_err(|_| Complaint::new(problem(), "relays usually listen on 587, 465 or 25"))
}

/// Refuses an address whose domain has no dot: `ops@example` is a slip far more often than a domain of a network's own.
pub(super) fn whole_domain(typed: String) -> Result<String, Complaint> {
    let is_cut = text::is_address(&typed) && !text::domain_of(&typed).contains('.');
    if !is_cut {
        return Ok(typed);
    }
    let problem =
        format!("`{}` has no dot in its domain, so it is not the whole address", text::one_line(&typed));
    let remedy = "write the whole address, such as ops@example.com (a network's own domain without a dot can be written \
                  into the answers file by hand)";
    Err(Complaint::new(problem, remedy))
}

/// The refusal of a relay that nobody knows.
fn no_relay(typed: &str, meant: Meant) -> Refused {
    let is_label = !typed.is_empty() && typed.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let (remedy, offer) = match meant {
        Meant::Likely(name) => (format!("did you mean {name}?"), Some(name.to_owned())),
        Meant::Several(names) => (format!("did you mean {}?", names.join(", ")), None),
        _ if is_label => {
            let whole = "a host is typed by its whole name, such as";
            (format!("`relayhost providers` lists them; {whole} {typed}.example.com"), None)
        }
        _ => ("`relayhost providers` lists them".to_owned(), None),
    };
    let problem = format!("`{}` is neither a provider nor a complete host name", text::one_line(typed));
    Refused { complaint: Complaint::new(problem, remedy), offer }
}

/// The word for a way to log in, which may be typed as its number or in any case.
pub(super) fn way(provider: Option<Identity>, typed: &str) -> String {
    let words = provider.map(way_words).unwrap_or_default();
    text::by_number(&words, typed).map_or_else(|| typed.to_lowercase(), |word| (*word).to_owned())
}

/// Says that a host was taken as the provider that it belongs to.
pub(super) fn provider_of_host(trial: &Choices, typed: &str) -> Option<String> {
    let provider = trial.provider.as_deref().filter(|_| trial.host.is_none() && typed.contains('.'))?;
    Some(format!("{} belongs to the provider {provider}, whose settings are taken", text::one_line(typed)))
}

/// Takes an answer about a login by an access token.
pub(super) fn of_access(trial: &mut Choices, question: Question, typed: String) -> Result<(), Complaint> {
    if question == Question::Way {
        let identity = trial.identity().filter(|_| typed != PASSWORD);
        trial.access = identity.map(|identity| Access::by(identity, &typed)).transpose()?;
    }
    let Some(access) = &mut trial.access else { return Ok(()) };
    match question {
        Question::Tenant => access.tenant = Some(typed),
        Question::Client => access.client_id = Some(typed),
        Question::Ends => access.ends = Some(typed).filter(|typed| typed != UNKNOWN),
        _ => {}
    }
    Ok(())
}

/// Parses yes or no.
pub fn yes_or_no(typed: &str) -> Result<bool, Complaint> {
    match typed.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err(Complaint::new("that is neither yes nor no", "type yes or no")),
    }
}

/// Parses a level of TLS.
pub fn level(typed: &str) -> Result<Tls, Complaint> {
    let all = [Tls::None, Tls::May, Tls::Encrypt, Tls::Verify, Tls::Secure];
    all.into_iter().find(|tls| tls.word() == typed.to_lowercase()).ok_or_else(|| {
        let problem = format!("`{}` is not a level of TLS", text::one_line(typed));
        Complaint::new(problem, "take one of none, may, encrypt, verify, secure")
    })
}
