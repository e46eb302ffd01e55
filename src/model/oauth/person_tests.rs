use super::*;
use crate::model::oauth::{Cloud, Flow, Proof};

const NOW: u64 = 1_800_000_000;

fn microsoft(secret: Option<&str>) -> App {
    App::microsoft_person(&Cloud::of(None), "t", "id".into(), Flow::Device, secret.map(Secret::new), "a@x")
}

fn google() -> App {
    App::google_person("g".into(), Some(Secret::new("s&1")), "a@x")
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, date: None, body: body.into() }
}

#[test]
fn the_questions_of_a_login() {
    let app = microsoft(None);
    assert_eq!(
        begin(&app).expose(),
        "client_id=id&scope=https%3A%2F%2Foutlook.office.com%2FSMTP.Send%20offline_access"
    );
    assert_eq!(
        poll(&app, &Secret::new("d")).expose(),
        "client_id=id&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=d"
    );
    let refresh = crate::model::oauth::request::form(&app, Some(&Secret::new("r")));
    assert!(
        refresh.expose().starts_with("client_id=id&grant_type=refresh_token&refresh_token=r&scope=https")
    );
    let refresh = crate::model::oauth::request::form(&google(), Some(&Secret::new("r")));
    assert_eq!(refresh.expose(), "client_id=g&client_secret=s%261&grant_type=refresh_token&refresh_token=r");
}

#[test]
fn the_clouds_of_microsoft_have_pages_and_scopes_of_their_own() {
    for (relay, host, scope) in [
        ("smtp.office365.us", "login.microsoftonline.us", "https://outlook.office365.us/SMTP.Send"),
        (
            "smtp.partner.outlook.cn",
            "login.partner.microsoftonline.cn",
            "https://partner.outlook.cn/SMTP.Send",
        ),
    ] {
        let app = App::microsoft_person(&Cloud::of(Some(relay)), "t", "id".into(), Flow::Code, None, "a@x");
        assert_eq!(app.host(), host);
        assert_eq!(app.scope, format!("{scope} offline_access"));
        let Proof::Person(person) = &app.proof else { panic!("{app:?}") };
        assert_eq!(person.page, Page::Code(format!("https://{host}/t/oauth2/v2.0/authorize")));
    }
}

