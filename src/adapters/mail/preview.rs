//! Every letter in each language, rendered from samples that cover its difficult cases.

use super::{
    letters::TemplateLetters,
    mime::{self, Sender},
};
use crate::{
    domain::{events, ids::MessageId, language::Language},
    ports::mailer::{Letter, Letters},
};
use chrono::DateTime;
use minijinja::{AutoEscape, Environment, context};

/// One file of the preview, by its path in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewFile {
    /// Relative path, with `/`.
    pub path: String,
    /// The file's content.
    pub bytes: Vec<u8>,
}

/// Renders every sample of every message type as subject, text, HTML and `.eml`, and an `index.html` of them.
///
/// # Errors
/// A letter cannot be rendered; a test prevents that.
pub fn preview(sender: &Sender) -> Result<Vec<PreviewFile>, String> {
    let id = MessageId::parse("01938f5e-7a3b-7c11-9d2e-3f4a5b6c7d8e")?;
    // 2 April 2026, 8:00 UTC: the same preview on any day.
    let time = DateTime::from_timestamp(1_775_116_800, 0).ok_or("no such time")?;
    let (mut files, mut pages) = (Vec::new(), Vec::new());
    for language in Language::ALL {
        let letters = TemplateLetters::new(language, sender)?;
        for event_type in events::ALL {
            for (name, event) in (event_type.samples)(&id, time)? {
                // The way SendEmail reads it.
                let notice = events::read(event.as_bytes()).map_err(|e| format!("the sample {name}: {e}"))?;
                let letter = letters.write(&notice)?;
                let path = format!("{}/{name}", language.code());
                let mut add = |part: &str, bytes: &[u8]| {
                    files.push(PreviewFile { path: format!("{path}.{part}"), bytes: bytes.to_vec() });
                };
                add("subject", letter.subject.as_bytes());
                add("txt", letter.text.as_bytes());
                add("html", letter.html.as_bytes());
                add("eml", &mime::message(&letter, sender)?);
                pages.push(page(&path, &letter));
            }
        }
    }
    files.push(PreviewFile { path: "index.html".to_owned(), bytes: index(&pages)?.into_bytes() });
    Ok(files)
}

fn page(path: &str, letter: &Letter) -> minijinja::Value {
    context! { path, to => letter.to.as_str(), subject => letter.subject.as_str(), text => letter.text.as_str() }
}

fn index(pages: &[minijinja::Value]) -> Result<String, String> {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates
        .render_str(include_str!("preview.html"), context! { pages })
        .map_err(|e| format!("the preview's index cannot be rendered: {e}"))
}
