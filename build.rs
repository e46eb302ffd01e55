//! Writes the catalogue of causes and the presets of relay providers as JSON. People write them in TOML, which took a diagnosis
//! longer to read than the whole program takes to start.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script reads and writes files, and is no part of the program"
)]

use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// The presets.
const PROVIDERS: &str = "src/model/providers/providers.toml";

/// The folder of the catalogue, and its files. Their order is part of the order of the causes.
const FOLDER: &str = "src/model/causes/catalogue";
const FILES: [&str; 10] =
    ["identity", "oauth", "login", "tls", "sender", "recipient", "limit", "network", "config", "queue"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={FOLDER}");
    println!("cargo::rerun-if-changed={PROVIDERS}");
    let mut causes = Vec::new();
    for name in FILES {
        let path = format!("{FOLDER}/{name}.toml");
        for (key, value) in table(&path)? {
            match value {
                toml::Value::Array(some) if key == "cause" => causes.extend(some),
                _ => return Err(format!("{path}: {key} is no key of the catalogue").into()),
            }
        }
    }
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("catalogue.json"), serde_json::to_vec(&causes)?)?;
    fs::write(Path::new(&out).join("providers.json"), serde_json::to_vec(&table(PROVIDERS)?)?)?;
    Ok(())
}

fn table(path: &str) -> Result<toml::Table, Box<dyn Error>> {
    Ok(fs::read_to_string(path)?.parse::<toml::Table>().map_err(|error| format!("{path}: {error}"))?)
}
