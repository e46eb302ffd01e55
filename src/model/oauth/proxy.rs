//! The address of a proxy, as answers and environment write it.

/// Whether this is `http://[USER:PASSWORD@]HOST[:PORT]`; the environment may leave the scheme out.
pub fn is_sound(address: &str) -> bool {
    let rest =
        ["http://", "https://"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (place, None),
    };
    let is_address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match is_address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    address.bytes().all(|byte| byte.is_ascii_graphic()) && is_host && is_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_proxies() {
        for good in [
            "http://proxy:3128",
            "proxy.example.com",
            "http://me:p%40ss@10.0.0.1:3128/",
            "http://[::1]:3128",
            "[::1]",
        ] {
            assert!(is_sound(good), "{good}");
        }
        for bad in [
            "",
            "http://",
            "http://:3128",
            "http://proxy:99999",
            "http://proxy:0",
            "http://proxy:port",
            "socks5://proxy",
            "http://a b",
            "http://proxy/path",
            "http://pro xy",
            "http://[::1",
            "http://proxy:3128:1",
            "://proxy",
        ] {
            assert!(!is_sound(bad), "{bad}");
        }
    }
}
