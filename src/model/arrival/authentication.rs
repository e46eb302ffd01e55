//! What a receiver thinks of a message: the header `Authentication-Results` (RFC 8601).

use crate::model::text;

/// Most results that are read.
const MOST: usize = 20;
/// The name of a receiver that does not name itself.
const NAMELESS: &str = "the receiver";
/// The methods that are told, in this order.
const TOLD: [&str; 3] = ["spf", "dkim", "dmarc"];
/// The results that are told: those of RFC 8601 §2.7, and the words of Exchange Online.
const RESULTS: [&str; 11] = [
    "pass",
    "fail",
    "none",
    "neutral",
    "softfail",
    "hardfail",
    "policy",
    "temperror",
    "permerror",
    "bestguesspass",
    "skipped",
];

/// The results of one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    /// Its name (authserv-id).
    pub by: String,
    /// Method and result, in the order of the headers.
    pub results: Vec<(&'static str, &'static str)>,
}

impl Authentication {
    /// Reads the values of all headers of that name, the first on top. Those count whose name is that of the first: it stands
    /// nearest to the mailbox, and those of others below it came with the message.
    pub fn read<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut all: Option<Self> = None;
        for value in values {
            let Some(one) = Self::of_header(value) else { continue };
            match &mut all {
                None => all = Some(one),
                Some(first) if first.by.eq_ignore_ascii_case(&one.by) => first.results.extend(one.results),
                Some(_) => {}
            }
        }
        if let Some(all) = &mut all {
            all.results.truncate(MOST);
        }
        all
    }

    fn of_header(value: &str) -> Option<Self> {
        let plain = without_comments(value);
        let first = plain.split_whitespace().next()?.split(';').next()?;
        // Exchange Online leaves its own name out.
        let (by, unread) = if first.contains('=') { (NAMELESS, 0) } else { (first, 1) };
        // As it was written: a secret that stands in it is hidden in its own letters alone.
        let by = text::plain(text::clipped(by, 255));
        let parts = plain.split(';').skip(unread);
        let result = |part: &str| {
            let (method, result) = part.split_whitespace().next()?.split_once('=')?;
            let method = method.split('/').next().unwrap_or_default();
            Some((known(&TOLD, method)?, known(&RESULTS, result)?))
        };
        Some(Self { by, results: parts.filter_map(result).take(MOST).collect() })
    }

    /// The result of a method; of several signatures a good one counts.
    pub fn result(&self, method: &str) -> Option<&str> {
        let mut of_method =
            self.results.iter().filter(|(name, _)| *name == method).map(|(_, result)| *result);
        let first = of_method.next();
        if of_method.any(|result| result == "pass") { Some("pass") } else { first }
    }

    /// The results in a few words: `spf pass, dkim none, dmarc fail`.
    pub fn words(&self) -> String {
        let words = TOLD.map(|method| format!("{method} {}", self.result(method).unwrap_or("not told")));
        words.join(", ")
    }

    /// What is not as it should be, each in a sentence.
    pub fn faults(&self) -> Vec<&'static str> {
        TOLD.into_iter().filter_map(|method| Some(fault(method, self.result(method)?)).flatten()).collect()
    }
}

