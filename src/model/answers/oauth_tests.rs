use crate::model::answers::Answers;
use crate::model::answers::complete::complete;
use crate::model::desired::{Auth, Desired, Mechanism};
use crate::model::oauth::person::Page;
use crate::model::oauth::{App, Proof};
use crate::model::secret::Secret;

const HEAD: &str =
    "version = 1\n[relay]\nprovider = \"office365\"\n[auth]\nusername = \"alerts@example.com\"\n";
const GUID: &str = "12345678-90ab-cdef-1234-567890abcdef";
const KEY: &str = include_str!("../../../tests/oauth/key.pem");
const CERTIFICATE: &str = include_str!("../../../tests/oauth/certificate.pem");
const OTHER_KEY: &str = include_str!("../../../tests/oauth/other-key.pem");

fn read(table: &str, secret: Option<&str>) -> crate::error::Result<Desired> {
    let text = format!("{HEAD}[auth.oauth]\n{table}");
    let answers = Answers::parse("answers.toml", text.as_bytes())?;
    answers.secret_source()?;
    complete(&answers, secret.map(Secret::new))
}

fn app(table: &str, secret: &str) -> App {
    match read(table, Some(secret)).unwrap().first.auth {
        Auth::Login { app: Some(app), mechanism: Mechanism::Xoauth2, .. } => *app,
        other => panic!("{other:?}"),
    }
}

/// The error for a table, with its remedy.
fn refusal(table: &str, secret: Option<&str>) -> String {
    let error = read(table, secret).unwrap_err();
    format!("{error} | {}", error.hint("relayhost apply"))
}

fn microsoft(rest: &str) -> String {
    format!(
        "provider = \"microsoft\"\ntenant = \"Contoso.onmicrosoft.com\"\nclient_id = \"{GUID}\"\n{rest}\n"
    )
}

fn service_account(email: &str, key: &str) -> String {
    serde_json::json!({ "type": "service_account", "client_email": email, "private_key_id": "k1", "private_key": key })
        .to_string()
}

#[test]
fn the_day_on_which_a_secret_ends_is_a_day() {
    assert_eq!(super::day_of("2027-05-01").unwrap(), 1_809_129_600);
    for odd in ["", "2027", "2027-13-01", "1.5.2027", "2027-05-01T10:00:00", "soon"] {
        assert!(super::day_of(odd).unwrap_err().remedy.text().contains("YYYY-MM-DD"), "{odd}");
    }
}

#[test]
fn each_flow_makes_an_application() {
    let secret = app(&microsoft("flow = \"secret\"\nclient_secret_file = \"/s\""), "q8~value");
    assert_eq!(
        secret.token_url,
        "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
    );
    assert_eq!(secret.scope, "https://outlook.office365.com/.default");
    assert!(matches!(secret.proof, Proof::Secret(_)));

    let pem = format!("{CERTIFICATE}{KEY}");
    let certificate = app(&microsoft("flow = \"certificate\"\ncertificate = \"/c\""), &pem);
    assert!(matches!(certificate.proof, Proof::Certificate(_)));
    assert!(!format!("{certificate:?}").contains("MII"), "the key is shown");

    let google = app(
        "provider = \"google\"\nflow = \"service-account\"\nkey_file = \"/k\"\n",
        &service_account("a@p.iam.gserviceaccount.com", KEY),
    );
    assert_eq!(
        (google.mailbox.as_str(), google.client_id.as_str()),
        ("alerts@example.com", "a@p.iam.gserviceaccount.com")
    );

    let other = app(
        "provider = \"other\"\nflow = \"secret\"\nclient_id = \"me\"\nclient_secret_env = \"S\"\ntoken_url = \"https://id.example.com/token\"\n",
        "x",
    );
    assert_eq!((other.token_url.as_str(), other.scope.as_str()), ("https://id.example.com/token", ""));
}

