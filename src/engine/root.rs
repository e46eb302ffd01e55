//! What becomes of root's mail: whether this host can be as `[recipients]` of the answers wants it.

use std::path::Path;

use super::route::of_root;
use crate::error::{Result, shown};
use crate::model::desired::Desired;
use crate::model::observed::Observed;
use crate::model::plan::Plan;
use crate::model::postfix::aliases;
use crate::model::postfix::tables::path_of;
use crate::model::postfix::types::Lacking;
use crate::sys::files;

/// The file of addresses that local(8) reads for a user who has no alias: that of root, where forward_path is Postfix's own.
const FORWARD: &str = "/root/.forward";

/// Adds to a plan what becomes of root's mail with the answers in force.
pub fn foresee(desired: &Desired, observed: &Observed, plan: &mut Plan) -> Result<()> {
    let Some(postfix) = observed.postfix.as_ref().filter(|_| !desired.root.is_empty()) else { return Ok(()) };
    let forward = Path::new(FORWARD);
    let forward = files::has_content(forward).then(|| shown(forward));
    plan.root(of_root(desired, postfix)?, forward);
    Ok(())
}

/// Refuses answers that this host cannot fulfil: whatever they say, root's mail would not reach those whom they name. Where an
/// upgrade took the type of the aliases away, all else is done: without that no mail would leave, and `check` names the table.
pub fn demand(desired: &Desired, observed: &Observed, answers: &Path) -> Result<()> {
    let Some(postfix) = &observed.postfix else { return Ok(()) };
    let of_aliases = |one: &Lacking| path_of(&one.table) == Some(aliases::PATH);
    if postfix.lacking.iter().any(|one| one.parameter == "alias_maps" && of_aliases(one)) {
        return Ok(());
    }
    match of_root(desired, postfix)? {
        Some(Err(complaint)) => Err(complaint.of(&shown(answers), None)),
        Some(Ok(_)) | None => Ok(()),
    }
}
