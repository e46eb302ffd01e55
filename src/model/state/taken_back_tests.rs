use proptest::prelude::*;

use super::*;

/// A host with a main.cf of these parameters, and a table of one entry or none.
type Host = BTreeMap<&'static str, u8>;

const NAMES: [&str; 4] = ["relayhost", "smtp_tls_security_level", "inet_protocols", "entry"];

fn files(host: &Host) -> Files {
    let main_cf: String =
        NAMES[..3].iter().filter_map(|name| Some(format!("{name} = v{}\n", host.get(name)?))).collect();
    let contents = |file: Managed, text: String| Contents {
        digest: Some(sha256(text.as_bytes())),
        things: things(file, text.into_bytes()).map(Arc::new),
    };
    let table = host.get("entry").map(|value| contents(Managed::Generic, format!("a@b v{value}\n")));
    [
        (Managed::MainCf.name().to_owned(), contents(Managed::MainCf, format!("# a comment\n{main_cf}"))),
        (Managed::Generic.name().to_owned(), table.unwrap_or_default()),
    ]
    .into()
}

#[derive(Debug, Clone)]
enum Step {
    /// Some things get these values; none: the thing goes.
    Apply(Vec<(usize, Option<u8>)>),
    /// The same by somebody else than relayhost.
    Edit(Vec<(usize, Option<u8>)>),
    /// The files of before the change with this number, modulo how many there are.
    Restore(usize),
}

#[derive(Default)]
struct Run {
    host: Host,
    /// What was in force before and after each change.
    changes: Vec<[Host; 2]>,
}

impl Run {
    fn change(&mut self, after: Host) {
        // A run that has nothing to do makes no generation.
        if after != self.host {
            self.changes.push([self.host.clone(), after.clone()]);
            self.host = after;
        }
    }

    fn step(&mut self, step: &Step) {
        let with = |host: &Host, values: &[(usize, Option<u8>)]| {
            let mut host = host.clone();
            for (at, value) in values {
                host.remove(NAMES[*at]);
                host.extend(value.map(|value| (NAMES[*at], value)));
            }
            host
        };
        match step {
            Step::Apply(values) => self.change(with(&self.host, values)),
            Step::Edit(values) => self.host = with(&self.host, values),
            Step::Restore(number) if !self.changes.is_empty() => {
                let [before, _] = self.changes[number % self.changes.len()].clone();
                self.change(before);
            }
            Step::Restore(_) => {}
        }
    }

    fn taken_back(&self) -> BTreeMap<u32, By> {
        let kept = |(number, [before, after]): (u32, &[Host; 2])| Kept {
            number,
            before: files(before),
            after: files(after),
        };
        let all: Vec<Kept> = (0..).zip(&self.changes).map(kept).collect();
        taken_back(&all, &files(&self.host))
    }
}

fn run(steps: &[Step]) -> Run {
    let mut run = Run::default();
    for step in steps {
        run.step(step);
    }
    run
}

fn relay(value: u8) -> Step {
    Step::Apply(vec![(0, Some(value))])
}

#[test]
fn a_restore_takes_back_all_changes_since_and_can_be_taken_back_itself() {
    use By::{Change, Hand};
    let back = Step::Restore;
    let of = |steps: &[Step]| run(steps).taken_back().into_iter().collect::<Vec<_>>();
    assert_eq!(of(&[relay(1), relay(2)]), [], "another value is not the one of before");
    assert_eq!(of(&[relay(1), relay(2), back(1)]), [(1, Change(2))]);
    assert_eq!(of(&[relay(1), relay(2), back(0), relay(3)]), []);
    assert_eq!(of(&[relay(1), relay(2), back(0)]), [(0, Change(2)), (1, Change(2))]);
    assert_eq!(of(&[relay(1), back(0), back(1)]), [(1, Change(2))], "the first one is in force again");
    assert_eq!(of(&[relay(1), relay(2), back(1), back(2)]), [(2, Change(3))]);
    assert_eq!(of(&[relay(1), relay(2), relay(3), back(0), back(2)]), [(2, Change(3)), (3, Change(4))]);
    assert_eq!(of(&[relay(1), relay(2), relay(1)]), [(1, Change(2))], "an apply puts the same back");
    assert_eq!(of(&[relay(1), Step::Edit(vec![(0, None)])]), [(0, Hand)]);
    assert_eq!(of(&[relay(1), Step::Edit(vec![(0, None)]), relay(1)]), []);
}

