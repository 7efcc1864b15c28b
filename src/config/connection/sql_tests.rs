//! Connection strings as people write them, and what is reported of invalid ones.

use super::*;
use crate::config::identity::Identity;

const SERVER: &str = "Server=tcp:srv.database.windows.net,1433;Database=office";

fn parse(rest: &str) -> ConnectionString {
    ConnectionString::parse(&format!("{SERVER};{rest}"), &AzureEnvironment::default()).unwrap()
}

fn wrong(text: &str) -> String {
    ConnectionString::parse(text, &AzureEnvironment::default()).unwrap_err().join("; ")
}

#[test]
fn a_portal_string_is_read_whole() {
    let parsed = parse(
        "Persist Security Info=False;User ID=app;Password=p;MultipleActiveResultSets=False;Encrypt=True;\
         TrustServerCertificate=False;Connection Timeout=7;Command Timeout=0",
    );
    assert_eq!((parsed.host.as_str(), parsed.port), ("srv.database.windows.net", 1433));
    assert_eq!(parsed.database.as_deref(), Some("office"));
    assert_eq!(parsed.login, Login::Sql { user: "app".into(), password: "p".into() });
    assert!(matches!(parsed.encryption, EncryptionLevel::Required) && !parsed.trust_any_certificate);
    assert_eq!(parsed.connect_timeout, Some(Duration::from_secs(7)));
    assert_eq!(parsed.command_timeout, Some(COMMAND_MAX), "0 is for ever in .NET, and bounded here");
}

#[test]
fn an_omitted_keyword_means_the_safe_value() {
    let parsed = parse("uid=a;pwd=b");
    assert!(matches!(parsed.encryption, EncryptionLevel::Required) && !parsed.trust_any_certificate);
    assert!(parse("uid=a;pwd=b;Trust Server Certificate=yes").trust_any_certificate);
}

#[test]
fn authentication_selects_the_identity() {
    let entra = |rest: &str, azure: &AzureEnvironment| match ConnectionString::parse(&format!("{SERVER};{rest}"), azure)
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
fn contradictions_are_reported_by_keyword_and_without_a_value() {
    let cases = [
        ("Server=x;Authentication=Active Directory MSI;Password=geheim", "Password"),
        ("Server=x;Authentication=Active Directory Service Principal;User Id=a;Password=geheim", "AZURE_TENANT_ID"),
        ("Server=x;Authentication=Active Directory Password;User Id=a;Password=geheim", "Authentication"),
        ("Server=x;Authentication=geheim", "Authentication"),
        ("Server=x;User ID=geheim", "Password"),
        ("Server=x", "no login"),
        ("User ID=a;Password=geheim", "Server"),
        ("Server=geheim\\instance;User ID=a;Password=geheim", "instance"),
        ("Server=x,geheim;User ID=a;Password=geheim", "port"),
        ("Server=x;User ID=a;Password=geheim;gehEIM=true", "position 4"),
        ("Server=x;User ID=a;Password=geheim;Encrypt=geheim", "Encrypt"),
        ("Server=x;geheim;User ID=a;Password=geheim", "position 2"),
        ("Server=np:\\\\.\\pipe\\geheim;User ID=a;Password=geheim", "np:"),
        ("Server=\\\\.\\pipe\\geheim;User ID=a;Password=geheim", "pipe"),
        ("Server=[geheim],1;User ID=a;Password=geheim", "invalid Server"),
        ("Server=x,0;User ID=a;Password=geheim", "port"),
        ("Server=x;User ID=a;Password=geheim;Pooling=geheim", "pooling"),
        ("Server=x;User ID=a;Password=geheim;Max Pool Size=geheim", "maxpoolsize"),
        ("Server=x;User ID=a;Password=geheim;MultiSubnetFailover=geheim", "MultiSubnetFailover"),
        ("Server=x;User ID=a;Password=geheim;ApplicationIntent=geheim", "ApplicationIntent"),
        ("Server=x;User ID=a;Password=geheim;Network Library=geheim", "Network Library"),
        ("Server=x;User ID=a;Password=geheim;User Instance=true", "userinstance"),
        ("Server=x;User ID=a;Password=geheim;Replication=true", "replication"),
        ("Server=x;User ID=a;Password=geheim;Integrated Security=true", "Integrated Security"),
        ("Server=x;User ID=a;Password=geheim;Connect Timeout=geheim", "Connect Timeout"),
        ("Server=x;User ID=a;Password=geheim;TrustServerCertificate=true;TrustServerCertificateCA=/x", "CertificateCA"),
    ];
    for (text, word) in cases {
        let problems = wrong(text);
        assert!(problems.contains(word) && !problems.to_lowercase().contains("geheim"), "{text}: {problems}");
    }
    let all = wrong("Server=x,y;User ID=a;Password=geheim;Encrypt=perhaps;Zażółć=1");
    for word in ["port", "Encrypt", "unknown keyword"] {
        assert!(all.contains(word), "all at once: {all}");
    }
}

/// Connection strings that .NET accepts and this program refuses, with the word that the refusal must contain.
const NOT_HERE: [(&str, &str); 12] = [
    (";ServerCertificate=", "ServerCertificate"),
    ("Integrated Security=", "Integrated Security"),
    ("Trusted_Connection=", "Integrated Security"),
    ("Server=.\\SQLEXPRESS;", "Server"),
    ("Server=np:", "Server"),
    ("Server=lpc:", "Server"),
    (",99999;", "Server"),
    ("ApplicationIntent=ReadOnly", "ApplicationIntent"),
    ("Failover Partner=", "Failover Partner"),
    ("AttachDbFilename=", "AttachDbFilename"),
    ("Column Encryption Setting=Enabled", "columnencryptionsetting"),
    ("Server==", "unknown keyword"),
];

/// As .NET's word for it.
fn authentication(login: &Login) -> &'static [&'static str] {
    match login {
        Login::None => &[],
        Login::Sql { .. } => &["NotSpecified", "SqlPassword"],
        Login::Entra(Identity::ManagedIdentity { .. }) => &["ActiveDirectoryManagedIdentity", "ActiveDirectoryMSI"],
        Login::Entra(Identity::ClientSecret { .. }) => &["ActiveDirectoryServicePrincipal"],
        Login::Entra(_) => &["ActiveDirectoryDefault"],
    }
}

