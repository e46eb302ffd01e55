//! What answers say that `init` does not ask for. It is written again as it was.

use toml::{Table, Value};

use super::lines::quoted;
use crate::model::text::counted;

/// Keys that `init` does not ask for, with their values.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Kept(pub(super) Table);

/// The tables of which `init` writes some keys itself.
const MIXED: [&str; 3] = ["relay", "sender", "verify"];

impl Kept {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lines of one table.
    pub fn lines(&self, path: &[&str]) -> Vec<String> {
        let mut table = Some(&self.0);
        for name in path {
            table = table.and_then(|table| table.get(*name)).and_then(Value::as_table);
        }
        let values = table.into_iter().flatten().filter(|(_, value)| !has_tables(value));
        values.map(|(key, value)| format!("{} = {value}", bare(key))).collect()
    }

    /// All tables whose keys `init` has no question for, as a text. `shown`: with stars in place of passwords.
    pub fn other_tables(&self, shown: bool) -> String {
        let mut rest = self.0.clone();
        for name in MIXED {
            if let Some(table) = rest.get_mut(name).and_then(Value::as_table_mut) {
                table.retain(|_, value| has_tables(value));
            }
        }
        // The login's own table is written whole, or not at all.
        rest.retain(|name, value| name != "auth" && !value.as_table().is_some_and(Table::is_empty));
        if shown {
            rest.iter_mut().for_each(|(_, value)| hide(value));
        }
        let text = toml::to_string(&rest).unwrap_or_default();
        if text.is_empty() { text } else { format!("\n{text}") }
    }

    /// How many ways of mail there are that `init` does not ask for, and where they are edited; `None`: there are none.
    pub fn ways(&self, answers: &str) -> Option<String> {
        let count = |value: Option<&Value>| value.and_then(Value::as_array).map_or(0, Vec::len) as u64;
        let relay = self.0.get("relay").and_then(|relay| relay.get("fallback"));
        let all = [
            (count(self.0.get("senders")), "account", "[[senders]]"),
            (count(self.0.get("routes")), "route", "[[routes]]"),
            (count(relay), "fallback relay", "[[relay.fallback]]"),
        ];
        let there = all.iter().filter(|(count, ..)| *count > 0);
        let named: Vec<String> =
            there.map(|(count, noun, table)| format!("{} ({table})", counted(*count, noun))).collect();
        let (last, before) = named.split_last()?;
        let listed =
            if before.is_empty() { last.clone() } else { format!("{} and {last}", before.join(", ")) };
        Some(format!("kept as they were: {listed}; to change them, edit {answers}"))
    }

    /// Forgets a key, since it was about another relay.
    pub fn forget(&mut self, table: &str, key: &str) {
        if let Some(table) = self.0.get_mut(table).and_then(Value::as_table_mut) {
            table.remove(key);
        }
    }
}

/// Puts stars in place of the passwords in a value, and of a webhook's address and headers.
fn hide(value: &mut Value) {
    match value {
        Value::Table(table) => table.iter_mut().for_each(|(key, value)| {
            if (matches!(key.as_str(), "password" | "url") && value.is_str()) || key == "headers" {
                *value = "********".into();
            }
            hide(value);
        }),
        Value::Array(values) => values.iter_mut().for_each(hide),
        _ => {}
    }
}

/// Whether a value is written under headings of its own.
fn has_tables(value: &Value) -> bool {
    value.is_table() || value.as_array().is_some_and(|all| all.iter().any(Value::is_table))
}

fn bare(key: &str) -> String {
    let is_bare = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if is_bare { key.to_owned() } else { quoted(key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_that_are_kept_are_counted() {
        let said = |text: &str| Kept(text.parse().unwrap()).ways("/a");
        assert_eq!(said("[alarm]\nx = 1"), None);
        assert_eq!(
            said("[[senders]]\n[[senders]]\n[[routes]]\n[[relay.fallback]]").unwrap(),
            "kept as they were: 2 accounts ([[senders]]), 1 route ([[routes]]) and 1 fallback relay ([[relay.fallback]]); \
             to change them, edit /a"
        );
    }
}
