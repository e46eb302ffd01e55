//! What answers say that `init` does not ask for. It is written again as it was.

use toml::{Table, Value};

use super::lines::quoted;

/// Keys that `init` does not ask for, with their values.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Kept(pub(super) Table);

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
        let values = table.into_iter().flatten().filter(|(_, value)| !value.is_table());
        values.map(|(key, value)| format!("{} = {value}", bare(key))).collect()
    }

    /// Forgets a key, since it was about another relay.
    pub fn forget(&mut self, table: &str, key: &str) {
        if let Some(table) = self.0.get_mut(table).and_then(Value::as_table_mut) {
            table.remove(key);
        }
    }
}

fn bare(key: &str) -> String {
    let is_bare = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if is_bare { key.to_owned() } else { quoted(key) }
}
