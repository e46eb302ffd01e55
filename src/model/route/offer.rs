//! What the relay offers in its reply to EHLO, and smtp(8) passes over: STARTTLS or AUTH that nobody uses (smtp_helo in
//! smtp/smtp_proto.c).

use super::host::{Host, Value};
use super::written::Written;

/// The table that decides by the address of the relay; it counts before the list.
const BY_ADDRESS: &str = "smtp_discard_ehlo_keyword_address_maps";

/// Why smtp(8) passes over this keyword whatever the relay, and the place; `None`: it does not, or the relay's address
/// decides.
pub fn passed_over(host: &Host, channel: &str, keyword: &str) -> Option<(String, Written)> {
    let silent = host.of(channel, "smtp_never_send_ehlo");
    if silent.text == "yes" {
        return Some((
            format!("smtp(8) sends no EHLO ({}), so the relay offers nothing", silent.at),
            silent.at,
        ));
    }
    if by_address(host, channel).is_some() {
        return None;
    }
    let list = host.of(channel, "smtp_discard_ehlo_keywords");
    let names = |word: &str| word.eq_ignore_ascii_case(keyword);
    list.text.split([',', ' ', '\t', '\n', '\r']).any(names).then(|| {
        let text = format!("smtp(8) passes over {}, which the relay may offer ({})", keyword, list.at);
        (text, list.at)
    })
}

/// The parameter by which the relay's address decides what smtp(8) passes over, if it is set.
pub fn by_address(host: &Host, channel: &str) -> Option<Value> {
    Some(host.of(channel, BY_ADDRESS)).filter(|maps| !maps.text.is_empty())
}
