//! Lookup tables as a parameter's value names them (DATABASE_README), and all places that name a table of passwords.

use std::path::PathBuf;

use super::lines::{self, is_space, trim};
use super::mastercf::MasterCf;

/// The parameters that name the tables in which smtp(8) and lmtp(8) look for passwords.
pub const OF_PASSWORDS: [&str; 2] = ["smtp_sasl_password_maps", "lmtp_sasl_password_maps"];

/// A table, by how its entries can be had (DATABASE_README, and the manual of each type).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Its entry stands in the setting itself.
    Entry(String),
    /// A file of keys and values; postmap may have built a database of it.
    File {
        /// The type.
        kind: String,
        /// The source.
        path: PathBuf,
    },
    /// A file of patterns and values.
    Patterns(PathBuf),
    /// Only a key can be asked for: a directory service, a database server, a file that only Postfix can read.
    Asked(String),
}

/// The values of `OF_PASSWORDS` on a host: `main_cf` knows those of main.cf, and the rest are options of services in
/// master.cf (master(5)).
pub fn of_passwords(main_cf: impl Fn(&str) -> Option<String>, master_cf: &[u8]) -> Vec<String> {
    let master_cf = MasterCf::new(master_cf);
    let options = master_cf.values(&OF_PASSWORDS).map(str::to_owned);
    OF_PASSWORDS.into_iter().filter_map(main_cf).chain(options).collect()
}

/// The names of the tables in a list: the items with a colon in them.
pub fn named(list: &str) -> Vec<&str> {
    items(list).into_iter().filter(|item| item.contains(':')).collect()
}

/// The type of a table, with `proxy:` before it or not.
pub fn kind(table: &str) -> &str {
    table.trim_start_matches("proxy:").split(':').next().unwrap_or_default()
}

/// The file of a table, if its name is a path.
pub fn path_of(table: &str) -> Option<&str> {
    let (_, path) = table.trim_start_matches("proxy:").split_once(':')?;
    path.starts_with('/').then_some(path)
}

/// Whether a table's file is built by postmap(1) before Postfix can read it.
pub fn is_built(table: &str) -> bool {
    ["hash", "btree", "lmdb", "cdb", "dbm", "sdbm"].contains(&kind(table))
}

/// The tables that a value names.
pub fn tables(value: &str) -> Vec<Table> {
    items(value).into_iter().flat_map(table).collect()
}

fn table(name: &str) -> Vec<Table> {
    let Some((kind, rest)) = name.split_once(':') else { return Vec::new() };
    let path = rest.starts_with('/').then(|| PathBuf::from(rest));
    match (kind, path) {
        ("proxy", _) => table(rest),
        ("static", _) => vec![Table::Entry(bare(rest).to_owned())],
        ("randmap", _) => {
            items(bare(rest)).into_iter().map(|one| Table::Entry(bare(one).to_owned())).collect()
        }
        ("inline", _) => {
            let pairs = items(bare(rest)).into_iter().filter_map(|pair| bare(pair).split_once('='));
            pairs.map(|(_, entry)| Table::Entry(trim(entry).to_owned())).collect()
        }
        // A value may have parts of what was asked for, or of another table's value.
        ("pipemap" | "unionmap", _) => {
            tables(bare(rest)).into_iter().chain([Table::Asked(name.to_owned())]).collect()
        }
        ("pcre" | "regexp", Some(path)) => vec![Table::Patterns(path), Table::Asked(name.to_owned())],
        ("hash" | "btree" | "lmdb" | "texthash" | "cidr", Some(path)) => {
            vec![Table::File { kind: kind.to_owned(), path }]
        }
        ("pcre" | "regexp", None) => {
            let values = as_file(name).map(|(_, text)| pattern_values(text.as_bytes())).unwrap_or_default();
            values.into_iter().map(Table::Entry).chain([Table::Asked(name.to_owned())]).collect()
        }
        // postmap cannot list these.
        ("cdb" | "dbm" | "sdbm", Some(path)) => {
            vec![Table::File { kind: kind.to_owned(), path }, Table::Asked(name.to_owned())]
        }
        _ => vec![Table::Asked(name.to_owned())],
    }
}

