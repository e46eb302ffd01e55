//! Whether this host knows the way to another one. Asks the resolver and the kernel's routes, and sends nothing to it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

use super::files;
use super::run::Cmd;

/// Most that is read of the kernel's routes, in bytes: a router has many, and one is enough.
const ROUTES: u64 = 1024 * 1024;

/// The state of the way to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// An address, and a route to it.
    Known,
    /// The name has no address, as far as the resolver tells.
    NoAddress,
    /// There is no route to any of its addresses.
    NoRoute,
}

/// The way to `name`, a host name or an address.
pub fn way_to(name: &str, port: u16) -> Reach {
    let addresses = match name.parse() {
        Ok(address) => vec![address],
        Err(_) => addresses_of(name),
    };
    if addresses.is_empty() {
        return Reach::NoAddress;
    }
    if addresses.into_iter().any(|address| has_route(SocketAddr::new(address, port))) {
        Reach::Known
    } else {
        Reach::NoRoute
    }
}

/// The addresses of this host's network interfaces; none if the kernel does not tell.
pub fn addresses() -> BTreeSet<IpAddr> {
    let all = getifaddrs().into_iter().flatten().filter_map(|interface| interface.address);
    let address = |socket: SockaddrStorage| {
        let v4 = socket.as_sockaddr_in().map(|one| IpAddr::V4(one.ip()));
        v4.or_else(|| socket.as_sockaddr_in6().map(|one| IpAddr::V6(one.ip())))
    };
    all.filter_map(address).collect()
}

/// Whether the kernel has a route for IPv4 that leaves the host (/proc/net/route: one line each, the interface first).
pub fn has_ipv4_route() -> bool {
    routes("/proc/net/route")
        .lines()
        .skip(1)
        .any(|line| !matches!(line.split_whitespace().next(), None | Some("lo")))
}

/// Whether the kernel has any route that leaves the host. Those that every link has for its own neighbours do not count
/// (/proc/net/ipv6_route: the destination in hexadecimal digits first, the interface last).
pub fn has_any_route() -> bool {
    has_ipv4_route()
        || routes("/proc/net/ipv6_route").lines().any(|line| {
            let is_out = line.split_whitespace().next_back().is_some_and(|interface| interface != "lo");
            is_out && !line.starts_with("fe8") && !line.starts_with("ff")
        })
}

fn routes(path: &str) -> String {
    let table = files::read(Path::new(path), ROUTES).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&table).into_owned()
}

/// The addresses of a name, looked up by a process of its own: glibc before 2.26 (EL7) reads resolv.conf once in a
/// process, which may be too early at boot.
fn addresses_of(name: &str) -> Vec<IpAddr> {
    let Some(getent) = Cmd::find("getent") else { return Vec::new() };
    let output = getent.args(["ahosts", name]).within(Duration::from_secs(20)).run();
    let text = output.map(|output| output.text()).unwrap_or_default();
    text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
}

/// Whether there is a route to an address: connecting a UDP socket looks at the routes and sends no packet (connect(2)).
fn has_route(address: SocketAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
    UdpSocket::bind(SocketAddr::new(any, 0)).is_ok_and(|socket| socket.connect(address).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_knows_the_way_to_itself_and_not_to_a_name_that_cannot_be() {
        assert_eq!(way_to("127.0.0.1", 25), Reach::Known);
        assert_eq!(way_to("localhost", 25), Reach::Known);
        assert_eq!(way_to("name.invalid", 25), Reach::NoAddress);
    }
}
