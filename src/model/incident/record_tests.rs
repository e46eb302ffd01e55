use super::*;

fn sighting(topic: Topic, cause_id: &str) -> Sighting {
    Sighting {
        topic,
        severity: Severity::Critical,
        cause: format!("{cause_id} in words"),
        cause_id: cause_id.into(),
        trouble: cause_id.into(),
        remedy: "do".into(),
        since: 90,
        covers_host: false,
    }
}

fn seen(sightings: &[Sighting]) -> Seen {
    Seen {
        sightings: sightings.to_vec(),
        judged: Topic::ALL.to_vec(),
        taken: None,
        waiting: Some(3),
        at_least: false,
        oldest: Some(80),
    }
}

fn ways(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn look(record: &mut Incidents, seen: &Seen, keys: &[&str], now: Seconds) -> Vec<Event> {
    record.fold(seen, Rules { ways: &ways(keys), open_after: 0, now })
}

fn fold(record: &mut Incidents, sightings: &[Sighting], now: Seconds) -> Vec<(Kind, String, u64)> {
    let events = look(record, &seen(sightings), &["a", "b"], now);
    events.into_iter().map(|event| (event.kind, event.incident.id, event.sequence)).collect()
}

#[test]
fn an_incident_opens_once_and_closes_once() {
    let mut record = Incidents::new("0a".into());
    let mail = [sighting(Topic::Mail, "no-network")];
    assert_eq!(fold(&mut record, &mail, 100), [(Kind::Opened, "mail-0a-1".into(), 1)]);
    for now in 101..200 {
        assert_eq!(fold(&mut record, &mail, now), []);
    }
    let before = record.clone();
    assert_eq!(fold(&mut record, &mail, 200), []);
    assert_eq!(record, before, "a look that sees nothing new writes nothing");
    assert_eq!((record.open.len(), record.open[0].since, record.open[0].opened), (1, 90, 100));
    assert_eq!(fold(&mut record, &[], 300), [(Kind::Closed, "mail-0a-1".into(), 2)]);
    assert_eq!(fold(&mut record, &[], 301), []);
    assert_eq!(fold(&mut record, &mail, 400), [(Kind::Opened, "mail-0a-3".into(), 3)]);
}

/// Who was told of one cause is told of the other with it, and never of the other alone.
#[test]
fn an_incident_whose_cause_has_changed_names_both_until_it_is_over() {
    let mut record = Incidents::new("0a".into());
    let mut told = |causes: &[&str], severity, now| {
        let all: Vec<Sighting> =
            causes.iter().map(|cause| Sighting { severity, ..sighting(Topic::Mail, cause) }).collect();
        let events = look(&mut record, &seen(&all), &["a"], now);
        let cause =
            |event: &Event| event.fields("h").into_iter().find(|(name, _)| *name == "cause").unwrap().1;
        let told: Vec<_> = events.iter().map(|event| (cause(event), event.summary("h"))).collect();
        (told, record.open.first().map(Incident::story).unwrap_or_default())
    };
    let (warning, critical) = (Severity::Warning, Severity::Critical);
    let (opened, open) = told(&["no-network"], warning, 100);
    assert_eq!((opened[0].0.as_str(), open.as_str()), ("no-network in words", "no-network in words"));
    let both = "opened as: no-network in words; later: wrong-password in words";
    assert_eq!(told(&["wrong-password"], warning, 110), (vec![], both.into()));
    let (worse, _) = told(&["wrong-password"], critical, 120);
    assert!(
        worse[0].0 == both && worse[0].1.starts_with(&format!("h: {both}; 3 messages wait")),
        "{worse:?}"
    );
    // The one between the first and the last is in neither alarm.
    assert_eq!(
        told(&["no-room"], critical, 130).1,
        "opened as: no-network in words; later: no-room in words"
    );
    assert_eq!(told(&["no-network"], critical, 140).1, "no-network in words", "it is as it was");
    told(&["wrong-password"], critical, 150);
    let (closed, _) = told(&[], critical, 160);
    assert_eq!(closed[0].0, both);
    assert!(closed[0].1.starts_with(&format!("h: over after 70 s; {both}; 3 messages")), "{closed:?}");
}

/// Causes of accounts have one name, that of the finding.
#[test]
fn another_trouble_of_the_same_name_is_told_with_the_first_and_the_remedy_is_that_of_now() {
    let mut record = Incidents::new("0a".into());
    let mut told = |trouble: &str, cause: &str, remedy: &str, now| {
        let (trouble, cause, remedy) = (trouble.into(), cause.into(), remedy.into());
        let one = Sighting { cause, trouble, remedy, ..sighting(Topic::Mail, "mail.account") };
        look(&mut record, &seen(&[one]), &["a"], now);
        let open = &record.open[0];
        (open.story(), open.remedy.clone())
    };
    told("no-route", "no way; it failed 10:00", "ip route", 100);
    let same = told("no-route", "no way; it failed 10:05", "postqueue -f", 110);
    assert_eq!(same, ("no way; it failed 10:00".into(), "postqueue -f".into()));
    let other = told("wrong-password", "refused; it failed 10:10", "correct it", 120);
    let both = "opened as: no way; it failed 10:00; later: refused; it failed 10:10";
    assert_eq!(other, (both.into(), "correct it".into()));
    assert_eq!(told("no-route", "no way; it failed 10:15", "ip route", 130).0, "no way; it failed 10:15");
}

#[test]
fn a_record_without_digests_takes_that_of_the_next_look() {
    let mut record = Incidents::new("0a".into());
    fold(&mut record, &[sighting(Topic::Mail, "mail.account")], 100);
    record.open[0].trouble.clear();
    fold(&mut record, &[sighting(Topic::Mail, "mail.account")], 110);
    assert_eq!((record.open[0].trouble.as_str(), &record.open[0].opened_as), ("mail.account", &None));
}

#[test]
fn another_cause_is_the_same_incident_and_another_topic_is_not() {
    let mut record = Incidents::new("0a".into());
    fold(&mut record, &[sighting(Topic::Mail, "no-network")], 100);
    assert_eq!(fold(&mut record, &[sighting(Topic::Mail, "wrong-password")], 110), []);
    assert_eq!(
        (record.open[0].cause_id.as_str(), record.open[0].id.as_str()),
        ("wrong-password", "mail-0a-1")
    );
    let both = [sighting(Topic::Mail, "wrong-password"), sighting(Topic::Login, "token.end")];
    assert_eq!(fold(&mut record, &both, 120), [(Kind::Opened, "login-0a-2".into(), 2)]);
    assert_eq!(fold(&mut record, &both[1..], 130), [(Kind::Closed, "mail-0a-1".into(), 3)]);
}

#[test]
fn a_look_that_failed_closes_nothing_that_it_did_not_see() {
    let mut record = Incidents::new("0a".into());
    fold(&mut record, &[sighting(Topic::Mail, "no-network")], 100);
    let failed = Seen::failed("x".into(), "y".into(), false, 110);
    let events = look(&mut record, &failed, &["a"], 110);
    assert_eq!(events.iter().map(|event| event.incident.topic).collect::<Vec<_>>(), [Topic::Look]);
    assert_eq!(record.open.len(), 2);
    assert_eq!(
        fold(&mut record, &[sighting(Topic::Mail, "no-network")], 120),
        [(Kind::Closed, "look-0a-2".into(), 3)]
    );
}

#[test]
fn a_host_that_keeps_mail_from_leaving_is_one_incident() {
    let mut record = Incidents::new("0a".into());
    let barred = Sighting { covers_host: true, ..sighting(Topic::Mail, "mail.leaves") };
    let both = [barred, sighting(Topic::Host, "service.running")];
    assert_eq!(fold(&mut record, &both, 100), [(Kind::Opened, "mail-0a-1".into(), 1)]);
    assert_eq!(fold(&mut record, &[], 110), [(Kind::Closed, "mail-0a-1".into(), 2)]);
    // One that was open before stays.
    fold(&mut record, &both[1..], 120);
    assert_eq!(fold(&mut record, &both, 130), [(Kind::Opened, "mail-0a-4".into(), 4)]);
    assert_eq!(record.open.len(), 2);
}

#[test]
fn each_way_is_told_each_event_in_order_until_it_has_taken_it() {
    let mut record = Incidents::new("0a".into());
    fold(&mut record, &[sighting(Topic::Mail, "no-network")], 100);
    fold(&mut record, &[], 110);
    let numbers = |record: &Incidents, key| -> Vec<u64> {
        record.untold_by(key).iter().map(|event| event.sequence).collect()
    };
    assert_eq!((numbers(&record, "a"), numbers(&record, "b")), (vec![1, 2], vec![1, 2]));
    record.note("a", 1, None);
    record.note("b", 1, Some("no answer"));
    assert_eq!((numbers(&record, "a"), numbers(&record, "b")), (vec![2], vec![1, 2]));
    assert_eq!(record.untold[0].ways["b"], "no answer");
    record.note("a", 2, None);
    // The answers have lost this way.
    look(&mut record, &seen(&[]), &["a"], 120);
    assert_eq!(record.untold, []);
}

/// The state of a monitoring system is that of everything, not of what closed last.
#[test]
fn an_event_knows_what_else_is_open() {
    let mut record = Incidents::new("0a".into());
    let both =
        [sighting(Topic::Mail, "x"), Sighting { severity: Severity::Warning, ..sighting(Topic::Login, "y") }];
    fold(&mut record, &both, 100);
    let events = look(&mut record, &seen(&both[1..]), &["a"], 110);
    assert_eq!((events[0].kind, events[0].worst), (Kind::Closed, Some(Severity::Warning)));
    let events = look(&mut record, &seen(&[]), &["a"], 120);
    assert_eq!((events[0].kind, events[0].worst), (Kind::Closed, None));
}

#[test]
fn what_no_way_takes_is_bounded() {
    let mut record = Incidents::new("0a".into());
    for now in 0..1000 {
        fold(&mut record, &[sighting(Topic::Mail, "x")], now);
        fold(&mut record, &[], now);
    }
    assert_eq!((record.untold.len(), record.untold.last().unwrap().event.sequence), (MOST, 2000));
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let mut record = Incidents::new("0a".into());
    fold(&mut record, &[sighting(Topic::Mail, "x")], 100);
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Incidents>(&text).unwrap(), record);
    let hidden = record.hidden(|text| text.replace("words", "***"));
    assert!(!serde_json::to_string(&hidden).unwrap().contains("words"));
}

