//! Reads from a TDS request the names that our statements open with.

/// Each of our SQL files opens with `-- name: `; here in UTF-16, at any position.
pub fn statements(body: &[u8]) -> Vec<String> {
    let opening: Vec<u8> = "-- ".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut names = Vec::new();
    for at in 0..body.len().saturating_sub(opening.len()) {
        if body[at..].starts_with(&opening) {
            let rest =
                body[at + opening.len()..].chunks_exact(2).map(|pair| (pair[1] == 0).then_some(char::from(pair[0])));
            let word: String =
                rest.map_while(|c| c.filter(|c| c.is_ascii_lowercase() || matches!(c, '_' | ':'))).collect();
            if let Some(name) = word.strip_suffix(':') {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// The ASCII characters in UTF-16, at even and odd offsets.
pub fn utf16(body: &[u8]) -> String {
    let text = |body: &[u8]| -> String {
        let units = body.chunks_exact(2).filter(|pair| pair[1] == 0 && (0x20..0x7F).contains(&pair[0]));
        units.map(|pair| char::from(pair[0])).collect()
    };
    [text(body), text(body.get(1..).unwrap_or_default())].join("\n")
}
