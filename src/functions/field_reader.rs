//! Reads the fields of a JSON body or a query, and collects everything that is wrong with them before answering.
//!
//! A body is read as a list of names with the raw text of their values, so that duplicates are noticed and no number
//! passes through a float. serde_json skips nested values without recursion, so depth cannot exhaust the stack.

use super::problem::{FieldError, Kind, Problem};
use crate::domain::money::Money;
use percent_encoding::percent_decode_str;
use serde::{
    Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

pub(super) struct Fields<'a> {
    /// Each name with a JSON token (body) or the decoded text (query).
    given: Vec<(String, Cow<'a, str>)>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
    /// The subject of an error without a field name.
    nameless: &'static str,
    /// Values are decoded text, not JSON tokens.
    is_query: bool,
}

/// A body of 64 KB may have thousands of unknown fields; no one reads more errors than this.
const ERRORS_MAX: usize = 100;
/// How many errors the detail repeats: a generated client's exception shows nothing else.
const DETAIL_ERRORS_MAX: usize = 3;
/// How much of a name is repeated to its sender.
const NAME_CHARS_MAX: usize = 60;
/// The Azure host accepts its function key as a query parameter, in any casing, and passes it on.
const HOST_PARAMETER: &str = "code";

impl<'a> Fields<'a> {
    pub(super) fn of_body(text: &'a str) -> Result<Self, Problem> {
        let malformed = |e: serde_json::Error| Problem::new(Kind::Malformed, format!("the body is not JSON: {e}"));
        let whole: &RawValue = serde_json::from_str(text).map_err(malformed)?;
        if !whole.get().starts_with('{') {
            let error = FieldError { field: String::new(), message: "must be a JSON object".to_owned() };
            return Err(Problem::invalid("the body must be a JSON object", vec![error]));
        }
        let pairs = serde_json::Deserializer::from_str(whole.get()).deserialize_map(Pairs).map_err(malformed)?;
        Ok(Self::of_pairs(pairs))
    }

    fn of_pairs(pairs: Vec<(String, &'a RawValue)>) -> Self {
        let given = pairs.into_iter().map(|(name, value)| (name, Cow::Borrowed(value.get()))).collect();
        Self { given, known: Vec::new(), errors: Vec::new(), nameless: "the body", is_query: false }
    }

    pub(super) fn of_query(raw: &'a str) -> Self {
        let (known, errors) = (Vec::new(), Vec::new());
        let mut fields = Self { given: Vec::new(), known, errors, nameless: "a parameter", is_query: true };
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (decoded(name), decoded(value)) {
                (Some(name), _) if name.eq_ignore_ascii_case(HOST_PARAMETER) => {}
                (Some(name), Some(value)) => fields.given.push((name, Cow::Owned(value))),
                (name, _) => fields.wrong(&name.unwrap_or_default(), "is not UTF-8"),
            }
        }
        fields
    }

    /// A required field. None: it is missing or wrong, and `finish` reports it.
    pub(super) fn required<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        if !self.is_given(name) {
            self.known.push(name);
            self.wrong(name, "is missing");
            return None;
        }
        self.optional(name, read)
    }

    pub(super) fn optional<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.known.push(name);
        let mut values = self.given.iter().filter(|(given, _)| given == name).map(|(_, value)| value);
        let read = match (values.next(), values.next()) {
            (None, _) => return None,
            (Some(value), None) => read(value),
            (Some(_), Some(_)) => Err("is given more than once".to_owned()),
        };
        read.map_err(|message| self.wrong(name, message)).ok()
    }

    /// An optional text: a JSON string of a body, or a parameter as it is.
    pub(super) fn text<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let is_query = self.is_query;
        self.optional(name, |token| if is_query { read(token) } else { read(&text(token)?) })
    }

    /// As `text`, and required.
    pub(super) fn required_text<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.is_given(name) { self.text(name, read) } else { self.required(name, |_| Err(String::new())) }
    }

    /// An optional integer: a JSON number of a body, or digits of a parameter.
    pub(super) fn number<T: TryFrom<i64> + fmt::Display + Copy>(
        &mut self,
        name: &'static str,
        min: T,
        max: T,
    ) -> Option<T>
    where
        i64: From<T>,
    {
        let is_query = self.is_query;
        self.optional(name, |token| if is_query { digits(token, min, max) } else { integer(token, min, max) })
    }

    /// An optional `true` or `false`.
    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.optional(name, |token| token.parse().map_err(|_| "must be true or false".to_owned()))
    }

    /// An optional object of a body. Errors in it are named `object.field`.
    pub(super) fn object<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Fields<'_>) -> T) -> Option<T> {
        let token = self.optional(name, |token| Ok(token.to_owned()))?;
        let Some(pairs) = token.starts_with('{').then(|| pairs_of(&token)).flatten() else {
            self.wrong(name, "must be an object");
            return None;
        };
        let mut fields = Fields::of_pairs(pairs);
        let value = read(&mut fields);
        fields.name_unknown();
        for FieldError { field, message } in fields.errors {
            self.wrong(&format!("{name}.{field}"), message);
        }
        Some(value)
    }

    pub(super) fn is_given(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    pub(super) fn wrong(&mut self, field: &str, message: impl Into<String>) {
        let field = field.chars().take(NAME_CHARS_MAX).collect();
        self.errors.push(FieldError { field, message: message.into() });
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Returns `built`, or every error. `built` is None only if a field was wrong.
    pub(super) fn finish<T>(mut self, built: Option<T>) -> Result<T, Problem> {
        self.name_unknown();
        match built {
            Some(built) if self.errors.is_empty() => Ok(built),
            Some(_) | None => {
                self.errors.truncate(ERRORS_MAX);
                Err(Problem::invalid(self.detail(), self.errors))
            }
        }
    }

    fn name_unknown(&mut self) {
        let unknown: Vec<String> =
            self.given.iter().map(|(name, _)| name).filter(|n| !self.known.contains(&n.as_str())).cloned().collect();
        for name in unknown {
            if self.errors.len() > ERRORS_MAX {
                break;
            }
            let name: String = name.chars().take(NAME_CHARS_MAX).collect();
            if !self.errors.iter().any(|error| error.field == name) {
                self.wrong(&name, "is not known here");
            }
        }
    }

    /// `vat must not be negative; year is missing`
    fn detail(&self) -> String {
        let line_of = |error: &FieldError| {
            let about = if error.field.is_empty() { self.nameless } else { &error.field };
            format!("{about} {}", error.message)
        };
        let mut lines: Vec<String> = self.errors.iter().take(DETAIL_ERRORS_MAX).map(line_of).collect();
        if let Some(more @ 1..) = self.errors.len().checked_sub(DETAIL_ERRORS_MAX) {
            let least = if self.errors.len() == ERRORS_MAX { "at least " } else { "" };
            lines.push(format!("and {least}{more} more"));
        }
        lines.join("; ")
    }
}

/// The text of a JSON string.
pub(super) fn text(token: &str) -> Result<String, String> {
    if !token.starts_with('"') {
        return Err("must be a string".to_owned());
    }
    // The grammar was checked with the body; only half of a surrogate pair can be wrong here.
    serde_json::from_str(token).map_err(|_| "must be a string of valid Unicode".to_owned())
}

/// A JSON integer by its value, as in JSON Schema: `2026.0` is an integer. Digits alone are read
/// as they are, anything else as an amount without grosze.
pub(super) fn integer<T: TryFrom<i64> + fmt::Display + Copy>(token: &str, min: T, max: T) -> Result<T, String>
where
    i64: From<T>,
{
    let of_amount = || {
        let grosze = Money::from_json_number(token).map(Money::grosze).ok()?;
        (grosze % 100 == 0).then_some(grosze / 100)
    };
    within(token.parse().ok().or_else(of_amount), min, max)
}

/// An integer of a query parameter: digits only. The host joins repeated parameters with commas.
pub(super) fn digits<T: TryFrom<i64> + fmt::Display + Copy>(text: &str, min: T, max: T) -> Result<T, String>
where
    i64: From<T>,
{
    if text.contains(',') {
        return Err("is given more than once, or is not a number".to_owned());
    }
    within(text.parse().ok().filter(|_| !text.starts_with(['+', '-'])), min, max)
}

fn within<T: TryFrom<i64> + fmt::Display + Copy>(value: Option<i64>, min: T, max: T) -> Result<T, String>
where
    i64: From<T>,
{
    let value = value.filter(|value| (i64::from(min)..=i64::from(max)).contains(value));
    value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| format!("must be an integer from {min} to {max}"))
}

fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned)
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

/// The pairs of a JSON object, in order and with duplicates; None for anything else.
pub(super) fn pairs_of(text: &str) -> Option<Vec<(String, &RawValue)>> {
    serde_json::Deserializer::from_str(text).deserialize_map(Pairs).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn errors(problem: Problem) -> Vec<(String, String)> {
        let body: Value = serde_json::from_slice(problem.reply().body()).unwrap();
        let of = |e: &Value, key: &str| e[key].as_str().unwrap().to_owned();
        body["errors"].as_array().unwrap().iter().map(|e| (of(e, "field"), of(e, "message"))).collect()
    }

    #[test]
    fn all_wrong_fields_are_named_at_once() {
        let mut fields =
            Fields::of_body(r#"{"a":"x","b":1,"b":2,"c":2026.5,"d":"\ud800","z":[[]],"z":1}"#).ok().unwrap();
        assert_eq!(fields.required("a", |t| integer(t, 1, 9)), None);
        assert_eq!(fields.required("b", |t| integer(t, 1, 9)), None);
        assert_eq!(fields.required("c", |t| integer(t, 1, 9999)), None);
        assert_eq!(fields.required("d", text), None);
        assert_eq!(fields.required("e", text), None);
        assert_eq!(fields.optional("f", text), None);
        let lines = errors(fields.finish(Some(())).unwrap_err());
        let names: Vec<&str> = lines.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "d", "e", "z"], "{lines:?}");
        assert!(lines[1].1.contains("more than once"));
        assert!(lines[4].1.contains("missing"));
    }

    #[test]
    fn an_integer_is_read_by_its_value() {
        for fine in ["2026", "2026.0", "2026.000", "2.026e3", "20260e-1"] {
            assert_eq!(integer(fine, 2000, 2100), Ok(2026), "{fine}");
        }
        assert_eq!(integer("9223372036854775807", 1, i64::MAX), Ok(i64::MAX), "more than any amount");
        for wrong in ["1999", "2101", "2026.5", "2026.001", "-2026", "\"2026\"", "null", "2e400", "2e-999999999"] {
            assert!(integer(wrong, 2000, 2100).is_err(), "{wrong}");
        }
    }

    /// The detail is what the exception of a generated client shows.
    #[test]
    fn the_detail_names_what_is_wrong() {
        let detail = |mut fields: Fields<'_>| {
            fields.optional("year", |t| integer(t, 2000, 2100));
            fields.optional("vat", Money::from_json_number);
            let body: Value = serde_json::from_slice(fields.finish(Some(())).unwrap_err().reply().body()).unwrap();
            body["detail"].as_str().unwrap().to_owned()
        };
        let of_body = |text| detail(Fields::of_body(text).ok().unwrap());
        assert_eq!(of_body(r#"{"vat":-1}"#), "vat must not be negative");
        let more = "year must be an integer from 2000 to 2100; vat must have at most two decimals; a is not known here; and 1 more";
        assert_eq!(of_body(r#"{"vat":0.001,"year":1,"a":1,"b":1}"#), more);
        assert_eq!(detail(Fields::of_query("%FF=1")), "a parameter is not UTF-8");
    }

    #[test]
    fn a_deep_body_is_safe_and_errors_are_bounded() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(30_000), "]".repeat(30_000));
        let mut fields = Fields::of_body(&deep).ok().unwrap();
        assert_eq!(fields.required("a", text), None);
        assert!(Fields::of_body(&"[".repeat(60_000)).is_err());
        let many: Vec<String> = (0..5_000).map(|n| format!("\"f{n}\":1")).collect();
        let fields_of_many = format!("{{{}}}", many.join(","));
        let problem = Fields::of_body(&fields_of_many).ok().unwrap().finish(Some(())).unwrap_err();
        assert!(format!("{problem:?}").contains("; and at least 97 more"), "{problem:?}");
        assert_eq!(errors(problem).len(), ERRORS_MAX);
    }

    #[test]
    fn a_query_is_decoded_and_the_hosts_key_is_ignored() {
        let mut fields = Fields::of_query("limit=%31%30&code=secret&Code=secret&after=");
        assert_eq!(fields.optional("limit", |t| digits(t, 1, 100)), Some(10));
        assert_eq!(fields.optional("after", |t| digits(t, 0, i64::MAX)), None);
        let lines = errors(fields.finish(Some(())).unwrap_err());
        assert_eq!(lines.len(), 1, "{lines:?}");
        for wrong in ["limit=1,2", "limit=1&limit=1", "limit=+1", "limit=%FF", "limit=0", "limit=101", "Limit=1", "x"] {
            let mut fields = Fields::of_query(wrong);
            let limit = fields.optional("limit", |t| digits(t, 1, 100));
            assert!(fields.finish(Some(limit)).is_err(), "{wrong}");
        }
    }
}
