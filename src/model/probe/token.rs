//! What an access token itself tells about a relay that has refused it. Exchange Online answers a bare `535 5.7.3` to a
//! token that is wrong, to an application without a right on the mailbox, to SMTP AUTH that is off, and to a change that is
//! not in force yet. The claims show the first; of the rest it is said that it cannot be known from here.

use serde_json::Value;

use super::route::Route;
use crate::model::causes::failure::Failure;
use crate::model::oauth::claims::parts;
use crate::model::text::one_line;

/// Beginning of the names of causes that say no more than that the relay refused a token.
const REFUSED: &str = "token-refused";

/// Seconds by which this host's clock and the relay's may differ.
const CLOCK: i64 = 300;

/// Exchange Online's id as an audience, which is the same in every tenant
/// (learn.microsoft.com, "Application IDs of commonly used Microsoft applications").
const EXCHANGE: &str = "00000002-0000-0ff1-ce00-000000000000";

/// The hosts of a cloud of Microsoft's: the relay, and those for which a token may be.
const CLOUDS: [(&str, [&str; 2]); 3] = [
    ("smtp.office365.com", ["outlook.office365.com", "outlook.office.com"]),
    ("smtp.office365.us", ["outlook.office365.us", "outlook.office.us"]),
    ("smtp.partner.outlook.cn", ["partner.outlook.cn", "partner.outlook.cn"]),
];

/// The failure of a login by a token, with what the token's claims tell of its cause. `now` is in seconds since 1970.
pub fn judged(failure: Failure, route: &Route, now: i64) -> Failure {
    let Some((user, token)) = &route.login else { return failure };
    let Some([_, claims]) = parts(token.expose()).filter(|_| failure.id.starts_with(REFUSED)) else {
        return failure;
    };
    if let Some((id, cause, remedy)) = fault(&claims, route, now) {
        let cause = format!("the relay refused the access token of {user}: {cause}");
        return Failure { id: id.into(), cause, remedy: remedy.into(), ..failure };
    }
    if audiences(&route.host).is_none() {
        return failure;
    }
    let Failure { evidence, doubts, exit, .. } = failure;
    let (cause, remedy) = unknown(&claims, user);
    Failure { exit, id: "token-right-missing".into(), cause, remedy: remedy.into(), evidence, doubts }
}

/// The hosts for which a token for this relay may be, if it is Microsoft's.
fn audiences(relay: &str) -> Option<[&'static str; 2]> {
    CLOUDS.iter().find(|(host, _)| relay.eq_ignore_ascii_case(host)).map(|(_, hosts)| *hosts)
}

fn text<'a>(claims: &'a Value, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| claims.get(name)?.as_str())
}

