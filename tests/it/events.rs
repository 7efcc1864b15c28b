//! Every message type is complete: whatever walks over `events::ALL` finds all parts of each type.

use client_organizer::{
    adapters::mail::{Sender, TemplateLetters},
    config::{Settings, catalogue},
    domain::{
        events::{self, DefaultRoute, EventType},
        ids::MessageId,
        language::Language,
    },
    functions,
    ports::mailer::Letters,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

const ID: &str = "01938f5e-7a3b-7c11-9d2e-3f4a5b6c7d8e";

fn samples(event_type: &EventType) -> Vec<(&'static str, String)> {
    let time = "2026-04-02T08:00:00Z".parse().unwrap();
    (event_type.samples)(&MessageId::parse(ID).unwrap(), time).unwrap()
}

fn document() -> Value {
    serde_json::from_str(functions::document()).unwrap()
}

/// The parts of a value that the schema does not allow; covers the keywords that our schemas use.
fn against(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        _ => false,
    };
    if !fits {
        wrong.push(format!("{at}: {value} is not of {schema}"));
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        wrong.push(format!("{at}: {value} is not in {schema}"));
    }
    let properties = schema["properties"].as_object();
    for (name, inner) in value.as_object().into_iter().flatten() {
        match properties.and_then(|properties| properties.get(name)) {
            Some(schema) => wrong.extend(against(schema, inner, &format!("{at}.{name}"))),
            None => wrong.push(format!("{at}.{name} is not in the schema")),
        }
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        if value.get(required.as_str().unwrap()).is_none() {
            wrong.push(format!("{at} lacks {required}"));
        }
    }
    wrong
}

#[test]
fn type_names_are_distinct_and_files_are_named_after_them() {
    let mut names = BTreeSet::new();
    for event_type in events::ALL {
        assert!(names.insert(event_type.name), "{} stands twice", event_type.name);
        assert!(event_type.version >= 1);
        let snake: String = event_type
            .name
            .char_indices()
            .flat_map(|(at, c)| (at > 0 && c.is_uppercase()).then_some('_').into_iter().chain(c.to_lowercase()))
            .collect();
        assert_eq!(event_type.letter, snake, "its letter's folder");
        let room = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/domain/events/{snake}.rs"));
        assert!(room.is_file(), "{}", room.display());
    }
    let samples: Vec<&str> = events::ALL.iter().flat_map(samples).map(|(name, _)| name).collect();
    assert_eq!(samples.iter().collect::<BTreeSet<_>>().len(), samples.len(), "{samples:?}");
}

#[test]
fn every_sample_is_a_cloud_event_that_reads_back_and_keeps_to_its_size() {
    for event_type in events::ALL {
        let samples = samples(event_type);
        assert!(!samples.is_empty(), "{}", event_type.name);
        for (name, text) in samples {
            let event: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(event["type"], event_type.name);
            assert_eq!((&event["id"], &event["specversion"]), (&ID.into(), &"1.0".into()));
            assert!(text.len() <= event_type.body_bytes_max, "{name}: {} bytes", text.len());
            let notice = events::read(text.as_bytes()).unwrap();
            assert_eq!((notice.id.as_str(), notice.letter), (ID, event_type.letter));
            assert_eq!(event["data"]["recipient"], notice.recipient.as_str());
            assert_eq!(event["data"]["clientId"], notice.client.0);
        }
    }
}

#[test]
fn the_openapi_document_shows_every_type_as_its_samples_are() {
    let document = document();
    for event_type in events::ALL {
        let component = &document["components"]["schemas"][event_type.name];
        let webhook = &document["webhooks"][event_type.name]["post"];
        let mut schema = webhook["requestBody"]["content"]["application/cloudevents+json"]["schema"].clone();
        let reference = schema["properties"]["data"]["$ref"].take();
        assert_eq!(reference, format!("#/components/schemas/{}", event_type.name));
        schema["properties"]["data"] = component.clone();
        for (name, text) in samples(event_type) {
            let wrong = against(&schema, &serde_json::from_str(&text).unwrap(), name);
            assert!(wrong.is_empty(), "{wrong:#?}");
        }
    }
    assert_eq!(document["webhooks"].as_object().unwrap().len(), events::ALL.len());
}

#[test]
fn every_type_has_its_letter_in_each_language_and_no_folder_is_without_one() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/adapters/mail/letters");
    let folders: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, events::ALL.iter().map(|one| one.letter.to_owned()).collect());
    let sender = Sender::parse("Biuro <biuro@office.example.pl>").unwrap();
    for language in Language::ALL {
        let letters = TemplateLetters::new(language, &sender).unwrap();
        for (name, text) in events::ALL.iter().flat_map(samples) {
            let notice = events::read(text.as_bytes()).unwrap();
            let letter = letters.write(&notice).unwrap_or_else(|why| panic!("{name}: {why}"));
            assert!(!letter.subject.trim().is_empty() && !letter.text.is_empty() && !letter.html.is_empty(), "{name}");
        }
    }
}

#[test]
fn every_type_is_routed_by_default_and_has_its_setting() {
    let settings = Settings::read(&BTreeMap::new()).unwrap();
    for event_type in events::ALL {
        let expected = match event_type.default_route {
            DefaultRoute::EmailQueue => vec!["queue:client-emails".to_owned()],
            DefaultRoute::Nobody => Vec::new(),
        };
        let routed = settings.routes.of(event_type.name).unwrap();
        assert_eq!(routed.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{}", event_type.name);
        let row = catalogue::find(&format!("Routes__{}", event_type.name));
        assert_eq!(row.unwrap().default.unwrap().is_empty(), expected.is_empty(), "{}", event_type.name);
    }
}

/// Byte for byte what consumers received before each type had a file of its own.
#[test]
fn a_change_is_serialized_as_before() {
    let updated = events::ALL.iter().find(|one| one.name == "FinancialRecordUpdated").unwrap();
    let texts: BTreeMap<_, _> = samples(updated).into_iter().collect();
    assert_eq!(
        texts["updated"],
        format!(
            r#"{{"specversion":"1.0","id":"{ID}","source":"/clientorganizer/finance","type":"FinancialRecordUpdated","subject":"clients/17/finance/2026/3","time":"2026-04-02T08:00:00Z","datacontenttype":"application/json","data":{{"clientId":17,"clientName":"Piekarnia Łąka sp. z o.o.","recipient":"biuro@piekarnia.example.pl","year":2026,"month":3,"figures":{{"incomeTax":1234.56,"vat":500.00,"insuranceAmount":1600.99}},"previous":{{"incomeTax":1000.00,"vat":500.00,"insuranceAmount":1600.00}},"version":1}}}}"#
        )
    );
}

/// Another program's type: `dispatch` sends it unchanged, and the mail function refuses it.
#[test]
fn a_type_of_another_program_is_not_read_by_the_mail_function() {
    let (_, ours) = samples(&events::ALL[0]).remove(0);
    let theirs = ours.replacen(events::ALL[0].name, "Invoice", 1);
    assert!(events::read(theirs.as_bytes()).is_err());
    assert!(events::read(ours.as_bytes()).is_ok());
}
