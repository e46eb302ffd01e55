//! Asks the name servers of /etc/resolv.conf, and nobody else: not /etc/hosts, no search list, as smtp(8) does with
//! `smtp_host_lookup = dns`. One question, one answer, each bounded in time and size.

use std::cell::OnceCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use resolv_conf::{Config, ScopedIp};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, Question, RCODE, TYPE};

use super::{clock, files, random, wire};

const CONFIG: &str = "/etc/resolv.conf";
/// Largest resolv.conf that is read, in bytes.
const CONFIG_LIMIT: u64 = 64 * 1024;
/// Most servers that are asked: as many as the C library's resolver asks (MAXNS in resolv.h).
const SERVERS: usize = 3;
/// Longest chain of CNAMEs that is followed within one answer.
const CHAIN: usize = 16;
/// Time limit for the system's resolver when it is asked for the addresses of a known host.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most records that are taken from one answer.
const RECORDS: usize = 64;

/// The kind of record that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail exchangers.
    Mx,
}

/// The answer of DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Addresses.
    Addresses(Vec<IpAddr>),
    /// Mail exchangers with their preference, best first.
    Exchangers(Vec<(u16, String)>),
    /// There is no such name.
    NoName,
    /// The name is there, and has no such record.
    NoData,
    /// No server gave an answer; the reason of the last one.
    Again(String),
    /// The name is not valid in DNS.
    Invalid,
}

impl Record {
    /// Its name in DNS.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Mx => "MX",
        }
    }

    fn kind(self) -> TYPE {
        match self {
            Self::A => TYPE::A,
            Self::Aaaa => TYPE::AAAA,
            Self::Mx => TYPE::MX,
        }
    }
}

/// Asks for one kind of record, until `deadline`.
pub fn look_up(name: &str, record: Record, deadline: Instant) -> Answer {
    let config = config();
    let Some(query) = query(name, record) else { return Answer::Invalid };
    let mut last = "there is no name server".to_owned();
    for _ in 0..config.attempts.clamp(1, 5) {
        for server in servers(&config) {
            let patience = Duration::from_secs(u64::from(config.timeout.clamp(1, 30)));
            let until = deadline.min(clock::now() + patience);
            match ask(server, &query, until) {
                Ok(reply) => match read(&reply, name, record) {
                    Ok(answer) => return answer,
                    Err(reason) => last = format!("{}: {reason}", server.ip()),
                },
                Err(error) => last = format!("{}: {}", server.ip(), reason(&error)),
            }
            if clock::left(deadline).is_err() {
                return Answer::Again(last);
            }
        }
    }
    Answer::Again(last)
}

/// The addresses that the system's resolver finds, which also reads /etc/hosts. The limit is ours: it has none of its own
/// for a name server that answers by TCP, one byte at a time.
pub fn native(name: &str, deadline: Instant) -> Vec<IpAddr> {
    let name = name.to_owned();
    let found = clock::within(deadline, move || {
        let found = (name.as_str(), 0).to_socket_addrs();
        found.map(|all| all.map(|address| address.ip()).collect()).unwrap_or_default()
    });
    found.unwrap_or_default()
}

/// A host that a log may name by another of its names. Then its addresses decide, which are looked up once, when the first
/// such name is met.
#[derive(Debug)]
pub struct Identity {
    name: String,
    addresses: OnceCell<Vec<IpAddr>>,
}

impl Identity {
    /// Names a host; its addresses are not looked up yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), addresses: OnceCell::new() }
    }

    /// Whether a host of this name and this address is this one.
    pub fn is(&self, name: &str, address: &str) -> bool {
        let has = |address: IpAddr| {
            self.addresses.get_or_init(|| native(&self.name, clock::now() + PATIENCE)).contains(&address)
        };
        name == self.name || address == self.name || address.parse().is_ok_and(has)
    }
}

fn config() -> Config {
    let bytes = files::read(Path::new(CONFIG), CONFIG_LIMIT).ok().flatten().unwrap_or_default();
    Config::parse_with_errors(&bytes).0
}

fn servers(config: &Config) -> Vec<SocketAddr> {
    let address = |server: &ScopedIp| match server {
        ScopedIp::V4(address) => SocketAddr::from((*address, 53)),
        ScopedIp::V6(address, scope) => {
            let scope = scope.as_ref().map_or(0, |scope| {
                scope.parse().or_else(|_| nix::net::if_::if_nametoindex(scope.as_str())).unwrap_or(0)
            });
            std::net::SocketAddrV6::new(*address, 53, 0, scope).into()
        }
    };
    let listed: Vec<SocketAddr> = config.nameservers.iter().map(address).take(SERVERS).collect();
    if listed.is_empty() { vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 53))] } else { listed }
}

fn query(name: &str, record: Record) -> Option<Vec<u8>> {
    let mut packet = Packet::new_query(u16::from_be_bytes(random::bytes()));
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name.trim_end_matches('.')).ok()?;
    packet.questions.push(Question::new(name, QTYPE::TYPE(record.kind()), CLASS::IN.into(), false));
    packet.build_bytes_vec().ok()
}

