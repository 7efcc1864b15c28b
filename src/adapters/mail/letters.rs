//! Renders letters from templates that are compiled into the program: subject, plain text and HTML in each language.
//!
//! A message type has a folder under `letters/`, and in it one per language: `subject.txt`, `body.txt`, `body.html`.

use super::{mime::Sender, words::held_together};
use crate::{
    domain::{
        events::{LetterValue, Notice},
        language::Language,
        period::Period,
    },
    ports::mailer::{Letter, Letters},
};
use chrono::Datelike;
use include_dir::{Dir, include_dir};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context, syntax::SyntaxConfig};
use std::collections::BTreeMap;

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/adapters/mail/letters");

/// Renders letters in the office's language or the client's own.
pub struct TemplateLetters {
    templates: Environment<'static>,
    /// The office's language, for clients without one of their own.
    language: Language,
    /// The office's name in the signature.
    office: Option<String>,
    /// The signature's lines below the name.
    contact: Vec<String>,
}

impl TemplateLetters {
    /// # Errors
    /// A template is invalid; a test prevents that.
    pub fn new(language: Language, sender: &Sender) -> Result<Self, String> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).build();
        templates.set_syntax(syntax.map_err(|e| format!("the templates' syntax is invalid: {e}"))?);
        templates.set_auto_escape_callback(|name| match name.rsplit_once('.') {
            Some((_, "html")) => AutoEscape::Html,
            Some(_) | None => AutoEscape::None,
        });
        add_all(&mut templates, &TEMPLATES)?;
        Ok(Self { templates, language, office: sender.office(), contact: sender.contact() })
    }

    fn render(&self, name: &str, values: &Value) -> Result<String, String> {
        let template = self.templates.get_template(name);
        template.and_then(|t| t.render(values)).map_err(|e| format!("the template {name} cannot be rendered: {e}"))
    }

    /// The signature's lines, the name first.
    fn signature(&self, language: Language) -> Vec<String> {
        let nameless = match language {
            Language::Pl => "Biuro rachunkowe",
            Language::En => "Your accounting office",
        };
        let name = held_together(self.office.as_deref().unwrap_or(nameless));
        std::iter::once(name).chain(self.contact.iter().map(|line| held_together(line))).collect()
    }
}

/// Adds each template under its path below `letters/`.
fn add_all(templates: &mut Environment<'static>, folder: &'static Dir<'static>) -> Result<(), String> {
    for file in folder.files() {
        let name = file.path().to_string_lossy();
        let text = file.contents_utf8().ok_or_else(|| format!("the template {name} is not UTF-8"))?;
        let added = templates.add_template_owned(name.clone().into_owned(), text);
        added.map_err(|e| format!("the template {name} is invalid: {e}"))?;
    }
    folder.dirs().try_for_each(|below| add_all(templates, below))
}

/// A value as the templates show it.
fn shown(language: Language, value: &LetterValue) -> Result<Value, String> {
    Ok(match value {
        LetterValue::Name(name) => held_together(name.as_str()).into(),
        LetterValue::Amount(money) => language.amount(*money).into(),
        LetterValue::Month { year, month } => {
            let period = Period::new(*year, *month);
            language
                .month(period.ok_or_else(|| format!("{year}-{month} is invalid: expected a month of the books"))?)
                .into()
        }
        LetterValue::Date(date) => language.date(*date).into(),
        LetterValue::Nothing => ().into(),
        LetterValue::Fields(fields) => fields_shown(language, fields)?,
    })
}

fn fields_shown(language: Language, fields: &[(&'static str, LetterValue)]) -> Result<Value, String> {
    let pairs = fields.iter().map(|(name, value)| Ok((*name, shown(language, value)?)));
    pairs.collect::<Result<BTreeMap<_, _>, String>>().map(Value::from)
}

impl Letters for TemplateLetters {
    fn write(&self, notice: &Notice) -> Result<Letter, String> {
        // A Date header has four digits for the year, and other programs write events too.
        if !(1970..=9998).contains(&notice.time.year()) {
            return Err("its time is invalid: a mail's date needs a year from 1970 to 9998".to_owned());
        }
        let language = notice.language.unwrap_or(self.language);
        let values = context! { signature => self.signature(language), ..fields_shown(language, &notice.values)? };
        let folder = format!("{}/{}", notice.letter, language.code());
        let subject = self.render(&format!("{folder}/subject.txt"), &values)?;
        let page = context! { lang => language.code(), subject => subject.as_str(), ..values.clone() };
        Ok(Letter {
            message_id: notice.id.clone(),
            to: notice.recipient.clone(),
            text: self.render(&format!("{folder}/body.txt"), &values)?,
            html: self.render(&format!("{folder}/body.html"), &page)?,
            subject,
            date: notice.time,
        })
    }
}
