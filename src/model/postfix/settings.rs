//! THE table of Postfix's parameters that relayhost knows: the meaning of each for a plan, for a probe, and for an
//! inspection of faults that no log shows. The names to ask postconf for, and every default, come from here.

use std::collections::BTreeMap;

use crate::model::probe::doubt::Matter;

/// Values in force, `$name` expanded, by the parameters' names.
pub type Settings = BTreeMap<String, String>;

/// A row of the table.
#[derive(Debug, Clone, Copy)]
struct Parameter {
    /// Name in main.cf.
    name: &'static str,
    /// Default of a Postfix that does not know the parameter (postconf(5)); empty also where it is made from the host's
    /// name, from another parameter, or when Postfix is built.
    default: &'static str,
    /// Its meaning for a plan; `None`: a plan does not ask for it.
    plan: Option<InPlan>,
    /// Its meaning for a probe; `None`: a probe does not ask for it.
    probe: Option<InProbe>,
    /// Whether it names lookup tables that an outgoing message may need, so that an inspection checks these.
    names_tables: bool,
    /// Whether the way of a message depends on it.
    routed: bool,
}

/// Meanings of a parameter for a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InPlan {
    /// A plan reads its value, and does not change it.
    Read,
    /// The answers decide its value.
    Managed,
}