/// A table whose contents stand in its name (`regexp:{ {/pattern/ value} }`, since Postfix 3.7), as its type and the text of
/// a file with the same contents: each item is a line of such a file.
pub fn as_file(name: &str) -> Option<(&str, String)> {
    let (kind, rest) = name.split_once(':').filter(|(_, rest)| rest.starts_with('{'))?;
    Some((kind, items(bare(rest)).into_iter().map(|item| bare(item).to_owned() + "\n").collect()))
}

/// The values in a file of patterns (pcre_table(5), regexp_table(5)): what follows a pattern, its flags and white space.
pub fn pattern_values(bytes: &[u8]) -> Vec<String> {
    let value = |line: &lines::Logical| {
        let text = line.text(bytes);
        let text = text.trim_start_matches('!');
        let delimiter = text.chars().next().filter(|c| !c.is_ascii_alphanumeric())?;
        let mut escaped = false;
        let is_end = |c: char| {
            let ends = c == delimiter && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        };
        let (_, rest) = text.get(delimiter.len_utf8()..)?.split_once(is_end)?;
        let (_, value) = rest.split_once(is_space)?;
        Some(trim(value).to_owned()).filter(|value| !value.is_empty())
    };
    lines::logical(bytes).iter().filter_map(value).collect()
}

/// The items of a list of tables, apart by commas and white space outside of braces.
pub fn items(list: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    let between = |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && (c == ',' || is_space(c))
    };
    list.split(between).filter(|item| !item.is_empty()).collect()
}

/// The value that a table in the setting itself has for a key; `None` for a table of another kind, which only Postfix can
/// ask. `ask` asks one of the tables that this one is made of.
pub fn within<E>(
    name: &str,
    key: &str,
    ask: impl Fn(&str, &str) -> Result<Option<String>, E>,
) -> Option<Result<Option<String>, E>> {
    let (kind, rest) = name.split_once(':')?;
    Some(match kind {
        // Not by proxymap(8): it reports a table that it cannot read once only, and smtp(8) needs that line as its reason.
        "proxy" => ask(rest, key),
        "static" => Ok(Some(bare(rest).to_owned())),
        "randmap" => Ok(items(bare(rest)).first().map(|one| bare(one).to_owned())),
        "inline" => {
            let mut pairs = items(bare(rest)).into_iter().filter_map(|pair| bare(pair).split_once('='));
            let found = pairs.find(|(name, _)| trim(name).eq_ignore_ascii_case(key));
            Ok(found.map(|(_, entry)| trim(entry).to_owned()))
        }
        "pipemap" => items(bare(rest))
            .into_iter()
            .try_fold(Some(key.to_owned()), |key, name| key.map_or(Ok(None), |key| ask(name, &key))),
        "unionmap" => {
            let all = items(bare(rest)).into_iter().map(|name| ask(name, key));
            all.collect::<Result<Vec<_>, E>>().map(|all| {
                let found: Vec<String> = all.into_iter().flatten().collect();
                (!found.is_empty()).then(|| found.join(","))
            })
        }
        _ => return None,
    })
}

/// The parts of a table that is made of others, or of values.
pub fn parts_of(table: &str) -> Vec<&str> {
    let (_, rest) = table.trim_start_matches("proxy:").split_once(':').unwrap_or_default();
    items(bare(rest))
}

