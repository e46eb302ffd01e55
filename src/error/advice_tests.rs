use super::*;

#[test]
fn the_words_stay_whatever_stands_between_them() {
    for text in [
        "",
        "mend it",
        "`relayhost repair`",
        "`relayhost repair` (sets it); or `x`",
        "`relayhost repair` (sets it) and `x`",
        "set it, and run `relayhost apply`; if (so) `y`, then `relayhost apply`",
        "`x`; `relayhost apply --force` (see `plan`)",
        "an unpaired ` and `relayhost apply",
        "the port (`port`), or `relay.host`",
    ] {
        assert_eq!(Advice::new(text).text(), text);
    }
}

#[test]
fn the_command_that_has_stopped_is_the_one_that_was_typed() {
    for (text, shown) in [
        ("run `this command` again", "run `relayhost check` again"),
        ("mend it, and run `this command` again; or not", "mend it, and run `relayhost check` again; or not"),
        ("run `this command` with sudo", "run `relayhost check` with sudo"),
        ("`relayhost apply --force`", "`relayhost apply --force`"),
    ] {
        assert_eq!(Advice::new(text).for_command("relayhost check"), shown);
    }
    let typed = "relayhost apply --answers x";
    assert_eq!(Advice::new("`relayhost apply --force`").for_command(typed), format!("`{typed} --force`"));
    assert_eq!(Advice::new("run `this command` again").text(), "run the same command again");
}

#[test]
fn a_probe_that_was_made_is_not_asked_for_again() {
    let text = "`relayhost probe` (tries it from here); check the host";
    assert_eq!(Advice::new(text).text(), text);
    assert_eq!(Advice::new(text).probed().text(), "check the host");
    let other = "check the host, then `relayhost probe`";
    assert_eq!(Advice::new(other).probed().text(), other);
}

#[test]
fn a_person_who_is_asked_is_not_sent_to_run_something() {
    let once_more = |text| Advice::new(text).asked_again().text();
    assert_eq!(once_more("run `this command` again"), "answer once more");
    assert_eq!(once_more("mend it; then run `this command` again"), "mend it; then answer once more");
    let next = |text| Advice::new(text).asked_next().applied_by("relayhost init").text();
    assert_eq!(next("set it, and run `relayhost apply`"), "set it, and answer the next question");
    assert_eq!(
        next("set it, then `relayhost apply`; or not"),
        "set it, then answer the next question; or not"
    );
    assert_eq!(next("`relayhost apply` installs it"), "`relayhost init` installs it");
}

#[test]
fn where_a_value_is_another_persons_the_choice_is_theirs() {
    for (text, forced) in [
        ("set it, then `relayhost apply`", "set it, then `relayhost apply --force`".to_owned()),
        ("`relayhost repair`", BY_HAND.to_owned()),
        ("`relayhost repair` (sets it); or `x`", format!("{BY_HAND}; or `x`")),
        ("mend it; `relayhost repair` (sets it)", format!("mend it; {BY_HAND}")),
        ("`relayhost repair` builds it", "`relayhost apply --force` builds it".to_owned()),
    ] {
        assert_eq!(Advice::new(text).forced().text(), forced);
    }
}

#[test]
fn without_answers_there_is_nothing_to_apply() {
    for (text, shown) in [
        ("mend it, and run `relayhost apply`", "mend it, and run `relayhost init`"),
        ("`relayhost repair` (sets it); or `x`", "`relayhost init` (sets it); or `x`"),
        ("`relayhost probe` (tries it)", "`relayhost probe --current` (tries it)"),
        ("`relayhost apply` installs it", "`relayhost apply` installs it"),
        ("`relayhost init`, then `relayhost apply`", "`relayhost init`, then `relayhost apply`"),
        ("run `this command` again", "run the same command again"),
    ] {
        assert_eq!(Advice::new(text).unanswered().text(), shown);
    }
}

#[test]
fn whoever_gave_flags_reads_flags() {
    let advice = Advice::new("set `relay.host`, or the port (`port`)");
    assert_eq!(advice.by_flags().text(), "set --host, or the port (--port)");
}

#[test]
fn another_password_is_a_step_only_for_answers_that_are_written() {
    let advice =
        Advice::new("`relayhost init --new-password` (tries it); or correct it, and run `relayhost apply`");
    assert_eq!(
        advice.text(),
        "`relayhost init --new-password` (tries it); or correct it, and run `relayhost apply`"
    );
    assert_eq!(advice.unwritten().text(), "correct it, and run `relayhost apply`");
    assert_eq!(advice.asked_next().text(), "correct it, and answer the next question");
    assert_eq!(advice.unanswered().text(), "correct it, and run `relayhost init`");
    assert_eq!(Advice::new("run `relayhost apply`").unwritten().text(), "run `relayhost apply`");
}
