use super::*;

const HOST: &str = "x86_64";

/// The package `name-version-release.arch`; `provides` are its capabilities besides its own name.
fn package(nevra: &str, provides: &[&str]) -> Candidate {
    let (rest, arch) = nevra.rsplit_once('.').unwrap();
    let (rest, release) = rest.rsplit_once('-').unwrap();
    let (name, version) = rest.rsplit_once('-').unwrap();
    let evr = format!("{version}-{release}");
    let own = Capability::parse(&format!("{name} = {evr}"));
    Candidate {
        file: format!("{nevra}.rpm"),
        name: name.into(),
        evr,
        arch: arch.into(),
        provides: provides.iter().map(|text| Capability::parse(text)).chain([own]).collect(),
        files: Vec::new(),
    }
}

fn wants(name: &str) -> Need {
    Need::Package { name: name.into(), plugin: None }
}

fn names(selection: &Selection) -> Vec<String> {
    selection.chosen().iter().map(|candidate| candidate.file.clone()).collect()
}

#[test]
fn the_newest_of_each_is_taken_and_nothing_that_is_not_needed() {
    let all = [
        package("cyrus-sasl-plain-2.1.27-6.x86_64", &[]),
        package("cyrus-sasl-plain-2.1.27-21.x86_64", &[]),
        package("cyrus-sasl-plain-2.1.28-1.i686", &[]),
        package("postfix-1:3.5-1.x86_64", &[]),
        package("s-nail-14.9-1.x86_64", &["/bin/mailx"]),
    ];
    let installed = Installed::default();
    let mut selection = Selection::new(&all, HOST, &installed);
    selection.choose_for(&[wants("cyrus-sasl-plain"), Need::MailCommand]).unwrap();
    assert_eq!(names(&selection), ["cyrus-sasl-plain-2.1.27-21.x86_64.rpm", "s-nail-14.9-1.x86_64.rpm"]);
}

#[test]
fn what_is_lacking_is_named_with_what_would_do_elsewhere() {
    let all = [
        package("cyrus-sasl-plain-2.1.28-1.aarch64", &[]),
        package("cyrus-sasl-2.1-1.x86_64", &[]),
        package("postfix-3.5-1.src", &[]),
    ];
    let installed = Installed::parse("cyrus-sasl (none):2.2-1\ncyrus-sasl (none):2.0-1\n");
    let mut selection = Selection::new(&all, HOST, &installed);
    let lacking = selection
        .choose_for(&[wants("cyrus-sasl-plain"), wants("cyrus-sasl"), wants("postfix"), Need::MailCommand])
        .unwrap_err();
    assert_eq!(
        lacking,
        [
            "cyrus-sasl-plain (cyrus-sasl-plain-2.1.28-1.aarch64.rpm is for aarch64, and this host is x86_64)",
            "cyrus-sasl (cyrus-sasl-2.1-1.x86_64.rpm is older than what is installed)",
            "postfix (postfix-3.5-1.src.rpm is a source package)",
            "mail command",
        ]
    );
}

#[test]
fn processor_levels_and_noarch_fit() {
    let all = [package("a-1-1.x86_64_v2", &[]), package("b-1-1.noarch", &[]), package("c-1-1.x86_6", &[])];
    let installed = Installed::default();
    let mut selection = Selection::new(&all, HOST, &installed);
    assert_eq!(selection.choose_for(&[wants("a"), wants("b")]), Ok(()));
    assert!(selection.choose_for(&[wants("c")]).is_err());
}

#[test]
fn what_rpm_misses_is_added_until_it_is_content() {
    let all = [
        package("a-1-1.x86_64", &[]),
        package("lib-2-1.x86_64", &["libx.so.2()(64bit)"]),
        package("lib-old-2-1.x86_64", &["libx.so.2()(64bit)"]),
        package("plugin-2-1.x86_64", &[]),
        package("plugin-a-2-1.x86_64", &[]),
        package("either-1-1.noarch", &[]),
    ];
    let installed = Installed::parse("lib (none):1-1\nplugin-a (none):1-1\nplugin (none):2-1\n");
    let mut selection = Selection::new(&all, HOST, &installed);
    selection.choose_for(&[wants("a")]).unwrap();
    let said = "error: Failed dependencies:\n\tlibx.so.2()(64bit) is needed by a-1-1.x86_64\n\
                \t(other or either >= 1) is needed by a-1-1.x86_64\n";
    assert_eq!(selection.answer(said), Step::More);
    assert_eq!(names(&selection)[1..], ["lib-2-1.x86_64.rpm", "either-1-1.noarch.rpm"]);
    // The new lib no longer has what an installed package needs, so that package is upgraded too.
    let said = "\tlib = 1-1 is needed by (installed) plugin-a-1-1.x86_64\n";
    assert_eq!(selection.answer(said), Step::More);
    assert_eq!(names(&selection)[3..], ["plugin-a-2-1.x86_64.rpm"]);
    // There is no newer `plugin`.
    assert_eq!(
        selection.answer("\tlib = 1-1 is needed by (installed) plugin-2-1.x86_64\n"),
        Step::Lacking(vec!["lib = 1-1, which (installed) plugin-2-1.x86_64 needs".into()])
    );
}

#[test]
fn two_lines_about_one_package_choose_it_once_and_a_second_answer_ends() {
    let all = [package("a-1-1.noarch", &["x", "y"])];
    let installed = Installed::default();
    let mut selection = Selection::new(&all, HOST, &installed);
    let said = "\tx is needed by b-1-1.noarch\n\ty is needed by b-1-1.noarch\n";
    assert_eq!(selection.answer(said), Step::More);
    assert_eq!(selection.chosen().len(), 1);
    assert_eq!(selection.answer(said), Step::Refused);
}

#[test]
fn what_is_no_missing_package_is_rpm_s_own_word() {
    let all = [package("a-1-1.noarch", &[])];
    let installed = Installed::default();
    let mut selection = Selection::new(&all, HOST, &installed);
    let said = "error: Failed dependencies:\n\ta conflicts with (installed) b-1-1.noarch\n";
    assert_eq!(selection.answer(said), Step::Refused);
}

#[test]
fn of_a_rich_dependency_each_name_may_do() {
    let names = |text: &str| -> Vec<String> {
        alternatives(text).into_iter().map(|capability| capability.name).collect()
    };
    assert_eq!(names("(mailx or s-nail)"), ["mailx", "s-nail"]);
    assert_eq!(names("((a >= 1 with a < 2) or lib.so()(64bit))"), ["a", "1", "a", "2", "lib.so()(64bit)"]);
    assert_eq!(names("(langpack if glibc)"), ["langpack", "glibc"]);
}
