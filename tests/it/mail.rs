//! Mail: what a client reads, in both languages, and what the folder holds after a send.

use chrono::{DateTime, Utc};
use client_organizer::{
    adapters::mail::{FolderMailer, Language, Sender, TemplateLetters},
    domain::{
        client::{ClientName, Email},
        delivery::MailOutcome,
        events::{
            self, Event, FinancialChange, FinancialRecordCreated, FinancialRecordDeleted, FinancialRecordUpdated,
            NewEvent, Notice,
        },
        ids::{ClientId, MessageId},
        money::Money,
        record::Figures,
    },
    ports::{
        clock::Clock,
        mailer::{Letter, Letters, Mailer},
    },
};
use mail_parser::{MessageParser, MimeHeaders};
use std::{path::Path, sync::Arc};

const ID: &str = "01938f5e-7a3b-7c11-9d2e-3f4a5b6c7d8e";

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-23T22:18:29.123Z".parse().unwrap()
    }
}

fn figures(grosze: [i64; 3]) -> Figures {
    let [income_tax, vat, insurance_amount] = grosze.map(|g| Money::from_grosze(g).unwrap());
    Figures { income_tax, vat, insurance_amount }
}

fn change(previous: Option<Figures>) -> FinancialChange {
    FinancialChange {
        client_id: ClientId(17),
        client_name: ClientName::parse("Żółw & Synowie <spółka>").unwrap(),
        recipient: Email::parse("anna@example.pl").unwrap(),
        language: None,
        year: 2026,
        month: 3,
        figures: figures([123_456, 50_000, 160_099]),
        previous,
        version: 1,
    }
}

fn cloud_event<E: Event>(data: &E::Data) -> String {
    let (id, time) = (MessageId::parse(ID).unwrap(), "2026-04-02T08:00:00Z".parse().unwrap());
    NewEvent::of::<E>(data).unwrap().payload(&id, time).unwrap()
}

/// An event as the queue delivers it.
fn notice<E: Event>(data: &E::Data) -> Notice {
    events::read(cloud_event::<E>(data).as_bytes()).unwrap()
}

fn sender() -> Sender {
    Sender::parse("Biuro Łąka <biuro@office.example.pl>").unwrap()
}

fn write<E: Event<Data = FinancialChange>>(language: Language) -> Letter {
    let previous = (E::NAME == FinancialRecordUpdated::NAME).then(|| figures([100_000, 50_000, 0]));
    TemplateLetters::new(language, &sender()).unwrap().write(&notice::<E>(&change(previous))).unwrap()
}

/// Shows no-break spaces as `~`, so that the expected texts below can be read.
fn shown(text: &str) -> String {
    text.replace('\u{a0}', "~")
}

#[test]
fn a_polish_client_reads_new_figures() {
    let letter = write::<FinancialRecordCreated>(Language::Pl);
    assert_eq!(letter.subject, "Podatki i składki za marzec 2026");
    let expected = "\
Dzień dobry,

przesyłamy kwoty podatków i składek za marzec 2026 (Żółw & Synowie <spółka>):

  Podatek dochodowy: 1~234,56~zł
  VAT:               500,00~zł
  Składki ZUS:       1~600,99~zł

Jeśli któraś z kwot się nie zgadza, prosimy o odpowiedź na tę wiadomość.

Z poważaniem
Biuro Łąka
biuro@office.example.pl
";
    assert_eq!(shown(&letter.text), expected);
    assert!(letter.html.contains("Żółw &amp; Synowie &lt;spółka&gt;"), "{}", letter.html);
    assert!(!letter.html.contains("<spółka>"));
    assert!(shown(&letter.html).contains("<strong>500,00~zł</strong>"), "{}", letter.html);
}

