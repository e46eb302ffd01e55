//! A new main.cf is tried before it counts: Postfix's own program reads it.

use crate::error::{Error, Result};
use crate::model::maincf::MainCf;
use crate::model::observed::parse_settings;
use crate::model::parameters::words;
use crate::sys::postfix;

/// Has Postfix read the new file first, and compares what it understood with what was meant.
pub fn accepted_by_postfix(after: &MainCf, changes: &[(String, String)]) -> Result<()> {
    let (text, warnings) = postfix::try_out(after.bytes())?;
    let understood = parse_settings(&text);
    for (name, value) in changes {
        let unused = format!("unused parameter: {name}=");
        if let Some(warning) = warnings.lines().find(|line| line.contains(&unused)) {
            return Err(Error::Staged { reason: warning.to_owned() });
        }
        let got = understood.get(name).map_or("", String::as_str);
        if words(got) != words(value) {
            return Err(Error::Staged { reason: format!("it reads {name} as `{got}` instead of `{value}`") });
        }
    }
    Ok(())
}
