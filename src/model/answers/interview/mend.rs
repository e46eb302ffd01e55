//! Answers whose meaning is plain though they are not as the relay wants them: a user name without its domain, an app password
//! with the blanks with which it is shown.

use super::Interview;
use super::typed::Refused;
use crate::error::Complaint;
use crate::model::providers::Provider;
use crate::model::text;

/// Number of groups in which an app password is shown, and the letters of each.
const GROUPS: (usize, usize) = (4, 4);

/// A password as the provider takes it, and what was changed for that.
pub(super) fn password(provider: Option<&Provider>, typed: String) -> (String, Option<String>) {
    let groups: Vec<&str> = typed.split_whitespace().collect();
    let is_group = |group: &&str| group.len() == GROUPS.1 && group.bytes().all(|c| c.is_ascii_alphabetic());
    let is_grouped = groups.len() == GROUPS.0 && groups.iter().all(is_group);
    if is_grouped && provider.is_some_and(|provider| provider.grouped_password) {
        let said = "the app password is taken without its blanks, which are for reading only".to_owned();
        return (groups.concat(), Some(said));
    }
    (typed, None)
}

impl Interview {
    /// Refuses a user name without a domain where the provider's user names are addresses, and offers the whole address.
    pub(super) fn whole_address(&self, typed: &str) -> Result<(), Refused> {
        let Some(provider) = self.provider() else { return Ok(()) };
        let Some(usual) = provider.user_domain.as_deref().filter(|_| !typed.contains('@')) else {
            return Ok(());
        };
        let names = self.before.username.as_deref();
        let earlier = names.and_then(|name| name.rsplit_once('@')).map(|(_, domain)| domain.to_owned());
        let usual = Some(usual.to_owned()).filter(|usual| !usual.is_empty());
        let domain = earlier.or(usual).or_else(|| self.public_domain());
        let offer = domain.map(|domain| format!("{typed}@{domain}")).filter(|name| text::is_recipient(name));
        let remedy = match &offer {
            Some(offer) => format!("type the whole address, such as {offer}"),
            None => "type the whole address, such as alerts@example.com".to_owned(),
        };
        let wanted = provider.username.as_deref().unwrap_or("an address");
        let problem = format!("`{}` has no domain, and what is wanted is {wanted}", text::one_line(typed));
        Err(Refused { complaint: Complaint::new(problem, remedy), offer })
    }

    /// The domain that this host is in, if mailboxes can be there.
    fn public_domain(&self) -> Option<String> {
        let (_, parent) = self.domain.split_once('.')?;
        let domain = if parent.contains('.') { parent } else { &self.domain };
        (!text::is_private(domain)).then(|| domain.to_owned())
    }
}
