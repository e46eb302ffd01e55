//! The package of the page in Cockpit.

use crate::{listing, packages};

/// The page is static files: nothing of it runs on the host, and it needs a Cockpit that it was tried with.
#[test]
fn the_page_is_a_package_of_its_own_that_brings_no_program() {
    let package = &packages()["cockpit-relayhost"].metadata;
    let files = listing(package);
    for file in ["index.css", "index.html", "index.js", "manifest.json", "po.de.js", "po.manifest.de.js"] {
        let line = format!("/usr/share/cockpit/relayhost/{file} 644 ");
        assert!(files.contains(&line), "no {line}in {files:?}");
    }
    assert!(files.contains(&"/usr/share/metainfo/org.relayhost.cockpit.metainfo.xml 644 ".to_owned()));
    assert!(files.contains(&"/usr/share/licenses/cockpit-relayhost/LICENSES.txt 644 LICENSE".to_owned()));
    assert!(files.iter().all(|line| !line.contains("node_modules") && !line.contains(".map ")), "{files:?}");
    assert_eq!(package.get_arch().unwrap(), "noarch");
    let needs = package.get_requires().unwrap();
    assert!(needs.iter().any(|need| need.name == "cockpit-bridge" && need.version == "239"), "{needs:?}");
    assert!(needs.iter().any(|need| need.name == "relayhost"), "{needs:?}");
    assert!(package.get_post_install_script().is_err());
}
