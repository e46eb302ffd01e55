//! The forms that a line of Postfix comes in.

/// A dress: puts a program and a text into the form of another program. Then whether that form has a time, and whether it
/// has a host.
pub type Dress = (&'static str, fn(&str, &str) -> String, bool, bool);

pub fn syslog(program: &str, text: &str) -> String {
    format!("Nov 24 08:00:00 h postfix/{program}[7]: {text}")
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// A line broken between words, as a mail program does.
fn wrapped(line: &str, width: usize, quote: &str) -> String {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let last = lines.last_mut().unwrap();
        if last.len() + word.len() >= width && !last.is_empty() {
            lines.push(word.to_owned());
        } else {
            *last = if last.is_empty() { word.to_owned() } else { format!("{last} {word}") };
        }
    }
    lines.iter().flat_map(|line| [quote, line, "\n"]).collect()
}

fn terminal(line: &str, width: usize) -> String {
    let chunks: Vec<&str> =
        line.as_bytes().chunks(width).map(|bytes| std::str::from_utf8(bytes).unwrap()).collect();
    chunks.join("\n") + "\n"
}

pub const DRESSES: [Dress; 47] = [
    ("plain", syslog, true, true),
    ("PRI", |p, t| format!("<22>{}", syslog(p, t)), true, true),
    ("RFC 5424", |p, t| format!("<22>1 2026-11-24T08:00:00.1Z h postfix/{p} 7 - - {t}"), true, true),
    (
        "RFC 5424 with data",
        |p, t| format!("<22>1 2026-11-24T09:00:00+01:00 h postfix/{p} 7 - [a b=\"c\"] \u{feff}{t}"),
        true,
        true,
    ),
    ("ISO", |p, t| format!("2026-11-24T09:00:00.123456+01:00 h postfix/{p}[7]: {t}"), true, true),
    ("year first", |p, t| format!("2026 Nov 24 08:00:00 h postfix/{p}[7]: {t}"), true, true),
    ("year last", |p, t| format!("Nov 24 2026 08:00:00 h postfix/{p}[7]: {t}"), true, true),
    ("slashes", |p, t| format!("2026/11/24 08:00:00 h postfix/{p}[7]: {t}"), true, true),
    ("Solaris", |p, t| format!("Nov 24 08:00:00 h postfix/{p}[7]: [ID 197553 mail.info] {t}"), true, true),
    ("busybox", |p, t| format!("Nov 24 08:00:00 h mail.info postfix/{p}[7]: {t}"), true, true),
    ("level", |p, t| format!("2026-11-24T08:00:00.1+00:00 INFO    postfix/{p}[7]: {t}"), true, false),
    ("level alone", |p, t| format!("WARNING postfix/{p}[7]: {t}"), false, false),
    ("nothing before", |p, t| format!("postfix/{p}[7]: {t}"), false, false),
    ("no process", |p, t| format!("Nov 24 08:00:00 h postfix/{p}: {t}"), true, true),
    ("no colon", |p, t| format!("INFO    postfix/{p}[7] {t}"), false, false),
    ("other syslog name", |p, t| format!("Nov 24 08:00:00 h postfix-out/{p}[7]: {t}"), true, true),
    ("nested name", |p, t| format!("Nov 24 08:00:00 h postfix/submission/{p}[7]: {t}"), true, true),
    ("journal short-full", |p, t| format!("Tue 2026-11-24 08:00:00 UTC h postfix/{p}[7]: {t}"), true, true),
    ("journal short-unix", |p, t| format!("1795507200.123456 h postfix/{p}[7]: {t}"), true, true),
    ("journal short-iso", |p, t| format!("2026-11-24T08:00:00+0000 h postfix/{p}[7]: {t}"), true, true),
    ("monotonic", |p, t| format!("[1795507200.123456] h postfix/{p}[7]: {t}"), true, true),
    ("dmesg -T", |p, t| format!("[Tue Nov 24 08:00:00 2026] h postfix/{p}[7]: {t}"), true, true),
    (
        "journal verbose",
        |p, t| {
            format!(
                "Tue 2026-11-24 08:00:00.123456 UTC [s=a;i=1;b=2;m=3;t=4;x=5]\n    PRIORITY=6\n    _HOSTNAME=h\n    SYSLOG_IDENTIFIER=postfix/{p}\n    _PID=7\n    MESSAGE={t}"
            )
        },
        true,
        true,
    ),
    (
        "journal export",
        |p, t| {
            format!(
                "__CURSOR=s=a;i=1\n__REALTIME_TIMESTAMP=1795507200123456\n_HOSTNAME=h\nSYSLOG_IDENTIFIER=postfix/{p}\n_PID=7\nMESSAGE={t}\n"
            )
        },
        true,
        true,
    ),
    (
        "journal json",
        |p, t| {
            format!(
                "{{\"__REALTIME_TIMESTAMP\":\"1795507200123456\",\"_HOSTNAME\":\"h\",\"SYSLOG_IDENTIFIER\":\"postfix/{p}\",\"_PID\":\"7\",\"MESSAGE\":\"{}\"}}",
                quoted(t)
            )
        },
        true,
        true,
    ),
    (
        "journal json-pretty",
        |p, t| {
            format!(
                "{{\n\t\"__REALTIME_TIMESTAMP\" : \"1795507200123456\",\n\t\"_HOSTNAME\" : \"h\",\n\t\"SYSLOG_IDENTIFIER\" : \"postfix/{p}\",\n\t\"_PID\" : \"7\",\n\t\"MESSAGE\" : \"{}\"\n}}",
                quoted(t)
            )
        },
        true,
        true,
    ),
    (
        "journal json-sse",
        |p, t| {
            format!(
                "data: {{\"__REALTIME_TIMESTAMP\":\"1795507200123456\",\"_HOSTNAME\":\"h\",\"SYSLOG_IDENTIFIER\":\"postfix/{p}\",\"_PID\":\"7\",\"MESSAGE\":\"{}\"}}\n",
                quoted(t)
            )
        },
        true,
        true,
    ),
    (
        "docker json",
        |p, t| {
            format!(
                "{{\"log\":\"{}\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-24T08:00:00.5Z\"}}",
                quoted(&syslog(p, t))
            )
        },
        true,
        true,
    ),
    ("compose", |p, t| format!("mail-1  | {}", syslog(p, t)), true, true),
    (
        "compose with level",
        |p, t| format!("postfix_1  | 2026-11-24T08:00:00.1+00:00 INFO    postfix/{p}[7]: {t}"),
        true,
        false,
    ),
    ("kubectl", |p, t| format!("[pod/postfix-0/postfix] {}", syslog(p, t)), true, true),
    ("kubernetes", |p, t| format!("2026-11-24T08:00:00.9Z stdout F {}", syslog(p, t)), true, true),
    (
        "CloudWatch",
        |p, t| {
            format!(
                "{{\"timestamp\":1795507200123,\"message\":\"{}\",\"ingestionTime\":1795507300000}}",
                quoted(&syslog(p, t))
            )
        },
        true,
        true,
    ),
    (
        "Loki",
        |p, t| {
            format!(
                "{{\"stream\":{{\"host\":\"h\",\"job\":\"varlogs\"}},\"values\":[[\"1795507200123456789\",\"{}\"]]}}",
                quoted(&syslog(p, t))
            )
        },
        true,
        true,
    ),
    (
        "Elastic",
        |p, t| {
            format!(
                "{{\"_source\":{{\"@timestamp\":\"2026-11-24T08:00:00.1Z\",\"host\":{{\"name\":\"h\"}},\"message\":\"{}\"}}}}",
                quoted(&syslog(p, t))
            )
        },
        true,
        true,
    ),
    (
        "colours",
        |p, t| {
            format!(
                "\u{1b}[32mNov 24 08:00:00\u{1b}[0m \u{1b}[36mh\u{1b}[0m \u{1b}[1mpostfix/{p}[7]\u{1b}[0m: {}",
                t.replace("status=", "\u{1b}[31mstatus\u{1b}[0m=")
            )
        },
        true,
        true,
    ),
    ("byte order mark and CRLF", |p, t| format!("\u{feff}{}\r", syslog(p, t)), true, true),
    ("tabs", |p, t| format!("Nov 24 08:00:00\th\tpostfix/{p}[7]:\t{t}"), true, true),
    ("grep -n", |p, t| format!("/var/log/maillog:12345:{}", syslog(p, t)), true, true),
    ("grep -n of one file", |p, t| format!("8731:{}", syslog(p, t)), true, true),
    (
        "quoted-printable",
        |p, t| {
            let line = syslog(p, t).replace('=', "=3D");
            format!(
                "Content-Transfer-Encoding: quoted-printable\n\n{}\n--x--\n",
                terminal(&line, 70).trim_end().replace('\n', "=\n")
            )
        },
        true,
        true,
    ),
    ("quoted twice", |p, t| format!(">> > {}", syslog(p, t)), true, true),
    ("a list, indented", |p, t| format!("    * {}", syslog(p, t)), true, true),
    (
        "a web page",
        |p, t| syslog(p, t).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        true,
        true,
    ),
    (
        "podman in the journal",
        |p, t| {
            format!(
                "Nov 24 07:00:00 m podman[991]: 2026-11-24 09:00:00.1 +0100 CET m=+0.1 container: {}",
                syslog(p, t)
            )
        },
        true,
        true,
    ),
    ("wrapped by a mail program, quoted", |p, t| wrapped(&syslog(p, t), 74, "> "), true, true),
    ("wrapped by a terminal", |p, t| terminal(&syslog(p, t), 132), true, true),
];
