//! Next hops: whatever Postfix may be given is read in one way, and a relay of the answers comes back as it was.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use relayhost::model::route::nexthop::{NextHop, Socket};
use relayhost::model::text::domain_of;

use super::config;

/// Names, and addresses of both kinds.
fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]([a-z0-9-]{0,8}[a-z0-9])?(\\.[a-z]([a-z0-9-]{0,8}[a-z0-9])?){0,3}",
        any::<[u8; 4]>().prop_map(|bytes| Ipv4Addr::from(bytes).to_string()),
        any::<[u16; 8]>().prop_map(|words| Ipv6Addr::from(words).to_string()),
    ]
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn a_next_hop_has_the_host_and_the_port_that_it_was_made_of(
        host in host(), port in 1..=u16::MAX, shout in any::<bool>(), rest in "(, ?\\[other\\]:25)?",
    ) {
        let typed = if shout { host.to_uppercase() } else { host.clone() };
        let text = format!("[{typed}]:{port}");
        let read = NextHop::parse(&format!("{text}{rest}")).unwrap();
        prop_assert_eq!((&read.host, read.port, read.mx, read.more), (&host, port, false, !rest.is_empty()));
        // smtp(8) looks for the bare name, and then for what stands in main.cf, letter by letter.
        prop_assert_eq!(read.login_keys(), [host.clone(), text]);
        let marked = NextHop::parse(&format!("[ipv6:{typed}]")).unwrap();
        prop_assert_eq!((&marked.host, marked.port), (&host, 25));
        let bare = NextHop::parse(&typed);
        // An address with colons in it needs its brackets.
        prop_assert!(host.contains(':') || bare.is_some_and(|bare| bare.host == host && bare.mx));
        let both = [format!("inet:[{host}]:{port}"), format!("inet:{port}@[{host}]")];
        for text in both {
            prop_assert_eq!(Socket::parse(&text, "/"), Some(Socket::Inet { host: host.clone(), port }));
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,40}", domain in "[a-z.]{1,10}") {
        if let Some(read) = NextHop::parse(&text) {
            prop_assert!(!read.host.is_empty() && text.contains(&read.text));
        }
        let _ = Socket::parse(&text, "/");
        let address = format!("{text}@{domain}");
        prop_assert_eq!(domain_of(&address), domain);
    }
}