/// One question to one server; by TCP if the answer does not fit into a datagram.
fn ask(server: SocketAddr, query: &[u8], until: Instant) -> std::io::Result<Vec<u8>> {
    let local =
        if server.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((local, 0))?;
    // The kernel drops datagrams from any other address.
    socket.connect(server)?;
    socket.send(query)?;
    let mut buffer = [0; 4096];
    loop {
        socket.set_read_timeout(Some(clock::turn(until)?))?;
        let length = match socket.recv(&mut buffer) {
            Err(error) if wire::is_to_be_continued(&error) => continue,
            other => other?,
        };
        let reply = buffer.get(..length).unwrap_or_default();
        if !answers(reply, query) {
            continue;
        }
        if simple_dns::header_buffer::has_flags(reply, PacketFlag::TRUNCATION).unwrap_or(false) {
            return ask_by_tcp(server, query, until);
        }
        return Ok(reply.to_vec());
    }
}

fn ask_by_tcp(server: SocketAddr, query: &[u8], until: Instant) -> std::io::Result<Vec<u8>> {
    let mut stream = wire::Timed::connect(server, until)?;
    let length = u16::try_from(query.len()).unwrap_or_default().to_be_bytes();
    stream.write_all(&[&length, query].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply)?;
    if answers(&reply, query) { Ok(reply) } else { Err(ErrorKind::InvalidData.into()) }
}

/// Whether a reply is for this query: its id, and the question itself, which comes first and never compressed.
fn answers(reply: &[u8], query: &[u8]) -> bool {
    let is_reply = simple_dns::header_buffer::has_flags(reply, PacketFlag::RESPONSE).unwrap_or(false);
    let question = |bytes: &[u8]| bytes.get(12..query.len()).map(<[u8]>::to_ascii_lowercase);
    is_reply && reply.get(..2) == query.get(..2) && question(reply) == question(query)
}

fn read(reply: &[u8], name: &str, record: Record) -> Result<Answer, String> {
    let packet = Packet::parse(reply).map_err(|error| error.to_string())?;
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Ok(Answer::NoName),
        other => return Err(format!("{other:?}")),
    }
    // The answer may begin with aliases.
    let mut wanted = name.trim_end_matches('.').to_ascii_lowercase();
    for _ in 0..CHAIN {
        let alias = packet.answers.iter().find_map(|answer| match &answer.rdata {
            RData::CNAME(target) if is_name(&answer.name, &wanted) => Some(target.0.to_string()),
            _ => None,
        });
        match alias {
            Some(target) => wanted = target.to_ascii_lowercase(),
            None => break,
        }
    }
    let (mut addresses, mut exchangers) = (Vec::new(), Vec::new());
    for answer in packet.answers.iter().filter(|answer| is_name(&answer.name, &wanted)).take(RECORDS) {
        match (&answer.rdata, record) {
            (RData::A(a), Record::A) => addresses.push(Ipv4Addr::from(a.address).into()),
            (RData::AAAA(a), Record::Aaaa) => addresses.push(Ipv6Addr::from(a.address).into()),
            (RData::MX(mx), Record::Mx) => exchangers.push((mx.preference, mx.exchange.to_string())),
            _ => {}
        }
    }
    exchangers.sort();
    Ok(match record {
        Record::Mx if !exchangers.is_empty() => Answer::Exchangers(exchangers),
        Record::A | Record::Aaaa if !addresses.is_empty() => Answer::Addresses(addresses),
        _ => Answer::NoData,
    })
}

fn is_name(name: &Name<'_>, wanted: &str) -> bool {
    name.to_string().trim_end_matches('.').eq_ignore_ascii_case(wanted.trim_end_matches('.'))
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "no answer in time".into(),
        // It closed the connection; read_exact has words of its own for that.
        ErrorKind::UnexpectedEof => ErrorKind::UnexpectedEof.to_string(),
        _ => wire::words(error),
    }
}

#[cfg(test)]
mod tests {
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::{A, CNAME};

    use super::*;

    fn reply(records: Vec<(&'static str, RData<'static>)>) -> Vec<u8> {
        let mut packet = Packet::new_reply(1);
        for (name, data) in records {
            packet.answers.push(ResourceRecord::new(Name::new_unchecked(name), CLASS::IN, 1, data));
        }
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn aliases_are_followed_and_other_names_are_not_taken() {
        let a = |address: [u8; 4]| RData::A(A { address: u32::from_be_bytes(address) });
        let bytes = reply(vec![
            ("Relay.test", RData::CNAME(CNAME(Name::new_unchecked("pool.test")))),
            ("pool.test", a([192, 0, 2, 1])),
            ("elsewhere.test", a([192, 0, 2, 9])),
        ]);
        let found = Answer::Addresses(vec![Ipv4Addr::new(192, 0, 2, 1).into()]);
        assert_eq!(read(&bytes, "relay.test.", Record::A), Ok(found));
        assert_eq!(read(&bytes, "relay.test", Record::Aaaa), Ok(Answer::NoData));
    }

    #[test]
    fn a_ring_of_aliases_ends() {
        let alias = |name| RData::CNAME(CNAME(Name::new_unchecked(name)));
        let bytes = reply(vec![("a.test", alias("b.test")), ("b.test", alias("a.test"))]);
        assert_eq!(read(&bytes, "a.test", Record::A), Ok(Answer::NoData));
    }

    #[test]
    fn a_reply_to_another_question_is_none() {
        let query = query("relay.test", Record::A).unwrap();
        let mut reply = query.clone();
        assert!(!answers(&reply, &query), "a query is no reply");
        reply[2] |= 0x80;
        assert!(answers(&reply, &query));
        reply[14] ^= 1;
        assert!(!answers(&reply, &query));
        assert!(!answers(b"", &query));
    }

    #[test]
    fn a_name_that_dns_cannot_have_is_not_asked_for() {
        assert_eq!(look_up(&"x".repeat(64), Record::A, clock::now()), Answer::Invalid);
    }
}
