//! Connection strings as people write them, and what is told of wrong ones.

use super::*;
use crate::adapters::entra::Identity;

const PLACE: &str = "Server=tcp:srv.database.windows.net,1433;Database=office";

fn parse(rest: &str) -> ConnectionString {
    ConnectionString::parse(&format!("{PLACE};{rest}"), &AzureEnvironment::default()).unwrap()
}

fn wrong(text: &str) -> String {
    ConnectionString::parse(text, &AzureEnvironment::default()).unwrap_err().join("; ")
}

#[test]
fn a_portal_string_is_read_whole() {
    let said = parse(
        "Persist Security Info=False;User ID=app;Password=p;MultipleActiveResultSets=False;Encrypt=True;\
         TrustServerCertificate=False;Connection Timeout=7;Command Timeout=0",
    );
    assert_eq!((said.host.as_str(), said.port), ("srv.database.windows.net", 1433));
    assert_eq!(said.database.as_deref(), Some("office"));
    assert_eq!(said.login, Login::Sql { user: "app".into(), password: "p".into() });
    assert!(matches!(said.encryption, EncryptionLevel::Required) && !said.trust_any_certificate);
    assert_eq!(said.connect_timeout, Some(Duration::from_secs(7)));
    assert_eq!(said.command_timeout, Some(COMMAND_MAX), "0 is for ever in .NET, and bounded here");
}

#[test]
fn what_is_not_said_is_the_safe_one() {
    let said = parse("uid=a;pwd=b");
    assert!(matches!(said.encryption, EncryptionLevel::Required) && !said.trust_any_certificate);
    assert!(parse("uid=a;pwd=b;Trust Server Certificate=yes").trust_any_certificate);
}

#[test]
fn authentication_says_which_identity() {
    let entra = |rest: &str, azure: &AzureEnvironment| match ConnectionString::parse(&format!("{PLACE};{rest}"), azure)
        .unwrap()
        .login
    {
        Login::Entra(identity) => identity,
        other => panic!("{other:?}"),
    };
    let nothing = AzureEnvironment::default();
    let mine = Identity::ManagedIdentity { client_id: Some("id-1".to_owned()) };
    assert_eq!(entra("Authentication=Active Directory Managed Identity;User Id=id-1", &nothing), mine);
    let system = Identity::ManagedIdentity { client_id: None };
    assert_eq!(entra("Authentication=ActiveDirectoryMSI", &nothing), system);
    assert_eq!(entra("Authentication=Active Directory Default", &nothing), Identity::AzureCli);
    let azure = AzureEnvironment {
        tenant_id: Some("t".to_owned()),
        client_id: Some("id-2".to_owned()),
        client_secret: None,
        has_managed_identity: true,
    };
    let app = Identity::ManagedIdentity { client_id: Some("id-2".to_owned()) };
    assert_eq!(entra("Authentication=Active Directory Default", &azure), app);
    let secret = AzureEnvironment { client_secret: Some("s".to_owned()), ..azure.clone() };
    let registration = |client_id: &str, secret: &str| Identity::ClientSecret {
        tenant_id: "t".to_owned(),
        client_id: client_id.to_owned(),
        secret: secret.to_owned(),
    };
    assert_eq!(entra("Authentication=Active Directory Default", &secret), registration("id-2", "s"));
    let principal = "Authentication=Active Directory Service Principal;User Id=id-3;Password=geheim";
    assert_eq!(entra(principal, &azure), registration("id-3", "geheim"));
}

#[test]
fn contradictions_are_told_by_keyword_and_without_a_value() {
    let cases = [
        ("Server=x;Authentication=Active Directory MSI;Password=geheim", "Password"),
        ("Server=x;Authentication=Active Directory Service Principal;User Id=a;Password=geheim", "AZURE_TENANT_ID"),
        ("Server=x;Authentication=Active Directory Password;User Id=a;Password=geheim", "Authentication"),
        ("Server=x;Authentication=geheim", "Authentication"),
        ("Server=x;User ID=geheim", "Password"),
        ("Server=x", "who logs in"),
        ("User ID=a;Password=geheim", "Server"),
        ("Server=geheim\\instance;User ID=a;Password=geheim", "instance"),
        ("Server=x,geheim;User ID=a;Password=geheim", "port"),
        ("Server=x;User ID=a;Password=geheim;gehEIM=true", "the 4. of all"),
        ("Server=x;User ID=a;Password=geheim;Encrypt=geheim", "Encrypt"),
        ("Server=x;User ID=a;Password=geheim;Pwd=geheim2", "Password"),
        ("Server=x;User ID=a;Password=geheim;Integrated Security=true", "Integrated Security"),
        ("Server=x;User ID=a;Password=geheim;Connect Timeout=geheim", "Connect Timeout"),
        ("Server=x;User ID=a;Password=geheim;TrustServerCertificate=true;TrustServerCertificateCA=/x", "CertificateCA"),
    ];
    for (text, word) in cases {
        let told = wrong(text);
        assert!(told.contains(word) && !told.to_lowercase().contains("geheim"), "{text}: {told}");
    }
    let all = wrong("Server=x,y;User ID=a;Password=geheim;Encrypt=perhaps;Zażółć=1");
    for word in ["port", "Encrypt", "not known"] {
        assert!(all.contains(word), "all at once: {all}");
    }
}
