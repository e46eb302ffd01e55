//! What `check` says of the watch, by the record that the watch keeps.

use super::alarm::channels;
use super::leaving::calendar;
use super::now;
use crate::model::desired::Desired;
use crate::model::incident::views::{self, Watch};
use crate::model::plan::Finding;
use crate::sys::incidents;

/// The incidents that are open, what was not told, and whether anybody looks.
pub fn findings(desired: &Desired) -> Vec<Finding> {
    let record = incidents::read().ok().flatten();
    let ways: Vec<(String, String)> =
        channels(desired).into_iter().map(|channel| (channel.key, channel.name)).collect();
    let now = now();
    let has_alarms = !desired.alarms.is_empty();
    let watch = Watch { has_alarms, record: record.as_ref(), ways: &ways, looked: incidents::looked(), now };
    views::findings(&watch, &calendar())
}
