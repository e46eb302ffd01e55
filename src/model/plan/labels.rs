//! The part of a plan about the SELinux labels of Postfix's files.

use super::{Plan, Remedy, State};
use crate::model::labels::Labels;

impl Plan {
    /// Compares the labels with those of the policy. Postfix's programs run in domains of their own, which the policy lets read
    /// files of Postfix's types; a file that was moved here from a home directory keeps the type it had there.
    pub(super) fn labels(&mut self, labels: &Labels) {
        match labels {
            Labels::NotUsed => {}
            Labels::Unknown(why) => {
                let text = format!("whether SELinux's labels are right is not known: {why}");
                self.add("label", State::Note, text, None::<Remedy>);
            }
            Labels::Known(wrong) if wrong.is_empty() => {
                let text = "Postfix's files have the labels of SELinux's policy";
                self.add("label", State::Fine, text, Remedy::Apply);
            }
            Labels::Known(wrong) => {
                for file in wrong {
                    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
                    let text = format!(
                        "the SELinux type of {} is {}, and the policy has {}: Postfix may not be allowed to read the file",
                        file.path.display(),
                        file.found,
                        file.wanted
                    );
                    self.add(format!("label.{name}"), State::Differs, text, Remedy::Apply);
                }
                self.actions.labels.clone_from(wrong);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::labels::WrongLabel;
    use crate::model::plan::action::Action;

    #[test]
    fn a_wrong_label_is_a_fault_that_apply_mends_and_an_unknown_one_is_none() {
        let wrong = || WrongLabel {
            path: "/etc/postfix/sasl_passwd.db".into(),
            found: "user_home_t".into(),
            wanted: "postfix_etc_t".into(),
        };
        for (labels, id, state, is_in_order) in [
            (Labels::Known(vec![wrong()]), "label.sasl_passwd.db", State::Differs, false),
            (Labels::Known(Vec::new()), "label", State::Fine, true),
            (Labels::Unknown("no answer".into()), "label", State::Note, true),
        ] {
            let mut plan = Plan::empty();
            plan.labels(&labels);
            let finding = &plan.findings[0];
            assert_eq!((finding.id.as_str(), finding.state), (id, state));
            assert_eq!(finding.is_for_apply(), !is_in_order);
            assert_eq!(plan.is_in_order(), is_in_order);
            let steps: Vec<String> = plan.actions.iter().map(Action::describe).collect();
            assert_eq!(steps.concat().contains("/etc/postfix/sasl_passwd.db"), !is_in_order, "{steps:?}");
        }
        let mut plan = Plan::empty();
        plan.labels(&Labels::NotUsed);
        assert!(plan.findings.is_empty());
    }
}
