//! How the Azure host rewrites a request's path: Kestrel decodes it, then .NET's Uri or the proxy encodes it again.

/// The path as Kestrel reads it: percent-decoded once, except `%2F`, then without dot segments. None: Kestrel answers 400.
pub(super) fn decoded(raw: &str) -> Option<String> {
    if !raw.is_ascii() {
        return None;
    }
    let bytes = raw.as_bytes();
    let (mut out, mut at) = (String::with_capacity(raw.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        match escaped(bytes, at) {
            None => {
                out.push(char::from(byte));
                at += 1;
            }
            Some(0) => return None,
            Some(first) => {
                let character = if first == b'/' { None } else { character(bytes, at) };
                if let Some(character) = character {
                    out.push(character);
                    at += 3 * character.len_utf8();
                } else {
                    // An escaped slash and invalid UTF-8 stay unchanged.
                    out.push_str(&raw[at..at + 3]);
                    at += 3;
                }
            }
        }
    }
    Some(without_dot_segments(&out))
}

/// The path when forwarded: `new Uri` of the decoded text. Backslashes become slashes, dot segments are removed, and `?`
/// and `#` end the path.
pub(super) fn forwarded(decoded: &str) -> String {
    let path = decoded.split(['?', '#']).next().unwrap_or_default().replace('\\', "/");
    encoded(&without_dot_segments(&path), b"-._~:/[]@!$&'()*+,;=", true)
}

/// The path when proxied: encoded again, percent signs too.
pub(super) fn proxied(decoded: &str) -> String {
    encoded(decoded, b"-._~!$&'()*+,;=:@/", false)
}

/// The byte that `%XX` at this position encodes.
fn escaped(bytes: &[u8], at: usize) -> Option<u8> {
    let digit =
        |n: usize| bytes.get(at + n).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    if bytes.get(at) != Some(&b'%') {
        return None;
    }
    Some(digit(1)? << 4 | digit(2)?)
}

/// The character whose escaped UTF-8 bytes begin at this position.
fn character(bytes: &[u8], at: usize) -> Option<char> {
    let sequence: Vec<u8> = (0..4).map_while(|n| escaped(bytes, at + 3 * n)).collect();
    sequence.utf8_chunks().next()?.valid().chars().next()
}

fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

fn encoded(text: &str, as_it_is: &[u8], keeps_escapes: bool) -> String {
    use std::fmt::Write;
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    for (at, byte) in bytes.iter().enumerate() {
        let is_escape = *byte == b'%' && keeps_escapes && escaped(bytes, at).is_some();
        if byte.is_ascii_alphanumeric() || as_it_is.contains(byte) || is_escape {
            out.push(char::from(*byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once_and_loses_its_dot_segments() {
        for (raw, read) in [
            ("/api/clients", "/api/clients"),
            ("/api/clients/%31", "/api/clients/1"),
            ("/api/clients/../health", "/api/health"),
            ("/api/clients/%2e%2e/%2E%2e/SendEmail", "/SendEmail"),
            ("/../../SendEmail", "/SendEmail"),
            ("/api/clients/.", "/api/clients/"),
            ("/api/clients/..", "/api/"),
            ("/api/...", "/api/..."),
            ("/api/clients/..%2f..%2FSendEmail", "/api/clients/..%2f..%2FSendEmail"),
            ("/api/clients/..%5C..%5cSendEmail", "/api/clients/..\\..\\SendEmail"),
            ("/api/%252e%252e/x", "/api/%2e%2e/x"),
            ("/api/%C5%BC%zz%e", "/api/ż%zz%e"),
            ("/api/%C5/%C5%20%ff", "/api/%C5/%C5 %ff"),
            ("//api", "//api"),
        ] {
            assert_eq!(decoded(raw).as_deref(), Some(read), "{raw}");
        }
        for bad in ["/api/%00", "/api/ż"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }

    #[test]
    fn forwarded_a_backslash_is_a_slash_and_proxied_it_is_not() {
        for (read, uri, proxy) in [
            ("/api/clients/7", "/api/clients/7", "/api/clients/7"),
            ("/api/clients/..\\..\\SendEmail", "/SendEmail", "/api/clients/..%5C..%5CSendEmail"),
            ("/api/clients\\7", "/api/clients/7", "/api/clients%5C7"),
            ("/api/a?b", "/api/a", "/api/a%3Fb"),
            ("/api/a#b", "/api/a", "/api/a%23b"),
            ("/api/..%2fx", "/api/..%2fx", "/api/..%252fx"),
            ("/api/100%", "/api/100%25", "/api/100%25"),
            ("/api/a ż", "/api/a%20%C5%BC", "/api/a%20%C5%BC"),
            ("/api/[a]", "/api/[a]", "/api/%5Ba%5D"),
        ] {
            assert_eq!((forwarded(read).as_str(), proxied(read).as_str()), (uri, proxy), "{read}");
        }
    }
}
