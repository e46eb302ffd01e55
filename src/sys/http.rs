//! One question by HTTPS: a form or a message is posted, and the answer is read, within a time and a size. Redirects are not
//! followed: they would carry a secret elsewhere.

mod fault;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Proxy};

use super::{clock, environment, files};
use crate::model::alarm::obstacle::Obstacle;
use crate::model::oauth::answer::Answer;
use crate::model::oauth::proxy;
use crate::model::secret::Secret;

/// Largest bundle of authorities that is read, in bytes.
const BUNDLE_LIMIT: u64 = 8 * 1024 * 1024;

/// Most time for one step, such as the connection.
const STEP: Duration = Duration::from_secs(10);

/// Time for the end of a message's answer, beyond that for the answer itself.
const SPARE: Duration = Duration::from_secs(1);

/// Variables that name a proxy, in the order in which ureq looks at them.
const VARIABLES: [&str; 6] =
    ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// The way to a server: straight, or through a proxy.
#[derive(Debug, Clone)]
pub struct Via(Option<Proxy>);

impl Via {
    /// The way by the answers' proxy, else by the environment (with its NO_PROXY). The error is the variable that cannot be
    /// used: ureq alone would go straight then.
    pub fn new(named: Option<&str>) -> Result<Self, &'static str> {
        if let Some(named) = named {
            return Proxy::new(named).map(|proxy| Self(Some(proxy))).map_err(|_| "network.proxy");
        }
        let set = |name: &&str| environment::variable(name).is_some_and(|value| !value.is_empty());
        let first = VARIABLES.into_iter().find(set);
        let is_good = |name: &str| {
            environment::variable(name)
                .is_some_and(|value| proxy::is_sound(&value) && Proxy::new(&value).is_ok())
        };
        match first {
            Some(name) if !is_good(name) => Err(name),
            Some(_) => Ok(Self(Proxy::try_from_env())),
            None => Ok(Self(None)),
        }
    }

    /// Host and port of the proxy, if there is one.
    pub fn proxy(&self) -> Option<String> {
        self.0.as_ref().map(|proxy| format!("{}:{}", proxy.host(), proxy.port()))
    }
}

/// A message that is posted.
#[derive(Debug, Clone)]
pub struct Message {
    /// The address.
    pub url: Secret,
    /// The type of what is posted.
    pub content_type: &'static str,
    /// Further headers, which count before those of relayhost's own.
    pub headers: Vec<(String, Secret)>,
    /// What is posted.
    pub body: String,
}

/// Posts a form. `limit` is the longest answer in bytes. The error is in words for a person.
pub fn post(
    url: &str,
    form: &Secret,
    way: &Via,
    bundle: Option<&Path>,
    limit: u64,
    until: Instant,
) -> Result<Answer, String> {
    let agent = agent(way, bundle, until)?;
    let (url, form) = (url.to_owned(), form.clone());
    // ureq sees no signal, so it has a thread of its own.
    let work = move || ask(&agent, &url, &form, limit);
    clock::within(until, work).unwrap_or_else(|_| Err("no answer in time".into()))
}

/// Posts a message. Of the answer at most `limit` bytes are read: its status says whether the message was taken, however the
/// rest goes on. The error is what kept it from that, in words for a person, without the address.
pub fn deliver(
    message: Message,
    way: &Via,
    bundle: Option<&Path>,
    limit: u64,
    until: Instant,
) -> Result<Answer, (Obstacle, String)> {
    let agent = agent(way, bundle, until).map_err(|words| (Obstacle::Late, words))?;
    let work = move || hand_over(&agent, &message, limit);
    // A moment longer than ureq waits: an answer whose status has come by then is one, though its body goes on.
    clock::within(until + SPARE, work).unwrap_or_else(|_| Err((Obstacle::Late, "no answer in time".into())))
}

fn hand_over(agent: &Agent, message: &Message, limit: u64) -> Result<Answer, (Obstacle, String)> {
    let mut request = agent.post(message.url.expose());
    if !message.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        request = request.content_type(message.content_type);
    }
    for (name, value) in &message.headers {
        request = request.header(name, value.expose());
    }
    let mut answer = request.send(message.body.as_str()).map_err(|error| fault::of(&error))?;
    let (status, mut body) = (answer.status().as_u16(), Vec::new());
    // What has come by then is enough.
    let _ = answer.body_mut().as_reader().take(limit).read_to_end(&mut body);
    Ok(Answer { status, date: None, body })
}

fn agent(way: &Via, bundle: Option<&Path>, until: Instant) -> Result<Agent, String> {
    let left = clock::left(until).map_err(|_| "no time is left".to_owned())?;
    Ok(Agent::config_builder()
        .https_only(true)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(way.0.clone())
        .user_agent("relayhost")
        .timeout_global(Some(left))
        .timeout_connect(Some(STEP))
        .tls_config(tls(bundle))
        .build()
        .into())
}

fn ask(agent: &Agent, url: &str, form: &Secret, limit: u64) -> Result<Answer, String> {
    let request = agent.post(url).content_type("application/x-www-form-urlencoded");
    let mut answer = request
        .header("accept", "application/json")
        .send(form.expose())
        .map_err(|error| fault::of(&error).1)?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok()).and_then(moment);
    let status = answer.status().as_u16();
    let body =
        answer.body_mut().with_config().limit(limit).read_to_vec().map_err(|error| fault::of(&error).1)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_http() {
        assert_eq!(moment("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(moment("yesterday"), None);
    }
}