#[test]
fn a_change_of_which_something_is_in_force_is_not_taken_back() {
    let both = Step::Apply(vec![(0, Some(1)), (3, Some(1))]);
    let one = Step::Apply(vec![(3, None)]);
    assert!(run(&[both.clone(), one]).taken_back().is_empty());
    assert_eq!(
        run(&[both, Step::Apply(vec![(0, None), (3, None)])]).taken_back(),
        [(0, By::Change(1))].into()
    );
}

#[test]
fn what_is_not_known_is_not_said() {
    let unread = |digest: &str| -> Files {
        [("main.cf".to_owned(), Contents { digest: Some(digest.into()), things: None })].into()
    };
    let all = [
        Kept { number: 0, before: unread("a"), after: unread("b") },
        Kept { number: 1, before: unread("b"), after: unread("a") },
    ];
    assert_eq!(taken_back(&all, &unread("a")), [(0, By::Change(1))].into());
    assert_eq!(taken_back(&all, &Files::new()), [(0, By::Change(1))].into());
    assert!(taken_back(&all[..1], &Files::new()).is_empty());
}

fn values() -> impl Strategy<Value = Vec<(usize, Option<u8>)>> {
    prop::collection::vec((0..NAMES.len(), prop::option::of(0..3_u8)), 1..3)
}

proptest! {
    #[test]
    fn whatever_was_done_a_change_is_taken_back_if_all_that_it_made_is_as_at_a_time_before_it(
        steps in prop::collection::vec(prop_oneof![
            values().prop_map(Step::Apply), values().prop_map(Step::Edit), (0..9_usize).prop_map(Step::Restore),
        ], 1..12),
    ) {
        let run = run(&steps);
        let found = run.taken_back();
        for (number, [before, after]) in run.changes.iter().enumerate() {
            let made: Vec<_> = NAMES.iter().filter(|name| before.get(*name) != after.get(*name)).collect();
            let is_former = |name: &&&str| {
                let mut hosts = run.changes.iter().take(number).flatten().chain([before]);
                run.host.get(**name) != after.get(**name) && hosts.any(|host| host.get(**name) == run.host.get(**name))
            };
            let expected = !made.is_empty() && made.iter().all(is_former);
            prop_assert_eq!(found.contains_key(&u32::try_from(number).unwrap()), expected, "{} of {:?}", number, steps);
        }
        // Who is blamed came later, and what he left has nothing of the change.
        for (number, by) in found {
            let By::Change(by) = by else { continue };
            prop_assert!(by > number);
            let [before, after] = &run.changes[number as usize];
            let [was, left] = &run.changes[by as usize];
            let is_there = |host: &Host| NAMES.iter().any(|name| before.get(name) != after.get(name) && host.get(name) == after.get(name));
            prop_assert!(!is_there(left), "{:?}", steps);
            prop_assert!(was != left);
        }
    }

    /// A restore to a change takes back each later one, unless that had itself put back what was there.
    #[test]
    fn a_restore_leaves_nothing_of_the_changes_since(
        steps in prop::collection::vec(prop_oneof![values().prop_map(Step::Apply), (0..9_usize).prop_map(Step::Restore)], 1..9), to in 0..9_usize,
    ) {
        let mut run = run(&steps);
        prop_assume!(!run.changes.is_empty());
        let to = to % run.changes.len();
        let until = run.changes.len();
        run.step(&Step::Restore(to));
        let found = run.taken_back();
        for (number, [before, after]) in run.changes.iter().enumerate().take(until).skip(to) {
            let stays = NAMES.iter().any(|name| before.get(name) != after.get(name) && run.host.get(name) == after.get(name));
            prop_assert_eq!(found.contains_key(&u32::try_from(number).unwrap()), !stays, "{} of {:?}", number, steps);
        }
    }
}
