//! Which recorded changes are in force no longer, since a later restore has put back what was there before them.

use std::collections::{BTreeMap, BTreeSet};

use super::generation::{Fate, Generation};

/// The changes that were taken back: the number of each, with that of the restore that did it last. A restore that was taken back
/// is one of them, and what it had taken back is in force again. `all`: oldest first.
pub fn taken_back(all: &[Generation]) -> BTreeMap<u32, u32> {
    let mut in_force = BTreeSet::new();
    // What was in force before each of them.
    let mut before: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    let mut taken_back = BTreeMap::new();
    for generation in all.iter().filter(|generation| generation.fate == Fate::Kept) {
        let number = generation.number;
        before.insert(number, in_force.clone());
        if let Some(target) = generation.target() {
            let earlier = || in_force.iter().copied().filter(|known| *known < target).collect();
            let again = before.get(&target).cloned().unwrap_or_else(earlier);
            taken_back.extend(in_force.difference(&again).map(|gone| (*gone, number)));
            taken_back.retain(|gone, _| !again.contains(gone));
            in_force = again;
        }
        in_force.insert(number);
    }
    taken_back
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(commands: &[(&str, Fate)]) -> Vec<(u32, u32)> {
        let generation = |(number, (command, fate)): (u32, &(&str, Fate))| Generation {
            version: 1,
            number,
            time: String::new(),
            command: (*command).to_owned(),
            fate: *fate,
            files: BTreeMap::new(),
            unproven: false,
            wrote: BTreeMap::new(),
        };
        taken_back(&(0..).zip(commands).map(generation).collect::<Vec<_>>()).into_iter().collect()
    }

    #[test]
    fn a_restore_takes_back_all_changes_since_and_can_be_taken_back_itself() {
        let kept = |command| (command, Fate::Kept);
        assert_eq!(of(&[kept("apply"), kept("repair")]), []);
        assert_eq!(of(&[kept("apply"), kept("apply"), kept("restore 1")]), [(1, 2)]);
        assert_eq!(of(&[kept("apply"), kept("apply"), kept("restore 0"), kept("apply")]), [(0, 2), (1, 2)]);
        assert_eq!(of(&[kept("apply"), kept("restore 0"), kept("restore 1")]), [(1, 2)]);
        assert_eq!(of(&[kept("apply"), ("restore 0", Fate::Undone), ("apply", Fate::Open)]), []);
        let again = [kept("apply"), kept("apply"), kept("restore 1"), kept("apply"), kept("restore 0")];
        assert_eq!(of(&again), [(0, 4), (1, 2), (2, 4), (3, 4)]);
    }
}
