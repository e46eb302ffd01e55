//! main.cf and master.cf of a Postfix beside the host's own, which has one fallback relay within reach and no other.

use std::path::Path;

use super::maincf::MainCf;

/// Where main.cf's `config_directory` leads on a host.
const CONFIG: &str = "/etc/postfix";

/// What would lead a message past the relays, or to others; what would be written outside of the directory; and notices to the
/// postmaster, which would be mail too.
const OFF: [&str; 15] = [
    "sender_dependent_relayhost_maps",
    "sender_dependent_default_transport_maps",
    "transport_maps",
    "content_filter",
    "always_bcc",
    "sender_bcc_maps",
    "recipient_bcc_maps",
    "notify_classes",
    "smtp_tls_session_cache_database",
    "smtpd_tls_session_cache_database",
    "lmtp_tls_session_cache_database",
    "smtp_sasl_auth_cache_name",
    "address_verify_map",
    "postscreen_cache_map",
    "multi_instance_directories",
];

/// The service that takes what bounce(8) writes, and sends none of it.
const UNSENT: &str = "unsent unix n - n - 0 cleanup -o header_checks=static:DISCARD -o non_smtpd_milters=";

/// The options by which bounce(8) hands it what it writes.
const BOUNCE: &str = " -o cleanup_service_name=unsent -o internal_mail_filter_classes=bounce,notify";

/// Its place, and the relays that it asks.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// The directory that has everything of it: `config`, `queue`, `data` and `log`.
    pub directory: &'a Path,
    /// A next hop at which nobody answers, in the first relay's place.
    pub nobody: &'a str,
    /// The next hop of the fallback relay.
    pub fallback: &'a str,
    /// The host's queue directory, to which the paths of milters' sockets are relative.
    pub queue: &'a str,
}

impl Beside<'_> {
    /// Its main.cf, made of the host's.
    pub fn main_cf(&self, of_host: &[u8]) -> Vec<u8> {
        let mut file = MainCf::new(placed(&String::from_utf8_lossy(of_host)).into_bytes());
        let within = |name: &str| self.directory.join(name).display().to_string();
        for (name, value) in [
            ("config_directory", within("config")),
            ("queue_directory", within("queue")),
            ("process_id_directory", "pid".into()),
            ("data_directory", within("data")),
            ("maillog_file", within("log/maillog")),
            ("maillog_file_prefixes", within("log")),
            ("relayhost", self.nobody.to_owned()),
            ("smtp_fallback_relay", self.fallback.to_owned()),
        ] {
            file.set(name, &value);
        }
        // tlsmgr(8) writes it.
        if file.get("tls_random_exchange_name").is_some() {
            file.set("tls_random_exchange_name", "${data_directory}/prng_exch");
        }
        if let Some(milters) = file.get("non_smtpd_milters") {
            file.set("non_smtpd_milters", &at_sockets(&milters, self.queue));
        }
        for name in OFF {
            // The default of all others is empty, and an older Postfix does not know each.
            if name == "notify_classes" || file.get(name).is_some() {
                file.set(name, "");
            }
        }
        file.bytes().to_vec()
    }
}

/// Its master.cf, made of the host's services as `postconf -M` shows them: without those of the network, whose ports the host's
/// own Postfix has; outside of a chroot, since the directories for one are the host's; with a log of its own; and what bounce(8)
/// would send stays here.
pub fn master_cf(services: &str) -> String {
    let (mut text, mut is_kept, mut has_log) = (String::new(), false, false);
    for line in placed(services).lines() {
        if line.starts_with([' ', '\t']) {
            // An option of the service above.
            text += &if is_kept { format!("{line}\n") } else { String::new() };
            continue;
        }
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [name, kind, private, unprivileged, _, wakeup, limit, command, options @ ..] = columns.as_slice()
        else {
            continue;
        };
        is_kept = !matches!(*kind, "inet" | "pass");
        has_log |= *name == "postlog";
        if is_kept {
            let unsent = if *command == "bounce" { BOUNCE } else { "" };
            let more = if options.is_empty() { String::new() } else { format!(" {}", options.join(" ")) };
            text += &format!(
                "{name} {kind} {private} {unprivileged} n {wakeup} {limit} {command}{unsent}{more}\n"
            );
        }
    }
    if !has_log {
        text += "postlog unix-dgram n - n - 1 postlogd\n";
    }
    text + UNSENT + "\n"
}

/// Milters, whose sockets are where the host has them: `unix:` and `local:` take a path that is relative to the queue directory.
fn at_sockets(milters: &str, queue: &str) -> String {
    ["unix:", "local:"].iter().fold(milters.to_owned(), |text, kind| {
        let mut parts = text.split(kind);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, rest| {
            let before = if rest.starts_with('/') { String::new() } else { format!("{queue}/") };
            format!("{text}{kind}{before}{rest}")
        })
    })
}

/// The text, in which what is relative to the host's configuration directory stays there.
fn placed(text: &str) -> String {
    let names = ["$config_directory", "${config_directory}", "$(config_directory)"];
    names.iter().fold(text.to_owned(), |text, name| text.replace(name, CONFIG))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_relay_is_out_of_reach_and_nothing_leads_past_the_second() {
        let of_host = "relayhost = [a.example.com]:587\nqueue_directory = /var/spool/postfix\n\
            smtp_sasl_password_maps = hash:${config_directory}/sasl_passwd\ntransport_maps = hash:/etc/postfix/transport,\n  \
            hash:/etc/postfix/more\nalways_bcc = copy@example.com\n\
            smtpd_tls_session_cache_database = btree:/var/lib/postfix/smtpd_scache\ntls_random_exchange_name = /x/prng\n\
            non_smtpd_milters = unix:opendkim/sock, local:/run/x, inet:localhost:8891\n";
        let beside = Beside {
            directory: Path::new("/d"),
            nobody: "[127.0.0.1]:1",
            fallback: "[b.example.com]:25",
            queue: "/q",
        };
        let text = String::from_utf8(beside.main_cf(of_host.as_bytes())).unwrap();
        for line in [
            "relayhost = [127.0.0.1]:1\n",
            "smtp_fallback_relay = [b.example.com]:25\n",
            "queue_directory = /d/queue\n",
            "data_directory = /d/data\n",
            "maillog_file = /d/log/maillog\n",
            "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd\n",
            "transport_maps =\n",
            "always_bcc =\n",
            "notify_classes =\n",
            "smtpd_tls_session_cache_database =\n",
            "tls_random_exchange_name = ${data_directory}/prng_exch\n",
            "non_smtpd_milters = unix:/q/opendkim/sock, local:/run/x, inet:localhost:8891\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(
            !text.contains("a.example.com") && !text.contains("more") && !text.contains("copy@"),
            "{text}"
        );
    }

    #[test]
    fn no_port_no_chroot_and_no_bounce() {
        let services = "smtp       inet  n       -       y       -       -       smtpd\n    -o a=b\n\
            pickup     unix  n       -       y       60      1       pickup\n    -o content_filter=\n    -o c=d e f g h i j k\n\
            bounce     unix  -       -       y       -       0       bounce -o x=y\n";
        assert_eq!(
            master_cf(services),
            "pickup unix n - n 60 1 pickup\n    -o content_filter=\n    -o c=d e f g h i j k\n\
             bounce unix - - n - 0 bounce -o cleanup_service_name=unsent -o internal_mail_filter_classes=bounce,notify -o x=y\n\
             postlog unix-dgram n - n - 1 postlogd\n\
             unsent unix n - n - 0 cleanup -o header_checks=static:DISCARD -o non_smtpd_milters=\n"
        );
    }
}
