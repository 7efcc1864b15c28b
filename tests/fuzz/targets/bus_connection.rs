//! A connection string of Service Bus: what is accepted names one namespace, and no error or Debug repeats the key.

use client_organizer::config::connection::bus::{ConnectionString, Credential, SharedAccess};

/// In the corpora, wherever a secret may stand.
const SECRET: &str = "S3cr3t+K3y/";

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let read = match ConnectionString::parse(&text) {
        Ok(read) => read,
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(!problem.contains(SECRET), "{problem}");
                assert!(!problem.is_empty() && problem.len() < 400, "{problem}");
            }
            return;
        }
    };
    let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(!read.namespace.is_empty() && read.namespace.chars().all(label), "{}", read.namespace);
    assert_eq!(read.host(), format!("{}.servicebus.windows.net", read.namespace));
    if let Some(local) = &read.local {
        assert!(text.to_ascii_lowercase().contains("usedevelopmentemulator"), "without TLS only where that is stated");
        let port = local.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        assert!(matches!(port, Some(Ok(1..))), "{local}");
    }
    assert_eq!(read.is_local(), read.local.is_some());
    let Credential::Shared(shared) = &read.credential else { panic!("a string gives no identity") };
    let (secret, name) = match shared {
        SharedAccess::Key { name, key } => (key, name),
        SharedAccess::Signature { text, name, .. } => (text, name),
    };
    assert!(!secret.is_empty() && secret.is_ascii());
    let printed = format!("{read:?}");
    let elsewhere = [name.as_str(), read.entity_path().unwrap_or_default(), read.namespace()];
    let known = |word: &str| {
        elsewhere.iter().any(|other| other.contains(word))
            || read.passed_over().iter().any(|other| other.contains(word))
    };
    if secret.len() > 10 && !known(secret) {
        assert!(!printed.contains(secret.as_str()), "{printed}");
    }
    // What is read from a clean spelling of it is the same.
    let SharedAccess::Key { name, key } = shared else { return };
    let endpoint = read.local.as_ref().unwrap_or(&read.namespace);
    let (endpoint, emulator) =
        if read.is_local() { (endpoint.clone(), ";UseDevelopmentEmulator=true") } else { (read.host(), "") };
    let entity = read.entity_path().map(|entity| format!(";EntityPath={entity}")).unwrap_or_default();
    let clean = format!("Endpoint=sb://{endpoint}/;SharedAccessKeyName={name};SharedAccessKey={key}{entity}{emulator}");
    let again = ConnectionString::parse(&clean).unwrap_or_else(|why| panic!("{clean}: {why:?}"));
    assert_eq!((again.host(), &again.local, again.entity_path()), (read.host(), &read.local, read.entity_path()));
    assert!(again.credential == read.credential);
}