#[test]
fn a_change_shows_before_and_after() {
    let letter = write::<FinancialRecordUpdated>(Language::Pl);
    assert_eq!(letter.subject, "Podatki i składki za marzec 2026 – poprawione kwoty");
    let expected = "
  Podatek dochodowy: 1~234,56~zł (poprzednio 1~000,00~zł)
  VAT:               500,00~zł (bez zmian)
  Składki ZUS:       1~600,99~zł (poprzednio 0,00~zł)
";
    assert!(shown(&letter.text).contains(expected), "{}", letter.text);
    let letter = write::<FinancialRecordUpdated>(Language::En);
    let expected = "\
Dear Client,

Here are your corrected tax and social insurance amounts for March 2026 (Żółw & Synowie <spółka>):

  Income tax:             PLN~1,234.56 (previously PLN~1,000.00)
  VAT:                    PLN~500.00 (unchanged)
  Social insurance (ZUS): PLN~1,600.99 (previously PLN~0.00)

If an amount looks wrong, please reply to this message.

Kind regards
Biuro Łąka
biuro@office.example.pl
";
    assert_eq!(shown(&letter.text), expected);
    assert_eq!(letter.subject, "Your taxes and contributions for March 2026: corrected amounts");
    let html = shown(&letter.html);
    let at = |text: &str| html.find(text).unwrap_or_else(|| panic!("no {text} in {html}"));
    assert!(at("<strong>PLN~1,234.56</strong>") < at("previously PLN~1,000.00"), "now, and below it before: {html}");
}

#[test]
fn a_change_without_its_former_figures_shows_the_new_ones() {
    let notice = notice::<FinancialRecordUpdated>(&change(None));
    let letter = TemplateLetters::new(Language::En, &sender()).unwrap().write(&notice).unwrap();
    assert!(shown(&letter.text).contains("\n  VAT:                    PLN~500.00\n"), "{}", letter.text);
    assert!(!letter.text.contains("previously"));
}

#[test]
fn a_letter_about_a_deleted_record_states_the_withdrawal() {
    assert_eq!(
        write::<FinancialRecordDeleted>(Language::Pl).subject,
        "Podatki i składki za marzec 2026 – kwoty nieaktualne"
    );
    let english = write::<FinancialRecordDeleted>(Language::En);
    assert_eq!(english.subject, "Your taxes and contributions for March 2026: please disregard");
    assert!(english.text.contains("no longer apply"));
}

#[test]
fn an_office_signs_with_its_name_its_address_and_its_telephone() {
    let notice = notice::<FinancialRecordCreated>(&change(None));
    let signed = |sender: Sender, language| {
        let letter = TemplateLetters::new(language, &sender).unwrap().write(&notice).unwrap();
        let lines: Vec<String> = shown(&letter.text).lines().rev().map(str::to_owned).take(4).collect();
        assert!(lines.iter().rev().skip(2).all(|line| shown(&letter.html).contains(line.as_str())), "{}", letter.html);
        lines.into_iter().rev().collect::<Vec<_>>().join("|")
    };
    let named = || Sender::parse("Łąka sp. z o.o. <biuro@office.example.pl>").unwrap();
    let (place, phone) = (Some("ul. Prosta 1, 30-001 Kraków".to_owned()), Some("+48 12 345 67 89".to_owned()));
    assert_eq!(
        signed(named().with_contact(place, phone), Language::Pl),
        "Z poważaniem|Łąka sp.~z~o.o.|ul. Prosta 1, 30-001 Kraków|tel. +48 12 345 67 89"
    );
    assert_eq!(signed(named(), Language::En), "|Kind regards|Łąka sp.~z~o.o.|biuro@office.example.pl");
    let nameless = || Sender::parse("biuro@office.example.pl").unwrap();
    assert_eq!(signed(nameless(), Language::Pl), "|Z poważaniem|Biuro rachunkowe|biuro@office.example.pl");
    assert_eq!(signed(nameless(), Language::En), "|Kind regards|Your accounting office|biuro@office.example.pl");
}

#[test]
fn a_letter_is_in_the_clients_language_or_else_the_offices() {
    let letters = TemplateLetters::new(Language::Pl, &sender()).unwrap();
    for (language, expected) in [(None, "Podatki"), (Some(Language::Pl), "Podatki"), (Some(Language::En), "Your")] {
        let text = cloud_event::<FinancialRecordCreated>(&FinancialChange { language, ..change(None) });
        let read = |text: &str| events::read(text.as_bytes());
        let notice = read(&text).unwrap();
        assert!(letters.write(&notice).unwrap().subject.starts_with(expected), "{language:?}");
        assert_eq!(notice.language, language);
        // A value that another program wrote there does not refuse the mail.
        for other in ["\"de\"", "7", "null", "{}"] {
            let text = text.replacen("\"year\"", &format!("\"language\":{other},\"year\""), 1);
            assert!(language.is_some() || read(&text).unwrap().language.is_none(), "{other}");
        }
    }
}

