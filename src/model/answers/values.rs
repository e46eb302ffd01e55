//! The checks of single values of the answers: what is refused, why, and what to write instead.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Advice, Complaint};
use crate::model::desired::{Rewrite, Tls};
use crate::model::oauth::proxy;
use crate::model::postfix::header_from::DisplayName;
use crate::model::routes::Routes;
use crate::model::secret::Secret;
use crate::model::text;

/// A value that has passed its check, or the reason why it has not.
pub(super) type Checked<T> = std::result::Result<T, Complaint>;

/// Refuses a value.
pub(super) fn refuse<T>(problem: impl Into<String>, remedy: impl Into<Advice>) -> Checked<T> {
    Err(Complaint::new(problem, remedy))
}

/// A text without control characters: every value ends up in a file of Postfix, where a line end starts a new setting.
pub(super) fn plain_text<'t>(text: &'t str, what: &str) -> Checked<&'t str> {
    if text.chars().any(char::is_control) {
        return refuse(format!("{what} has a control character or line end in it"), "remove it");
    }
    if text.trim() != text || text.is_empty() {
        let remedy = "remove the spaces, or the whole line if there is nothing to say";
        return refuse(format!("{what} is empty, or begins or ends with a space"), remedy);
    }
    Ok(text)
}

pub(super) fn username(typed: &str) -> Checked<String> {
    let name = plain_text(typed, "auth.username")?;
    if name.contains(':') {
        let remedy = "Postfix ends the user name at the first colon of sasl_passwd; ask the provider for another login name";
        return refuse("a user name with a colon cannot be used", remedy);
    }
    Ok(name.to_owned())
}

/// A password that Postfix's table can hold.
pub(super) fn sound(password: Secret) -> Checked<Secret> {
    let text = password.expose();
    let problem = if text.is_empty() {
        "the password is empty"
    } else if text.chars().any(|c| c.is_control() && c != '\t') {
        "the password has a line end or another control character in it"
    } else if text.ends_with([' ', '\t']) {
        "the password ends with a space, which Postfix's table format cannot hold"
    } else {
        return Ok(password);
    };
    refuse(problem, "give the password as it is, on one line; or have another one set at the relay")
}

pub(super) fn host(typed: &str) -> Checked<String> {
    let host = typed.to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_name = host.len() <= 253 && host.split('.').all(label) && !is_number;
    if is_name || host.parse::<IpAddr>().is_ok() {
        return Ok(host);
    }
    let remedy = if host.contains(['[', ']']) {
        "write it without brackets; relayhost adds them"
    } else if host.contains("://") {
        "write the name alone, without `smtp://`"
    } else if host.contains(':') {
        "write the name alone; the port, from 1 to 65535, is an answer of its own (`port`)"
    } else if host.contains('@') {
        "write the relay's host name, not a mail address"
    } else if !host.is_ascii() {
        "write the name in its ASCII form (xn--…)"
    } else {
        "write the name or the address of the relay alone, such as \"smtp.example.com\""
    };
    // The text before an @ may be a login with its password.
    let shown = typed.rsplit('@').next().unwrap_or_default();
    refuse(format!("`{}` is not a host name", text::one_line(shown)), remedy)
}

pub(super) fn port(typed: i64) -> Checked<u16> {
    match u16::try_from(typed) {
        Ok(port) if port > 0 => Ok(port),
        _ => {
            let remedy = "take a number from 1 to 65535; relays usually listen on 587, 465 or 25";
            refuse(format!("{typed} is not a TCP port"), remedy)
        }
    }
}

/// Refuses a level of TLS that the other values make impossible.
pub(super) fn possible(tls: Tls, is_address: bool, implicit_tls: bool) -> Checked<()> {
    if tls >= Tls::Verify && is_address {
        let problem = format!("tls is `{}`, and a certificate cannot be checked for an address", tls.word());
        let remedy =
            "set `relay.host` to the name that the relay's certificate carries, or tls = \"encrypt\"";
        return refuse(problem, remedy);
    }
    if implicit_tls && tls < Tls::Encrypt {
        let remedy = "set tls = \"encrypt\" (or verify, secure), or implicit_tls = false";
        return refuse(format!("implicit_tls is true, but tls is `{}`", tls.word()), remedy);
    }
    Ok(())
}

pub(super) fn local_sender(typed: &str) -> Checked<String> {
    if typed.contains('*') || typed.starts_with('/') || typed == "@" || typed.is_empty() {
        let problem = format!("`{}` would rewrite every address, the recipients' too", text::one_line(typed));
        let remedy = "list the senders: \"monitor@this.host\", or \"@this.host\" for all of this host's";
        return refuse(problem, remedy);
    }
    let user_only = !typed.contains('@') && text::is_address(&format!("{typed}@x"));
    let domain_only = typed.starts_with('@') && text::is_address(&format!("x{typed}"));
    let is_sender = user_only || domain_only || text::is_address(typed);
    address(typed, is_sender, "write user@host, or @host for all senders of a host")
}