/// The text within braces, or the text itself.
fn bare(text: &str) -> &str {
    let text = trim(text);
    text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).map_or(text, trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: &str, path: &str) -> Table {
        Table::File { kind: kind.into(), path: path.into() }
    }

    fn entry(text: &str) -> Table {
        Table::Entry(text.into())
    }

    fn asked(text: &str) -> Table {
        Table::Asked(text.into())
    }

    #[test]
    fn each_form_of_an_option_names_its_tables() {
        let main_cf = |name: &str| (name == "smtp_sasl_password_maps").then(|| "hash:/a, lmdb:/b".to_owned());
        let master_cf = b"# -o smtp_sasl_password_maps=hash:/no
relay unix - - n - - smtp
  -o smtp_helo_timeout=5 -o smtp_sasl_password_maps=hash:/c
  -osmtp_sasl_password_maps=hash:/d -o { smtp_sasl_password_maps = hash:/e, hash:/f }
l unix - - n - - lmtp { -o lmtp_sasl_password_maps=hash:/g } -o {lmtp_sasl_password_maps=hash:/h}
";
        let found = of_passwords(main_cf, master_cf);
        let paths: Vec<String> = found
            .iter()
            .flat_map(|value| tables(value))
            .map(|table| match table {
                Table::File { path, .. } => path.display().to_string(),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(paths, ["/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h"]);
    }

    #[test]
    fn each_type_of_table_says_how_its_entries_can_be_had() {
        for (value, wanted) in [
            ("", vec![]),
            ("proxy:hash:/a", vec![file("hash", "/a")]),
            (
                "texthash:/a btree:/b,cidr:/c",
                vec![file("texthash", "/a"), file("btree", "/b"), file("cidr", "/c")],
            ),
            ("static:u:p static:{u:p q}", vec![entry("u:p"), entry("u:p q")]),
            ("inline:{ {[r]:587 = u:p q}, r=v:w } static:x", vec![entry("u:p q"), entry("v:w"), entry("x")]),
            ("randmap:{a:b,c:d}", vec![entry("a:b"), entry("c:d")]),
            (
                "pipemap:{hash:/a, unionmap:{static:b,pcre:/c}}",
                vec![
                    file("hash", "/a"),
                    entry("b"),
                    Table::Patterns("/c".into()),
                    asked("pcre:/c"),
                    asked("unionmap:{static:b,pcre:/c}"),
                    asked("pipemap:{hash:/a, unionmap:{static:b,pcre:/c}}"),
                ],
            ),
            (
                "regexp:{ {/a b/ u:p q} {!/c/ v:w} }",
                vec![entry("u:p q"), entry("v:w"), asked("regexp:{ {/a b/ u:p q} {!/c/ v:w} }")],
            ),
            ("cdb:/a", vec![file("cdb", "/a"), asked("cdb:/a")]),
            ("ldap:/a proxy:mysql:/b", vec![asked("ldap:/a"), asked("mysql:/b")]),
            ("nonsense {", vec![]),
        ] {
            assert_eq!(tables(value), wanted, "{value}");
        }
    }

    #[test]
    fn what_stands_in_the_setting_is_looked_up_there() {
        fn ask(name: &str, key: &str) -> Result<Option<String>, String> {
            within(name, key, ask)
                .unwrap_or_else(|| if name == "fail:x" { Err(name.into()) } else { Ok(None) })
        }
        for (name, wanted) in [
            ("static:u:p", Some("u:p")),
            ("proxy:static:{u:p q}", Some("u:p q")),
            ("inline:{ a=b, {[R]:25 = u:p q} }", Some("u:p q")),
            ("inline:{ a=b }", None),
            ("pipemap:{inline:{[r]:25=k},inline:{k=v:w}}", Some("v:w")),
            ("pipemap:{inline:{a=b},static:c}", None),
            ("unionmap:{static:a,hash:/x,static:b}", Some("a,b")),
            ("unionmap:{hash:/x}", None),
        ] {
            assert_eq!(ask(name, "[r]:25").unwrap().as_deref(), wanted, "{name}");
        }
        assert!(ask("unionmap:{static:a,fail:x}", "k").is_err());
    }

    #[test]
    fn what_stands_in_the_name_is_the_text_of_a_file() {
        for (name, wanted) in [
            ("regexp:{ {/a b/ u:p q} {!/c/ v:w} }", Some(("regexp", "/a b/ u:p q\n!/c/ v:w\n".to_owned()))),
            ("cidr:{{192.0.2.0/24 u:p}}", Some(("cidr", "192.0.2.0/24 u:p\n".into()))),
            ("regexp:/etc/postfix/patterns", None),
            ("hash:/a", None),
        ] {
            assert_eq!(as_file(name), wanted, "{name}");
        }
    }

    #[test]
    fn a_value_follows_its_pattern() {
        let text = b"/^\\[a\\/b c\\]/i  u:p q\n!/x/ v:w\nif /y/\n|z|\n  t:s\nendif\n/unfinished\n";
        assert_eq!(pattern_values(text), ["u:p q", "v:w", "t:s"]);
    }
}
