//! Writes the catalogue of causes as JSON. People write it in TOML, which took a diagnosis longer to read than the whole program
//! takes to start.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script reads and writes files, and is no part of the program"
)]

use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// The folder of the catalogue, and its files. Their order is part of the order of the causes.
const FOLDER: &str = "src/model/causes/catalogue";
const FILES: [&str; 10] =
    ["identity", "oauth", "login", "tls", "sender", "recipient", "limit", "network", "config", "queue"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={FOLDER}");
    let mut causes = Vec::new();
    for name in FILES {
        let path = format!("{FOLDER}/{name}.toml");
        let file =
            fs::read_to_string(&path)?.parse::<toml::Table>().map_err(|error| format!("{path}: {error}"))?;
        for (key, value) in file {
            match value {
                toml::Value::Array(some) if key == "cause" => causes.extend(some),
                _ => return Err(format!("{path}: {key} is no key of the catalogue").into()),
            }
        }
    }
    let out = env::var("OUT_DIR")?;
    Ok(fs::write(Path::new(&out).join("catalogue.json"), serde_json::to_vec(&causes)?)?)
}
