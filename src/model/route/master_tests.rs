//! Ways on hosts whose master.cf has options of its own for a service, or lacks one.

use super::tests::{World, world};
use super::*;
use crate::model::observed::Version;
use crate::model::postfix::mastercf::MasterCf;

#[test]
fn a_service_with_generic_maps_of_its_own_is_where_the_sender_is_decided() {
    let master = "smtp unix - - n - - smtp -o smtp_generic_maps=hash:/other\n";
    let way = world("", master, "hash:/p [smtp.example.com]:587 u:p\nhash:/other x@y z@y\n").way();
    let at: Vec<String> = way.hop("sender").unwrap().at.iter().map(ToString::to_string).collect();
    assert_eq!(at, ["-o smtp_generic_maps, master.cf line 1"]);
}

#[test]
fn options_of_a_service_that_limit_the_login_are_decisions() {
    let limits = |master: &str, main: &str| {
        let way = world(main, master, "hash:/p [smtp.example.com]:587 u:p\n").way();
        judge::decisions(&way, &Version("3.7.0".into()))
    };
    let master = "smtp unix - - n - - smtp -o smtp_sasl_mechanism_filter=cram-md5\n";
    let found = limits(master, "");
    assert_eq!((found.len(), found[0].0), (1, "login.limits"));
    assert!(
        found[0].1.remedy.starts_with("`postconf -PX smtp/unix/smtp_sasl_mechanism_filter`"),
        "{found:?}"
    );
    assert_eq!(limits("", "smtp_sasl_mechanism_filter = cram-md5\n"), [], "the plan compares main.cf");
}

#[test]
fn a_service_that_every_message_passes_and_is_lost_stops_all() {
    let World { host, .. } = world("", "", "");
    let text = "smtp unix - - n - - smtp\nqmgr unix n - n 300 1 qmgr\ntlsmgr unix - - n 1000? 1 tlsmgr\npickup unix n - n 60 1 pickup\n";
    let lost = Host { master: MasterCf::new(text.as_bytes()), ..host };
    let hop = service::service(&lost, "smtp", &Written::Default { parameter: "default_transport" });
    assert!(hop.faults.len() == 1 && hop.faults[0].stops, "{hop:#?}");
    assert!(hop.faults[0].text.contains("no service cleanup and none rewrite"), "{hop:#?}");
    assert!(
        hop.faults[0].remedy.contains("`postconf -M 'cleanup/unix=cleanup unix n - n - 0 cleanup'`"),
        "{hop:#?}"
    );
}