/// The server as .NET keeps it: as written. Ours is taken apart.
fn address(server: &str) -> (String, u16) {
    let (host, port) = server.split_once(',').unwrap_or((server, "1433"));
    let host = host.trim_start_matches("tcp:").split('\\').next().unwrap_or_default();
    let host = if host == "(local)" { "localhost" } else { host.trim_matches(['[', ']']) };
    (host.to_owned(), port.parse().unwrap())
}

#[test]
fn every_string_is_read_as_microsofts_client_reads_it_or_refused_by_name() {
    let cases: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/cases/sql-connection-strings.json")).unwrap();
    let azure = AzureEnvironment { tenant_id: Some("t".to_owned()), ..AzureEnvironment::default() };
    for case in cases["strings"].as_array().unwrap() {
        let word = |name: &str| case[name].as_str().unwrap_or_default();
        let text = word("string");
        let read = ConnectionString::parse(text, &azure);
        let not_here = NOT_HERE.iter().find(|(part, _)| text.contains(part));
        let (parsed, problems) = match (read, not_here) {
            (Err(problems), Some((_, named))) => {
                assert!(problems.join("; ").contains(named), "{text}: {problems:?}");
                continue;
            }
            (Err(_), None) if !word("refused").is_empty() => continue,
            (Ok(parsed), None) => (parsed, word("refused")),
            (read, _) => panic!("{text}: {:?}", read.map(drop)),
        };
        assert_eq!(problems, "", "{text} is refused there");
        assert_eq!((parsed.host.clone(), parsed.port), address(word("server")), "{text}");
        assert_eq!(parsed.database.as_deref(), Some(word("database")), "{text}");
        let (user, password) = match &parsed.login {
            Login::None => panic!("{text}"),
            Login::Sql { user, password } => (user.as_str(), password.as_str()),
            Login::Entra(Identity::ManagedIdentity { client_id }) => (client_id.as_deref().unwrap_or_default(), ""),
            Login::Entra(Identity::ClientSecret { client_id, secret, .. }) => (client_id.as_str(), secret.as_str()),
            Login::Entra(_) => ("", ""),
        };
        assert_eq!((user, password), (word("user"), word("password")), "{text}");
        assert!(authentication(&parsed.login).contains(&word("authentication")), "{text}");
        let encrypt = match parsed.encryption {
            EncryptionLevel::Off => "False",
            EncryptionLevel::Strict => "Strict",
            _ => "True",
        };
        assert_eq!(encrypt, word("encrypt"), "{text}");
        assert_eq!(parsed.trust_any_certificate, word("trust") == "True", "{text}");
        assert_eq!(parsed.connect_timeout, case["timeout"].as_u64().map(Duration::from_secs), "{text}");
        assert_eq!(parsed.at_once, text.contains("MultiSubnetFailover"), "{text}");
    }
}

#[test]
fn of_all_names_of_one_thing_the_last_one_counts() {
    let parsed = parse("UID=a;User ID=b;Password=p;Pwd=q;Timeout=3;Connect Timeout=4");
    assert_eq!(parsed.login, Login::Sql { user: "b".into(), password: "q".into() });
    assert_eq!(parsed.connect_timeout, Some(Duration::from_secs(4)));
    assert_eq!(parse("User ID=a;Password=p;Database=").database, None, "an empty value counts as not given");
}
