//! The OpenAPI document matches what the API does with values. General rules for it: tests/openapi/check.

use crate::support::{
    edge::{Edge, draft, figures},
    world::nip,
};
use client_organizer::functions;
use regex::Regex;
use serde_json::{Value, json};

fn document() -> Value {
    serde_json::from_str(functions::document()).unwrap()
}

#[test]
fn generated_clients_keep_money_exact_and_report_what_was_wrong() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    for schema in ["FinancialRecord", "FinancialRecordDraft", "FinancialRecordPatch"] {
        for field in ["incomeTax", "vat", "insuranceAmount"] {
            assert_eq!(schemas[schema]["properties"][field]["format"], "decimal", "{schema} {field}");
        }
    }
    assert_eq!(schemas["Problem"]["properties"]["detail"]["x-ms-primary-error-message"], true);
}

#[test]
fn the_document_states_where_it_is_served_and_what_the_host_answers() {
    let document = document();
    assert_eq!(document["servers"][0]["url"], "/");
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = operation["security"] == json!([{}]);
            let status = if open { "4XX" } else { "401" };
            let answer = &operation["responses"][status];
            assert!(
                answer.is_object() && answer["content"].is_null(),
                "{method} {path} {status}: the host has no body"
            );
        }
    }
}

#[tokio::test]
async fn the_pattern_of_a_name_matches_what_the_api_accepts() {
    let edge = Edge::new().await;
    let schema = &document()["components"]["schemas"]["ClientDraft"]["properties"]["name"];
    let pattern = Regex::new(schema["pattern"].as_str().unwrap()).unwrap();
    let (longest, longer) = ("x".repeat(200), "x".repeat(201));
    for (n, name) in [
        "a",
        "1",
        " a ",
        "\ta\n",
        "Zażółć 🦀 sp. z o.o.",
        "ТОВ «Ластівка»",
        "株式会社",
        "شركة",
        &longest,
        &longer,
        "",
        "  ",
        "-",
        "🦀",
        "\u{200b}",
        "a\nb",
        "a\u{85}b",
        "a\u{2028}b",
        "a\u{202e}b",
        "a\u{2066}b",
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = draft(1);
        body["name"] = json!(name);
        body["nipNb"] = json!(nip(u32::try_from(n).unwrap() + 1).as_str());
        let status = edge.write("POST", "/api/clients", &[], &body.to_string()).await.status.as_u16();
        let length = name.chars().count() as u64;
        let fits = pattern.is_match(name) && length >= 1 && length <= schema["maxLength"].as_u64().unwrap();
        assert_eq!(status, if fits { 201 } else { 422 }, "{name:?}");
    }
}

#[tokio::test]
async fn the_pattern_of_an_idempotency_key_matches_what_the_api_accepts() {
    let edge = Edge::new().await;
    let list = format!("/api/clients/{}/finance", edge.client(1).await);
    let parameters = &document()["paths"]["/api/clients"]["post"]["parameters"];
    let schema =
        parameters.as_array().unwrap().iter().find(|p| p["name"] == "Idempotency-Key").unwrap()["schema"].clone();
    let pattern = Regex::new(schema["pattern"].as_str().unwrap()).unwrap();
    let (bare, quoted) = (|n: usize| "x".repeat(n), |n: usize| format!("\"{}\"", r#"\""#.repeat(n)));
    for key in [
        "k",
        "k 1",
        " k ",
        "\"k 1\"",
        "\" \"",
        r#""a\"b\\""#,
        "a\\b",
        &bare(255),
        &quoted(255),
        "",
        "\"",
        "\"\"",
        "\"a",
        "a\"",
        "a\"b",
        "\"a\"b\"",
        r#""a\n""#,
        &bare(256),
        &quoted(256),
    ] {
        let status = edge.write("POST", &list, &[("idempotency-key", key)], &figures(1)).await.status;
        let fits = pattern.is_match(key) && key.len() as u64 <= schema["maxLength"].as_u64().unwrap();
        assert_eq!(status != 400, fits, "{key:?}: {status}");
    }
}
