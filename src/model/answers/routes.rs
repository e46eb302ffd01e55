//! The tables `[[routes]]`: domains whose mail does not leave by the relay.

use std::net::IpAddr;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::oauth::Refused;
use super::values::{Checked, host, possible, refuse};
use crate::error::Complaint;
use crate::model::desired::{Relay, Tls};
use crate::model::routes::{Route, Routes, Via};
use crate::model::text::one_line;

/// The word for the recipient's own mail servers.
const DIRECT: &str = "direct";

/// The port of a server that is named without one.
const PORT: u16 = 25;

/// The port on which TLS begins with the first byte (RFC 8314).
const IMPLICIT: u16 = 465;

/// One `[[routes]]`, as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TypedRoute {
    /// The domains.
    pub to: Vec<Spanned<String>>,
    /// `HOST`, `HOST:PORT` or `direct`.
    pub via: Option<Spanned<String>>,
    /// Level of TLS.
    pub tls: Option<Spanned<Tls>>,
}

/// The routes, each of one domain; else the complaint, and its place. `others` are the fallback relays.
pub(super) fn checked(
    tables: &[Spanned<TypedRoute>],
    relay: &Relay,
    others: &[&Relay],
) -> Result<Routes, Refused> {
    let mut routes = Routes::default();
    for table in tables {
        let typed = table.get_ref();
        let of_table = |complaint| (Some(table.span()), complaint);
        let remedy = "write its domains, such as to = [\"corp.example.com\"]";
        if typed.to.is_empty() {
            return Err(of_table(Complaint::new("this route has no `to`", remedy)));
        }
        let Some(text) = &typed.via else {
            let remedy = "add the server, such as via = \"mailhub.corp.example.com\", or via = \"direct\"";
            return Err(of_table(Complaint::new("this route has no `via`", remedy)));
        };
        let at = |span: Range<usize>| move |complaint| (Some(span), complaint);
        let via = way(text.get_ref(), relay).map_err(at(text.span()))?;
        let place = typed.tls.as_ref().map_or(text.span(), Spanned::span);
        let tls =
            level(&via, typed.tls.as_ref().map(|tls| *tls.get_ref()), relay).map_err(at(place.clone()))?;
        agrees(&via, tls, others).map_err(at(place.clone()))?;
        for one in &typed.to {
            let domain = domain(one.get_ref(), &relay.host).map_err(at(one.span()))?;
            if routes.0.iter().any(|known| known.domain == domain) {
                let complaint = Complaint::new(
                    format!("`{domain}` has two routes"),
                    "keep one of the two: mail to a domain goes one way",
                );
                return Err(at(one.span())(complaint));
            }
            let route = Route { domain, via: via.clone(), tls };
            let is_same = |known: &&Route| route.next_hop().is_some() && known.next_hop() == route.next_hop();
            if let Some(known) = routes.0.iter().find(is_same).filter(|known| known.tls != tls) {
                let problem = format!(
                    "{} has two levels of TLS, `{}` and `{}`",
                    known.goal(),
                    known.tls.word(),
                    tls.word()
                );
                return Err(at(place)(Complaint::new(problem, "write the same `tls` into both routes")));
            }
            routes.0.push(route);
        }
    }
    Ok(routes)
}

/// A domain, or with a dot before it all below it; `relay`: the relay's host.
fn domain(typed: &str, relay: &str) -> Checked<String> {
    let shown = one_line(typed);
    let (dot, name) = typed.strip_prefix('.').map_or(("", typed), |name| (".", name));
    let problem = format!("`{shown}` is not the domain of a mail address");
    if let Some((_, domain)) = typed.rsplit_once('@') {
        let remedy = format!("write the domain alone, `{}`: a route is for all mail to it", one_line(domain));
        return refuse(problem, remedy);
    }
    if typed.contains('*') {
        let below = typed.strip_prefix("*.").filter(|rest| !rest.contains('*')).map(one_line);
        let remedy = match below {
            Some(below) => format!("write `.{below}` for all domains below {below}"),
            None => "write the domains one by one; all other mail leaves by the relay".to_owned(),
        };
        return refuse(problem, remedy);
    }
    let is_address = |name: &str| name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let name = match host(name) {
        Ok(name) if !is_address(&name) => name,
        _ if !typed.is_ascii() => {
            return refuse(problem, "write it in its ASCII form (xn--…), as mail has it");
        }
        _ => {
            let remedy = "write it as it stands behind the @, such as \"corp.example.com\", or \".example.com\" for all domains below it";
            return refuse(problem, remedy);
        }
    };
    if dot.is_empty() && name == relay {
        let problem = format!(
            "`{name}` is the relay: a route is found by the domain of a recipient, and the relay's name by DNS, so it does not \
             change how the relay is reached"
        );
        let remedy = "to reach the relay elsewhere, change relay.host; for mail to a domain, write what stands behind the @";
        return refuse(problem, remedy);
    }
    Ok(format!("{dot}{name}"))
}

