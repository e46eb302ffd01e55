//! Edits of Postfix's files by somebody else while a run was at work, found when the run put the files back.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{shown, typed};

/// An edit by somebody else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edit {
    /// The previous file took its place again; the edited file was moved to `kept`.
    Kept {
        /// The file that was edited.
        path: PathBuf,
        /// The file that has the edited bytes now.
        kept: PathBuf,
    },
    /// The edit came before relayhost replaced the file, and stays in force.
    InForce {
        /// The file that was edited.
        path: PathBuf,
    },
}

impl Edit {
    /// The next step for a person; `None` if the edit is in force.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Kept { path, kept } => Some(format!(
                "see that edit by `diff {} {}`, and copy the lines that you want into {}",
                typed(before_the_edit(path, kept)),
                typed(kept),
                typed(path)
            )),
            Self::InForce { .. } => None,
        }
    }

    /// The edit and the next step, in one line.
    pub fn line(&self) -> String {
        self.hint().map_or_else(|| self.to_string(), |hint| format!("{self}; {hint} before the next run"))
    }

    /// The exceptions for the end of a sentence that says that the files were put back; empty if there are none.
    pub fn except(edits: &[Self]) -> String {
        let path = |edit: &Self| match edit {
            Self::InForce { path } => Some(shown(path)),
            Self::Kept { .. } => None,
        };
        let paths: Vec<String> = edits.iter().filter_map(path).collect();
        if paths.is_empty() {
            String::new()
        } else {
            format!(", but for {}: there somebody else's edit is in force", paths.join(", "))
        }
    }
}

/// The file that was edited, as relayhost had written it: a generation has it beside the edited one. So a diff shows the
/// edit alone.
fn before_the_edit(path: &Path, kept: &Path) -> PathBuf {
    let in_generation = kept.parent().filter(|found| found.ends_with("found")).and_then(Path::parent);
    match (in_generation, kept.file_name()) {
        (Some(generation), Some(name)) => generation.join("after").join(name),
        _ => path.to_owned(),
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept { path, kept } => write!(
                f,
                "somebody else had changed {} meanwhile; that edit is not in force, it is kept as {}",
                shown(path),
                shown(kept)
            ),
            Self::InForce { path } => {
                write!(f, "somebody else has changed {} meanwhile; that edit is in force", shown(path))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Error;
    use super::*;

    #[test]
    fn an_edit_that_is_not_in_force_is_to_be_put_in_and_one_that_is_is_no_secret() {
        let (path, kept) = (PathBuf::from("/etc/postfix/main.cf"), PathBuf::from("/k/main.cf"));
        let undone = |edits| Error::Undone { cause: Box::new(Error::NoLog), edits };
        let out = undone(vec![Edit::Kept { path: path.clone(), kept }]);
        assert!(out.to_string().contains("that edit is not in force, it is kept as /k/main.cf"), "{out}");
        assert!(out.hint("").starts_with("see that edit by `diff /etc/postfix/main.cf /k/main.cf`"));
        let kept = PathBuf::from("/g/0003/found/main.cf");
        let alone = undone(vec![Edit::Kept { path: path.clone(), kept }]).hint("");
        assert!(
            alone.starts_with("see that edit by `diff /g/0003/after/main.cf /g/0003/found/main.cf`"),
            "{alone}"
        );
        let stays = undone(vec![Edit::InForce { path }]);
        assert!(stays.to_string().contains("restored, but for /etc/postfix/main.cf"), "{stays}");
        assert_eq!(stays.hint(""), Error::NoLog.hint(""));
        assert!(undone(Vec::new()).to_string().ends_with("the previous configuration was restored"));
    }
}
