//! Every letter there is, in each language, written from samples that show what could go wrong with it.

use super::{
    letters::{TemplateLetters, kind},
    mime::{self, Sender},
};
use crate::{
    domain::{
        client::{ClientName, Email},
        event::{CloudEvent, EventType, FinancialChange},
        ids::{ClientId, MessageId},
        language::Language,
        money::{GROSZE_MAX, Money},
        record::Figures,
    },
    ports::mailer::{Letter, Letters},
};
use chrono::DateTime;
use minijinja::{AutoEscape, Environment, context};

/// One file of the preview, by its path in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewFile {
    pub path: String,
    pub bytes: Vec<u8>,
}

/// What a letter could be written of.
struct Sample {
    name: String,
    event_type: EventType,
    client: &'static str,
    recipient: &'static str,
    /// In grosze: income tax, VAT, insurance.
    now: [i64; 3],
    was: Option<[i64; 3]>,
}

const USUAL: [i64; 3] = [123_456, 50_000, 160_099];
const BEFORE: [i64; 3] = [100_000, 50_000, 160_000];
const LARGEST: [i64; 3] = [GROSZE_MAX, 0, GROSZE_MAX - 1];

/// Markup, quotes, a header and an encoded word that are none, letters of other scripts, an emoji, and a word without
/// a place to break: 200 characters, as long as a name may be.
const ODD_NAME: &str = "Zażółć gęślą jaźń & Synowie <script>alert(\"1\")</script> {{ 7*7 }} O'Brien \
=?utf-8?q?Bcc:_x@example.pl?= שלום 日本 🦀 Konstantynopolitańczykowianeczka\
Konstantynopolitańczykowianeczka-Żółć sp. z o.o. sp. k";
const ODD_ADDRESS: &str =
    "ksiegowosc+faktury.rozliczenia.podatkowe.2026@bardzo-dluga-nazwa-domeny-klienta-biura.example.pl";

/// # Errors
/// A letter cannot be written; a test keeps that from happening.
pub fn preview(sender: &Sender) -> Result<Vec<PreviewFile>, String> {
    let (mut files, mut pages) = (Vec::new(), Vec::new());
    for language in Language::ALL {
        let letters = TemplateLetters::new(language, sender)?;
        for sample in samples() {
            let letter = letters.write(&event(&sample)?)?;
            let path = format!("{}/{}", language.code(), sample.name);
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
    files.push(PreviewFile { path: "index.html".to_owned(), bytes: index(&pages)?.into_bytes() });
    Ok(files)
}

fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for event_type in EventType::ALL {
        let name = kind(event_type);
        let changed = event_type == EventType::FinancialRecordUpdated;
        let of = |name: String, client, recipient, now, was: Option<[i64; 3]>| Sample {
            name,
            event_type,
            client,
            recipient,
            now,
            was,
        };
        let plain = ("Piekarnia Łąka sp. z o.o.", "biuro@piekarnia.example.pl");
        samples.push(of(name.to_owned(), plain.0, plain.1, USUAL, changed.then_some(BEFORE)));
        samples.push(of(format!("{name}-odd"), ODD_NAME, ODD_ADDRESS, LARGEST, changed.then_some([0, GROSZE_MAX, 1])));
        if changed {
            samples.push(of(format!("{name}-before-unknown"), plain.0, plain.1, USUAL, None));
        }
    }
    samples
}

fn event(sample: &Sample) -> Result<CloudEvent, String> {
    let data = FinancialChange {
        client_id: ClientId(17),
        client_name: ClientName::parse(sample.client)?,
        recipient: Email::parse(sample.recipient)?,
        language: None,
        year: 2026,
        month: 3,
        figures: figures(sample.now)?,
        previous: sample.was.map(figures).transpose()?,
        version: 1,
    };
    let id = MessageId::parse("01938f5e-7a3b-7c11-9d2e-3f4a5b6c7d8e")?;
    // 2 April 2026, 8:00 UTC: the same preview on any day.
    let time = DateTime::from_timestamp(1_775_116_800, 0).ok_or("no such time")?;
    Ok(CloudEvent::new(&id, sample.event_type, time, data))
}

fn figures(grosze: [i64; 3]) -> Result<Figures, String> {
    let [income_tax, vat, insurance_amount] = grosze.map(Money::from_grosze);
    let all = income_tax.zip(vat).zip(insurance_amount);
    all.map(|((income_tax, vat), insurance_amount)| Figures { income_tax, vat, insurance_amount })
        .ok_or_else(|| "a sample's amount is none".to_owned())
}

fn page(path: &str, letter: &Letter) -> minijinja::Value {
    context! { path, to => letter.to.as_str(), subject => letter.subject.as_str(), text => letter.text.as_str() }
}

fn index(pages: &[minijinja::Value]) -> Result<String, String> {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates
        .render_str(include_str!("templates/preview.html"), context! { pages })
        .map_err(|e| format!("the preview's index cannot be filled: {e}"))
}