/// Meanings of a parameter for a probe.
#[derive(Debug, Clone, Copy)]
enum InProbe {
    /// The probe follows its value.
    Obeyed,
    /// The probe cannot follow its value. If it is set, Postfix's conversation may differ from this matter on.
    Doubted(Matter, &'static str),
}

/// Every parameter. The order is that of warnings and doubts; the first is one that every Postfix knows.
#[rustfmt::skip]
const TABLE: &[Parameter] = &[
    // This host and its Postfix.
    row("myhostname", "").planned().probed().routed(),
    row("mydomain", "").planned().routed(),
    row("myorigin", "").planned().probed().routed(),
    row("mydestination", "").planned().routed(),
    row("mail_version", "").planned().probed().routed(),
    row("compatibility_level", "0").routed(),
    row("default_database_type", "").planned(),
    row("queue_directory", "/var/spool/postfix").planned().routed(),
    row("maximal_queue_lifetime", "5d").planned(),
    row("process_id_directory", "pid").planned(),
    row("sendmail_path", "").planned(),
    row("maillog_file", "").planned(),
    row("syslog_facility", "mail").planned(),
    row("message_size_limit", "10240000").probed(),
    row("double_bounce_sender", "double-bounce").planned(),
    // What is done to a message before it is sent.
    row("append_dot_mydomain", "yes").routed(),
    row("recipient_delimiter", "").routed(),
    row("receive_override_options", "").routed(),
    row("content_filter", "").routed(),
    row("non_smtpd_milters", "").routed(),
    row("milter_default_action", "tempfail").routed(),
    row("header_checks", "").routed(),
    row("body_checks", "").routed(),
    row("mime_header_checks", "").routed(),
    row("smtp_header_checks", "").managed().routed(),
    // The classes of domains, and their transports.
    row("local_transport", "local").routed(),
    row("luser_relay", "").routed(),
    row("virtual_alias_domains", "").routed(),
    row("virtual_mailbox_domains", "").routed(),
    row("virtual_transport", "virtual").routed(),
    row("relay_domains", "").routed(),
    row("relay_transport", "relay").routed(),
    row("parent_domain_matches_subdomains", "relay_domains").routed(),
    row("defer_transports", "").routed(),
    // The way to the relay.
    row("relayhost", "").managed().probed().routed(),
    row("default_transport", "smtp").planned().probed().routed(),
    row("inet_protocols", "all").managed().probed().routed(),
    row("inet_interfaces", "all").planned().probed().routed(),
    // postconf(5): before Postfix 2.8 there was no such parameter, and IPv6 came first.
    row("smtp_address_preference", "any").probed(),
    row("disable_dns_lookups", "no").probed(),
    row("smtp_dns_support_level", "").probed().routed(),
    row("smtp_host_lookup", "dns").probed(),
    row("smtp_mx_address_limit", "5").probed(),
    row("smtp_helo_name", "").probed(),
    row("smtp_fallback_relay", "").managed().routed(),
    row("smtp_bind_address", "").doubted(Matter::All, "connects from the address that smtp_bind_address names").routed(),
    row("smtp_bind_address6", "").doubted(Matter::All, "connects from the address that smtp_bind_address6 names").routed(),
    row("smtp_reply_filter", "").doubted(Matter::All, "reads the relay's replies through smtp_reply_filter"),
    row("smtp_discard_ehlo_keywords", "").doubted(Matter::All, "ignores what smtp_discard_ehlo_keywords lists").routed(),
    row("smtp_discard_ehlo_keyword_address_maps", "").doubted(Matter::All, "ignores what its table of EHLO keywords lists").routed(),
    row("smtp_never_send_ehlo", "no").doubted(Matter::All, "sends no EHLO (smtp_never_send_ehlo)").routed(),
    row("transport_maps", "").managed().names_tables().routed(),
    row("sender_dependent_relayhost_maps", "").managed().names_tables().routed(),
    row("local_login_sender_maps", "static:*").managed().names_tables(),
    row("mail_owner", "postfix").planned(),
    row("sender_dependent_default_transport_maps", "").names_tables().routed(),
    // TLS.
    row("smtp_tls_policy_maps", "").managed().names_tables().routed(),
    row("smtp_tls_security_level", "").managed().probed().routed(),
    row("smtp_tls_wrappermode", "no").managed().probed().routed(),
    row("smtp_tls_CAfile", "").managed().probed().routed(),
    row("smtp_tls_CApath", "").probed().routed(),
    row("smtp_tls_per_site", "").routed(),
    row("smtp_enforce_tls", "no").probed().routed(),
    row("smtp_use_tls", "no").probed().routed(),
    row("smtp_tls_protocols", "").routed(),
    row("smtp_tls_mandatory_protocols", "").routed(),
    row("smtp_tls_ciphers", "").routed(),
    row("smtp_tls_mandatory_ciphers", "").routed(),
    row("smtp_tls_exclude_ciphers", "").routed(),
    row("smtp_tls_mandatory_exclude_ciphers", "").routed(),
    row("smtp_tls_secure_cert_match", "nexthop, dot-nexthop").probed().routed(),
    row("smtp_tls_verify_cert_match", "hostname").probed().routed(),
    row("smtp_tls_fingerprint_cert_match", "").routed(),
    row("smtp_tls_servername", "").probed(),
    row("smtp_tls_cert_file", "").doubted(Matter::Tls, "shows a certificate of its own (smtp_tls_cert_file)"),
    row("smtp_tls_chain_files", "").doubted(Matter::Tls, "shows a certificate of its own (smtp_tls_chain_files)"),
    // Addresses.
    row("smtp_generic_maps", "").managed().probed().names_tables().routed(),
    row("canonical_maps", "").names_tables().routed(),
    row("sender_canonical_maps", "").managed().names_tables().routed(),
    row("canonical_classes", "envelope_sender, envelope_recipient, header_sender, header_recipient").routed(),
    row("sender_canonical_classes", "envelope_sender, header_sender").managed().routed(),
    row("recipient_canonical_classes", "envelope_recipient, header_recipient").routed(),
    row("masquerade_classes", "envelope_sender, header_sender, header_recipient").routed(),
    row("masquerade_exceptions", "").routed(),
    row("masquerade_domains", "").routed(),
    row("alias_maps", "").names_tables().routed(),
    row("recipient_canonical_maps", "").names_tables().routed(),
    row("relocated_maps", "").names_tables().routed(),
    row("virtual_alias_maps", "").names_tables().routed(),
    // Trusted authorities, and the login.
    row("tls_append_default_CA", "no")
        .doubted(Matter::Tls, "trusts OpenSSL's own list of authorities as well (tls_append_default_CA)").routed(),
    row("smtp_sasl_auth_enable", "no").managed().probed().routed(),
    row("smtp_sasl_type", "").managed().probed().routed(),
    row("smtp_sasl_password_maps", "").managed().probed().names_tables().routed(),
    row("smtp_sasl_mechanism_filter", "").managed().probed().routed(),
    row("smtp_sasl_security_options", "noplaintext, noanonymous").managed().probed().routed(),
    row("smtp_sasl_tls_security_options", "").managed().probed().routed(),
    row("smtp_sender_dependent_authentication", "no").managed().routed(),
];

const fn row(name: &'static str, default: &'static str) -> Parameter {
    Parameter { name, default, plan: None, probe: None, names_tables: false, routed: false }
}

impl Parameter {
    const fn planned(self) -> Self {
        Self { plan: Some(InPlan::Read), ..self }
    }

    const fn managed(self) -> Self {
        Self { plan: Some(InPlan::Managed), ..self }
    }

    const fn probed(self) -> Self {
        Self { probe: Some(InProbe::Obeyed), ..self }
    }

    const fn doubted(self, from: Matter, text: &'static str) -> Self {
        Self { probe: Some(InProbe::Doubted(from, text)), ..self }
    }

    const fn routed(self) -> Self {
        Self { routed: true, ..self }
    }

    const fn names_tables(self) -> Self {
        Self { names_tables: true, ..self }
    }