/// Where a route leads.
fn way(typed: &str, relay: &Relay) -> Checked<Via> {
    if typed.eq_ignore_ascii_case(DIRECT) {
        return if relay.implicit_tls { mixed(DIRECT, true) } else { Ok(Via::Direct) };
    }
    let bare = |text: &str| text.trim_start_matches('[').trim_end_matches(']').to_owned();
    let is_address = bare(typed).parse::<IpAddr>().is_ok();
    let (name, port) = match typed.rsplit_once(':').filter(|_| !is_address && !typed.contains("://")) {
        None => (typed, PORT),
        Some((name, digits)) => match digits.parse() {
            Ok(port) if port > 0 => (name, port),
            _ => {
                let problem = format!("`{}` has no TCP port behind its colon", one_line(typed));
                return refuse(
                    problem,
                    "write a number from 1 to 65535 there, or the name alone for port 25",
                );
            }
        },
    };
    let is_bracketed = name.starts_with('[') && name.ends_with(']');
    let host = host(if is_bracketed { name.get(1..name.len() - 1).unwrap_or_default() } else { name })?;
    if relay.implicit_tls != (port == IMPLICIT) && !(host == relay.host && port == relay.port) {
        return mixed(&format!("{host}:{port}"), relay.implicit_tls);
    }
    Ok(Via::Host { host, port })
}

/// Refuses TLS from the first byte beside TLS after STARTTLS.
fn mixed<T>(goal: &str, is_implicit: bool) -> Checked<T> {
    let problem = "TLS begins with the first byte on all ways of smtp(8), or on none (smtp_tls_wrappermode)";
    if is_implicit {
        let problem = format!("{problem}: the relay wants it so (relay.implicit_tls), and `{goal}` does not");
        refuse(problem, "reach the relay by STARTTLS, where it offers that (relay.port = 587)")
    } else {
        let problem = format!("{problem}: `{goal}` wants it so, and the relay does not");
        refuse(problem, "reach that server by another port, such as 25 or 587")
    }
}

/// Refuses a level of TLS that is not that of a fallback relay to which the route leads: the table has one for each server.
fn agrees(via: &Via, tls: Tls, others: &[&Relay]) -> Checked<()> {
    let is_there = |other: &&&Relay| matches!(via, Via::Host { host, port } if *host == other.host && *port == other.port);
    let Some(other) = others.iter().find(is_there).filter(|other| other.tls != tls) else { return Ok(()) };
    let word = other.tls.word();
    let problem =
        format!("this route leads to the fallback relay {}, whose level of TLS is `{word}`", other.host);
    refuse(problem, format!("write tls = \"{word}\" into the route"))
}

/// The level of TLS of a route; that of the relay, if it leads there.
fn level(via: &Via, typed: Option<Tls>, relay: &Relay) -> Checked<Tls> {
    let Via::Host { host, port } = via else { return Ok(typed.unwrap_or(Tls::May)) };
    if *host == relay.host && *port == relay.port {
        if typed.is_none_or(|tls| tls == relay.tls) {
            return Ok(relay.tls);
        }
        let problem = "this route leads to the relay, whose level of TLS is that of relay.tls";
        return refuse(problem, "remove `tls` from the route");
    }
    let usual = if relay.implicit_tls { Tls::Encrypt } else { Tls::May };
    let tls = typed.unwrap_or(usual);
    if tls >= Tls::Verify && host.parse::<IpAddr>().is_ok() {
        let problem = format!("tls is `{}`, and a certificate cannot be checked for an address", tls.word());
        return refuse(problem, "name the server as its certificate does, or take tls = \"encrypt\"");
    }
    possible(tls, false, relay.implicit_tls)?;
    Ok(tls)
}

#[cfg(test)]
mod tests {
    use crate::model::answers::Answers;
    use crate::model::answers::complete::complete;
    use crate::model::desired::Desired;
    use crate::model::postfix::managed::Managed;
    use crate::model::postfix::settings::Settings;

    fn with(relay: &str, routes: &str) -> Result<Desired, String> {
        let text = format!(
            "version = 1\n[relay]\nhost = \"smtp.example.com\"\n{relay}\n[verify]\nto = \"ops@example.org\"\n{routes}\n"
        );
        let answers = Answers::parse("answers", text.as_bytes()).map_err(|error| error.to_string())?;
        complete(&answers, None).map_err(|error| error.to_string())
    }

    fn entries(relay: &str, routes: &str, file: Managed) -> Vec<(String, String)> {
        with(relay, routes).unwrap().entries(file, &Settings::new())
    }

