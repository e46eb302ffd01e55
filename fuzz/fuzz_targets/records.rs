//! Records of the state directory, the journal among them: never a panic, and what is read is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relayhost::model::message::proof::Proof;
use relayhost::model::state::generation::{Generation, Intent, read_record, unhex};
use relayhost::model::state::pending::{Moment, PendingEntry};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn again<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(record: &T) {
    let bytes = serde_json::to_vec(record).unwrap();
    assert_eq!(&read_record::<T>(&bytes).unwrap(), record);
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(intent) = read_record::<Intent>(bytes) {
        again(&intent);
    }
    if let Ok(generation) = read_record::<Generation>(bytes) {
        again(&generation);
        let _ = generation.changed_files();
        for change in generation.files.values() {
            let _ =
                change.before.as_ref().map(|inode| inode.xattrs.values().map(|value| unhex(value)).count());
        }
    }
    if let Ok(proof) = read_record::<Proof>(bytes) {
        again(&proof);
    }
    if let Ok(entry) = read_record::<PendingEntry>(bytes) {
        again(&entry);
        for (wall, up) in [(0, None), (1000, Some(0)), (u64::MAX, Some(u64::MAX))] {
            let now = Moment { wall, boot: "boot".into(), up };
            let _ = entry.is_due(&now, "answers");
            let _ = entry.finding("op5", &now);
        }
    }
});
