//! One question by HTTPS: a form is posted, and the answer is read, within a time and a size. Redirects are not followed:
//! they would carry a secret elsewhere.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Proxy};

use super::{clock, files};
use crate::model::oauth::answer::Answer;
use crate::model::secret::Secret;

/// Largest bundle of authorities that is read, in bytes.
const BUNDLE_LIMIT: u64 = 8 * 1024 * 1024;

/// Most time for one step, such as the connection.
const STEP: Duration = Duration::from_secs(10);

/// Posts a form. `proxy` counts before the environment's HTTPS_PROXY; `limit` is the longest answer in bytes. The error is in
/// words for a person.
pub fn post(
    url: &str,
    form: &Secret,
    proxy: Option<&str>,
    bundle: Option<&Path>,
    limit: u64,
    until: Instant,
) -> Result<Answer, String> {
    let left = clock::left(until).map_err(|_| "no time is left".to_owned())?;
    let proxy = match proxy {
        Some(proxy) => Some(Proxy::new(proxy).map_err(|error| format!("the proxy cannot be used: {error}"))?),
        None => Proxy::try_from_env(),
    };
    let agent: Agent = Agent::config_builder()
        .https_only(true)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy)
        .user_agent("relayhost")
        .timeout_global(Some(left))
        .timeout_connect(Some(STEP))
        .tls_config(tls(bundle))
        .build()
        .into();
    let (url, form) = (url.to_owned(), form.clone());
    // ureq sees no signal, so it has a thread of its own.
    let work = move || ask(&agent, &url, &form, limit);
    clock::within(until, work).unwrap_or_else(|_| Err("no answer in time".into()))
}

fn ask(agent: &Agent, url: &str, form: &Secret, limit: u64) -> Result<Answer, String> {
    let request = agent.post(url).content_type("application/x-www-form-urlencoded");
    let mut answer = request.header("accept", "application/json").send(form.expose()).map_err(words)?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok()).and_then(moment);
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(limit).read_to_vec().map_err(words)?;
    Ok(Answer { status, date, body })
}

/// A time of HTTP (RFC 9110 §5.6.7), in seconds since 1970.
fn moment(date: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(&date.replace("GMT", "+0000")).ok().map(|zoned| zoned.timestamp().as_second())
}

fn tls(bundle: Option<&Path>) -> TlsConfig {
    let bytes = bundle.and_then(|path| files::read(path, BUNDLE_LIMIT).ok().flatten()).unwrap_or_default();
    let authorities = parse_pem(&bytes).filter_map(|item| match item {
        Ok(PemItem::Certificate(authority)) => Some(authority),
        _ => None,
    });
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(authorities.collect())))
        .build()
}

/// An error of ureq's for a person.
fn words(error: ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer in time".into(),
        ureq::Error::HostNotFound => "its name is not in DNS".into(),
        ureq::Error::BodyExceedsLimit(limit) => format!("its answer is longer than {limit} bytes"),
        ureq::Error::Io(error) => super::wire::words(&error),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_http() {
        assert_eq!(moment("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(moment("yesterday"), None);
    }
}