#[test]
fn an_event_that_cannot_become_a_letter_is_refused_with_the_reason() {
    let letters = TemplateLetters::new(Language::Pl, &sender()).unwrap();
    let of_no_month = notice::<FinancialRecordCreated>(&FinancialChange { month: 13, ..change(None) });
    assert!(letters.write(&of_no_month).unwrap_err().contains("2026-13"));
    let time = "+12026-01-01T00:00:00Z".parse().unwrap();
    let of_no_date = Notice { time, ..notice::<FinancialRecordCreated>(&change(None)) };
    assert!(letters.write(&of_no_date).unwrap_err().contains("date"));
}

fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn any_mail_program_can_read_a_mail_in_the_folder() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("mail/new");
    let mailer = FolderMailer::new(&folder, sender(), Arc::new(Stopped));
    let letter = write::<FinancialRecordCreated>(Language::Pl);
    let outcome = mailer.send(&letter).await;
    let names = files(&folder);
    assert_eq!(outcome, MailOutcome::Accepted { reference: names[0].clone() });
    assert_eq!(names.len(), 1, "no draft is left: {names:?}");
    let random = names[0].strip_prefix(&format!("20261123T221829.123Z-{ID}-")).and_then(|n| n.strip_suffix(".eml"));
    assert!(random.is_some_and(|text| text.len() == 8), "{names:?}");

    let bytes = std::fs::read(folder.join(&names[0])).unwrap();
    assert!(bytes.is_ascii(), "every server takes it");
    let mail = MessageParser::default().parse(&bytes).unwrap();
    let from = mail.from().unwrap().first().unwrap();
    assert_eq!((from.name(), from.address()), (Some("Biuro Łąka"), Some("biuro@office.example.pl")));
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("anna@example.pl"));
    assert_eq!(mail.subject(), Some(letter.subject.as_str()));
    assert_eq!(mail.message_id(), Some(format!("{ID}@office.example.pl").as_str()));
    assert_eq!(mail.date().unwrap().to_rfc3339(), "2026-04-02T08:00:00Z");
    assert_eq!(mail.header("Auto-Submitted").unwrap().as_text(), Some("auto-generated"));
    let content_type = mail.content_type().unwrap();
    assert_eq!((content_type.ctype(), content_type.subtype()), ("multipart", Some("alternative")));
    assert_eq!(mail.body_text(0).unwrap().replace("\r\n", "\n"), letter.text);
    assert_eq!(mail.body_html(0).unwrap().replace("\r\n", "\n"), letter.html);
}

#[tokio::test]
async fn a_duplicate_is_a_second_file_with_the_same_message_id() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = FolderMailer::new(folder.path(), sender(), Arc::new(Stopped));
    let letter = Letter { message_id: "../evil id ż".to_owned(), ..write::<FinancialRecordCreated>(Language::En) };
    for _ in 0..2 {
        assert!(matches!(mailer.send(&letter).await, MailOutcome::Accepted { .. }));
    }
    let names = files(folder.path());
    assert_eq!(names.len(), 2, "{names:?}");
    let ids = names.iter().map(|name| {
        let bytes = std::fs::read(folder.path().join(name)).unwrap();
        MessageParser::default().parse(&bytes).unwrap().message_id().unwrap().to_owned()
    });
    let ids: Vec<_> = ids.collect();
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn no_text_can_begin_a_header() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = FolderMailer::new(folder.path(), sender(), Arc::new(Stopped));
    let subject = format!("Hello\r\nBcc: thief@example.pl\r\n\r\n{}", "ż".repeat(300));
    let letter = Letter { subject, ..write::<FinancialRecordCreated>(Language::En) };
    assert!(matches!(mailer.send(&letter).await, MailOutcome::Accepted { .. }));
    let bytes = std::fs::read(folder.path().join(&files(folder.path())[0])).unwrap();
    let mail = MessageParser::default().parse(&bytes).unwrap();
    assert!(mail.bcc().is_none());
    let subject = mail.subject().unwrap();
    assert!(subject.contains("Bcc: thief@example.pl") && !subject.contains(char::is_control), "{subject:?}");
    assert_eq!(mail.body_text(0).unwrap().replace("\r\n", "\n"), letter.text);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_the_providers_failure() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("not-a-folder");
    std::fs::write(&file, "").unwrap();
    let mailer = FolderMailer::new(&file, sender(), Arc::new(Stopped));
    let outcome = mailer.send(&write::<FinancialRecordCreated>(Language::Pl)).await;
    let MailOutcome::Provider { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("not-a-folder") && !reason.contains("anna@"), "{reason}");
}
