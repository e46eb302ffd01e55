//! Lines of an answers file, as `init` writes them.

/// A line that gives a key its value.
pub fn setting(key: &str, value: &str) -> String {
    format!("{key} = {}", quoted(value))
}

/// A TOML string, as a value or as a key.
pub fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
