//! Letters from templates that are compiled into the program: subject, plain text and HTML in each language.

use super::{mime::Sender, words::held_together};
use crate::{
    domain::{
        event::{CloudEvent, EventType},
        language::Language,
        money::Money,
        period::Period,
        record::Figures,
    },
    ports::mailer::{Letter, Letters},
};
use chrono::Datelike;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context, syntax::SyntaxConfig};

pub struct TemplateLetters {
    templates: Environment<'static>,
    /// The office's: of clients who want no other.
    language: Language,
    /// Who signs, where it has a name.
    office: Option<String>,
    /// Lines below the name.
    contact: Vec<String>,
}

/// Lists `templates/<name>` with its text.
macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("templates/", $name)))),+]
    };
}

const TEMPLATES: [(&str, &str); 24] = templates![
    "layout.html",
    "line.html",
    "pl/before.txt",
    "pl/before.html",
    "pl/created.subject",
    "pl/created.txt",
    "pl/created.html",
    "pl/updated.subject",
    "pl/updated.txt",
    "pl/updated.html",
    "pl/deleted.subject",
    "pl/deleted.txt",
    "pl/deleted.html",
    "en/before.txt",
    "en/before.html",
    "en/created.subject",
    "en/created.txt",
    "en/created.html",
    "en/updated.subject",
    "en/updated.txt",
    "en/updated.html",
    "en/deleted.subject",
    "en/deleted.txt",
    "en/deleted.html",
];

impl TemplateLetters {
    /// # Errors
    /// A template is not well formed; a test keeps that from happening.
    pub fn new(language: Language, sender: &Sender) -> Result<Self, String> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).build();
        templates.set_syntax(syntax.map_err(|e| format!("the templates' syntax is broken: {e}"))?);
        templates.set_auto_escape_callback(|name| match name.rsplit_once('.') {
            Some((_, "html")) => AutoEscape::Html,
            Some(_) | None => AutoEscape::None,
        });
        for (name, text) in TEMPLATES {
            templates.add_template(name, text).map_err(|e| format!("the template {name} is broken: {e}"))?;
        }
        Ok(Self { templates, language, office: sender.office(), contact: sender.contact() })
    }

    fn render(&self, language: Language, event: EventType, part: &str, values: &Value) -> Result<String, String> {
        let name = format!("{}/{}.{part}", language.code(), kind(event));
        let template = self.templates.get_template(&name);
        template.and_then(|t| t.render(values)).map_err(|e| format!("the template {name} cannot be filled: {e}"))
    }

    /// Each amount as it is now, and as it was where that is told.
    fn figures(language: Language, now: Figures, was: Option<Figures>) -> Value {
        let amount = |of: fn(Figures) -> Money| {
            context! {
                now => language.amount(of(now)),
                was => was.map(|was| language.amount(of(was))),
            }
        };
        context! {
            income_tax => amount(|figures| figures.income_tax),
            vat => amount(|figures| figures.vat),
            insurance => amount(|figures| figures.insurance_amount),
        }
    }

    /// Name first.
    fn signature(&self, language: Language) -> Vec<String> {
        let nameless = match language {
            Language::Pl => "Biuro rachunkowe",
            Language::En => "Your accounting office",
        };
        let name = held_together(self.office.as_deref().unwrap_or(nameless));
        std::iter::once(name).chain(self.contact.iter().map(|line| held_together(line))).collect()
    }
}

/// As the templates are called.
pub(super) fn kind(event: EventType) -> &'static str {
    match event {
        EventType::FinancialRecordCreated => "created",
        EventType::FinancialRecordUpdated => "updated",
        EventType::FinancialRecordDeleted => "deleted",
    }
}

impl Letters for TemplateLetters {
    fn write(&self, event: &CloudEvent) -> Result<Letter, String> {
        let data = &event.data;
        let period = Period::new(data.year, data.month)
            .ok_or_else(|| format!("{}-{} is not a month we keep books of", data.year, data.month))?;
        // A Date header has four digits for the year; the event's maker is not only us.
        if !(1970..=9998).contains(&event.time.year()) {
            return Err("its time is not a date a mail can carry".to_owned());
        }
        let language = data.language.unwrap_or(self.language);
        let values = context! {
            client => held_together(data.client_name.as_str()),
            month => language.month(period),
            figures => Self::figures(language, data.figures, data.previous),
            signature => self.signature(language),
        };
        let render = |part: &str, values: &Value| self.render(language, event.event_type, part, values);
        let subject = render("subject", &values)?;
        let page = context! { lang => language.code(), subject => subject.as_str(), ..values.clone() };
        Ok(Letter {
            message_id: event.id.clone(),
            to: data.recipient.clone(),
            text: render("txt", &values)?,
            html: render("html", &page)?,
            subject,
            date: event.time,
        })
    }
}
