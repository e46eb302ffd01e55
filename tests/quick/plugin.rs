//! The object of the Cyrus SASL plugin, built as the package's is but for the linker, and read.

use std::path::PathBuf;
use std::process::Command;

use crate::project::project;

/// Builds the plugin with its symbols, and returns the object.
fn object() -> PathBuf {
    let target = project().join("target/sasl-xoauth2");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--offline", "--quiet", "--manifest-path"])
        .arg(project().join("sasl-xoauth2/Cargo.toml"))
        .args(["--config", "profile.release.strip=false"])
        .env("CARGO_TARGET_DIR", target.join("with-symbols"))
        .env_remove("RUSTFLAGS")
        .status()
        .unwrap();
    assert!(built.success());
    target.join("with-symbols/release/librelayhost_xoauth2.so")
}

fn readelf(options: &[&str]) -> String {
    let run = Command::new("readelf").arg("--wide").args(options).arg(object()).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

/// Names in a symbol table, with their section: `UND` for those that others have to bring.
fn symbols(options: &[&str]) -> Vec<(String, String)> {
    let text = readelf(options);
    let fields = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let is_row =
        |fields: &Vec<&str>| fields.len() >= 8 && fields[0].trim_end_matches(':').parse::<u32>().is_ok();
    let symbols = fields.filter(is_row);
    symbols.map(|fields| (fields[6].to_owned(), fields[7].to_owned())).collect()
}

#[test]
fn nothing_in_it_panics() {
    let symbols = symbols(&["--syms"]);
    assert!(symbols.iter().any(|(_, name)| name.contains("mech_step")), "it has no symbols: {symbols:?}");
    let of_a_panic = ["panic", "unwind", "abort", "expect_failed", "unwrap_failed", "alloc"];
    let found: Vec<_> =
        symbols.iter().filter(|(_, name)| of_a_panic.iter().any(|word| name.contains(word))).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// memcpy has a newer version since glibc 2.14. No other library, and nothing of libsasl2 by name.
#[test]
fn it_asks_for_three_functions_of_an_old_glibc_and_shows_one() {
    let symbols = symbols(&["--dyn-syms"]);
    let of = |section: fn(&str) -> bool| -> Vec<&str> {
        let names = symbols.iter().filter(|(place, _)| section(place)).map(|(_, name)| name.as_str());
        names.filter(|name| !name.is_empty()).collect()
    };
    let startup = ["__gmon_start__", "_ITM_", "__cxa_finalize"];
    for name in of(|section| section == "UND") {
        let (name, version) = name.split_once('@').unwrap_or((name, "GLIBC_2.2.5"));
        let is_known = ["memcpy", "memset", "strlen"].contains(&name)
            || startup.iter().any(|prefix| name.starts_with(prefix));
        assert!(is_known, "it wants {name}");
        assert!(["GLIBC_2.2.5", "GLIBC_2.14"].contains(&version.trim_matches('@')), "{name}: {version}");
    }
    assert_eq!(of(|section| section != "UND"), ["sasl_client_plug_init"]);
    let libraries: Vec<String> =
        readelf(&["--dynamic"]).lines().filter(|line| line.contains("(NEEDED)")).map(str::to_owned).collect();
    assert!(libraries.iter().all(|line| line.contains("[libc.so.6]")), "{libraries:?}");
}

#[test]
fn it_stays_small() {
    let lines = |name: &str| {
        let path = project().join("sasl-xoauth2/src").join(name);
        std::fs::read_to_string(path).unwrap().lines().count()
    };
    let all: usize = ["lib.rs", "cyrus.rs", "message.rs", "plugin.rs"].into_iter().map(lines).sum();
    assert!(all < 600, "{all} lines");
    assert_eq!(std::fs::read_dir(project().join("sasl-xoauth2/src")).unwrap().count(), 4);
}
