//! `apply` and `repair`: the order that their options make up.

use super::arguments::{Apply, Change, OnFailure, Repair};
use super::show::screen::Screen;
use crate::engine::apply::{self, Typed};
use crate::error::Result;
use crate::model::ended::Ended;
use crate::model::state::order::{Flags, Order};

/// Runs `apply`.
pub fn apply(options: Apply, screen: &mut Screen) -> Result<Ended> {
    let Apply { common, change, no_verify, verify, force, save, root } = options;
    let order = Order::to_apply(Flags { force, verify, no_verify, ..flags(&change) });
    let (answers, patience) = (common.answers, change.lock_timeout);
    apply::apply(&Typed { command: "apply", answers, order, save, root, patience }, screen)
}

/// Runs `repair`.
pub fn repair(options: Repair, screen: &mut Screen) -> Result<Ended> {
    let Repair { common, change } = options;
    let (answers, order, patience) = (common.answers, Order::to_repair(flags(&change)), change.lock_timeout);
    apply::apply(&Typed { command: "repair", answers, order, save: false, root: None, patience }, screen)
}

fn flags(change: &Change) -> Flags {
    Flags { keep: change.on_failure == OnFailure::Keep, no_probe: change.no_probe, ..Flags::default() }
}
