//! journald's two forms: the datagram that it takes (systemd's docs/JOURNAL_NATIVE_PROTOCOL.md), and the objects that
//! `journalctl -o json` prints (docs/JOURNAL_EXPORT_FORMATS.md). Text in, text out; sockets and programs are `sys`'s.

use serde_json::{Map, Value};

use crate::model::text;

/// What our records have in common, so that `journalctl MESSAGE_ID=…` finds them on every host. Never changes.
pub const MESSAGE_ID: &str = "22c6a1e1f7224e53a99fe811fe528689";

/// How much a record matters (syslog(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// It failed, and somebody has to do something.
    Error = 3,
    /// It did not work yet.
    Warning = 4,
    /// It is done.
    Info = 6,
}

/// A record for the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub priority: Priority,
    /// For people.
    pub message: String,
    /// For programs: names of upper-case letters and `_`, and their values. Empty ones are left out.
    pub fields: Vec<(&'static str, String)>,
}

impl Notice {
    /// What the JSON document of a run (`model::record`) comes to.
    pub fn of(document: &Value) -> Self {
        let at = |path: &str| document.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let first = |paths: &[&str]| {
            paths.iter().map(|path| at(path)).find(|text| !text.is_empty()).unwrap_or_default()
        };
        let exit = document["exit"].as_u64().unwrap_or_default();
        // What a probe found counts where it kept the run from going on.
        let by_probe = exit != 0 && document.pointer("/delivery").is_none();
        let probed = |path: &str| if by_probe { at(path) } else { String::new() };
        let or_probed = |text: String, path: &str| if text.is_empty() { probed(path) } else { text };
        let mut cause = or_probed(first(&["/delivery/cause/text", "/error/text"]), "/probe/cause/text");
        let mut remedy =
            or_probed(first(&["/delivery/cause/remedy", "/error/remedy"]), "/probe/cause/remedy");
        let differing = findings(document, &["differs", "warning"]);
        if let (true, Some((_, mends))) = (cause.is_empty(), differing.first()) {
            cause = differing.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>().join("; ");
            remedy.clone_from(mends);
        }
        let names: Vec<&str> = differing.iter().filter_map(|(what, _)| what.split(": ").next()).collect();
        let message = match (cause.as_str(), at("/delivery/reply"), at("/result")) {
            ("", reply, _) if !reply.is_empty() => {
                format!("mail leaves: {} said: {reply}", at("/delivery/relay"))
            }
            ("", _, result) if !result.is_empty() => result,
            ("", ..) => "nothing to do: the host is as the answers say".into(),
            _ if !names.is_empty() => format!("not as the answers say: {}", names.join(", ")),
            (cause, ..) if document["undone"] == true => {
                format!("{cause}; the configuration is again what it was before")
            }
            (cause, ..) => cause.to_owned(),
        };
        Self {
            priority: match exit {
                0 if cause.is_empty() => Priority::Info,
                // Ended by a signal: somebody wanted that, and it is not done.
                0 | 3 | 5 | 6 | 129 | 130 | 143 => Priority::Warning,
                _ => Priority::Error,
            },
            message: text::one_line(&message.replace('\n', " ")),
            fields: vec![
                ("RELAYHOST_COMMAND", at("/command")),
                ("RELAYHOST_EXIT", exit.to_string()),
                ("RELAYHOST_CAUSE", cause),
                ("RELAYHOST_CAUSE_ID", or_probed(at("/delivery/cause/id"), "/probe/cause/id")),
                ("RELAYHOST_REMEDY", remedy),
                ("RELAYHOST_RELAY", at("/delivery/relay")),
                ("RELAYHOST_QUEUE_ID", at("/delivery/queue_id")),
            ],
        }
    }