/// The word of the list that this is, in any case.
fn known(list: &[&'static str], word: &str) -> Option<&'static str> {
    list.iter().find(|one| one.eq_ignore_ascii_case(word)).copied()
}

fn fault(method: &str, result: &str) -> Option<&'static str> {
    Some(match (method, result) {
        (_, "pass" | "bestguesspass") => return None,
        ("spf", "none" | "neutral") => {
            "the sender's domain does not say in DNS which servers may send for it (SPF)"
        }
        ("spf", "temperror" | "permerror") => "the SPF record of the sender's domain could not be used",
        ("spf", _) => "by its SPF record the sender's domain does not send through this relay",
        ("dkim", "none") => "the message has no signature (DKIM)",
        ("dkim", "temperror" | "permerror") => "the key for the message's signature (DKIM) could not be used",
        ("dkim", _) => "the signature of the message (DKIM) does not fit it",
        ("dmarc", "none") => "the sender's domain has no policy (DMARC)",
        ("dmarc", "temperror" | "permerror") => "the policy of the sender's domain (DMARC) could not be used",
        (_, _) => "neither SPF nor DKIM bears out the sender's domain (DMARC)",
    })
}

/// A header's value without comments, which may be nested, and without the marks of quoted strings (RFC 5322 §3.2.2).
fn without_comments(value: &str) -> String {
    let (mut plain, mut depth, mut is_quoted, mut letters) = (String::new(), 0u32, false, value.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let next = letters.next().filter(|next| depth == 0 && !";=".contains(*next));
                plain.extend(next);
            }
            '"' if depth == 0 => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => {
                depth = depth.saturating_sub(1);
                plain.push(' ');
            }
            _ if depth > 0 => {}
            // A separator inside of quotes is none.
            ';' | '=' if is_quoted => plain.push(' '),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Authentication {
        Authentication::read(values.iter().copied()).unwrap()
    }

    #[test]
    fn headers_of_well_known_receivers_are_read() {
        // Gmail, Exchange Online, and Postfix with opendkim and opendmarc: forms of their documentation, with other names.
        let gmail = "mx.google.com;\r\n       dkim=pass header.i=@example.com header.s=s1 header.b=abc;\r\n       spf=pass \
            (google.com: domain of alerts@example.com designates 192.0.2.1 as permitted sender) smtp.mailfrom=alerts@example.com;\
            \r\n       dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.com";
        assert_eq!(read(&[gmail]).words(), "spf pass, dkim pass, dmarc pass");
        assert!(read(&[gmail]).faults().is_empty());
        let exchange = "spf=fail (sender IP is 192.0.2.1) smtp.mailfrom=example.com; dkim=none (message not signed) \
            header.d=none;dmarc=fail action=quarantine header.from=example.com;compauth=fail reason=000";
        let exchange = read(&[exchange]);
        assert_eq!(exchange.result("dmarc"), Some("fail"));
        let opendkim = "mx.example.org; dkim=fail reason=\"signature; verification=failed\" header.d=example.com; spf=softfail";
        let opendmarc = "MX.example.org; dmarc=fail (p=quarantine dis=none) header.from=example.com";
        let both = read(&[opendkim, opendmarc]);
        assert_eq!(
            (both.by.as_str(), both.words().as_str()),
            ("mx.example.org", "spf softfail, dkim fail, dmarc fail")
        );
        assert_eq!(both.faults().len(), 3);
    }

    #[test]
    fn exchange_online_names_itself_nowhere_and_its_first_result_counts() {
        let exchange = read(&[
            "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example; dkim=pass; dmarc=bestguesspass",
        ]);
        assert_eq!(exchange.words(), "spf pass, dkim pass, dmarc bestguesspass");
        assert!(exchange.faults().is_empty());
    }

    #[test]
    fn what_came_with_the_message_does_not_count() {
        let all = read(&[
            "mx.example.org; spf=fail",
            "evil.example; spf=pass; dkim=pass",
            "mx.example.org; dkim=none",
        ]);
        assert_eq!(all.words(), "spf fail, dkim none, dmarc not told");
    }

    #[test]
    fn of_several_signatures_a_good_one_counts() {
        assert_eq!(read(&["mx; dkim=fail header.d=a; dkim=pass header.d=b"]).result("dkim"), Some("pass"));
        assert_eq!(read(&["mx; dkim=fail header.d=a"]).result("dkim"), Some("fail"));
    }

    #[test]
    fn what_is_no_result_is_left_out() {
        for odd in [
            "mx",
            "mx; none",
            "mx 1;;;",
            "mx; (spf=pass); =pass; spf=",
            "mx; spf=\u{1b}[2J",
            "mx; \"spf=pass\"",
            "mx; dkim=MailboxP4ssw0rd; mailboxpassword=pass",
        ] {
            assert!(read(&[odd]).results.is_empty(), "{odd}: {:?}", read(&[odd]));
        }
        assert_eq!(Authentication::read(["", "   ", "(comment"]), None);
        let many = format!("mx{}", "; spf=pass".repeat(10_000));
        assert_eq!(read(&[&many]).results.len(), MOST);
    }
}