/// The words of a claim that is a list, or a text with spaces.
fn list(claims: &Value, name: &str) -> Vec<String> {
    match claims.get(name) {
        Some(Value::String(text)) => text.split(' ').map(str::to_owned).collect(),
        Some(Value::Array(all)) => all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// What is wrong with a token for certain: a name, the cause, and who must do what.
fn fault(claims: &Value, route: &Route, now: i64) -> Option<(&'static str, String, String)> {
    let time = |name: &str| claims.get(name).and_then(Value::as_i64);
    if let Some(ends) = time("exp").filter(|ends| *ends <= now) {
        let cause = format!("it has ended {} s ago", now - ends);
        return Some((
            "token-ended",
            cause,
            "`relayhost token --force` fetches another one, or says why there is none".into(),
        ));
    }
    if let Some(begins) = time("nbf").filter(|begins| *begins > now + CLOCK) {
        let cause = format!("it counts in {} s only: this host's clock is behind", begins - now);
        return Some((
            "token-early",
            cause,
            "set this host's clock (`timedatectl set-ntp true`, or start chronyd)".into(),
        ));
    }
    let hosts = audiences(&route.host)?;
    let of_exchange = |audience: &str| {
        let host = audience.trim_start_matches("https://").trim_end_matches('/');
        host == EXCHANGE || hosts.iter().any(|wanted| host.eq_ignore_ascii_case(wanted))
    };
    if let Some(audience) = text(claims, &["aud"]).filter(|audience| !of_exchange(audience)) {
        let cause = format!("it is for {}, and not for https://{}", one_line(audience), hosts[0]);
        let remedy = format!(
            "have the token asked for with the scope https://{}/.default (of a person: https://{}/SMTP.Send); relayhost does so with the preset office365 of your cloud and [auth.oauth]",
            hosts[0], hosts[1]
        );
        return Some(("token-audience", cause, remedy));
    }
    of_application(claims, route).or_else(|| of_rights(claims))
}

/// A token of another application or tenant than the answers name.
fn of_application(claims: &Value, route: &Route) -> Option<(&'static str, String, String)> {
    let app = route.app.as_ref()?;
    let other = text(claims, &["appid", "azp"]).filter(|id| !id.eq_ignore_ascii_case(&app.client_id));
    if let Some(other) = other {
        let cause =
            format!("it is of the application {}, and the answers name {}", one_line(other), app.client_id);
        return Some((
            "token-application",
            cause,
            "`relayhost token --force` fetches one of the answers' application".into(),
        ));
    }
    let tenant = app.token_url.split('/').nth(3).filter(|tenant| !tenant.contains('.'))?;
    let other = text(claims, &["tid"]).filter(|id| !id.eq_ignore_ascii_case(tenant))?;
    let cause = format!("it is of the tenant {}, and the answers name {tenant}", one_line(other));
    Some(("token-tenant", cause, "correct auth.oauth.tenant, then `relayhost token --force`".into()))
}

/// A token that has rights, and not the one to send by SMTP. One without any may be let in by RBAC for Applications.
fn of_rights(claims: &Value) -> Option<(&'static str, String, String)> {
    let (roles, scopes) = (list(claims, "roles"), list(claims, "scp"));
    let (has, wanted, kind) = match (roles.is_empty(), scopes.is_empty()) {
        (_, false) => (scopes, "SMTP.Send", "delegated permission"),
        (false, true) => (roles, "SMTP.SendAsApp", "application permission"),
        (true, true) => return None,
    };
    if has.iter().any(|one| one == wanted) {
        return None;
    }
    let cause = format!("it may do {}, and not {wanted}", one_line(&has.join(" ")));
    let remedy = format!(
        "have the tenant's administrator add the {kind} {wanted} of Office 365 Exchange Online in Entra (App registrations, the application, API permissions) and grant consent; then `relayhost token --force`"
    );
    Some(("token-role", cause, remedy))
}

/// Cause and remedy where nothing in the token is wrong.
fn unknown(claims: &Value, user: &str) -> (String, String) {
    let app = text(claims, &["appid", "azp"])
        .map_or_else(|| "the application".into(), |id| format!("the application {}", one_line(id)));
    let has_role = !list(claims, "roles").is_empty() || !list(claims, "scp").is_empty();
    let role =
        if has_role { "" } else { "; the token has no role, so RBAC for Applications alone can let it in" };
    let cause = format!(
        "Exchange Online refused the access token of {user}, and nothing in it is wrong (audience, application, tenant, end{role}). \
         Which of these it is cannot be known from here: {app} has no right on the mailbox; the mailbox is not {user}; SMTP AUTH is off \
         for the mailbox; or one of these was changed less than two hours ago"
    );
    let remedy = "have the Exchange administrator look in Exchange Online PowerShell: `Test-ServicePrincipalAuthorization -Identity APPLICATION -Resource MAILBOX` \
         (RBAC for Applications) or `Get-MailboxPermission MAILBOX` (a right of its own), and `Get-CASMailbox MAILBOX | fl SmtpClientAuthenticationDisabled`, \
         which must be False; after a change wait two hours, then `relayhost probe`"
        .into();
    (cause, remedy)
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
