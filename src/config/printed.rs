//! Prints the table of settings: for a terminal, as documentation, and as the example file.

use super::{catalogue, setting::Setting};

/// Settings of the Functions host: its tools read the example file too.
const HOSTS: [(&str, &str); 2] =
    [("FUNCTIONS_WORKER_RUNTIME", "custom"), ("AzureWebJobsStorage", "UseDevelopmentStorage=true")];

const INTRODUCTION: &str = "\
<!-- Made by `client-organizer settings --markdown`; a test compares. -->
# Settings

Settings are environment variables (app settings in Azure). They are read once, at start. Every setting that is missing,
malformed or in contradiction with another is reported at once, by name, and the process ends with a non-zero code. A
value that could be a secret is never printed. `client-organizer settings` prints this table, and
`local.settings.example.json` holds every setting with its default.

A setting that was renamed is still read under its former name, with a warning. Setting both is an error.
";

const ROUTES: &str = "\
`Routes__<EventType>` routes an event type. Those of this program have a default, others only what is set. A type without a default and
without a setting waits, and `ops overview` shows it.

";

/// The content of `src/config/README.md`.
#[must_use]
pub fn markdown() -> String {
    let sections = catalogue::sections().iter().map(|(title, settings)| {
        let rows: String = settings.iter().map(row).collect();
        let note = if *title == "Routes" { ROUTES } else { "" };
        format!("\n## {title}\n{note}| setting | default | expected | meaning |\n|---|---|---|---|\n{rows}")
    });
    let formerly: String = catalogue::all()
        .flat_map(|one| one.formerly.iter().map(move |old| format!("| `{old}` | `{}` |\n", one.name)))
        .collect();
    let renamed = match formerly.as_str() {
        "" => String::new(),
        rows => format!("\n## Former names\n| former name | setting |\n|---|---|\n{rows}"),
    };
    format!("{INTRODUCTION}{}{renamed}", sections.collect::<String>())
}

fn row(one: &Setting) -> String {
    let default = match one.default {
        None => "none".to_owned(),
        Some("") => "(empty)".to_owned(),
        Some(text) => format!("`{text}`"),
    };
    // A Markdown page would read <name> as a tag and hide it.
    let shown = |text: &str| text.replace('<', "\\<").replace('|', "\\|");
    format!("| `{}` | {default} | {} | {} |\n", one.name, shown(&one.kind.to_string()), shown(one.meaning))
}

/// The list for a terminal.
#[must_use]
pub fn text() -> String {
    let sections = catalogue::sections().iter().map(|(title, settings)| {
        let lines: String = settings.iter().map(entry).collect();
        format!("{title}\n\n{lines}")
    });
    sections.collect::<Vec<_>>().join("\n")
}

fn entry(one: &Setting) -> String {
    let default = match one.default {
        None => "none",
        Some("") => "empty",
        Some(text) => text,
    };
    let formerly = match one.formerly {
        [] => String::new(),
        names => format!("      formerly: {}\n", names.join(", ")),
    };
    format!("  {}\n      {}\n      expected: {}\n      default: {default}\n{formerly}", one.name, one.meaning, one.kind)
}

/// The content of `local.settings.example.json`.
#[must_use]
pub fn example() -> String {
    let ours = catalogue::all().map(|one| (one.name, one.example.or(one.default).unwrap_or_default()));
    let values = HOSTS.into_iter().chain(ours);
    // For these texts JSON and Rust's `Debug` use the same escapes; a test reads the file back.
    let lines: Vec<String> = values.map(|(name, value)| format!("    {name:?}: {value:?}")).collect();
    format!("{{\n  \"IsEncrypted\": false,\n  \"Values\": {{\n{}\n  }}\n}}\n", lines.join(",\n"))
}
