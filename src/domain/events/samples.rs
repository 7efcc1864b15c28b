//! The parts of sample messages: a usual client, and one whose name and amounts are at the limits.

use super::{Event, FinancialChange, NewEvent, Samples};
use crate::domain::{
    client::{Client, ClientDraft, ClientName, Email, Nip, PostalAddress},
    ids::{ClientId, MessageId},
    money::{GROSZE_MAX, Money},
    period::Period,
    record::{Figures, FinancialRecord},
};
use chrono::{DateTime, Utc};

/// Markup, quotes, what looks like a header and an encoded word, letters of other scripts, an emoji, and a word without
/// a place to break: 200 characters, the longest name.
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

/// A booked month.
pub(super) struct Booked {
    pub client: Client,
    pub record: FinancialRecord,
}

impl Booked {
    pub(super) fn change(&self, previous: Option<Figures>) -> FinancialChange {
        FinancialChange::of(&self.client, &self.record, previous)
    }
}

pub(super) fn usual() -> Result<Booked, String> {
    booked("Piekarnia Łąka sp. z o.o.", "biuro@piekarnia.example.pl", [123_456, 50_000, 160_099])
}

/// A client and record with the largest amounts.
pub(super) fn odd() -> Result<Booked, String> {
    booked(ODD_NAME, ODD_ADDRESS, [GROSZE_MAX, 0, GROSZE_MAX - 1])
}

/// Figures from income tax, VAT and insurance in grosze.
pub(super) fn figures(grosze: [i64; 3]) -> Result<Figures, String> {
    let [income_tax, vat, insurance_amount] = grosze.map(Money::from_grosze);
    let all = income_tax.zip(vat).zip(insurance_amount);
    all.map(|((income_tax, vat), insurance_amount)| Figures { income_tax, vat, insurance_amount })
        .ok_or_else(|| "a sample's amount is invalid".to_owned())
}

fn booked(name: &str, address: &str, grosze: [i64; 3]) -> Result<Booked, String> {
    let draft = ClientDraft {
        name: ClientName::parse(name)?,
        address: PostalAddress::parse("ul. Prosta 1, 30-001 Kraków")?,
        nip_nb: Nip::parse("5260250274")?,
        email: Email::parse(address)?,
        language: None,
    };
    let period = Period::new(2026, 3).ok_or("a sample's month is invalid")?;
    let client = Client { id: ClientId(17), draft, version: 1 };
    let record = FinancialRecord { id: 1, client_id: client.id, period, figures: figures(grosze)?, version: 1 };
    Ok(Booked { client, record })
}
