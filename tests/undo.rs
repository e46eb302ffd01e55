//! undo(do(x)) = x, on real files: whatever a managed file was, and whatever it was replaced by, putting back what was
//! taken gives the same bytes, mode, owner, time and attributes, or no file where there was none.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop there, and it works on files of its own"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use relayhost::sys::{files, inode};

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

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_taken_comes_back(before in proptest::option::of(state()), after in proptest::option::of(state()), bytes in vec(any::<u8>(), 0..300)) {
        let directory = files::scratch().unwrap();
        let path = directory.path().join("main.cf");
        make(&path, before.as_ref());
        let taken = inode::take(&path).unwrap();
        prop_assert_eq!(taken.is_some(), before.is_some());
        // What relayhost itself does, and then what anybody may do.
        if taken.is_some() {
            inode::replace(&path, &bytes).unwrap();
            prop_assert_eq!(&inode::take(&path).unwrap().unwrap().1, &bytes);
        }
        make(&path, after.as_ref());
        inode::put_back(&path, taken.as_ref().map(|(inode, bytes)| (inode, bytes.as_slice()))).unwrap();
        prop_assert_eq!(inode::take(&path).unwrap(), taken);
        let left: Vec<String> = files::names(directory.path());
        prop_assert_eq!(left.len(), usize::from(before.is_some()), "leftovers: {:?}", left);
    }
}
