//! Reads single settings by the catalogue and gathers every problem instead of stopping at the first.
//!
//! A wrong value is not repeated unless it is a number: a secret pasted into any setting would be shown to whoever reads
//! the terminal or the log.

use super::{
    catalogue::{self, Setting},
    identity::{self, Identity},
};

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, path::PathBuf};

/// What is wrong with one setting, and what was expected. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub setting: String,
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.what)
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
            self.problem(name, "looks like a connection string: expected a path");
        }
        PathBuf::from(text)
    }

    pub(super) fn number(&mut self, name: &'static str, range: RangeInclusive<i64>) -> i64 {
        let (low, high) = (range.start(), range.end());
        let what = match self.text(name).parse::<i64>() {
            Ok(number) if range.contains(&number) => return number,
            Ok(number) => format!("'{number}' is no whole number of {low} to {high}"),
            Err(_) => format!("is no whole number of {low} to {high}"),
        };
        self.problem(name, what);
        catalogue::find(name).and_then(|setting| setting.default?.parse().ok()).unwrap_or(*low)
    }

    pub(super) fn count(&mut self, name: &'static str, range: RangeInclusive<u32>) -> u32 {
        let number = self.number(name, i64::from(*range.start())..=i64::from(*range.end()));
        u32::try_from(number).unwrap_or(*range.start())
    }

    /// As `count`; where nothing was said, `unsaid`.
    pub(super) fn count_or(&mut self, name: &'static str, range: RangeInclusive<u32>, default: u32) -> u32 {
        if self.text(name).is_empty() { default } else { self.count(name, range) }
    }

    pub(super) fn choice<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)]) -> T {
        let text = self.text(name);
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        self.problem(name, format!("is unknown, expected {}", words.join(" or ")));
        choices[0].1
    }

    /// Names in our sections that no setting has: a typo would otherwise be a silent default.
    pub(super) fn unknown_names(&mut self) {
        let sections: Vec<&str> =
            catalogue::CATALOGUE.iter().filter_map(|s| s.name.split_once("__")).map(|(s, _)| s).collect();
        for name in self.env.keys() {
            if catalogue::find(name).is_some() || name.starts_with(catalogue::ROUTE_PREFIX) {
                continue;
            }
            let in_other_case = catalogue::CATALOGUE.iter().find(|s| s.name.eq_ignore_ascii_case(name));
            let ours = |section: &str| sections.iter().any(|known| known.eq_ignore_ascii_case(section));
            if let Some(setting) = in_other_case {
                self.problem(name.clone(), format!("is written {}: upper and lower case matter", setting.name));
            } else if name.split_once("__").is_some_and(|(section, _)| ours(section)) {
                self.problem(name.clone(), "there is no such setting; README.md lists those there are");
            }
        }
    }
}
