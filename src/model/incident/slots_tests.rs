use super::*;
use crate::model::incident::Topic;
use crate::model::incident::event::Kind;
use crate::model::incident::record::Rules;
use crate::model::incident::sight::Seen;
use crate::model::log::stamp::Seconds;

fn fold(record: &mut Incidents, seen: &Seen, now: Seconds) -> Vec<(Kind, String, u64)> {
    let ways: Vec<String> = ["a", "b"].map(str::to_owned).into();
    let events = record.fold(seen, Rules { ways: &ways, open_after: 0, now });
    events.into_iter().map(|event| (event.kind, event.incident.id, event.sequence)).collect()
}

fn failed(cause: &str) -> Seen {
    Seen::failed(cause.into(), "do".into(), true, 100)
}

/// A look that sees that all is well.
fn well() -> Seen {
    Seen { judged: Topic::ALL.to_vec(), ..Seen::default() }
}

fn record() -> Incidents {
    let mut record = Incidents::new("0a1b2c".into());
    fold(&mut record, &failed("x"), 100);
    record
}

/// Writes a record over the older slot.
fn put(file: &mut [u8], record: &Incidents, revision: u64) {
    let (offset, bytes) = written(record, revision).unwrap();
    let at = usize::try_from(offset).unwrap();
    file[at..at + bytes.len()].copy_from_slice(&bytes);
}

#[test]
fn what_is_written_in_place_is_read_and_the_newer_counts() {
    let mut record = record();
    let mut file = new_file(&record).unwrap();
    assert_eq!(file.len(), 2 * SLOT);
    assert_eq!(read(&file).unwrap(), Kept { revision: 1, record: record.clone() });
    for revision in 2..10 {
        record.sequence += 1;
        put(&mut file, &record, revision);
        assert_eq!(read(&file).unwrap(), Kept { revision, record: record.clone() });
    }
}

/// A power cut writes any part of what was handed to the disk: then the record before counts, and no number comes twice.
#[test]
fn a_torn_slot_leaves_the_other_one() {
    let older = record();
    let whole = new_file(&older).unwrap();
    let mut newer = older.clone();
    fold(&mut newer, &well(), 110);
    let mut good = whole.clone();
    put(&mut good, &newer, 2);
    let (_, bytes) = written(&newer, 2).unwrap();
    let kept = |file: &[u8]| {
        let kept = read(file).unwrap();
        (kept.revision, kept.record.sequence)
    };
    for end in [1, HEAD / 2, HEAD, HEAD + 1, bytes.len() / 2, bytes.len() - 1] {
        let mut torn = whole.clone();
        torn[..end].copy_from_slice(&bytes[..end]);
        assert_eq!(kept(&torn), (1, older.sequence + SKIPPED), "{end}");
        let mut torn = good.clone();
        torn[..end].fill(0);
        assert_eq!(kept(&torn), (1, older.sequence + SKIPPED), "without the first {end}");
    }
    let end_of_line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    // A byte that the disk has lost, anywhere in the newer one.
    for at in 0..bytes.len() {
        let mut rotten = good.clone();
        rotten[at] ^= 1;
        let (revision, sequence) = kept(&rotten);
        assert!(
            (revision, sequence) == (1, older.sequence + SKIPPED) || (end_of_line + 1..HEAD).contains(&at),
            "{at}"
        );
    }
    for file in [&good[..0], &good[..10], &vec![0; 2 * SLOT], &vec![b'x'; 2 * SLOT]] {
        assert!(read(file).unwrap_err().contains("no slot"));
    }
}

#[test]
fn a_number_that_no_event_reaches_is_none() {
    for sequence in [u64::MAX, LARGEST, LARGEST - 10] {
        let file = new_file(&Incidents { sequence, ..record() }).unwrap();
        assert!(read(&file).unwrap_err().contains("no event reaches"), "{sequence}");
    }
    let (_, bytes) = written(&record(), 3).unwrap();
    let mut file = vec![0; 2 * SLOT];
    file[SLOT..SLOT + bytes.len()].copy_from_slice(&bytes);
    assert_eq!(read(&file).unwrap().revision, 3);
    let huge = String::from_utf8(file).unwrap().replacen(" 3 ", " 18446744073709551615 ", 1);
    assert!(read(huge.as_bytes()).is_err());
}

/// Whatever the causes are, and however long no way takes anything.
#[test]
fn a_record_has_room_and_what_is_open_stays() {
    let mut record = Incidents::new("0a1b2c".into());
    let long = "\"\\".repeat(4000);
    for now in 0..500 {
        fold(&mut record, &failed(&format!("{now} {long}")), now);
        fold(&mut record, &well(), now);
    }
    fold(&mut record, &failed(&long), 1000);
    let fitted = record.clone().fitted();
    assert!(written(&fitted, 1).is_some());
    assert_eq!((fitted.open.len(), fitted.sequence), (1, 1001));
    let last = fitted.untold.last().unwrap();
    assert_eq!((last.event.kind, last.event.sequence), (Kind::Opened, 1001));
    assert!(fitted.untold.len() > 5 && fitted.untold.len() <= 64, "{}", fitted.untold.len());
}

/// Of a record that cannot be used, what receivers have open is closed by its name, or stays open by it.
#[test]
fn what_a_damaged_record_still_shows_is_closed_by_its_name() {
    let mut bytes = new_file(&record()).unwrap();
    let at = bytes.windows(8).position(|part| part == b"\"untold\"").unwrap();
    bytes[at..at + 8].fill(b'#');
    assert!(read(&bytes).is_err());
    let mut rescued = Incidents::rescued(&bytes, "ffffff".into(), 200);
    assert_eq!(rescued.open[0].id, "look-0a1b2c-1");
    let mut lasting = rescued.clone();
    assert_eq!(fold(&mut rescued, &well(), 210), [(Kind::Closed, "look-0a1b2c-1".into(), 1002)]);
    assert_eq!(fold(&mut lasting, &failed("x"), 210), []);
    // It may never have been told.
    let told = &lasting.untold_by("a")[0];
    assert_eq!((told.kind, told.sequence, told.incident.cause.as_str()), (Kind::Opened, 1, "x"));
    // Nothing is left: a receiver hears how it stands.
    let mut nothing = Incidents::rescued(b"nonsense", "ffffff".into(), 200);
    let events = nothing.fold(&well(), Rules { ways: &["a".to_owned()], open_after: 180, now: 210 });
    assert_eq!((events.len(), events[0].kind, events[0].worst), (1, Kind::Closed, None));
}
