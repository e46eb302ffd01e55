//! Tables of a type that this Postfix does not have (postconf -m): an upgrade may have taken hash: away, and a package such
//! as postfix-lmdb may be missing.

use crate::error::typed;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::mastercf::MasterCf;
use crate::model::postfix::tables::{is_built, items, kind, path_of};

/// The parameter that names the type of tables that Postfix's own commands build.
const DEFAULT: &str = "default_database_type";

/// Types that not every Postfix has; all others are part of it.
const SOME: [&str; 12] =
    ["hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "pcre", "ldap", "mysql", "pgsql", "sqlite", "mongodb"];

/// Tables whose source has the syntax of aliases(5), so that postalias(1) builds them.
const OF_ALIASES: [&str; 2] = ["alias_maps", "alias_database"];

/// A value that names tables.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    parameter: String,
    value: String,
    /// Number of the line, from 1.
    line: usize,
    /// The service of master.cf whose option it is.
    service: Option<String>,
}

/// A table of a type that this Postfix does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// The parameter that names it.
    pub parameter: String,
    /// `type:path`.
    pub table: String,
    /// The line that names it, for a person.
    pub place: String,
    /// The user whose file its source is, if that is not root.
    pub owner: Option<String>,
    setting: Setting,
}

/// All settings of main.cf and of the services in master.cf.
fn settings(main_cf: &MainCf, master_cf: &MasterCf) -> Vec<Setting> {
    let main = main_cf.all().into_iter().map(|one| Setting {
        parameter: one.name,
        value: one.value,
        line: one.line,
        service: None,
    });
    let options = master_cf.services().flat_map(|service| {
        service.options.iter().map(|set| Setting {
            parameter: set.name.clone(),
            value: set.value.clone(),
            line: set.line,
            service: Some(service.label()),
        })
    });
    main.chain(options).collect()
}

/// The tables in a value, also those within another one (`pipemap:{…}`).
fn tables(value: &str) -> Vec<String> {
    let inner = value.replace(['{', '}'], " ");
    items(&inner).into_iter().filter(|item| SOME.contains(&kind(item))).map(str::to_owned).collect()
}

/// Whether types are to be asked for: a host that names no other type than the one that its Postfix was built with has it.
pub fn is_in_doubt(main_cf: &MainCf, master_cf: &MasterCf, default: &str) -> bool {
    main_cf.get(DEFAULT).is_some()
        || settings(main_cf, master_cf)
            .iter()
            .flat_map(|setting| tables(&setting.value))
            .any(|table| kind(&table) != default)
}

/// The tables that no program of this Postfix can open. `types`: those that it has. With its redirection on, Postfix 3.11
/// opens another table where hash: or btree: is named (NON_BERKELEYDB_README).
pub fn lacking(main_cf: &MainCf, master_cf: &MasterCf, types: &[String]) -> Vec<Lacking> {
    let level = main_cf.get("non_bdb_migration_level").unwrap_or_default();
    let redirected = |kind: &str| level.starts_with("enable-") && ["hash", "btree"].contains(&kind);
    let is_there = |kind: &str| types.iter().any(|known| known == kind) || redirected(kind);
    let mut all = Vec::new();
    for setting in settings(main_cf, master_cf) {
        // The default may stand in other values, and is the place to mend then.
        let named = match setting.parameter.as_str() {
            DEFAULT => vec![setting.value.clone()],
            _ => tables(&setting.value),
        };
        for table in named.into_iter().filter(|table| !is_there(kind(table))) {
            let place = match &setting.service {
                Some(service) => format!("master.cf line {}, {service}", setting.line),
                None => format!("main.cf line {}", setting.line),
            };
            let parameter = setting.parameter.clone();
            all.push(Lacking { parameter, table, place, owner: None, setting: setting.clone() });
        }
    }
    all
}

/// The type to use where the default is not there: the first that is, of those that one file keeps.
pub fn instead(types: &[String]) -> &'static str {
    ["lmdb", "hash", "btree"]
        .into_iter()
        .find(|kind| types.iter().any(|known| known == kind))
        .unwrap_or("texthash")
}

impl Lacking {
    /// Whether main.cf names the table no more once it has this value of this parameter.
    pub fn ends_by(&self, parameter: &str, value: &str) -> bool {
        self.setting.service.is_none() && self.parameter == parameter && !tables(value).contains(&self.table)
    }

    /// The fault, in words.
    pub fn text(&self) -> String {
        let Self { parameter, table, place, .. } = self;
        format!("{parameter} names {table} ({place}), and this Postfix has no tables of type {}", kind(table))
    }

