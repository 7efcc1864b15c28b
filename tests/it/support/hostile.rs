//! Hostile requests, at random from a seed: half of them are nearly valid, so that they get far.

use super::edge::{draft, figures};
use fastrand::Rng;

const PIECES: [&str; 26] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "1e400",
    "-0",
    "1.005",
    "2026",
    "3",
    "\"year\"",
    "\"month\"",
    "\"vat\"",
    "\"name\"",
    "\"email\":\"a@b.pl\"",
    "\u{feff}",
    "ż",
    "\r\n",
    " ",
];
const SEGMENTS: [&str; 20] = [
    "api",
    "clients",
    "finance",
    "1",
    "2026",
    "3",
    "",
    ".",
    "..",
    "%2e%2e",
    "%00",
    "%",
    "0",
    "-1",
    "SendEmail",
    "health",
    "99999999999999999999",
    "a;b=c",
    "~",
    "%C5%BC",
];
const QUERIES: [&str; 12] = ["limit", "after", "year", "month", "code", "=", "&", "%", "%FF", "1", ",", "+"];
const HEADERS: [&str; 9] = [
    "idempotency-key",
    "if-match",
    "traceparent",
    "tracestate",
    "content-type",
    "content-encoding",
    "x-functions-key",
    "x-azure-functions-invocationid",
    "accept",
];
const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"];

#[derive(Debug)]
pub struct Attempt {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, Vec<u8>)>,
    pub chunks: Vec<Vec<u8>>,
}

pub fn attempt(dice: &mut Rng) -> Attempt {
    let method = one(dice, &METHODS);
    Attempt { method, path: path(dice), headers: headers(dice), chunks: chunks(dice) }
}

/// The host forwards only what is below /api.
fn path(dice: &mut Rng) -> String {
    let path = match dice.u8(0..6) {
        0 => "/api/clients".to_owned(),
        1 => "/api/clients/1/finance".to_owned(),
        2 => "/api/clients/1/finance/2026/3".to_owned(),
        _ => format!("/api/{}", several(dice, &SEGMENTS, 6, "/")),
    };
    if dice.bool() { path } else { format!("{path}?{}", several(dice, &QUERIES, 6, "")) }
}

fn headers(dice: &mut Rng) -> Vec<(&'static str, Vec<u8>)> {
    let mut headers = Vec::new();
    if dice.u8(0..4) > 0 {
        headers.push(("content-type", b"application/json".to_vec()));
    }
    if dice.u8(0..3) == 0 {
        let noise = (0..dice.usize(0..40)).map(|_| dice.u8(0x20..=0xfe)).filter(|byte| *byte != 0x7f).collect();
        headers.push((one(dice, &HEADERS), noise));
    }
    headers
}

fn chunks(dice: &mut Rng) -> Vec<Vec<u8>> {
    let body = match dice.u8(0..6) {
        0 => draft(2).to_string(),
        1 => figures(3),
        2 => r#"{"vat":1}"#.to_owned(),
        _ => several(dice, &PIECES, 30, ""),
    };
    let mut body = body.into_bytes();
    for _ in 0..dice.usize(0..3) {
        let at = dice.usize(0..=body.len());
        body.insert(at, dice.u8(..));
    }
    match dice.u8(0..3) {
        0 => Vec::new(),
        1 => vec![body],
        _ => {
            let rest = body.split_off(dice.usize(0..=body.len()));
            vec![body, rest]
        }
    }
}

fn one<T: Copy>(dice: &mut Rng, from: &[T]) -> T {
    from[dice.usize(0..from.len())]
}

fn several(dice: &mut Rng, from: &[&str], most: usize, between: &str) -> String {
    let many = dice.usize(0..most);
    (0..many).map(|_| one(dice, from)).collect::<Vec<_>>().join(between)
}
