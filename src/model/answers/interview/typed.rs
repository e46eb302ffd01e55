//! The answers that a person types, as choices.

use super::Question;
use crate::error::Complaint;
use crate::model::answers::access::{Access, PASSWORD, UNKNOWN};
use crate::model::answers::choices::Choices;
use crate::model::desired::Tls;
use crate::model::providers::{self, providers};
use crate::model::text;

/// Takes a provider's name, or else a host name: host names have a dot, and no provider's name has one.
pub(super) fn relay(trial: &mut Choices, typed: &str) -> Result<(), Complaint> {
    let bare = typed.split('/').next().unwrap_or_default();
    if let Some(provider) = providers().get(bare) {
        if typed.contains('/') {
            providers::find(typed)?;
        }
        trial.provider = Some(typed.to_owned());
        if provider.fixed_username.is_some() || provider.username.is_none() {
            (trial.username, trial.password) = (provider.fixed_username.clone(), None);
        }
    } else if typed.contains(['.', ':']) {
        trial.host = Some(typed.to_owned());
    } else {
        let nearest = providers::nearest(typed);
        let remedy = if nearest.is_empty() {
            "`?` lists them".to_owned()
        } else {
            format!("did you mean {}?", nearest.join(", "))
        };
        let problem = format!("`{}` is neither a provider nor a complete host name", text::one_line(typed));
        return Err(Complaint::new(problem, remedy));
    }
    Ok(())
}

/// Reads the number of a port.
pub(super) fn port(typed: &str) -> Result<i64, Complaint> {
    let problem = || format!("`{}` is not a number", text::one_line(typed));
    typed.parse().map_err(|_| Complaint::new(problem(), "relays usually listen on 587, 465 or 25"))
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
    all.into_iter().find(|tls| tls.word() == typed).ok_or_else(|| {
        let problem = format!("`{}` is not a level of TLS", text::one_line(typed));
        Complaint::new(problem, "take one of none, may, encrypt, verify, secure")
    })
}
