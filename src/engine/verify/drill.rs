//! A test message by a fallback relay: through a Postfix beside the host's own, for which nobody answers at the relays before it.

use super::goal::Goal;
use super::stage::in_stage;
use super::{Message, Request};
use crate::engine::Progress;
use crate::error::Result;
use crate::model::desired::{Desired, WayOut};
use crate::model::message::delivery::{Delivery, Outcome};
use crate::model::observed::Postfix;
use crate::model::postfix::tables::items;
use crate::sys::beside::Running;
use crate::sys::postfix::Instance;

/// Sends and follows it. `postfix`: the host's own, as it was observed; its queue and log are then those of the other one. Queue, log and configuration are those of a Postfix that is gone when this returns.
pub fn through(
    desired: &Desired,
    postfix: &mut Postfix,
    way: &WayOut,
    request: &Request,
    progress: &mut dyn Progress,
) -> Result<Delivery> {
    in_stage(request, progress, |progress| {
        if let Some(outcome) = hindrance(postfix, way) {
            let goal = Goal::of(way, None);
            let unsent = Message::new(desired, postfix, request, goal, Instance::default());
            return Ok(unsent.delivery(None, outcome));
        }
        let running = Running::start(&way.next_hop(), request.deadline)?;
        postfix.settings.extend(running.settings());
        let goal = Goal::of(way, Some(running.nobody()));
        Message::new(desired, postfix, request, goal, running.instance()).send(&mut |_| (), progress)
    })
}

/// Why a drill would show nothing of this host.
fn hindrance(postfix: &Postfix, way: &WayOut) -> Option<Outcome> {
    let next_hop = way.next_hop();
    if !items(postfix.setting("smtp_fallback_relay")).contains(&next_hop.as_str()) {
        let cause = format!("the host's own Postfix does not go on to {next_hop} (smtp_fallback_relay)");
        let remedy = "relayhost apply (has the answers in force), then `this command` again";
        return Some(Outcome::unheard("fallback-not-in-force", cause, remedy, &[]));
    }
    if !postfix.version.at_least(3, 4) {
        let cause =
            format!("a drill needs a log of its own, which Postfix {} cannot keep", postfix.version.0);
        let remedy = "update Postfix to 3.4 or later (maillog_file); until then `relayhost probe --all` tries the relay without \
                      a message";
        return Some(Outcome::unheard("drill-without-log", cause, remedy, &[]));
    }
    None
}