    /// The datagram. A value that has several lines is given with its length.
    pub fn datagram(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let priority = (self.priority as u8).to_string();
        let own = [
            ("MESSAGE", self.message.as_str()),
            ("MESSAGE_ID", MESSAGE_ID),
            ("PRIORITY", &priority),
            ("SYSLOG_IDENTIFIER", env!("CARGO_PKG_NAME")),
        ];
        let fields = self.fields.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in own.into_iter().chain(fields).filter(|(_, value)| !value.is_empty()) {
            let value = text::harmless(value);
            bytes.extend(name.as_bytes());
            if value.contains('\n') {
                bytes.push(b'\n');
                bytes.extend((value.len() as u64).to_le_bytes());
            } else {
                bytes.push(b'=');
            }
            bytes.extend(value.as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }
}

/// What was found to be in one of these states, with its remedy.
fn findings(document: &Value, states: &[&str]) -> Vec<(String, String)> {
    let all = document["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    all.iter()
        .filter(|finding| states.iter().any(|state| finding["state"] == *state))
        .map(|finding| {
            (format!("{}: {}", text(finding, "id"), text(finding, "found")), text(finding, "remedy"))
        })
        .collect()
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal.
    pub cursor: String,
    /// As a line of a mail log: `HOST NAME[PID]: TEXT`.
    pub line: String,
    /// What the sender said that it is: anything.
    name: String,
    /// Whose process sent it, which program that was, and by which file, as journald knows from the kernel and nobody
    /// can say otherwise (systemd.journal-fields(7), "Trusted Journal Fields").
    uid: Option<u32>,
    comm: String,
    exe: String,
}

/// Bytes of a process's name that the kernel keeps, without the one at the end (proc(5)).
const COMM: usize = 15;

impl Entry {
    /// A line of `journalctl -o json`. `None` for what is none.
    pub fn parse(line: &str) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_str(line).ok()?;
        let field = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let pid = [field("SYSLOG_PID"), field("_PID")].into_iter().find(|pid| !pid.is_empty())?;
        let (host, name) = (field("_HOSTNAME"), field("SYSLOG_IDENTIFIER"));
        let message = message(object.get("MESSAGE")?)?;
        Some(Self {
            cursor: field("__CURSOR").to_owned(),
            line: format!("{host} {name}[{pid}]: {message}"),
            name: name.to_owned(),
            uid: field("_UID").parse().ok(),
            comm: field("_COMM").to_owned(),
            exe: field("_EXE").to_owned(),
        })
    }

    /// Whether root sent it.
    pub fn is_of_root(&self) -> bool {
        self.uid == Some(0)
    }

    /// Whether a daemon of Postfix sent it, which runs as root or as `owner` (`mail_owner`), and is what it says it is.
    /// Facility and identifier prove nothing: every user can send any.
    pub fn is_of_postfix(&self, owner: u32) -> bool {
        let Some((_, daemon)) = self.name.rsplit_once('/') else { return false };
        let is_daemon = |program: &str, known: &str| !program.is_empty() && program == known;
        let file = self.exe.rsplit('/').next().unwrap_or_default();
        (self.is_of_root() || self.uid == Some(owner))
            && (is_daemon(&self.comm, daemon.get(..COMM).unwrap_or(daemon))
                // What an upgrade has replaced runs on.
                || is_daemon(file.trim_end_matches(" (deleted)"), daemon))
    }

    /// Whether journald sent it: that lines were dropped, say.
    pub fn is_of_journald(&self) -> bool {
        self.is_of_root() && self.comm == "systemd-journal"
    }
}

/// Text that is not UTF-8, or has control characters, comes as numbers.
fn message(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(numbers) => {
            let bytes: Option<Vec<u8>> =
                numbers.iter().map(|number| u8::try_from(number.as_u64()?).ok()).collect();
            Some(String::from_utf8_lossy(&bytes?).into_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_of_several_lines_has_its_length_in_front() {
        let notice = Notice {
            priority: Priority::Warning,
            message: "not yet".into(),
            fields: vec![("RELAYHOST_CAUSE", "a\nb".into()), ("RELAYHOST_REMEDY", String::new())],
        };
        let mut expected = Vec::from(format!(
            "MESSAGE=not yet\nMESSAGE_ID={MESSAGE_ID}\nPRIORITY=4\nSYSLOG_IDENTIFIER=relayhost\nRELAYHOST_CAUSE\n"
        ));
        expected.extend([3, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend(b"a\nb\n");
        assert_eq!(notice.datagram(), expected);
    }

    #[test]
    fn no_value_can_bring_a_field_of_its_own() {
        let notice = Notice { priority: Priority::Info, message: "x\nPRIORITY=0".into(), fields: vec![] };
        assert!(notice.datagram().starts_with(b"MESSAGE\n\x0c\0\0\0\0\0\0\0x\nPRIORITY=0\nMESSAGE_ID="));
        let escape =
            Notice { priority: Priority::Info, message: "\u{1b}[2J\0".into(), fields: vec![] }.datagram();
        assert!(escape.starts_with(b"MESSAGE=?[2J?\n"));
    }

    #[test]
    fn a_run_tells_cause_remedy_and_exit_status() {
        let field = |notice: &Notice, name: &str| {
            notice.fields.iter().find(|(known, _)| *known == name).unwrap().1.clone()
        };
        let refused = json!({
            "command": "pending", "exit": 7, "undone": true,
            "delivery": { "queue_id": "A1", "cause": { "id": "wrong-password", "text": "refused", "remedy": "correct it" } },
        });
        let notice = Notice::of(&refused);
        assert_eq!(notice.priority, Priority::Error);
        assert_eq!(notice.message, "refused; the configuration is again what it was before");
        for (name, value) in [
            ("RELAYHOST_EXIT", "7"),
            ("RELAYHOST_CAUSE", "refused"),
            ("RELAYHOST_CAUSE_ID", "wrong-password"),
            ("RELAYHOST_REMEDY", "correct it"),
            ("RELAYHOST_QUEUE_ID", "A1"),
        ] {
            assert_eq!(field(&notice, name), value);
        }
        let vetoed = Notice::of(&json!({
            "exit": 4, "probe": { "cause": { "id": "wrong-password", "text": "refused", "remedy": "correct it" } },
        }));
        assert_eq!((vetoed.priority, vetoed.message.as_str()), (Priority::Error, "refused"));
        assert_eq!(field(&vetoed, "RELAYHOST_CAUSE_ID"), "wrong-password");
        assert_eq!(field(&vetoed, "RELAYHOST_REMEDY"), "correct it");
        let error = Notice::of(&json!({ "exit": 1, "error": { "text": "a\nb", "remedy": "do" } }));
        assert_eq!((error.message.as_str(), field(&error, "RELAYHOST_CAUSE")), ("a b", "a\nb".into()));
        let ended = json!({ "exit": 143, "error": { "text": "ended by SIGTERM\nnothing was changed", "remedy": "do" } });
        assert_eq!(Notice::of(&ended).priority, Priority::Warning);
        let drifted = json!({ "exit": 3, "findings": [
            { "id": "a", "state": "fine", "found": "x", "remedy": null },
            { "id": "b", "state": "differs", "found": "y", "remedy": "relayhost apply" },
        ] });
        let drifted = Notice::of(&drifted);
        assert_eq!(
            (drifted.priority, drifted.message.as_str()),
            (Priority::Warning, "not as the answers say: b")
        );
        assert_eq!(field(&drifted, "RELAYHOST_REMEDY"), "relayhost apply");
        let good = Notice::of(&json!({ "exit": 0, "delivery": { "relay": "[r]:587", "reply": "250 ok" } }));
        assert_eq!(
            (good.priority, good.message.as_str()),
            (Priority::Info, "mail leaves: [r]:587 said: 250 ok")
        );
    }

    /// As `journalctl -o json` of systemd 252 prints what smtp(8) says.
    const OF_SMTP: &str = r#"{"_SYSTEMD_CGROUP":"/system.slice/postfix.service","_GID":"89","__MONOTONIC_TIMESTAMP":"61243433","_SYSTEMD_UNIT":"postfix.service","SYSLOG_FACILITY":"2","_PID":"421","_EXE":"/usr/libexec/postfix/smtp","__CURSOR":"s=1;i=2","_COMM":"smtp","_TRANSPORT":"syslog","SYSLOG_PID":"421","PRIORITY":"6","_UID":"89","_CMDLINE":"smtp -t unix -u","SYSLOG_TIMESTAMP":"Nov 28 12:00:00 ","_HOSTNAME":"h","SYSLOG_IDENTIFIER":"postfix/smtp","_BOOT_ID":"0","MESSAGE":"A1B2C: to=<ops@example.com>"}"#;

    #[test]
    fn only_what_the_kernel_says_of_the_sender_is_believed() {
        let is_of_postfix = |line: &str| Entry::parse(line).unwrap().is_of_postfix(89);
        assert!(is_of_postfix(OF_SMTP));
        assert!(is_of_postfix(&OF_SMTP.replace(r#""_UID":"89""#, r#""_UID":"0""#)));
        assert!(is_of_postfix(&OF_SMTP.replace(r#""_COMM":"smtp","#, "")));
        let upgraded = OF_SMTP
            .replace(r#""_COMM":"smtp","#, "")
            .replace("postfix/smtp\",\"__", "postfix/smtp (deleted)\",\"__");
        assert!(is_of_postfix(&upgraded), "{upgraded}");
        let long = OF_SMTP.replace("postfix/smtp\",\"_BOOT", "postfix/trivial-rewrites\",\"_BOOT");
        assert!(is_of_postfix(&long.replace(r#""_COMM":"smtp""#, r#""_COMM":"trivial-rewrite""#)));
        for (from, to) in [
            (r#""_UID":"89""#, r#""_UID":"65534""#),
            (r#""_UID":"89","#, ""),
            (r#""_UID":"89""#, r#""_UID":["89"]"#),
            (r#""_UID":"89","#, r#""UID":"0","OBJECT_UID":"0","SYSLOG_UID":"89","#),
            (r#""_COMM":"smtp","#, r#""_COMM":"logger","#),
            (r#""_COMM":"smtp","_TRANSPORT""#, r#""_COMM":"","COMM":"smtp","_TRANSPORT""#),
            (r#""SYSLOG_IDENTIFIER":"postfix/smtp""#, r#""SYSLOG_IDENTIFIER":"smtp""#),
            (r#""SYSLOG_IDENTIFIER":"postfix/smtp""#, r#""SYSLOG_IDENTIFIER":"postfix/cleanup""#),
        ] {
            let other = OF_SMTP.replace(from, to).replace("/usr/libexec/postfix/smtp", "/usr/bin/logger");
            assert_ne!(other, OF_SMTP);
            assert!(!is_of_postfix(&other), "{other}");
        }
    }

    #[test]
    fn an_entry_is_a_line_of_a_mail_log() {
        let line = r#"{"__CURSOR":"s=1;i=2","_HOSTNAME":"h","SYSLOG_IDENTIFIER":"postfix/qmgr","SYSLOG_PID":"7","_PID":"8","MESSAGE":"A1: removed"}"#;
        let entry = Entry::parse(line).unwrap();
        assert_eq!(
            (entry.cursor.as_str(), entry.line.as_str()),
            ("s=1;i=2", "h postfix/qmgr[7]: A1: removed")
        );
        let bytes = line.replace("\"A1: removed\"", "[65,255,66]");
        assert_eq!(Entry::parse(&bytes).unwrap().line, "h postfix/qmgr[7]: A\u{fffd}B");
        assert_eq!(Entry::parse(&line.replace("\"A1: removed\"", "null")), None);
        assert_eq!(Entry::parse("-- cursor: s=1"), None);
    }
}
