//! What kept a message from a web server, and what to do about it: each kind has a remedy of its own.

/// What kept a message from a web server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The address is none.
    Address,
    /// The name of the host is not known.
    Name,
    /// The name servers do not answer.
    NameServers,
    /// Nothing listens there, or a firewall refuses.
    Refused,
    /// There is no route to it.
    Unreachable,
    /// This host itself does not let relayhost connect.
    Forbidden,
    /// No answer came in time.
    Late,
    /// The connection was ended from there.
    Lost,
    /// The proxy has refused to connect.
    Proxy,
    /// What listens there does not speak TLS.
    NoTls,
    /// Both sides have no version, cipher or kind of key of TLS in common.
    Common,
    /// The server has no certificate for the name.
    ServerName,
    /// The server asks for a certificate of this host.
    ClientCertificate,
    /// TLS failed in another way.
    Tls,
    /// The certificate is not accepted.
    Certificate(Flaw),
    /// Something else.
    Other,
}

/// Why a certificate is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It has expired.
    Ended,
    /// It is not valid yet.
    Early,
    /// It is for another name.
    Name,
    /// Its authority has revoked it, or it is not known whether it has.
    Revoked,
    /// This host does not know the authority that has signed it.
    Authority,
    /// It is marked as an authority's own.
    OfAuthority,
    /// An authority between it and the one that this host knows may not sign it.
    Chain,
    /// Its signature is not good.
    Signature,
    /// It is signed in a way that relayhost does not take.
    Algorithm,
    /// It is not for servers.
    Purpose,
    /// Its form is not what it has to be (RFC 5280).
    Form,
}

impl Obstacle {
    /// What to do about it. `place`: the key of the answers that has the address. `is_through`: whether a proxy is asked to
    /// connect, so that what keeps a message from a host is said of the proxy.
    pub fn remedy(self, place: &str, is_through: bool) -> String {
        const PROXY: &str = "network.proxy of the answers (or https_proxy of the environment)";
        let host = if is_through { PROXY } else { place };
        match self {
            Self::Address => format!("write the whole address, https://…, into {place}"),
            Self::Name => {
                let proxy = if is_through { "" } else { "; where only a proxy knows it, name that in network.proxy" };
                format!(
                    "correct the name of the host in {host}, or have this host know it: `getent hosts NAME` asks for it, and \
                     /etc/resolv.conf names the name servers{proxy}"
                )
            }
            Self::NameServers => "see whether this host reaches the name servers that /etc/resolv.conf names (`getent hosts \
                 NAME` asks them); where only a proxy asks name servers, name it in network.proxy"
                .into(),
            Self::Refused => format!(
                "see whether host and port in {host} are right, whether it runs, and whether a firewall lets this host reach it{}",
                if is_through { "" } else { " (network.proxy of the answers names a proxy)" }
            ),
            Self::Unreachable => format!(
                "see whether host and port in {host} are right, and which route this host has there (`ip route get ADDRESS`){}",
                if is_through { "" } else { "; network.proxy of the answers names a proxy" }
            ),
            Self::Forbidden => "see which rule of this host's own keeps it from connecting: `nft list ruleset`, `iptables -S \
                 OUTPUT`, `ausearch -m avc -ts recent`"
                .into(),
            Self::Late => "see whether the receiver works, and whether a firewall drops what this host sends there; `limit` of \
                 the [[alarm]] gives it more time"
                .into(),
            Self::Lost => format!(
                "see whether host and port in {place}{} are right, what the receiver's log says, and whether a firewall ends such \
                 connections",
                if is_through { format!(" and in {PROXY}") } else { String::new() }
            ),
            Self::Proxy => format!(
                "have the proxy allow this host to connect to host and port in {place}; a login goes into {PROXY}: \
                 http://USER:PASSWORD@HOST:PORT"
            ),
            _ => self.remedy_of_tls(place),
        }
    }

