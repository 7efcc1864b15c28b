//! What another program answered, for storing and logging: one bounded line, without addresses and credentials.

/// Enough for any server's reference or reason; it goes into a database column and a log line.
const CHARS_MAX: usize = 240;

/// Replaces every word with an @, since mail providers repeat the recipient's address, and every word that may be what we
/// signed in with: some servers and proxies repeat the whole request.
pub(super) fn quoted(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let words = words.map(|word| match word {
        word if word.contains('@') => "<address>",
        word if CREDENTIALS.iter().any(|mark| word.contains(mark)) => "<credential>",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ").chars().take(CHARS_MAX).collect()
}

/// In a shared access signature, in a signature by access key, and at the beginning of a token of Entra ID.
const CREDENTIALS: [&str; 3] = ["sig=", "Signature=", "eyJ"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_one_line_without_addresses_and_credentials() {
        for (text, line) in [
            ("550 <anna@example.pl> is\r\n unknown\u{7}here", "550 <address> is unknown here"),
            (
                "authorization: SharedAccessSignature sr=x&sig=a%2Bb&se=1&skn=send no",
                "authorization: SharedAccessSignature <credential> no",
            ),
            ("HMAC-SHA256 SignedHeaders=date&Signature=abc= x", "HMAC-SHA256 <credential> x"),
            ("Bearer eyJ0eXAi.eyJhdWQi.c2ln", "Bearer <credential>"),
            (" <Code>401</Code>\n<Detail>no</Detail> ", "<Code>401</Code> <Detail>no</Detail>"),
        ] {
            assert_eq!(quoted(text), line);
        }
        assert_eq!(quoted(&"żółw ".repeat(100)).chars().count(), CHARS_MAX);
    }
}
