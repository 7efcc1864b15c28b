//! Letters from templates that are compiled into the program: subject, plain text and HTML in each language.

use super::{mime::Sender, words::Language};
use crate::{
    domain::{
        event::{CloudEvent, EventType},
        period::Period,
        record::Figures,
    },
    ports::mailer::{Letter, Letters},
};
use chrono::Datelike;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context, syntax::SyntaxConfig};

pub struct TemplateLetters {
    templates: Environment<'static>,
    language: Language,
    /// Who signs.
    office: String,
}

/// Lists `templates/<language>/<kind>.<part>` with its text.
macro_rules! templates {
    ($($path:literal),+ $(,)?) => {
        [$(
            (concat!($path, ".subject"), include_str!(concat!("templates/", $path, ".subject"))),
            (concat!($path, ".txt"), include_str!(concat!("templates/", $path, ".txt"))),
            (concat!($path, ".html"), include_str!(concat!("templates/", $path, ".html"))),
        )+]
    };
}

const TEMPLATES: [(&str, &str); 18] =
    templates!["pl/created", "pl/updated", "pl/deleted", "en/created", "en/updated", "en/deleted"];

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
        Ok(Self { templates, language, office: sender.office() })
    }

    fn render(&self, event: EventType, part: &str, values: &Value) -> Result<String, String> {
        let folder = match self.language {
            Language::Pl => "pl",
            Language::En => "en",
        };
        let kind = match event {
            EventType::FinancialRecordCreated => "created",
            EventType::FinancialRecordUpdated => "updated",
            EventType::FinancialRecordDeleted => "deleted",
        };
        let name = format!("{folder}/{kind}.{part}");
        let template = self.templates.get_template(&name);
        template.and_then(|t| t.render(values)).map_err(|e| format!("the template {name} cannot be filled: {e}"))
    }

    fn figures(&self, figures: Figures) -> Value {
        let amount = |money| self.language.amount(money);
        context! {
            income_tax => amount(figures.income_tax),
            vat => amount(figures.vat),
            insurance => amount(figures.insurance_amount),
        }
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
        let values = context! {
            client => data.client_name.as_str(),
            month => self.language.month(period),
            figures => self.figures(data.figures),
            previous => data.previous.map(|previous| self.figures(previous)),
            office => self.office.as_str(),
        };
        Ok(Letter {
            message_id: event.id.clone(),
            to: data.recipient.clone(),
            subject: self.render(event.event_type, "subject", &values)?,
            text: self.render(event.event_type, "txt", &values)?,
            html: self.render(event.event_type, "html", &values)?,
            date: event.time,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Money;

    #[test]
    fn every_language_has_a_template_of_every_part() {
        let sender = Sender::parse("Biuro <biuro@example.pl>").unwrap();
        for language in [Language::Pl, Language::En] {
            let letters = TemplateLetters::new(language, &sender).unwrap();
            let figures = letters.figures(Figures {
                income_tax: Money::default(),
                vat: Money::default(),
                insurance_amount: Money::default(),
            });
            let values = context! { client => "c", month => "m", figures, previous => (), office => "o" };
            for event in EventType::ALL {
                for part in ["subject", "txt", "html"] {
                    letters.render(event, part, &values).unwrap();
                }
            }
        }
    }
}