    /// What to do where there is a connection, and TLS or what comes after it fails.
    fn remedy_of_tls(self, place: &str) -> String {
        match self {
            Self::NoTls => format!(
                "write the port at which the receiver speaks TLS into {place}: relayhost posts by HTTPS alone. To a receiver that \
                 has http:// alone a program posts: kind = \"command\", argv = [\"/usr/local/sbin/…\"] with curl in it"
            ),
            Self::Common => "have the receiver speak TLS 1.2 or 1.3 with the usual ciphers, and a certificate with a key of RSA \
                 (2048 bits or more), P-256, P-384 or Ed25519"
                .into(),
            Self::ServerName => format!(
                "correct the name of the host in {place}, or have the receiver's server know that name"
            ),
            Self::ClientCertificate => "have the receiver ask for no certificate, and for a key in `headers` in its place; or \
                 have a program post, with curl --cert (kind = \"command\")"
                .into(),
            Self::Tls => format!(
                "see whether host and port in {place} are right, what the receiver's log says, and whether something in between \
                 changes TLS"
            ),
            Self::Certificate(flaw) => flaw.remedy(place),
            _ => format!("see whether the address in {place} is right, and what the receiver's log says"),
        }
    }
}

impl Flaw {
    fn remedy(self, place: &str) -> String {
        match self {
            Self::Ended => "have the receiver's certificate renewed; if it is a valid one, this host's clock is wrong: `date`, \
                 `chronyc tracking`"
                .into(),
            Self::Early => "see whether this host's clock is right: `date`, `chronyc tracking`; if it is, have the receiver \
                 show a certificate that is valid today"
                .into(),
            Self::Name => format!(
                "write a name that the certificate has into {place}, or have the receiver show one that has the name there"
            ),
            Self::Revoked | Self::Purpose | Self::Form => {
                "have the authority make another certificate for the receiver's server, and the receiver show that".into()
            }
            Self::Authority => "have the receiver show a certificate that an authority of this host has signed, and those \
                 between the two with it; if its authority is your own, put that one's certificate into \
                 /etc/pki/ca-trust/source/anchors and run `update-ca-trust`"
                .into(),
            // update-ca-trust leaves a certificate that says CA:FALSE out of the bundle, so one that signs itself is of no use
            // there, with that mark or without it. An authority is, and the one that is refused can be one.
            Self::OfAuthority => "keep it as your own authority (its certificate in /etc/pki/ca-trust/source/anchors, then \
                 `update-ca-trust`), and have it sign another one for the server, which the receiver then shows: `openssl \
                 req -x509 -CA OLD.pem -CAkey OLD.key -newkey rsa:2048 -nodes -days 365 -subj /O=server -addext \
                 subjectAltName=DNS:NAME -addext basicConstraints=critical,CA:FALSE -keyout NEW.key -out NEW.pem` (OpenSSL 3)"
                .into(),
            Self::Chain => "see in what the receiver shows which certificate has signed which (`openssl s_client -showcerts \
                 -connect HOST:PORT`), and have it show a chain of authorities that may sign"
                .into(),
            Self::Signature => "have the receiver show the certificate as its authority has signed it, with a key of RSA (2048 \
                 bits or more), P-256, P-384 or Ed25519; it may be that something in between shows its own"
                .into(),
            Self::Algorithm => "have the receiver's certificate made anew, signed with SHA-256 or better by a key of RSA (2048 \
                 bits or more), P-256, P-384 or Ed25519"
                .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proxy_does_not_do_is_said_of_the_proxy() {
        for obstacle in [Obstacle::Name, Obstacle::Refused, Obstacle::Unreachable] {
            let (straight, through) = (obstacle.remedy("`url`", false), obstacle.remedy("`url`", true));
            assert!(straight.contains("in `url`"), "{straight}");
            assert!(through.contains("in network.proxy") && !through.contains("`url`"), "{through}");
        }
        // What comes from behind the proxy is the receiver's all the same.
        let named = Obstacle::Certificate(Flaw::Name).remedy("`url`", true);
        assert!(named.contains("into `url`"), "{named}");
    }
}
