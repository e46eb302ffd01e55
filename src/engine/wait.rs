//! The waits before deferred work begins: for the end of the RPM transaction, and at boot for the network. Each wait
//! is reported, and has an end.

use std::time::Duration;

use super::Progress;
use crate::error::{Error, Result};
use crate::model::desired::Desired;
use crate::sys::network::{Reach, way_to};
use crate::sys::{clock, lock};

/// The pause between two looks at the locks while they are held.
const TICK: Duration = Duration::from_millis(500);
/// The pause between two looks for the network: each look is a process.
const SLOW_TICK: Duration = Duration::from_secs(2);
/// The time that the locks must stay free: yum and dnf lock more than once on their way.
const CALM: Duration = Duration::from_secs(1);
/// The time that the network may take to come up, in a service that starts with the boot: that of NetworkManager's
/// own nm-online. The service does not wait for network-online.target, since multi-user.target would wait with it.
const NETWORK: Duration = Duration::from_secs(60);

/// Waits until no package manager is amid a transaction. Looks at the locks, and never takes one, which would hinder
/// it. Does not wait for a process that only reads: it hinders only an installation, and any user can start one.
pub fn for_locks(patience: Duration, progress: &mut dyn Progress) -> Result<()> {
    let begin = clock::now();
    let (mut free_since, mut told) = (None, None);
    loop {
        match lock::transaction() {
            None => {
                let since = *free_since.get_or_insert_with(clock::now);
                if told.is_none() || since.elapsed() >= CALM {
                    return Ok(());
                }
            }
            Some(holder) if holder.waits_for_us() || begin.elapsed() >= patience => {
                return Err(Error::InTransaction { holder: holder.to_string(), waited: begin.elapsed() });
            }
            Some(holder) => {
                free_since = None;
                if told.as_ref() != Some(&holder) {
                    progress.note(&format!("waiting for {holder} to end"));
                    told = Some(holder);
                }
            }
        }
        clock::sleep(TICK)?;
    }
}

/// Waits until there is a way to the relay, or goes on without: then the attempt says what is wrong.
pub fn for_network(desired: &Desired, progress: &mut dyn Progress) -> Result<()> {
    let (begin, host) = (clock::now(), &desired.first.relay.host);
    let mut told = None;
    loop {
        let way = way_to(host, desired.first.relay.port);
        let what = match way {
            Reach::Known => return Ok(()),
            Reach::NoAddress => format!("{host} has no address yet"),
            Reach::NoRoute => format!("there is no route to {host} yet"),
        };
        if begin.elapsed() >= NETWORK {
            progress.note(&format!("the network was not there after {} s", begin.elapsed().as_secs()));
            return Ok(());
        }
        if told != Some(way) {
            progress.note(&format!("waiting for the network: {what}"));
            told = Some(way);
        }
        clock::sleep(SLOW_TICK)?;
    }
}
