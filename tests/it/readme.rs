//! README is run: every curl in it as pasted, twice, and its table of settings against the catalogue.

use crate::support::{host::Host, http_client};
use client_organizer::config::catalogue;
use serde_json::json;
use std::{path::Path, process::Command};

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("README lacks {begin}"));
    rest.split_once(end).unwrap_or_else(|| panic!("README lacks {end}")).0
}

#[tokio::test(flavor = "multi_thread")]
async fn every_curl_works_as_pasted_and_pasted_again() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path(), &[], &[]);
    // The demo made client 1.
    let draft = json!({"name": "Demo", "address": "ul. Prosta 1", "nipNb": crate::support::world::nip(5).as_str(), "email": "a@example.pl"});
    assert_eq!(http_client::post_json(host.port, "/api/clients", &draft).await.status, 201);

    let text = readme();
    let block = between(&text, "<!-- curl -->", "<!-- /curl -->");
    let script = between(block, "```sh", "```").replace("localhost:7071", &format!("localhost:{}", host.port));
    for paste in 1..=2 {
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let statuses: Vec<&str> = printed.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
        let expected = ["201", "200", "201", "200", "412", "422", "200", "200", "200"];
        assert_eq!(statuses, expected, "paste {paste}:\n{printed}\n{}", String::from_utf8_lossy(&output.stderr));
        for said in ["ETag", "Outbox-Message-Id", "incomeTax", "231.50", "\"openapi\""] {
            assert!(printed.to_lowercase().contains(&said.to_lowercase()), "paste {paste} lacks {said}:\n{printed}");
        }
    }
}

#[test]
fn the_table_of_settings_is_the_catalogue() {
    let text = readme();
    assert_eq!(between(&text, "<!-- settings -->", "<!-- /settings -->").trim(), catalogue::markdown().trim());
}