#[test]
fn the_cloud_of_the_relay_is_the_cloud_of_the_token() {
    for (part, login, outlook) in [
        ("usgov", "login.microsoftonline.us", "outlook.office365.us"),
        ("china", "login.partner.microsoftonline.cn", "partner.outlook.cn"),
    ] {
        let table = microsoft("flow = \"secret\"\nclient_secret_file = \"/s\"");
        let text =
            format!("{HEAD}[auth.oauth]\n{table}").replace("office365\"", &format!("office365/{part}\""));
        let answers = Answers::parse("a", text.as_bytes()).unwrap();
        let Auth::Login { app: Some(app), .. } =
            complete(&answers, Some(Secret::new("q8~"))).unwrap().first.auth
        else {
            panic!("no application");
        };
        assert!(app.token_url.contains(login) && app.scope.contains(outlook), "{app:?}");
    }
}

fn person(flow: &str) -> String {
    format!(
        "provider = \"other\"\nflow = \"{flow}\"\nclient_id = \"me\"\ntoken_url = \"https://id.example.com/t\"\n"
    )
}

#[test]
fn a_person_needs_no_secret_and_may_have_one() {
    let page = |table: &str, secret: Option<&str>| match read(table, secret).unwrap().first.auth {
        Auth::Login { app: Some(app), .. } => match app.proof {
            Proof::Person(person) => (person.page, person.secret.is_some(), app.mailbox),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let device = page(&microsoft("flow = \"device\""), None);
    let url = "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/devicecode";
    assert_eq!(device, (Page::Device(url.into()), false, "alerts@example.com".into()));
    let table = "provider = \"google\"\nflow = \"code\"\nclient_id = \"g\"\nclient_secret_env = \"S\"\n";
    assert!(page(table, Some("x")).1);
    let table = format!("{}device_url = \"https://id.example.com/d\"\n", person("device"));
    assert_eq!(page(&table, None).0, Page::Device("https://id.example.com/d".into()));
}

/// Each bad value has its own words, its place, and what to write instead.
#[test]
fn what_is_wrong_is_named_with_its_line() {
    let secret = "flow = \"secret\"\nclient_secret_file = \"/s\"";
    let certificate = "flow = \"certificate\"\ncertificate = \"/c\"";
    let google = "provider = \"google\"\nflow = \"service-account\"\nkey_file = \"/k\"\n";
    let other = "provider = \"other\"\nflow = \"secret\"\nclient_id = \"me\"\nclient_secret_file = \"/s\"\n";
    let two = format!("{CERTIFICATE}{OTHER_KEY}");
    let cases = [
        (
            microsoft(secret).replace("Contoso.onmicrosoft.com", "common"),
            Some("v"),
            "line 8, column 10: `common` is not a tenant",
        ),
        (
            microsoft(secret).replace("Contoso.onmicrosoft.com", "Contoso Ltd"),
            Some("v"),
            "line 8, column 10: this is neither a domain nor the id",
        ),
        (
            microsoft(secret),
            Some(GUID),
            "line 11, column 22: this is the ID of the client secret, not the secret",
        ),
        (microsoft(secret), Some(""), "the client secret is empty"),
        (microsoft(secret), None, "line 10, column 8: the flow `secret` needs `client_secret_file`"),
        (
            microsoft(secret).replace(GUID, "relayhost"),
            Some("v"),
            "line 9, column 13: this is not the id of an application",
        ),
        (
            microsoft("flow = \"certificate\"\nclient_secret_file = \"/s\""),
            Some("v"),
            "line 11, column 22: `client_secret_file` has no use with Microsoft and the flow `certificate`",
        ),
        (microsoft(&format!("{secret}\nscope = \"x\"")), Some("v"), "`scope` has no use"),
        (microsoft(&format!("{secret}\ncertificate = \"/c\"")), Some("v"), "has two secrets"),
        (
            microsoft("flow = \"service-account\"\nkey_file = \"/k\""),
            Some("{}"),
            "Microsoft does not know the flow `service-account`",
        ),
        (microsoft("flow = \"browser\""), None, "line 10, column 8: `flow` takes one of"),
        (
            google.replace("service-account", "device").replace("key_file = \"/k\"\n", ""),
            None,
            "Google does not know the flow `device`",
        ),
        (microsoft("flow = \"device\"\ndevice_url = \"https://x\""), None, "`device_url` has no use"),
        (person("device"), None, "has no `device_url`"),
        (person("code"), None, "has no `auth_url`"),
        (format!("{}auth_url = \"http://id/\"\n", person("code")), None, "`http://id/` is not the address"),
        (
            microsoft("flow = \"device\"\nclient_secret_file = \"/s\""),
            Some(GUID),
            "this is the ID of the client secret",
        ),
        (microsoft(certificate), Some(CERTIFICATE), "line 11, column 15: there is no key that can be read"),
        (microsoft(certificate), Some(KEY), "there is no certificate in it"),
        (microsoft(certificate), Some(&two), "the key in it belongs to another certificate"),
        (
            microsoft(certificate),
            Some(&format!("{CERTIFICATE}-----BEGIN ENCRYPTED PRIVATE KEY-----")),
            "the key has a passphrase",
        ),
        (google.into(), Some("{"), "line 9, column 12: the key file is not the JSON of a service account"),
        (google.into(), Some("{\"type\":\"authorized_user\"}"), "not one of a service account"),
        (google.into(), Some(&service_account("a @b", KEY)), "has a blank in it"),
        (google.into(), Some(&service_account("a@b", "-----BEGIN")), "is not an RSA key"),
        (format!("{google}client_id = \"x\"\n"), Some("{}"), "`client_id` has no use with Google"),
        (other.into(), Some("v"), "has no `token_url`"),
        (
            format!("{other}token_url = \"http://id.example.com/\"\n"),
            Some("v"),
            "is not the address of a token endpoint",
        ),
        ("flow = \"secret\"\n".into(), Some("v"), "line 6, column 1: [auth.oauth] has no `provider`"),
    ];
    for (table, secret, words) in cases {
        let refusal = refusal(&table, secret);
        assert!(refusal.starts_with("answers.toml, line"), "{refusal}");
        assert!(refusal.contains(words), "{refusal}\nhas not: {words}");
        assert!(refusal.split(" | ").nth(1).is_some_and(|remedy| remedy.len() > 10), "{refusal}");
    }
}

#[test]
fn a_table_and_a_mechanism_fit_together() {
    let with = |auth: &str, table: &str| {
        let text = format!("{HEAD}{auth}{table}");
        let answers = Answers::parse("answers.toml", text.as_bytes()).unwrap();
        let password = answers.tables.auth.password.as_ref().map(|password| password.get_ref().clone());
        let read = answers.secret_source().and_then(|_| complete(&answers, password));
        read.map(|desired| desired.mechanism()).map_err(|error| error.to_string())
    };
    let table = format!("[auth.oauth]\n{}", microsoft("flow = \"secret\"\nclient_secret_file = \"/s\""));
    let error = with("mechanism = \"login\"\n", &table).unwrap_err();
    assert!(
        error.contains("line 7, column 1: [auth.oauth] fetches an access token, and login takes a password"),
        "{error}"
    );
    let error = with("password = \"x\"\n", &table).unwrap_err();
    assert!(error.contains("line 6, column 12: there is a password beside the table oauth"), "{error}");
    let error = with("mechanism = \"xoauth2\"\n", "").unwrap_err();
    assert!(error.contains("line 6, column 13: xoauth2 needs [auth.oauth]"), "{error}");
    let error = with("mechanism = \"oauthbearer\"\npassword = \"correct horse\"\n", "").unwrap_err();
    assert!(error.contains("what is given as the password is no access token"), "{error}");
    let token = format!("mechanism = \"oauthbearer\"\npassword = \"{}\"\n", "aZ09-._~+/".repeat(4));
    assert_eq!(with(&token, ""), Ok(Mechanism::Oauthbearer));
}