    /// The doubt about a probe's result that this parameter raises under these settings: the matter from which on it
    /// applies, and its words (after "Postfix").
    fn doubt(&self, settings: &Settings) -> Option<(Matter, &'static str)> {
        let Some(InProbe::Doubted(from, text)) = self.probe else { return None };
        let value = value(settings, self.name);
        let is_set = if self.default == "no" { value == "yes" } else { !value.is_empty() };
        is_set.then_some((from, text))
    }
}

fn names(filter: impl Fn(&Parameter) -> bool) -> Vec<&'static str> {
    TABLE.iter().filter(|row| filter(row)).map(|row| row.name).collect()
}

/// Parameters that a plan or a diagnosis asks postconf for: those that relayhost manages are among them.
pub fn planned() -> Vec<&'static str> {
    names(|row| row.plan.is_some() || row.routed)
}

/// Parameters on which the way of a message depends.
pub fn routed() -> Vec<&'static str> {
    names(|row| row.routed)
}

/// Parameters whose values the answers decide.
pub fn managed() -> Vec<&'static str> {
    names(|row| row.plan == Some(InPlan::Managed))
}

/// Parameters that are asked for when Postfix is observed: those of a plan, of a way and of a probe.
pub fn observed() -> Vec<&'static str> {
    names(|row| row.plan.is_some() || row.routed || row.probe.is_some())
}

/// Parameters that a probe asks postconf for.
pub fn probed() -> Vec<&'static str> {
    names(|row| row.probe.is_some())
}

/// Parameters that name lookup tables, by name.
pub fn naming_tables() -> Vec<&'static str> {
    let mut names = names(|row| row.names_tables);
    names.sort_unstable();
    names
}

/// The doubts about a probe's result under these settings: the matter from which on each applies, and its words.
pub fn doubts(settings: &Settings) -> impl Iterator<Item = (Matter, &'static str)> {
    TABLE.iter().filter_map(|row| row.doubt(settings))
}

/// The default of a parameter, as in the table; empty for one that is not there.
pub fn default(name: &str) -> &'static str {
    TABLE.iter().find(|row| row.name == name).map_or("", |row| row.default)
}

/// A value in force; the table's default if Postfix did not name the parameter.
pub fn value<'a>(settings: &'a Settings, name: &str) -> &'a str {
    value_or(settings, name, default(name))
}

/// A value in force, for a parameter whose default is made from the host's name or from another parameter.
pub fn value_or<'a>(settings: &'a Settings, name: &str, default: &'a str) -> &'a str {
    settings.get(name).map_or(default, String::as_str)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex::Regex;

    use super::*;

    #[test]
    fn the_table_has_every_parameter_once() {
        let names: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), TABLE.len());
    }

    /// The names that these sources read by one of these calls.
    fn read_in<'a>(sources: &[&'a str], call: &str) -> BTreeSet<&'a str> {
        let pattern = Regex::new(&format!(r#"\b{call}"(\w+)""#)).unwrap();
        let reads = sources.iter().flat_map(|source| pattern.captures_iter(source));
        let names: BTreeSet<&str> = reads.map(|read| read.get(1).unwrap().as_str()).collect();
        assert!(names.contains("relayhost") || names.contains("myorigin"), "{call} finds nothing");
        names
    }

    #[test]
    fn whatever_is_read_has_been_asked_for() {
        let plan = [
            include_str!("../plan/mod.rs"),
            include_str!("../plan/parameters.rs"),
            include_str!("../plan/unmanaged.rs"),
            include_str!("../causes/mod.rs"),
            include_str!("../inspection/mod.rs"),
            include_str!("../observed.rs"),
            include_str!("../../engine/observe.rs"),
            include_str!("../../engine/verify.rs"),
        ];
        for name in read_in(&plan, r"setting\(") {
            assert!(planned().contains(&name), "{name}");
        }
        let route = [include_str!("../probe/route.rs"), include_str!("../probe/current.rs")];
        let facts = [include_str!("../../engine/probe/facts.rs")];
        let probe =
            [read_in(&route, r"value(?:_or)?\(settings, "), read_in(&facts, r"(?:setting\(|settings, )")];
        for name in probe.into_iter().flatten() {
            assert!(probed().contains(&name), "{name}");
        }
        let way = [
            include_str!("../route/address.rs"),
            include_str!("../route/filter.rs"),
            include_str!("../route/local.rs"),
            include_str!("../route/login.rs"),
            include_str!("../route/sender.rs"),
            include_str!("../route/service.rs"),
            include_str!("../route/tls.rs"),
            include_str!("../route/transport.rs"),
        ];
        for name in [read_in(&way, r"main\("), read_in(&way, r#"of\([a-z"]+, "#)].into_iter().flatten() {
            assert!(routed().contains(&name), "{name}");
        }
    }
}
