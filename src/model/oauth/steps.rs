//! The steps that an administrator has to take at Microsoft or Google before this host can log in by an access token, filled
//! in with the values of one tenant. Microsoft's are those of learn.microsoft.com, "Authenticate an IMAP, POP or SMTP
//! connection using OAuth" and "Role Based Access Control for Applications in Exchange Online".

use super::{Flow, Provider};

/// What the steps are filled in with; an empty value is not known yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Values<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The application's id.
    pub client_id: &'a str,
    /// The mailbox.
    pub mailbox: &'a str,
    /// The file with the certificate or the key.
    pub file: &'a str,
}

/// Some steps that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Who does it, and where.
    pub title: String,
    /// What to do, one step each.
    pub steps: Vec<String>,
    /// Commands to type there, in order.
    pub commands: Vec<String>,
}

fn part(title: &str, steps: &[&str], commands: &[&str], values: &Values) -> Part {
    // Any other character could add to a command that an administrator copies.
    let is_plain = |value: &str| {
        !value.is_empty()
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@._+/-".contains(&byte))
    };
    let or = |value: &str, word: &str| if is_plain(value) { value.to_owned() } else { word.to_owned() };
    let filled = |text: &&str| {
        text.replace("{tenant}", &or(values.tenant, "TENANT"))
            .replace("{app}", &or(values.client_id, "APPLICATION-ID"))
            .replace("{mailbox}", &or(values.mailbox, "MAILBOX"))
            .replace("{file}", &or(values.file, "FILE"))
    };
    Part {
        title: filled(&title),
        steps: steps.iter().map(filled).collect(),
        commands: commands.iter().map(filled).collect(),
    }
}

/// The steps before the application has an id: they bring it.
pub fn first(provider: Provider, flow: Flow, values: &Values) -> Vec<Part> {
    match (provider, flow) {
        (Provider::Microsoft, _) => vec![part(
            "In the Entra admin center (entra.microsoft.com), as an Application Administrator:",
            &[
                "App registrations, New registration: any name, \"Accounts in this organizational directory only\", no redirect URI",
                "its Overview has what is asked next: \"Directory (tenant) ID\" and \"Application (client) ID\"",
            ],
            &[],
            values,
        )],
        (Provider::Google, Flow::ServiceAccount) => vec![part(
            "In the Google Cloud console (console.cloud.google.com):",
            &[
                "IAM & Admin, Service Accounts, Create service account: any name, no roles",
                "its Keys, Add key, Create new key, JSON: bring the file to this host, root's with mode 0600",
                "its Details have the \"Unique ID\", which the next step wants as Client ID",
            ],
            &[],
            values,
        )],
        (Provider::Google, _) => vec![part(
            "In the Google Cloud console (console.cloud.google.com):",
            &[
                "Google Auth Platform, Audience: publishing status \"In production\" (in \"Testing\" a login ends after 7 days)",
                "Clients, Create client, Desktop app: it has a Client ID and a client secret",
            ],
            &[],
            values,
        )],
        (Provider::Other, _) => Vec::new(),
    }
}

