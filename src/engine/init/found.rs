//! A relay that somebody has set up by hand: what main.cf and its password tables say, for `init` to take over.

use crate::error::{Result, shown};
use crate::model::answers::choices::Choices;
use crate::model::observed::parse_settings;
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::settings::value;
use crate::model::postfix::tables::{Table, tables};
use crate::model::providers::choose::of_host;
use crate::model::route::nexthop::NextHop;
use crate::model::secret::Secret;
use crate::model::text::one_line;
use crate::sys::trust::{self, Guarded};
use crate::sys::{postfix, secrets};

/// A relay that Postfix on this host is set to.
#[derive(Debug)]
pub struct Found {
    /// The relay, as main.cf has it.
    pub relay: NextHop,
    /// The logins that its tables have for it, the one that Postfix takes first.
    pub logins: Vec<Login>,
    /// Why there may be a login that is not among these: a table that cannot be read, or that is not to be trusted.
    pub unread: Vec<String>,
}

/// The most logins that are offered.
const MOST: usize = 20;

/// The longest user name that is offered, in bytes, and the longest table that is read.
const NAME: usize = 255;
const TABLE: u64 = 1024 * 1024;

/// A login of a password table.
#[derive(Debug)]
pub struct Login {
    /// The table's file.
    pub table: String,
    /// The key of the entry.
    pub key: String,
    /// The user name.
    pub username: String,
    password: Secret,
}

/// The relay that this host's Postfix is set to; `None` if there is none.
pub fn by_hand() -> Result<Option<Found>> {
    if !postfix::is_installed() {
        return Ok(None);
    }
    let names = ["mail_version", "relayhost", "smtp_sasl_auth_enable", "smtp_sasl_password_maps"];
    let settings = parse_settings(&postfix::settings(&names)?);
    let Some(relay) = NextHop::parse(value(&settings, "relayhost")) else { return Ok(None) };
    let mut found = Found { relay, logins: Vec::new(), unread: Vec::new() };
    if value(&settings, "smtp_sasl_auth_enable") == "yes" {
        for table in tables(value(&settings, "smtp_sasl_password_maps")) {
            match read(&found.relay, table) {
                Ok(logins) => found.logins.extend(logins),
                Err(why) => found.unread.push(why),
            }
        }
    }
    found.logins.truncate(MOST);
    for login in &found.logins {
        secrets::know(&login.username, &login.password);
    }
    Ok(Some(found))
}

/// The logins that a table has for this relay. The error says why they are not known. A table that another user can write to
/// is not taken over: mail would go out by a login of that user's.
fn read(relay: &NextHop, table: Table) -> std::result::Result<Vec<Login>, String> {
    let path = match table {
        Table::File { path, .. } => path,
        Table::Patterns(path) => return Err(format!("{} is a table of patterns", shown(path))),
        Table::Entry(_) => return Err("an entry stands in smtp_sasl_password_maps itself".into()),
        Table::Asked(name) => return Err(format!("{} is no file", one_line(&name))),
    };
    let read = trust::read(&path, TABLE, Guarded::File).map_err(|error| error.to_string())?;
    let Some(table) = read else { return Ok(Vec::new()) };
    if table.bytes.len() as u64 > TABLE {
        return Err(format!("{} is too long", shown(&path)));
    }
    Ok(entries(relay, &path.display().to_string(), table.bytes))
}

/// The entries of one table that are for this relay, the one that Postfix takes first.
fn entries(relay: &NextHop, table: &str, bytes: Vec<u8>) -> Vec<Login> {
    let keys = relay.login_keys();
    let place = |key: &str| keys.iter().position(|known| known.eq_ignore_ascii_case(key));
    let is_for = |key: &str| {
        place(key).is_some()
            || NextHop::parse(key).is_some_and(|other| other.host.eq_ignore_ascii_case(&relay.host))
    };
    let source = MapSource::new(bytes);
    let mut found: Vec<Login> = source
        .numbered()
        .filter(|(_, key, _)| is_for(key))
        .filter_map(|(_, key, entry)| {
            let (username, password) = entry.split_once(':')?;
            let is_name = !username.is_empty() && username.len() <= NAME;
            if !is_name || username.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return None;
            }
            let (table, username) = (table.to_owned(), username.to_owned());
            Some(Login { table, key, username, password: Secret::new(password) })
        })
        .collect();
    found.sort_by_key(|login| place(&login.key).unwrap_or(usize::MAX));
    found
}

impl Found {
    /// The choices that set up the same relay with this login, or with none. Of the table, this entry alone is taken.
    pub fn choices(&self, login: Option<&Login>) -> Choices {
        let provider = of_host(&self.relay.host);
        Choices {
            host: provider.is_none().then(|| self.relay.host.clone()),
            provider,
            port: Some(self.relay.port.into()),
            username: login.map(|login| login.username.clone()),
            password: login.map(|login| login.password.clone()),
            ..Choices::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_for_the_relay_are_found_and_the_one_that_postfix_takes_is_first() {
        let relay = NextHop::parse("[smtp.example.com]:587").unwrap();
        let table = b"# mine\nsmtp.example.com old@example.com:hunter1\n[other.example.com]:587 x:y\n\
            [smtp.example.com]:587 alerts@example.com:hun:ter2\n\
            [smtp.example.com] alerts@example.com hunter3:x\nsmtp.example.com:587 :hunter4\n";
        let found = entries(&relay, "/etc/postfix/sasl_passwd", table.to_vec());
        let users: Vec<_> = found.iter().map(|login| login.username.as_str()).collect();
        // smtp(8) asks for the bare name first (smtp_sasl_passwd_lookup in smtp/smtp_sasl_glue.c).
        assert_eq!(users, ["old@example.com", "alerts@example.com"]);
        assert!(!format!("{found:?}").contains("hun"));
        let found = Found { relay, logins: found, unread: Vec::new() };
        let choices = found.choices(found.logins.last());
        assert_eq!((choices.host.as_deref(), choices.port), (Some("smtp.example.com"), Some(587)));
        assert_eq!(choices.password, Some(Secret::new("hun:ter2")));
    }

    #[test]
    fn a_host_of_a_provider_is_that_provider() {
        let relay = NextHop::parse("[smtp.gmail.com]:587").unwrap();
        let choices = Found { relay, logins: Vec::new(), unread: Vec::new() }.choices(None);
        assert_eq!((choices.provider.as_deref(), choices.host), (Some("gmail"), None));
    }
}
