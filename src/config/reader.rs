//! Reads single settings by the catalogue and gathers every problem instead of stopping at the first.
//!
//! A wrong value is not repeated unless it is a number: a secret pasted into any setting would be shown to whoever reads
//! the terminal or the log.

use super::{
    catalogue,
    identity::{self, Identity},
    setting::{Choice, Kind, Setting},
};
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// What is wrong with one setting, and what was expected. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub setting: String,
    /// Follows the name in a sentence: "is invalid: expected 1 to 200".
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.setting, self.what)
    }
}

pub(super) struct Reader<'a> {
    env: &'a BTreeMap<String, String>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(env: &'a BTreeMap<String, String>) -> Self {
        Self { env, problems: Vec::new() }
    }

    pub(super) fn problem(&mut self, setting: impl Into<String>, what: impl Into<String>) {
        self.add(Problem { setting: setting.into(), what: what.into() });
    }

    /// The value given is not one: what was expected, or why not.
    pub(super) fn invalid(&mut self, setting: impl Into<String>, expected: impl fmt::Display) {
        self.problem(setting, format!("is invalid: {expected}"));
    }

    /// Once, however many read the setting.
    pub(super) fn add(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Drops the problems from the `alone`th on that are about a setting which is wrong by itself, or name one: they
    /// compare with a value that nobody gave.
    pub(super) fn drop_consequences(&mut self, alone: usize) {
        let found = self.problems.split_off(alone.min(self.problems.len()));
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let names = |problem: &Problem, name: &str| problem.what.split(|c| !is_name(c)).any(|word| word == name);
        let (wrong, problems) = (self.problems.clone(), &mut self.problems);
        problems.extend(
            found
                .into_iter()
                .filter(|one| !wrong.iter().any(|wrong| one.setting == wrong.setting || names(one, &wrong.setting))),
        );
    }

    pub(super) fn given(&self, name: &str) -> Option<&'a str> {
        self.env.get(name).map(String::as_str)
    }

    /// Who signs in at the connection of this name.
    pub(super) fn identity(&self, prefix: &str) -> Result<Identity, Problem> {
        identity::read(self.env, prefix)
    }

    /// The value given, or the default.
    pub(super) fn text(&mut self, name: &'static str) -> &'a str {
        match (self.given(name), catalogue::find(name)) {
            (Some(value), _) => value.trim(),
            (None, Some(Setting { default: Some(default), .. })) => default,
            (None, _) => {
                self.problem(name, "is not set, and has no default");
                ""
            }
        }
    }

    /// As `text`, but empty is a problem: nothing sensible could be meant by it.
    pub(super) fn words(&mut self, name: &'static str) -> &'a str {
        let text = self.text(name);
        if text.is_empty() {
            self.problem(name, "is empty: remove it for its default, or give it a value");
        }
        text
    }

    /// As `words`. A connection string that was pasted here would be shown as the path of what is missing.
    pub(super) fn path(&mut self, name: &'static str) -> PathBuf {
        let text = self.words(name);
        if text.contains("://") || (text.contains('=') && text.contains(';')) {
            self.invalid(name, "expected a path, not a connection string");
        }
        PathBuf::from(text)
    }

    /// A number within the bounds of the catalogue, which every type that reads it can hold.
    pub(super) fn number<T: TryFrom<i64> + Default>(&mut self, name: &'static str) -> T {
        let Some(Setting { kind: kind @ Kind::Number { min, max, .. }, default, .. }) = catalogue::find(name) else {
            self.problem(name, "is not a number of the catalogue");
            return T::default();
        };
        let number = self.text(name).parse::<i64>().ok();
        let within = number.filter(|number| (*min..=*max).contains(number));
        if let Some(number) = within.and_then(|number| T::try_from(number).ok()) {
            return number;
        }
        // A number is no secret.
        let got = number.map_or_else(String::new, |number| format!(", not {number}"));
        self.invalid(name, format!("expected {kind}{got}"));
        let instead = default.and_then(|text| text.parse().ok()).unwrap_or(*min);
        T::try_from(instead).unwrap_or_default()
    }

    /// As `number`; where it is empty, `otherwise`.
    pub(super) fn number_or<T: TryFrom<i64> + Default>(&mut self, name: &'static str, otherwise: T) -> T {
        if self.text(name).is_empty() { otherwise } else { self.number(name) }
    }

    pub(super) fn choice<T: Choice>(&mut self, name: &'static str) -> T {
        let text = self.text(name);
        if let Some((_, value)) = T::WORDS.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        if let Some(setting) = catalogue::find(name) {
            self.invalid(name, format!("expected {}", setting.kind));
        }
        T::WORDS[0].1
    }

    /// Names in our sections that no setting has: a typo would otherwise be a silent default.
    pub(super) fn unknown_names(&mut self) {
        let sections: Vec<&str> = catalogue::all().filter_map(|s| s.name.split_once("__")).map(|(s, _)| s).collect();
        for name in self.env.keys() {
            if catalogue::find(name).is_some() || name.starts_with(catalogue::ROUTE_PREFIX) {
                continue;
            }
            let in_other_case = catalogue::all().find(|s| s.name.eq_ignore_ascii_case(name));
            let ours = |section: &str| sections.iter().any(|known| known.eq_ignore_ascii_case(section));
            if let Some(setting) = in_other_case {
                self.problem(name.clone(), format!("is written {}: upper and lower case matter", setting.name));
            } else if name.split_once("__").is_some_and(|(section, _)| ours(section)) {
                self.problem(name.clone(), "is not a setting: `client-organizer settings` lists those there are");
            }
        }
    }
}