/// The steps once the application has an id.
pub fn second(provider: Provider, flow: Flow, values: &Values) -> Vec<Part> {
    let mut all = Vec::new();
    match (provider, flow) {
        (Provider::Microsoft, Flow::Certificate) => all.push(part(
            "In Entra, App registrations, the application {app}:",
            &["Certificates & secrets, Certificates, Upload certificate: the certificate of {file}, without the key. This command shows it:"],
            &["openssl x509 -in {file}"],
            values,
        )),
        (Provider::Microsoft, Flow::Secret) => all.push(part(
            "In Entra, App registrations, the application {app}:",
            &["Certificates & secrets, Client secrets, New client secret: its Value (not its Secret ID) is asked next, and the day of \"Expires\""],
            &[],
            values,
        )),
        (Provider::Microsoft, _) => all.push(part(
            "In Entra, App registrations, the application {app}:",
            &[
                "Authentication, \"Allow public client flows\": Yes",
                "API permissions, Add a permission, APIs my organization uses, Office 365 Exchange Online, Delegated permissions: SMTP.Send; then \"Grant admin consent\"",
            ],
            &[],
            values,
        )),
        (Provider::Google, Flow::ServiceAccount) => all.push(part(
            "In the Admin console (admin.google.com), as a super administrator:",
            &["Security, Access and data control, API controls, Domain-wide delegation, Add new: the service account's Client ID, and the scope https://mail.google.com/"],
            &[],
            values,
        )),
        _ => {}
    }
    if provider != Provider::Microsoft {
        return all;
    }
    if flow.has_person() {
        all.push(part(
            "In Exchange Online PowerShell, as an Exchange Administrator:",
            &[],
            &[
                "Connect-ExchangeOnline -Organization {tenant}",
                "Set-CASMailbox {mailbox} -SmtpClientAuthenticationDisabled $false",
            ],
            values,
        ));
        return all;
    }
    all.push(part(
        "In Exchange Online PowerShell, as an Exchange Administrator (the Object ID is that of Entra's Enterprise applications, and not that of App registrations):",
        &[],
        &[
            "Connect-ExchangeOnline -Organization {tenant}",
            "$object = \"OBJECT-ID\"",
            "New-ServicePrincipal -AppId {app} -ObjectId $object -DisplayName relayhost",
            "Set-CASMailbox {mailbox} -SmtpClientAuthenticationDisabled $false",
        ],
        values,
    ));
    all.push(part(
        "Then one of two. Either a role for this mailbox alone, and no API permission:",
        &[],
        &[
            "New-ManagementScope relayhost -RecipientRestrictionFilter \"PrimarySmtpAddress -eq '{mailbox}'\"",
            "New-ManagementRoleAssignment -App $object -Role \"Application SMTP.SendAsApp\" -CustomResourceScope relayhost",
            "Test-ServicePrincipalAuthorization $object -Resource {mailbox}",
        ],
        values,
    ));
    all.push(part(
        "Or the API permission, and a right on the mailbox:",
        &["in Entra, App registrations, the application {app}: API permissions, Add a permission, APIs my organization uses, Office 365 Exchange Online, Application permissions: SMTP.SendAsApp; then \"Grant admin consent\""],
        &["Add-MailboxPermission {mailbox} -User $object -AccessRights FullAccess"],
        values,
    ));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(parts: &[Part]) -> String {
        let all =
            parts.iter().flat_map(|part| [&part.title].into_iter().chain(&part.steps).chain(&part.commands));
        all.cloned().collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_steps_have_the_tenants_own_values() {
        let values = Values {
            tenant: "contoso.com",
            client_id: "1-2",
            mailbox: "a@contoso.com",
            file: "/etc/relayhost/oauth.pem",
        };
        let all = text(&second(Provider::Microsoft, Flow::Certificate, &values));
        for words in [
            "openssl x509 -in /etc/relayhost/oauth.pem",
            "Connect-ExchangeOnline -Organization contoso.com",
            "New-ServicePrincipal -AppId 1-2 ",
            "PrimarySmtpAddress -eq 'a@contoso.com'",
            "\"Application SMTP.SendAsApp\"",
            "Add-MailboxPermission a@contoso.com",
            "Set-CASMailbox a@contoso.com -SmtpClientAuthenticationDisabled $false",
        ] {
            assert!(all.contains(words), "{words}\n{all}");
        }
    }

    #[test]
    fn nothing_is_left_to_be_filled_in_whatever_is_known() {
        for provider in [Provider::Microsoft, Provider::Google, Provider::Other] {
            for flow in [Flow::Certificate, Flow::Secret, Flow::ServiceAccount, Flow::Device, Flow::Code] {
                let values = Values::default();
                let all = [first(provider, flow, &values), second(provider, flow, &values)].concat();
                assert!(!text(&all).contains('{'), "{flow:?}");
                assert_eq!(all.is_empty(), provider == Provider::Other);
            }
        }
    }

    #[test]
    fn a_value_that_is_not_plain_stays_out_of_the_commands() {
        let values =
            Values { tenant: "x; Remove-Mailbox y", client_id: "$(z)", mailbox: "a'b@c", file: "/a b" };
        let all = text(&second(Provider::Microsoft, Flow::Certificate, &values));
        for odd in ["Remove-Mailbox", "$(z)", "a'b", "/a b"] {
            assert!(!all.contains(odd), "{all}");
        }
    }
}
