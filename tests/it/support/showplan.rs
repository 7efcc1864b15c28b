//! Reads SQL Server's showplan XML as far as a proof needs it: which tables a statement scans.

/// Scans of whole tables and of indexes with all their rows; our filtered indexes (`IX_…`) hold few rows.
pub fn scans(plan: &str, tables: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for operator in plan.split("<RelOp ").skip(1) {
        let Some(kind) = attribute(operator, "PhysicalOp").filter(|kind| kind.contains("Scan")) else { continue };
        let Some(object) = operator.split("<Object ").nth(1) else { continue };
        let bare = |name| attribute(object, name).unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let (table, index) = (bare("Table"), bare("Index"));
        if tables.contains(&table.as_str()) && !index.starts_with("IX_") {
            found.push(format!("{kind} of {table} ({index})"));
        }
    }
    found
}

fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"')).map(|(value, _)| value)
}

/// The SQL file that holds a statement of a batch: the last one named before the statement's end.
pub fn statement_of(batch: &str, end: usize) -> Option<String> {
    let before: String =
        batch.encode_utf16().take(end).map(|unit| char::from(u8::try_from(unit).unwrap_or(b'?'))).collect();
    let named = before.lines().filter_map(|line| line.trim_start().strip_prefix("-- ")?.split_once(": "));
    let ours = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    named.map(|(name, _)| name).rfind(ours).map(str::to_owned)
}
