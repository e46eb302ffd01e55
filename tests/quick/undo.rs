//! undo(do(x)) = x, on real files: whatever a managed file was, and whatever it was replaced by, putting back what was
//! taken gives the same bytes, mode, owner, time and attributes, or no file where there was none.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use relayhost::error::Error;
use relayhost::model::state::generation::Inode;
use relayhost::sys::{files, inode, scratch, swap};

/// A file as it may be.
#[derive(Debug, Clone)]
struct State {
    bytes: Vec<u8>,
    mode: u32,
    owner: (u32, u32),
    mtime: u64,
    attributes: std::collections::BTreeMap<String, Vec<u8>>,
}

fn state() -> impl Strategy<Value = State> {
    let attributes = btree_map("user\\.[a-z]{1,8}", vec(any::<u8>(), 0..40), 0..4);
    (
        vec(any::<u8>(), 0..300),
        0u32..0o1000,
        (0u32..70_000, 0u32..70_000),
        0u64..4_000_000_000_000_000_000,
        attributes,
    )
        .prop_map(|(bytes, mode, owner, mtime, attributes)| State {
            bytes,
            mode,
            owner,
            mtime,
            attributes,
        })
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn make(path: &Path, state: Option<&State>) {
    let _ = fs::remove_file(path);
    let Some(state) = state else { return };
    files::create(path, &state.bytes, 0o600).unwrap();
    for (name, value) in &state.attributes {
        // A file system without them: the rest is tried all the same.
        let _ = xattr::set(path, name, value);
    }
    if is_root() {
        chown(path, Some(state.owner.0), Some(state.owner.1)).unwrap();
    }
    // Only root reads what its own mode forbids.
    let mode = if is_root() { state.mode } else { state.mode | 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let time = UNIX_EPOCH + Duration::from_nanos(state.mtime);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// Makes a file what was taken, as relayhost does.
fn put_back(path: &Path, now: Option<&Inode>, taken: Option<&(Inode, Vec<u8>)>) -> Result<(), Error> {
    let staging = files::staging(path).unwrap();
    match (taken, now) {
        (Some((inode, bytes)), now) => {
            let staged =
                swap::prepare(staging.path(), path.file_name().unwrap(), inode, &mut bytes.as_slice())
                    .unwrap();
            swap::put(&staged, path, now)
        }
        (None, Some(now)) => swap::take_away(path, &staging.path().join("main.cf"), now),
        (None, None) => Ok(()),
    }
}

fn inode_of(taken: Option<&(Inode, Vec<u8>)>) -> Option<&Inode> {
    taken.map(|(inode, _)| inode)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_taken_comes_back(before in proptest::option::of(state()), after in proptest::option::of(state()), bytes in vec(any::<u8>(), 0..300)) {
        let directory = scratch::directory().unwrap();
        let path = directory.path().join("main.cf");
        make(&path, before.as_ref());
        let taken = inode::take(&path).unwrap();
        prop_assert_eq!(taken.is_some(), before.is_some());
        // What relayhost itself does, and then what anybody may do.
        if let Some((inode, _)) = &taken {
            let new = (inode::renewed(inode), bytes);
            put_back(&path, Some(inode), Some(&new)).unwrap();
            let now = inode::take(&path).unwrap().unwrap();
            prop_assert_eq!(&now.1, &new.1);
            prop_assert_eq!((now.0.mode, now.0.uid, &now.0.xattrs), (inode.mode, inode.uid, &inode.xattrs));
        }
        make(&path, after.as_ref());
        let now = inode::take(&path).unwrap();
        put_back(&path, inode_of(now.as_ref()), taken.as_ref()).unwrap();
        prop_assert_eq!(inode::take(&path).unwrap(), taken);
        let left: Vec<String> = files::names(directory.path());
        prop_assert_eq!(left.len(), usize::from(before.is_some()), "leftovers: {:?}", left);
    }

    /// Whatever is there instead of what was looked at stays, with all that belongs to it.
    #[test]
    fn what_was_not_looked_at_is_not_replaced(looked in proptest::option::of(state()), there in proptest::option::of(state()), new in proptest::option::of(state())) {
        let directory = scratch::directory().unwrap();
        let [path, other] = ["main.cf", "other"].map(|name| directory.path().join(name));
        let take = |state: Option<&State>, path: &Path| { make(path, state); inode::take(path).unwrap() };
        let (looked, new) = (take(looked.as_ref(), &other), take(new.as_ref(), &other));
        let there = take(there.as_ref(), &path);
        prop_assume!(looked.as_ref().map(|(inode, _)| inode) != there.as_ref().map(|(inode, _)| inode));
        prop_assume!(looked.is_some() || new.is_some());
        let result = put_back(&path, inode_of(looked.as_ref()), new.as_ref());
        prop_assert!(matches!(result, Err(Error::ChangedMeanwhile { .. })), "{result:?}");
        prop_assert_eq!(inode::take(&path).unwrap(), there);
    }
}

/// An editor that comes at any moment: its last word is in the place, or it is what came out of the exchange, or the call
/// says that it met somebody.
#[test]
fn an_edit_at_any_moment_is_somewhere() {
    let directory = scratch::directory().unwrap();
    let path = directory.path().join("main.cf");
    let mut met = 0;
    for round in 0..400u32 {
        fs::write(&path, "old").unwrap();
        let old = inode::take(&path).unwrap().unwrap();
        let staging = files::staging(&path).unwrap();
        let staged =
            swap::prepare(staging.path(), path.file_name().unwrap(), &old.0, &mut &b"ours"[..]).unwrap();
        let edit = format!("edit {round}");
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..round * 20 {
                    std::hint::spin_loop();
                }
                let beside = directory.path().join("edit");
                fs::write(&beside, &edit).unwrap();
                fs::rename(beside, &path).unwrap();
            });
            swap::put(&staged, &path, Some(&old.0))
        });
        let there = fs::read_to_string(&path).unwrap();
        let out = fs::read_to_string(&staged).unwrap();
        match result {
            // It came after us.
            Ok(()) => assert_eq!(there, edit, "{round}"),
            Err(Error::ChangedMeanwhile { .. }) => {
                met += 1;
                assert!(there == edit || out == edit, "{round}: {there}, {out}");
            }
            Err(other) => panic!("{round}: {other}"),
        }
    }
    println!("met {met} of 400");
}