pub(super) fn public_sender(typed: &str) -> Checked<String> {
    address(typed, text::is_address(typed), "write one complete address, such as alerts@example.com")
}

/// The address of everybody without a line of his own.
pub(super) fn default_sender(typed: &str, rewrites: &[Rewrite]) -> Checked<String> {
    let address = public_sender(typed)?;
    // smtp_generic_maps comes after sender_canonical_maps.
    match rewrites.iter().find(|rewrite| covers(&rewrite.local, &address)) {
        None => Ok(address),
        Some(Rewrite { local, .. }) => {
            let remedy = "take that line out of sender.rewrite, or name its address as sender.default";
            refuse(format!("the rewrite of `{local}` would rewrite this address again"), remedy)
        }
    }
}

/// Longest display name, in bytes: with the longest user and host it fits into the 998 of a line of a header.
const NAME: usize = 200;

/// A display name with its places.
pub(super) fn display_name(typed: &str) -> Checked<DisplayName> {
    let name = plain_text(typed, "sender.name")?;
    let rest = name.replace("{user}", "").replace("{host}", "");
    let problem = if name.len() > NAME {
        format!("sender.name has {} bytes, and {NAME} are the most", name.len())
    } else if !name.is_ascii() {
        "sender.name has a letter that is not ASCII".to_owned()
    } else if rest.contains(['{', '}']) {
        "sender.name has braces around another word than `user` and `host`".to_owned()
    } else {
        return Ok(DisplayName(name.to_owned()));
    };
    refuse(problem, "write a short text with {user} and {host} in it, such as \"{user} on {host}\"")
}

pub(super) fn recipient(typed: &str, rewrites: &[Rewrite]) -> Checked<String> {
    let remedy = "write one complete ASCII address of a mailbox elsewhere, such as ops@example.com";
    let to = address(typed, text::is_recipient(typed), remedy)?;
    // generic(5): smtp_generic_maps rewrites recipients too.
    match rewrites.iter().find(|rewrite| covers(&rewrite.local, &to)) {
        Some(Rewrite { local, .. }) => {
            let remedy = "rewrite the senders one by one, or send the test to another domain";
            refuse(format!("the rewrite of `{local}` would rewrite this recipient too"), remedy)
        }
        None => Ok(to),
    }
}

/// A recipient whose mail leaves by the relay, and by no route: by the test message the relay is to be proved.
pub(super) fn by_relay(to: String, routes: &Routes) -> Checked<String> {
    let Some(route) = routes.of(&to) else { return Ok(to) };
    let goal = route.goal();
    let problem = format!(
        "mail to {to} goes by the route of {} ([[routes]]), so a test message to it would prove {goal}, and not the relay",
        route.domain
    );
    let remedy = "name an address whose domain has no route; `relayhost verify --to ADDRESS` tests a route at any time";
    refuse(problem, remedy)
}

/// Whether the key of a rewrite, `user@host` or `@host`, stands for an address.
fn covers(local: &str, address: &str) -> bool {
    let domain = address.rfind('@').and_then(|at| address.get(at..)).unwrap_or_default();
    local.eq_ignore_ascii_case(address) || (local.starts_with('@') && local.eq_ignore_ascii_case(domain))
}

pub(super) fn address(typed: &str, is_good: bool, remedy: &str) -> Checked<String> {
    let problem = || format!("`{}` is not a mail address", text::one_line(typed));
    if is_good { Ok(typed.to_owned()) } else { refuse(problem(), remedy) }
}

pub(super) fn duration(typed: &str) -> Checked<Duration> {
    text::parse_duration(typed).or_else(|problem| refuse(problem, text::DURATION_REMEDY))
}

pub(super) fn proxy_url(typed: &str) -> Checked<String> {
    if typed.starts_with("http://") && proxy::is_sound(typed) {
        return Ok(typed.to_owned());
    }
    // The text before an @ may be a login with its password.
    let shown = text::one_line(typed.rsplit('@').next().unwrap_or_default());
    let remedy = "write it as \"http://proxy.example.com:3128\"";
    refuse(format!("`{shown}` is not the address of a proxy"), remedy)
}

pub(super) fn directory(typed: &str) -> Checked<PathBuf> {
    let path = plain_text(typed, "packages.from")?;
    if path.starts_with('/') {
        return Ok(path.into());
    }
    let problem = format!("`{}` is not the whole path of a directory", text::one_line(path));
    refuse(problem, "write it from the root on, such as \"/mnt/rpms\"")
}

pub(super) fn package(typed: &str) -> Checked<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "+-._()".contains(c);
    if !typed.is_empty() && !typed.starts_with('-') && typed.chars().all(good) {
        return Ok(typed.to_owned());
    }
    let problem = format!("`{}` is not a package name", text::one_line(typed));
    refuse(problem, "write names as `rpm -q` knows them, not paths")
}