    /// The commands that make it a table of another type. relayhost does not type them: postmap, called by root, writes
    /// beside whatever the source is. `edits`: whether postconf edits master.cf (Postfix 2.11 and later).
    pub fn remedy(&self, to: &str, edits: bool) -> String {
        let (parameter, value) = (&self.parameter, &self.setting.value);
        let from = kind(&self.table);
        if parameter == DEFAULT {
            return format!("`postconf -e {}`, then `postfix reload`", typed(format!("{DEFAULT}={to}")));
        }
        if !is_built(&self.table) {
            return format!("`yum install {}`, then `postfix reload`", typed(format!("postfix-{from}")));
        }
        let mut steps = Vec::new();
        if let Some(path) = path_of(&self.table).filter(|_| to != "texthash") {
            let program = if OF_ALIASES.contains(&parameter.as_str()) { "postalias" } else { "postmap" };
            let table = typed(format!("{to}:{path}"));
            steps.push(match &self.owner {
                Some(owner) => format!("`runuser -u {} -- {program} {table}`", typed(owner.clone())),
                None => format!("`{program} {table}`"),
            });
        }
        let value = value.replace(&format!("{from}:"), &format!("{to}:"));
        steps.push(match &self.setting.service {
            None => format!("`postconf -e {}`", typed(format!("{parameter}={value}"))),
            Some(service) if edits => {
                format!("`postconf -P {}`", typed(format!("{service}/{parameter}={value}")))
            }
            Some(_) => {
                format!("write {to}: for {from}: in line {} of /etc/postfix/master.cf", self.setting.line)
            }
        });
        let package = if ["lmdb", "cdb"].contains(&from) {
            format!("; or `yum install {}`", typed(format!("postfix-{from}")))
        } else {
            String::new()
        };
        format!("{}, then `postfix reload`{package}", steps.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "alias_maps = hash:/etc/aliases\nvirtual_alias_maps = proxy:hash:/etc/postfix/v, regexp:/r\n\
                        smtpd_client_restrictions = permit_mynetworks,\n  check_client_access btree:/etc/postfix/c\n\
                        x = pipemap:{hash:/a,lmdb:/b}\ncanonical_maps = pcre:/p\n";
    const MASTER: &str = "smtp unix - - n - - smtp\n  -o smtp_generic_maps=hash:/g\n";

    fn of(main: &str, types: &[&str]) -> Vec<Lacking> {
        let types: Vec<String> = types.iter().map(ToString::to_string).collect();
        lacking(&MainCf::new(main.as_bytes().to_vec()), &MasterCf::new(MASTER.as_bytes()), &types)
    }

    #[test]
    fn every_table_of_a_type_that_is_not_there_is_listed() {
        let named = |all: Vec<Lacking>| all.into_iter().map(|one| one.table).collect::<Vec<_>>().join(" ");
        assert_eq!(
            named(of(MAIN, &["lmdb", "regexp"])),
            "hash:/etc/aliases proxy:hash:/etc/postfix/v btree:/etc/postfix/c hash:/a pcre:/p hash:/g"
        );
        assert_eq!(named(of(MAIN, &["hash", "btree"])), "lmdb:/b pcre:/p");
        let redirected = format!("{MAIN}non_bdb_migration_level = enable-redirect\n");
        assert_eq!(named(of(&redirected, &["lmdb", "pcre"])), "");
        assert_eq!(named(of("default_database_type = hash\n", &["lmdb"])), "hash hash:/g");
    }

    #[test]
    fn a_new_value_ends_it_in_main_cf_and_not_in_master_cf() {
        let all = of("smtp_generic_maps = lmdb:/g, hash:/g\n", &["lmdb"]);
        for one in &all {
            let is_in_main_cf = one.place.starts_with("main.cf");
            assert_eq!(one.ends_by("smtp_generic_maps", "lmdb:/g"), is_in_main_cf, "{one:?}");
            assert!(
                !one.ends_by("smtp_generic_maps", "lmdb:/g, hash:/g") && !one.ends_by("x", ""),
                "{one:?}"
            );
        }
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn the_remedy_is_the_commands_that_convert_it() {
        let all = of(MAIN, &["lmdb"]);
        let remedy = |table: &str| all.iter().find(|one| one.table == table).unwrap().remedy("lmdb", true);
        assert_eq!(
            remedy("hash:/etc/aliases"),
            "`postalias lmdb:/etc/aliases`, `postconf -e alias_maps=lmdb:/etc/aliases`, then `postfix reload`"
        );
        assert_eq!(
            remedy("proxy:hash:/etc/postfix/v"),
            "`postmap lmdb:/etc/postfix/v`, `postconf -e 'virtual_alias_maps=proxy:lmdb:/etc/postfix/v, regexp:/r'`, \
             then `postfix reload`"
        );
        assert_eq!(
            remedy("hash:/g"),
            "`postmap lmdb:/g`, `postconf -P smtp/unix/smtp_generic_maps=lmdb:/g`, then `postfix reload`"
        );
        assert_eq!(remedy("pcre:/p"), "`yum install postfix-pcre`, then `postfix reload`");
        let theirs = Lacking { owner: Some("mailman".into()), ..all[0].clone() };
        assert!(theirs.remedy("lmdb", true).starts_with("`runuser -u mailman -- postalias lmdb:"));
    }

    #[test]
    fn types_are_asked_for_only_where_another_one_is_named() {
        let doubt = |main: &str, default| {
            is_in_doubt(&MainCf::new(main.as_bytes().to_vec()), &MasterCf::new(MASTER.as_bytes()), default)
        };
        assert!(!doubt("a = hash:/x\nb = regexp:/y\n", "hash"));
        assert!(doubt("a = hash:/x\n", "lmdb") && doubt("a = cdb:/x\n", "hash"));
        assert!(doubt("default_database_type = hash\n", "hash"));
    }
}