    #[test]
    fn each_form_of_a_route_has_its_entry_and_its_policy() {
        let policy = |key: &str, level: &str| vec![(key.to_owned(), level.to_owned())];
        for (route, key, value, policies) in [
            (
                "to = [\"Corp.Example.COM\"]\nvia = \"HUB.lan\"",
                "corp.example.com",
                "smtp:[hub.lan]:25",
                policy("[hub.lan]:25", "may"),
            ),
            (
                "to = [\".corp\"]\nvia = \"hub:2525\"\ntls = \"encrypt\"",
                ".corp",
                "smtp:[hub]:2525",
                policy("[hub]:2525", "encrypt"),
            ),
            (
                "to = [\"a.b\"]\nvia = \"[192.0.2.1]\"",
                "a.b",
                "smtp:[192.0.2.1]:25",
                policy("[192.0.2.1]:25", "may"),
            ),
            (
                "to = [\"a.b\"]\nvia = \"2001:db8::1\"",
                "a.b",
                "smtp:[2001:db8::1]:25",
                policy("[2001:db8::1]:25", "may"),
            ),
            (
                "to = [\"a.b\"]\nvia = \"[2001:db8::1]:26\"",
                "a.b",
                "smtp:[2001:db8::1]:26",
                policy("[2001:db8::1]:26", "may"),
            ),
            ("to = [\"a.b\"]\nvia = \"Direct\"\ntls = \"none\"", "a.b", "smtp:", policy("a.b", "none")),
            ("to = [\"a.b\"]\nvia = \"smtp.example.com:25\"", "a.b", "smtp:[smtp.example.com]:25", vec![]),
        ] {
            let route = format!("[[routes]]\n{route}");
            assert_eq!(entries("", &route, Managed::Routes), [(key.to_owned(), value.to_owned())], "{route}");
            let relay = ("[smtp.example.com]:25".to_owned(), "may".to_owned());
            let all: Vec<_> = [relay].into_iter().chain(policies).collect();
            assert_eq!(entries("", &route, Managed::Policies), all, "{route}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_at_its_place() {
        let one = |to: &str, via: &str| format!("[[routes]]\nto = {to}\nvia = \"{via}\"");
        for (route, place, words) in [
            ("[[routes]]\nvia = \"hub\"".to_owned(), "line 7, column 1", "has no `to`"),
            (one("[]", "hub"), "line 7, column 1", "has no `to`"),
            ("[[routes]]\nto = [\"a.b\"]".to_owned(), "line 7, column 1", "has no `via`"),
            (one("\"a.b\"", "hub"), "line 8, column 6", "wants a list"),
            (one("[\"a.b\"]", "hub:0"), "line 9, column 7", "no TCP port"),
            (one("[\"a.b\"]", "hub:x"), "line 9, column 7", "no TCP port"),
            (one("[\"a.b\"]", "smtp://hub"), "line 9, column 7", "not a host name"),
            (one("[\"a.b\"]", ""), "line 9, column 7", "not a host name"),
            (one("[\"a.b\"]", "hub:465"), "line 9, column 7", "smtp_tls_wrappermode"),
            (one("[\"a.b\", \"A.B\"]", "hub"), "line 8, column 14", "`a.b` has two routes"),
            (one("[\"ops@a.b\"]", "hub"), "line 8, column 7", "not the domain of a mail address"),
            (one("[\"*.a.b\"]", "hub"), "line 8, column 7", "not the domain"),
            (one("[\"*\"]", "hub"), "line 8, column 7", "not the domain"),
            (one("[\"\"]", "hub"), "line 8, column 7", "not the domain"),
            (one("[\".\"]", "hub"), "line 8, column 7", "not the domain"),
            (one("[\"a b\"]", "hub"), "line 8, column 7", "not the domain"),
            (one("[\"a.b\\nc: d\"]", "hub"), "line 8, column 7", "not the domain"),
            (one("[\"bücher.example\"]", "hub"), "line 8, column 7", "not the domain"),
            (one("[\"[192.0.2.1]\"]", "hub"), "line 8, column 7", "not the domain"),
            (one("[\"192.0.2.1\"]", "hub"), "line 8, column 7", "not the domain"),
            (one("[\"smtp.example.com\"]", "hub"), "line 8, column 7", "is the relay"),
            (one("[\"example.org\"]", "hub"), "line 6, column 6", "would prove [hub]:25, and not the relay"),
            (one("[\"a.b\"]", "192.0.2.1") + "\ntls = \"secure\"", "line 10, column 7", "cannot be checked"),
            (
                one("[\"a.b\"]", "smtp.example.com:25") + "\ntls = \"none\"",
                "line 10, column 7",
                "leads to the relay",
            ),
            (
                one("[\"a.b\"]", "hub") + "\n" + &one("[\"c.d\"]", "hub:25") + "\ntls = \"encrypt\"",
                "line 13, column 7",
                "two levels of TLS",
            ),
            (one("[\"a.b\"]", "hub") + "\nport = 25", "line 10, column 1", "no key of the answers"),
        ] {
            let said = with("", &route).unwrap_err();
            assert!(said.contains(place) && said.contains(words), "{route}: {said}");
        }
        let implicit = "implicit_tls = true";
        for (route, is_good) in [("hub:465", true), ("hub", false), ("direct", false)] {
            let result = with(implicit, &one("[\"a.b\"]", route));
            assert_eq!(result.is_ok(), is_good, "{route}: {result:?}");
        }
    }
}