#[test]
fn a_warning_that_becomes_critical_is_told_once_more_under_the_same_name() {
    let mut record = Incidents::new("0a".into());
    let late = Sighting { severity: Severity::Warning, ..sighting(Topic::Mail, "queue.waiting") };
    fold(&mut record, std::slice::from_ref(&late), 100);
    let stopped = [sighting(Topic::Mail, "no-network")];
    assert_eq!(fold(&mut record, &stopped, 110), [(Kind::Worsened, "mail-0a-1".into(), 2)]);
    assert_eq!(fold(&mut record, &stopped, 120), []);
    assert_eq!(fold(&mut record, &[late], 130), [], "what becomes better is told when it is over");
}

#[test]
fn a_way_that_was_mended_is_told_what_is_open() {
    let mut record = Incidents::new("0a".into());
    let mail = [sighting(Topic::Mail, "no-network")];
    fold(&mut record, &mail, 100);
    record.note("a", 1, None);
    record.note("b", 1, Some("no such host"));
    assert_eq!(look(&mut record, &seen(&mail), &["a", "c"], 110), []);
    assert!(record.untold_by("a").is_empty() && record.untold_by("b").is_empty());
    let told: Vec<(Kind, String, u64)> = record
        .untold_by("c")
        .into_iter()
        .map(|event| (event.kind, event.incident.id, event.sequence))
        .collect();
    assert_eq!(told, [(Kind::Opened, "mail-0a-1".into(), 1)]);
    record.note("c", 1, None);
    assert_eq!(look(&mut record, &seen(&mail), &["a", "c"], 120), []);
    assert!(record.untold.is_empty());
}