#[test]
fn an_invitation_is_read_and_bounded() {
    let read = |body: &str| Invitation::read(&microsoft(None), &answer(200, body), NOW);
    let microsoft = r#"{"user_code":"HGJ9XK","device_code":"d","verification_uri":"https://microsoft.com/devicelogin","expires_in":900,"interval":5,"message":"To sign in …"}"#;
    let invitation = read(microsoft).unwrap();
    assert_eq!(
        (invitation.address.as_str(), invitation.code.as_str()),
        ("https://microsoft.com/devicelogin", "HGJ9XK")
    );
    assert_eq!((invitation.interval.as_secs(), invitation.life.as_secs()), (5, 900));
    let google = r#"{"user_code":"A","device_code":"d","verification_url":"https://google.com/device","expires_in":"99999","interval":0}"#;
    let invitation = read(google).unwrap();
    assert_eq!((invitation.interval.as_secs(), invitation.life.as_secs()), (5, 1800));
    for bad in [
        "",
        "{}",
        r#"{"user_code":"A","device_code":"d","verification_uri":"http://x"}"#,
        r#"{"user_code":"A","device_code":"d","verification_uri":"javascript:x"}"#,
        r#"{"user_code":"A B","device_code":"d","verification_uri":"https://x"}"#,
        r#"{"user_code":"A\u001b[2J","device_code":"d","verification_uri":"https://x"}"#,
        r#"{"user_code":"A","device_code":"","verification_uri":"https://x"}"#,
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_pauses_grow_as_the_provider_asks() {
    let five = Duration::from_secs(5);
    assert_eq!(Invitation::slower(five), five * 2);
    let pauses: Vec<_> = std::iter::successors(Some(five), |pause| Some(Invitation::after_silence(*pause)))
        .take(6)
        .map(|pause| pause.as_secs())
        .collect();
    assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
}

#[test]
fn a_poll_waits_is_slowed_down_or_ends() {
    let app = microsoft(None);
    let error = |error: &str| answer(400, &format!("{{\"error\":\"{error}\"}}"));
    assert!(matches!(polled(&app, &error("authorization_pending"), NOW), Ok(Polled::Pending)));
    assert!(matches!(polled(&app, &error("slow_down"), NOW), Ok(Polled::TooFast)));
    for (word, cause) in [
        ("authorization_declined", "declined"),
        ("access_denied", "declined"),
        ("expired_token", "has ended"),
        ("bad_verification_code", "device code"),
        ("invalid_grant", "the grant is no longer good"),
    ] {
        let refusal = polled(&app, &error(word), NOW).unwrap_err();
        assert!(refusal.cause.contains(cause), "{refusal:?}");
        assert!(refusal.remedy.contains("`relayhost login`"), "{refusal:?}");
    }
    let body = r#"{"access_token":"a","refresh_token":"r","expires_in":60}"#;
    let Ok(Polled::Granted(granted)) = polled(&app, &answer(200, body), NOW) else { panic!("not granted") };
    assert_eq!(granted.refresh.unwrap().expose(), "r");
}

/// Each of Entra's numbers for a login that is over has `relayhost login` as its remedy.
#[test]
fn a_login_that_is_over_is_made_again() {
    for number in [70_000, 700_082, 700_084, 70_043, 50_173, 50_076] {
        let body = format!(
            "{{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS{number}: x\",\"error_codes\":[{number}]}}"
        );
        let refusal = reply::read(&microsoft(None), &answer(400, &body), NOW).unwrap_err();
        assert!(refusal.cause.ends_with(&format!("[AADSTS{number}]")), "{refusal:?}");
        assert!(refusal.remedy.contains("`relayhost login`") && !refusal.passes, "{refusal:?}");
    }
    let body = r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#;
    let refusal = reply::read(&google(), &answer(400, body), NOW).unwrap_err();
    assert!(
        refusal.remedy.contains("In production") && refusal.remedy.contains("`relayhost login`"),
        "{refusal:?}"
    );
}

#[test]
fn the_page_hears_who_asks_and_the_proof_of_rfc_7636() {
    // The verifier of RFC 7636 appendix B, as bytes.
    let bytes = [
        116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105,
        214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
    ];
    let challenge = Challenge::new(bytes, [0; 16]);
    assert_eq!(challenge.verifier().expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let address = challenge.address(&google(), "https://accounts.google.com/o/oauth2/v2/auth");
    assert_eq!(
        address,
        "https://accounts.google.com/o/oauth2/v2/auth?response_type=code&client_id=g&redirect_uri=http%3A%2F%2Flocalhost\
         &scope=https%3A%2F%2Fmail.google.com%2F&state=AAAAAAAAAAAAAAAAAAAAAA\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&login_hint=a%40x\
         &access_type=offline&prompt=consent"
    );
    let form = redeem(&google(), &challenge, &Secret::new("4/0A"));
    assert_eq!(
        form.expose(),
        "client_id=g&client_secret=s%261&grant_type=authorization_code&code=4%2F0A&redirect_uri=http%3A%2F%2Flocalhost\
         &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
}

#[test]
fn only_the_address_of_this_login_brings_a_code() {
    let challenge = Challenge::new([1; 32], [0; 16]);
    let state = "AAAAAAAAAAAAAAAAAAAAAA";
    for good in [
        format!("http://localhost/?state={state}&code=4%2F0Ab&scope=https://mail.google.com/"),
        format!("  http://localhost:80/?code=4/0Ab&state={state}#x \t"),
        format!("code=4%2f0Ab&state={state}"),
    ] {
        assert_eq!(challenge.code(&good).unwrap().expose(), "4/0Ab", "{good}");
    }
    for (bad, words) in [
        (String::new(), "no code"),
        ("http://localhost/".into(), "no code"),
        (format!("http://localhost/?code=&state={state}"), "no code"),
        (format!("http://localhost/?code=%zz&state={state}"), "no code"),
        (format!("http://localhost/?code=%é&state={state}"), "no code"),
        ("http://localhost/?code=x".into(), "another login"),
        ("http://localhost/?code=x&state=BBBB".into(), "another login"),
        (
            "http://localhost/?error=access_denied&error_description=no+%1b%5b2J%60rm%60".into(),
            "\"access_denied\": \"no ?[2J'rm'\"",
        ),
    ] {
        let complaint = challenge.code(&bad).unwrap_err();
        assert!(complaint.problem.contains(words), "{complaint:?}");
    }
}
