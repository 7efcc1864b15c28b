//! What samples of messages are made of: a usual client, and one whose name and amounts go to the limits.

use super::{Event, FinancialChange, NewEvent, Samples};
use crate::domain::{
    client::{ClientName, Email},
    ids::{ClientId, MessageId},
    money::{GROSZE_MAX, Money},
    record::Figures,
};
use chrono::{DateTime, Utc};

/// Markup, quotes, a header and an encoded word that are none, letters of other scripts, an emoji, and a word without
/// a place to break: 200 characters, as long as a name may be.
const ODD_NAME: &str = "Zażółć gęślą jaźń & Synowie <script>alert(\"1\")</script> {{ 7*7 }} O'Brien \
=?utf-8?q?Bcc:_x@example.pl?= שלום 日本 🦀 Konstantynopolitańczykowianeczka\
Konstantynopolitańczykowianeczka-Żółć sp. z o.o. sp. k";
const ODD_ADDRESS: &str =
    "ksiegowosc+faktury.rozliczenia.podatkowe.2026@bardzo-dluga-nazwa-domeny-klienta-biura.example.pl";

/// The samples of a type as CloudEvents.
pub(super) fn written<E: Event>(id: &MessageId, time: DateTime<Utc>) -> Result<Samples<String>, String> {
    let sample = |(name, data)| Ok((name, NewEvent::of::<E>(&data)?.payload(id, time)?));
    E::samples()?.into_iter().map(sample).collect()
}

pub(super) fn usual(previous: Option<Figures>) -> Result<FinancialChange, String> {
    let client = ("Piekarnia Łąka sp. z o.o.", "biuro@piekarnia.example.pl");
    change(client, [123_456, 50_000, 160_099], previous)
}

/// The largest amounts there are.
pub(super) fn odd(previous: Option<Figures>) -> Result<FinancialChange, String> {
    change((ODD_NAME, ODD_ADDRESS), [GROSZE_MAX, 0, GROSZE_MAX - 1], previous)
}

/// Of income tax, VAT and insurance in grosze.
pub(super) fn figures(grosze: [i64; 3]) -> Result<Figures, String> {
    let [income_tax, vat, insurance_amount] = grosze.map(Money::from_grosze);
    let all = income_tax.zip(vat).zip(insurance_amount);
    all.map(|((income_tax, vat), insurance_amount)| Figures { income_tax, vat, insurance_amount })
        .ok_or_else(|| "a sample's amount is invalid".to_owned())
}

fn change(client: (&str, &str), now: [i64; 3], previous: Option<Figures>) -> Result<FinancialChange, String> {
    Ok(FinancialChange {
        client_id: ClientId(17),
        client_name: ClientName::parse(client.0)?,
        recipient: Email::parse(client.1)?,
        language: None,
        year: 2026,
        month: 3,
        figures: figures(now)?,
        previous,
        version: 1,
    })
}
