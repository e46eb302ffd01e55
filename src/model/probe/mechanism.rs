//! Chooses the login mechanism that Postfix picks from a relay's offer: of those that smtp_sasl_mechanism_filter
//! (smtp_sasl_proto.c) and the security options allow, the strongest for which Cyrus SASL has a plugin (mech_compare
//! in Cyrus' lib/client.c).

use std::collections::BTreeSet;

use crate::model::packages::plugin::{KINDS, PluginKind};
use crate::model::plan::parameters::words;

/// The result of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Postfix takes this mechanism.
    Take(String),
    /// The offer is empty.
    NullList,
    /// The filter lets no mechanism through.
    Filtered,
    /// The security options forbid every mechanism that is left, or the host has no plugin for it.
    NoPlugin {
        /// The strongest mechanism that lacks only its plugin.
        lacks: Option<&'static PluginKind>,
    },
}

/// Chooses from the mechanisms `offered` (in capitals). `plugins` are those that Cyrus would load; `None` if unknown.
pub fn choose(
    offered: &[String],
    filter: &Filter,
    options: &str,
    plugins: Option<&BTreeSet<String>>,
) -> Choice {
    if offered.is_empty() {
        return Choice::NullList;
    }
    let passed: Vec<&String> = offered.iter().filter(|name| filter.passes(name)).collect();
    if passed.is_empty() {
        return Choice::Filtered;
    }
    let options = words(options);
    let allowed = |kind: &PluginKind| {
        let guarded =
            ["noanonymous", "noplaintext", "noactive", "mutual_auth", "nodictionary", "forward_secrecy"];
        options.iter().all(|option| !guarded.contains(&option.as_str()) || kind.has(option))
    };
    let has_plugin = |kind: &PluginKind| plugins.is_none_or(|plugins| plugins.contains(kind.plugin));
    let mut lacks = None;
    for kind in KINDS.iter().filter(|kind| allowed(kind)) {
        let Some(name) = passed.iter().find(|name| kind.is(name)) else { continue };
        if has_plugin(kind) {
            return Choice::Take((*name).clone());
        }
        lacks = lacks.or(Some(kind));
    }
    Choice::NoPlugin { lacks }
}

/// The value of smtp_sasl_mechanism_filter: names, `!name`, and `static:` for all others (postconf(5)). A table of
/// another kind cannot be read here, and lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    patterns: Vec<String>,
}

impl Filter {
    /// Whether it lets logins by an access token through, and none by a password.
    pub fn is_for_tokens(&self) -> bool {
        let passes = |name: &&str| self.passes(name);
        ["XOAUTH2", "OAUTHBEARER"].iter().any(passes) && !["PLAIN", "LOGIN", "CRAM-MD5"].iter().any(passes)
    }

    /// Reads the parameter's value.
    pub fn new(value: &str) -> Self {
        Self { patterns: words(value).into_iter().map(|word| word.to_ascii_uppercase()).collect() }
    }

    /// The first pattern that is a table or a file.
    pub fn unreadable(&self) -> Option<&str> {
        let odd = |pattern: &&String| is_table(pattern.trim_start_matches('!'));
        self.patterns.iter().find(odd).map(String::as_str)
    }

    /// Whether the filter lets this mechanism through: the first pattern that fits decides (match_list(3)).
    fn passes(&self, mechanism: &str) -> bool {
        let fits = |pattern: &&String| {
            let name = pattern.strip_prefix('!').unwrap_or(pattern);
            name == mechanism || name.starts_with("STATIC:") || is_table(name)
        };
        let first = self.patterns.iter().find(fits);
        first.map_or(self.patterns.is_empty(), |pattern| !pattern.starts_with('!'))
    }
}

fn is_table(pattern: &str) -> bool {
    pattern.contains('/') || (pattern.contains(':') && !pattern.starts_with("STATIC:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(offered: &str, filter: &str, options: &str, plugins: &str) -> Choice {
        let offered: Vec<String> = offered.split_whitespace().map(str::to_owned).collect();
        let plugins = plugins.split_whitespace().map(str::to_owned).collect();
        choose(&offered, &Filter::new(filter), options, Some(&plugins))
    }

    fn take(name: &str) -> Choice {
        Choice::Take(name.into())
    }

    #[test]
    fn the_filter_and_the_plugins_decide() {
        let all = "plain login crammd5 digestmd5 scram";
        assert_eq!(choice("PLAIN LOGIN", "plain, login", "noanonymous", all), take("PLAIN"));
        assert_eq!(choice("LOGIN XOAUTH2", "plain, login", "noanonymous", all), take("LOGIN"));
        assert_eq!(choice("PLAIN CRAM-MD5 SCRAM-SHA-256", "", "noanonymous", all), take("SCRAM-SHA-256"));
        assert_eq!(choice("PLAIN CRAM-MD5", "", "noanonymous", "plain"), take("PLAIN"));
        assert_eq!(choice("GSSAPI LOGIN", "!gssapi, static:rest", "", "login gssapiv2"), take("LOGIN"));
        assert_eq!(choice("XOAUTH2", "plain login", "", all), Choice::Filtered);
        assert_eq!(choice("", "plain", "", all), Choice::NullList);
    }

    #[test]
    fn a_plugin_that_is_not_there_is_named() {
        let Choice::NoPlugin { lacks: Some(kind) } = choice("PLAIN LOGIN", "plain login", "", "crammd5")
        else {
            panic!()
        };
        assert_eq!((kind.plugin, kind.package), ("plain", "cyrus-sasl-plain"));
    }

    #[test]
    fn noplaintext_takes_plain_away() {
        let none = Choice::NoPlugin { lacks: None };
        assert_eq!(choice("PLAIN LOGIN", "", "noplaintext, noanonymous", "plain login"), none);
        assert_eq!(choice("PLAIN CRAM-MD5", "", "noplaintext", "plain crammd5"), take("CRAM-MD5"));
    }

    #[test]
    fn a_filter_that_is_a_table_is_said() {
        assert_eq!(Filter::new("plain, !/etc/x").unreadable(), Some("!/ETC/X"));
        assert_eq!(Filter::new("hash:/etc/x").unreadable(), Some("HASH:/ETC/X"));
        assert_eq!(Filter::new("!gssapi, static:rest").unreadable(), None);
    }
}