/// What is over within minutes wakes nobody, and what lasts is told by the next look at the latest.
#[test]
fn an_incident_opens_when_it_has_lasted_and_closes_when_a_look_does_not_see_it() {
    let kinds = |record: &mut Incidents, sightings: &[Sighting], now| -> Vec<Kind> {
        let events = record.fold(&seen(sightings), Rules { ways: &ways(&["a"]), open_after: 180, now });
        events.iter().map(|event| event.kind).collect()
    };
    let begun = |since| [Sighting { since, ..sighting(Topic::Mail, "no-network") }];
    let mut record = Incidents::new("0a".into());
    // A bad minute that a look falls into.
    assert_eq!(kinds(&mut record, &begun(970), 1000), []);
    assert_eq!(record.young[&Topic::Mail], 970);
    assert_eq!(kinds(&mut record, &[], 1300), []);
    assert!(record.young.is_empty() && record.sequence == 0);
    // One that lasts, though each look knows a later attempt only.
    assert_eq!(kinds(&mut record, &begun(1590), 1600), []);
    assert_eq!(kinds(&mut record, &begun(1890), 1900), [Kind::Opened]);
    assert_eq!(kinds(&mut record, &begun(2190), 2200), []);
    assert_eq!(kinds(&mut record, &[], 2500), [Kind::Closed]);
    // One that is known to have lasted when it is first seen.
    assert_eq!(kinds(&mut record, &begun(2600), 2800), [Kind::Opened]);
    kinds(&mut record, &[], 2900);
    // A clock that is set back.
    kinds(&mut record, &begun(8990), 9000);
    assert_eq!(kinds(&mut record, &begun(3000), 3010), []);
    assert_eq!(kinds(&mut record, &begun(3190), 3200), [Kind::Opened]);
    // A look that could not see.
    kinds(&mut record, &[], 3300);
    kinds(&mut record, &begun(3400), 3400);
    record.fold(&Seen::default(), Rules { ways: &[], open_after: 180, now: 3500 });
    assert_eq!(record.young[&Topic::Mail], 3400);
}
