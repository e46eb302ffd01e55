//! The places in Postfix's own sentences after which a stranger's words follow: the relay's, a name server's, a certificate's,
//! those of whoever wrote the message. `causes::words` asks here whose words a part of a line is.

/// Words of a daemon after which a stranger's follow. The first of them in a line counts: a stranger who writes one of
/// them only makes more of the line his own.
pub const STRANGER_AFTER: [&str; 49] = [
    // replies (smtp_proto.c, smtp_sasl_glue.c, smtp_chat.c), and what the relay offers in them (smtp_sasl_proto.c,
    // smtp_proto.c)
    " said: ",
    " refused to talk to me: ",
    " refused to start TLS: ",
    " response from ",
    " response longer than ",
    " replacing server reply ",
    " challenge from server ",
    " AUTH mechanisms: ",
    " SIZE limit ",
    // certificates (tls_verify.c, tls_client.c), and the probe's words for their names
    "untrusted issuer ",
    "subject=",
    "subject_CN=",
    "issuer=",
    "fingerprint=",
    "match: ",
    " in peer ",
    " peername: ",
    " has one for ",
    // tokens (sasl-xoauth2: token_store.cc, client.cc; relayhost's own plugin)
    " refuses the token: ",
    "response=",
    "from server: ",
    "TokenSentStep: status: ",
    "http error: ",
    // names that are looked up, and names in the answers of name servers (dns_lookup.c, smtp_addr.c, valid_hostname.c)
    "service error for name=",
    "no MX host for ",
    "unable to look up host ",
    "unable to find primary relay for ",
    "mail for ",
    "valid_hostname: ",
    "valid_hostaddr: ",
    "valid_ipv4_hostaddr: ",
    "valid_ipv6_hostaddr: ",
    "in resource data of ",
    // a message and its addresses (cleanup(8), local(8), pipe(8)), and the client that brings one in (smtpd(8))
    "=<",
    "message-id=",
    ": header ",
    ": body ",
    " lookup problem for ",
    "ommand output: ",
    "ommand: ",
    "command from ",
    "reject: ",
    "unknown user: ",
    "helo=",
    "sasl_username=",
    // texts that programs of Postfix send each other, and SASL, if somebody made them verbose (attr_scan_plain.c,
    // attr_print_plain.c, xsasl_cyrus_client.c)
    "attribute value: ",
    "send attr ",
    "initial reply: ",
    "decoded challenge: ",
];

/// Those of them after which the stranger is the relay, or the server that gives tokens.
pub const RELAY_AFTER: [&str; 11] = [
    " said: ",
    " refused to talk to me: ",
    " refused to start TLS: ",
    " response from ",
    " replacing server reply ",
    " challenge from server ",
    " AUTH mechanisms: ",
    " SIZE limit ",
    "response=",
    "from server: ",
    "TokenSentStep: status: ",
];

/// The same at the beginning of a line: before a name (dns_lookup.c), and before what is sent over the connection, if
/// somebody made smtp(8) verbose (smtp_chat.c).
pub const STRANGER_FROM: [&str; 3] = ["Domain ", "< ", "> "];

/// The words of smtp(8) before a relay's reply: those name the host that gave it, and the reply may name any.
pub fn before_reply(words: &str) -> &str {
    let heads = [" said: ", " refused to talk to me: ", " refused to start TLS: "];
    let end = heads.iter().filter_map(|head| words.find(head)).min();
    end.and_then(|end| words.get(..end)).unwrap_or(words)
}
