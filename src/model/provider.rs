//! Presets of relay providers: data in `providers.toml`, read here. A preset fills in what the answers leave out.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::desired::{Mechanism, Tls};

/// What is known of one provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// One line for people.
    pub title: String,
    /// Host name of the relay.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Level of TLS that the provider offers and demands.
    pub tls: Tls,
    /// SASL mechanism to use.
    pub mechanism: Mechanism,
    /// What an admin must know before it works.
    pub note: String,
    /// Where these facts are from, and when they were read.
    pub source: String,
}

/// All presets by name.
pub fn providers() -> &'static BTreeMap<String, Provider> {
    static TABLE: OnceLock<BTreeMap<String, Provider>> = OnceLock::new();
    // The file is part of the program, and a test parses it; an empty table is what a broken build would give.
    TABLE.get_or_init(|| toml::from_str(include_str!("providers.toml")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_parses_and_is_not_empty() {
        let table: BTreeMap<String, Provider> = toml::from_str(include_str!("providers.toml")).unwrap();
        assert!(table.contains_key("office365"));
        assert_eq!(table.len(), providers().len());
    }
}
