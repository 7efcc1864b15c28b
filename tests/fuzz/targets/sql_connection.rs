//! A connection string of SQL Server: what is accepted is encrypted unless the string says otherwise, and no error repeats a value.

use client_organizer::config::{AzureEnvironment, connection::sql::ConnectionString};

/// In the corpora, wherever a secret may stand.
const SECRET: &str = "s3cr3tpw";

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let azure = AzureEnvironment {
        tenant_id: None,
        client_id: None,
        client_secret: None,
        has_managed_identity: text.len() % 2 == 1,
    };
    // As keywords are compared: in any case, without spaces.
    let squeezed: String =
        text.chars().filter(|c| !c.is_whitespace() && *c != '_').flat_map(char::to_lowercase).collect();
    let read = match ConnectionString::parse(&text, &azure) {
        Ok(read) => read,
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(!problem.to_lowercase().contains(SECRET), "{problem}");
                assert!(!problem.is_empty() && problem.len() < 400, "{problem}");
            }
            return;
        }
    };
    assert!(!read.host.is_empty() && read.port > 0);
    assert!(format!("{:?}", read.encryption) == "Required" || squeezed.contains("encrypt="), "encrypted by default");
    assert!(
        !read.trust_any_certificate || squeezed.contains("trustservercertificate="),
        "a certificate is checked by default"
    );
    assert!(!(read.trust_any_certificate && read.trusted_ca.is_some()));
    assert!(read.packet_bytes.is_none_or(|bytes| (512..=32_767).contains(&bytes)));
    assert!(read.connect_timeout.is_none_or(|time| (1..=60).contains(&time.as_secs())));
    assert!(read.command_timeout.is_none_or(|time| (1..=300).contains(&time.as_secs())));
    let printed = format!("{read:?}").to_lowercase();
    // A host or a user may hold the word too; then nothing is shown by finding it.
    if squeezed.matches(SECRET).count() == 1 && squeezed.contains(&format!("password={SECRET}")) {
        assert!(!printed.contains(SECRET), "{printed}");
    }
}
