//! SELinux labels of Postfix's files, as restorecon(8) compares them with the policy.

use std::path::{Path, PathBuf};

/// What a look at the labels has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Labels {
    /// There is no SELinux, or nothing to ask it with.
    #[default]
    NotUsed,
    /// The reason why nobody knows.
    Unknown(String),
    /// The files whose label is not the policy's.
    Known(Vec<WrongLabel>),
}

/// A file whose label is not the one that the policy has for its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongLabel {
    /// The file.
    pub path: PathBuf,
    /// The type in its label, as `user_home_t`; `none` if it has no label.
    pub found: String,
    /// The type that the policy has for its path, as `postfix_etc_t`.
    pub wanted: String,
}

impl Labels {
    /// Reads what `restorecon -n -v` prints of these files. Since libselinux 2.6 (selinux_restorecon.c) that is `Would relabel
    /// PATH from CONTEXT to CONTEXT`, on EL7 (setfiles/restore.c of policycoreutils 2.5) `restorecon reset PATH context
    /// CONTEXT->CONTEXT`. A line with one context only is about a label that stays.
    pub fn parse(paths: &[PathBuf], output: &str) -> Self {
        Self::Known(output.lines().filter_map(|line| wrong(paths, line)).collect())
    }

    /// The files whose labels are wrong.
    pub fn wrong(&self) -> &[WrongLabel] {
        if let Self::Known(wrong) = self { wrong } else { &[] }
    }
}

fn wrong(paths: &[PathBuf], line: &str) -> Option<WrongLabel> {
    let words = line.replace("->", " ").replace("<no context>", "none:none:none");
    let words: Vec<&str> = words.split_whitespace().collect();
    let path = words.iter().map(Path::new).find(|word| paths.iter().any(|path| path == word))?;
    // user:role:type, and a level where the policy has levels
    let types: Vec<&str> = words.iter().filter_map(|word| word.split(':').nth(2)).collect();
    let [found, wanted] = types.as_slice() else { return None };
    Some(WrongLabel { path: path.to_owned(), found: (*found).to_owned(), wanted: (*wanted).to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_restorecon_is_read() {
        let path = PathBuf::from("/etc/postfix/sasl_passwd");
        let (home, etc) = ("unconfined_u:object_r:user_home_t:s0", "system_u:object_r:postfix_etc_t:s0");
        for (line, found) in [
            (format!("Would relabel {} from {home} to {etc}", path.display()), "user_home_t"),
            (format!("restorecon reset {} context {home}->{etc}", path.display()), "user_home_t"),
            (format!("Would relabel {} from <no context> to {etc}", path.display()), "none"),
        ] {
            let wrong =
                WrongLabel { path: path.clone(), found: found.into(), wanted: "postfix_etc_t".into() };
            let labels = Labels::parse(std::slice::from_ref(&path), &format!("other line\n{line}\n"));
            assert_eq!(labels.wrong(), [wrong], "{line}");
        }
    }

    #[test]
    fn a_label_that_stays_is_not_wrong() {
        let path = PathBuf::from("/etc/postfix/main.cf");
        for line in [
            "/etc/postfix/main.cf not reset as customized by admin to system_u:object_r:container_file_t:s0",
            "Would relabel /etc/postfix/other from a:b:c_t:s0 to a:b:d_t:s0",
            "",
        ] {
            assert_eq!(Labels::parse(std::slice::from_ref(&path), line), Labels::Known(Vec::new()), "{line}");
        }
    }
}
