//! Files by their digest, without their bytes in memory: the database of a table may be of any size, since LMDB makes room for
//! all that may come (lmdb_map_size in postconf(5)), and its source is what has a limit.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{acl, files};
use crate::error::{Error, Result};
use crate::model::state::generation::hex;

/// Bytes that are in memory at a time.
const BLOCK: usize = 64 * 1024;

/// Bytes that lie in a file, for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The file. Of a symbolic link that relayhost manages, the bytes are the path that it leads to.
    pub file: PathBuf,
    /// SHA-256 of the bytes.
    pub sha256: String,
}

/// SHA-256 of all that comes, in hexadecimal.
pub fn of(from: &mut dyn Read) -> std::io::Result<String> {
    copy(from, &mut std::io::sink())
}

/// SHA-256 of a file's bytes; `None` if there is none.
pub fn of_file(path: &Path) -> Result<Option<String>> {
    let Some(mut file) = files::open_file(path)? else { return Ok(None) };
    of(&mut file).map(Some).map_err(Error::io("read", path))
}

/// Copies all that comes, and returns its SHA-256.
pub fn copy(from: &mut dyn Read, to: &mut dyn Write) -> std::io::Result<String> {
    let (mut digest, mut block) = (Sha256::new(), vec![0; BLOCK]);
    loop {
        match from.read(&mut block) {
            Ok(0) => return Ok(hex(&digest.finalize())),
            Ok(size) => {
                let bytes = block.get(..size).unwrap_or_default();
                digest.update(bytes);
                to.write_all(bytes)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes a new file of root's alone with all that comes, and returns its SHA-256; it is on the disk then.
pub fn create(path: &Path, from: &mut dyn Read) -> Result<String> {
    let fault = Error::io("write", path);
    let mut new = files::create_private(path)?;
    let digest = copy(from, &mut new).and_then(|digest| acl::set_mode(&new, 0o600).map(|()| digest));
    let digest = digest.map_err(fault)?;
    new.sync_all().map_err(fault)?;
    Ok(digest)
}

/// Keeps what comes, with this SHA-256, as a new file of this name in a directory, root's alone, or as `NAME.N` where a file
/// with other bytes is there already (half of them, if an earlier run was killed). Returns the path, and the SHA-256 of what
/// came; the file is on the disk then.
pub fn keep(directory: &Path, name: &str, sha256: &str, from: &mut dyn Read) -> Result<(PathBuf, String)> {
    let mut path = directory.join(name);
    let mut others = 0;
    while let Some(mut there) = files::open_no_link(&path)? {
        if of(&mut there).map_err(Error::io("read", &path))? == sha256 {
            return Ok((path, sha256.to_owned()));
        }
        others += 1;
        path = directory.join(format!("{name}.{others}"));
    }
    let came = create(&path, from)?;
    files::sync_directory(directory)?;
    Ok((path, came))
}

/// Begins an open file anew.
pub fn rewound(mut file: File, path: &Path) -> Result<File> {
    std::io::Seek::rewind(&mut file).map_err(Error::io("read", path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::super::scratch;
    use super::*;
    use crate::model::state::generation::sha256;

    #[test]
    fn a_file_of_any_size_is_copied_with_its_digest() {
        let directory = scratch::directory().unwrap();
        let path = directory.path().join("aliases.lmdb");
        let bytes: Vec<u8> = (0..200_001_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let wanted = sha256(&bytes);
        assert_eq!(create(&path, &mut bytes.as_slice()).unwrap(), wanted);
        assert_eq!(of_file(&path).unwrap().as_ref(), Some(&wanted));
        assert_eq!(files::read_whole(&path).unwrap().unwrap(), bytes);
        assert_eq!(of_file(&directory.path().join("none")).unwrap(), None);
    }

    #[test]
    fn what_is_kept_already_is_kept_once_and_others_get_names_of_their_own() {
        let directory = scratch::directory().unwrap();
        let kept = |bytes: &[u8]| {
            let (path, came) = keep(directory.path(), "a", &sha256(bytes), &mut &*bytes).unwrap();
            assert_eq!(came, sha256(bytes));
            path.file_name().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!([kept(b"x"), kept(b"y"), kept(b"x"), kept(b"z")], ["a", "a.1", "a", "a.2"]);
    }
}
