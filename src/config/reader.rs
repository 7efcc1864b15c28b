//! Reads single settings by the catalogue and collects all problems instead of stopping at the first.
//!
//! An invalid value is not printed unless it is a number: it could be a secret pasted into the wrong setting.

use super::{
    catalogue,
    identity::{self, Identity},
    setting::{Choice, Kind, Setting},
};
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// What is wrong with one setting, and what was expected. Never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The name of the setting.
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

    /// The value is invalid: what was expected, or why.
    pub(super) fn invalid(&mut self, setting: impl Into<String>, expected: impl fmt::Display) {
        self.problem(setting, format!("is invalid: {expected}"));
    }

    /// Adds a problem once, however often the setting is read.
    pub(super) fn add(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// From the problems after the first `alone`, drops those of or about a setting that is invalid by itself: they
    /// compare with a value that was never given.
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

    /// The identity for the connection of this name.
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

    /// As `text`, but empty is a problem.
    pub(super) fn words(&mut self, name: &'static str) -> &'a str {
        let text = self.text(name);
        if text.is_empty() {
            self.problem(name, "is empty: remove it for its default, or give it a value");
        }
        text
    }

    /// As `words`. Refuses a connection string: it would be printed as the path of a missing file.
    pub(super) fn path(&mut self, name: &'static str) -> PathBuf {
        let text = self.words(name);
        if text.contains("://") || (text.contains('=') && text.contains(';')) {
            self.invalid(name, "expected a path, not a connection string");
        }
        PathBuf::from(text)
    }

    /// A number within the bounds of the catalogue.
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
        // A number is not a secret.
        let got = number.map_or_else(String::new, |number| format!(", not {number}"));
        self.invalid(name, format!("expected {kind}{got}"));
        let instead = default.and_then(|text| text.parse().ok()).unwrap_or(*min);
        T::try_from(instead).unwrap_or_default()
    }

    /// As `number`; `otherwise` if it is empty.
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

    /// Azure leaves a reference to its Key Vault in place where it cannot resolve it: long enough to be taken for a key.
    pub(super) fn unresolved_references(&mut self, spared: &[&str]) {
        for (name, _) in self.env.iter().filter(|(_, value)| is_reference(value)) {
            if catalogue::find(name).is_some() && !spared.contains(&name.as_str()) {
                self.problems.retain(|problem| problem.setting != *name);
                self.problem(
                    name.clone(),
                    "is a Key Vault reference that Azure did not resolve: check that the secret exists and that the app's \
                     identity is Key Vault Secrets User, then restart the app",
                );
            }
        }
    }

    /// Reports unknown names in the sections of this program: a typo would otherwise silently mean the default.
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
                self.problem(name.clone(), "is not a setting: `client-organizer settings` lists all");
            }
        }
    }
}

/// Azure replaces it by the secret, in the app's own process alone.
pub(super) fn is_reference(value: &str) -> bool {
    value.trim_start().starts_with("@Microsoft.KeyVault(")
}
