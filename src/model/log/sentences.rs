//! Postfix's own sentences, by their beginnings. Whoever has to know what Postfix says asks here: the reader of pieces, the
//! witness of a process, the judge of how far an attempt got. The places in them after which a stranger's words follow
//! are in `strangers`.

use super::line::SEVERITIES;
use crate::model::causes::catalogue::Stage;

/// What a sentence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    /// A reason with which an attempt ends.
    Reason,
    /// A line about trouble, before the record of an attempt.
    Line,
    /// Both.
    Both,
    /// A beginning that several sentences share.
    Kind,
}

/// The beginning of a sentence, what it is, and the stage at which an attempt was if it ends with it.
type Sentence = (&'static str, Is, Option<Stage>);

/// The sentences of smtp(8), qmgr(8) and bounce(8) (smtp_connect.c, smtp_proto.c, smtp_trouble.c, smtp_sasl_glue.c,
/// smtp_addr.c, tls_client.c, tls_verify.c, qmgr_deliver.c), and of the login plugins.
const SENTENCES: [Sentence; 36] = [
    ("CLIENT wrappermode", Is::Both, None),
    ("Cannot start TLS", Is::Reason, Some(Stage::Tls)),
    ("Host not found, try again", Is::Reason, None),
    ("Host or domain name not found", Is::Reason, Some(Stage::Dns)),
    ("Name service error ", Is::Kind, Some(Stage::Dns)),
    ("SASL ", Is::Kind, Some(Stage::Login)),
    ("SASL authentication failed", Is::Reason, Some(Stage::Login)),
    ("SASL authentication failure: ", Is::Reason, Some(Stage::Login)),
    ("SMTPS wrappermode", Is::Line, None),
    ("SSL_connect error", Is::Both, None),
    ("Server certificate ", Is::Reason, Some(Stage::Tls)),
    ("TLS ", Is::Kind, Some(Stage::Tls)),
    ("TLS is required, ", Is::Reason, Some(Stage::Tls)),
    ("TLS not available ", Is::Reason, Some(Stage::Tls)),
    ("[sasl-xoauth2] ", Is::Line, None),
    ("cannot load ", Is::Line, None),
    ("certificate ", Is::Line, None),
    ("certificate verification failed for ", Is::Both, None),
    ("connect to ", Is::Both, Some(Stage::Connect)),
    ("conversation with ", Is::Reason, Some(Stage::Greeting)),
    ("delivery temporarily suspended: ", Is::Reason, None),
    ("host ", Is::Reason, Some(Stage::Greeting)),
    ("lost connection with ", Is::Reason, Some(Stage::Greeting)),
    ("mail for ", Is::Reason, Some(Stage::Greeting)),
    ("mail transport unavailable", Is::Reason, None),
    ("message size ", Is::Reason, None),
    ("network is unreachable", Is::Reason, None),
    ("no mechanism available", Is::Reason, None),
    ("non DNSSEC destination", Is::Reason, None),
    ("sasl-xoauth2", Is::Line, None),
    ("server certificate ", Is::Line, None),
    ("server certificate verification failed", Is::Both, None),
    ("timed out while ", Is::Reason, None),
    ("unable to dlopen ", Is::Line, None),
    ("unable to look up host ", Is::Reason, Some(Stage::Dns)),
    ("unknown mail transport error", Is::Reason, None),
];

/// What smtp(8) was doing, or what a reply answered. It writes this last, after the relay's words.
const DOING: [(&str, Stage); 12] = [
    ("initial", Stage::Greeting),
    ("HELO", Stage::Greeting),
    ("EHLO", Stage::Greeting),
    ("LHLO", Stage::Greeting),
    ("STARTTLS", Stage::Tls),
    ("AUTH", Stage::Login),
    ("MAIL FROM", Stage::Sender),
    ("RCPT TO", Stage::Recipient),
    ("DATA", Stage::Message),
    ("message body", Stage::Message),
    ("end of data", Stage::Message),
    ("sending", Stage::Message),
];

fn beginning(words: &str) -> impl Iterator<Item = (Is, Option<Stage>)> {
    SENTENCES.iter().filter(move |(begins, ..)| words.starts_with(begins)).map(|(_, is, stage)| (*is, *stage))
}

/// Whether words begin like a reason with which an attempt ends.
pub fn is_reason(words: &str) -> bool {
    beginning(words).any(|(is, _)| is == Is::Reason || is == Is::Both)
}

/// Whether a line begins like one that reports trouble before the record of an attempt.
pub fn is_trouble(line: &str) -> bool {
    SEVERITIES.iter().any(|severity| line.starts_with(severity))
        || beginning(line).any(|(is, _)| is == Is::Line || is == Is::Both)
}

/// The stage at which an attempt was that ends with words which begin so.
pub fn stage_by_beginning(words: &str) -> Option<Stage> {
    beginning(words).find_map(|(_, stage)| stage)
}

/// The stage of what smtp(8) was doing, by the last words of its sentence.
pub fn stage_by_doing(doing: &str) -> Option<Stage> {
    DOING.iter().find(|(text, _)| doing.contains(text)).map(|(_, stage)| *stage)
}

/// The words with which an attempt ends after these: smtp(8) says what is wrong with a certificate before it gives the attempt
/// up (smtp_proto.c).
pub fn verdict_after(words: &str) -> Option<&'static str> {
    words.contains("certificate verification failed for ").then_some("Server certificate not trusted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log::scan::Scanner;

    #[test]
    fn what_a_sentence_is() {
        for (words, reason, line, stage) in [
            ("connect to r[192.0.2.1]:587: Connection refused", true, true, Some(Stage::Connect)),
            ("SASL authentication failed; server r[1] said: 535", true, false, Some(Stage::Login)),
            ("TLS library problem: x", false, false, Some(Stage::Tls)),
            ("warning: TLS library problem: x", false, true, None),
            ("certificate verification failed for r[1]:25: x", true, true, None),
            ("certificate peer name mismatch: x", false, true, None),
            ("removed", false, false, None),
        ] {
            let found = (is_reason(words), is_trouble(words), stage_by_beginning(words));
            assert_eq!(found, (reason, line, stage), "{words}");
        }
    }

    /// A large log is searched for few words: a line with a sentence must have one of them.
    #[test]
    fn the_search_finds_each_line_about_trouble() {
        let lines = SENTENCES
            .iter()
            .filter(|(_, is, _)| matches!(is, Is::Line | Is::Both))
            .map(|(begins, ..)| *begins);
        for begins in lines.chain(SEVERITIES) {
            // What cannot be loaded is a file of certificates.
            let line = format!("Nov 24 08:00:00 h postfix/smtp[1]: {begins}Certificate Authority data");
            let mut found = 0;
            Scanner::default().scan(line.as_bytes(), |_| found += 1);
            assert_eq!(found, 1, "{begins}");
        }
    }
}
