//! One setting: its names, type, bounds, default and meaning.

use std::fmt;

/// A setting. The unit is the last word of its name.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// Former names: still read, with a warning.
    pub formerly: &'static [&'static str],
    /// Type and bounds of the value.
    pub kind: Kind,
    /// `None`: there is no default; see `meaning` for who must set it.
    pub default: Option<&'static str>,
    /// The value in the example file, where it is not the default.
    pub example: Option<&'static str>,
    /// What it is for, for a person; follows the name.
    pub meaning: &'static str,
}

/// The type of a value, and its bounds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A whole number.
    Number {
        /// The least value.
        min: i64,
        /// The greatest value.
        max: i64,
        /// What 0 or an empty value means, where it has a special meaning; otherwise empty.
        note: &'static str,
    },
    /// One of these words.
    Choice(fn() -> Vec<&'static str>),
    /// The schedule of a timer.
    Schedule,
    /// Any other text, described for a person.
    Text(&'static str),
}

/// A type with a word for each of its values.
pub trait Choice: Copy + 'static {
    /// Each word with its value; the first is used where the given word is invalid.
    const WORDS: &'static [(&'static str, Self)];
}

impl Choice for bool {
    const WORDS: &'static [(&'static str, Self)] = &[("no", false), ("yes", true)];
}

fn words<T: Choice>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

/// What a value must be, as documentation and problem reports state it after "expected".
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { min, max, note: "" } => write!(f, "{min} to {max}"),
            Self::Number { min, max, note } => write!(f, "{min} to {max}; {note}"),
            Self::Choice(words) => f.write_str(&listed(&words())),
            Self::Schedule => f.write_str("six fields, seconds first, as NCRONTAB has them"),
            Self::Text(expected) => f.write_str(expected),
        }
    }
}

/// `a, b or c`
fn listed(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        all => all.concat(),
    }
}

const fn setting(name: &'static str, default: Option<&'static str>, kind: Kind, meaning: &'static str) -> Setting {
    Setting { name, formerly: &[], kind, default, example: None, meaning }
}

pub(super) const fn number(
    name: &'static str,
    default: &'static str,
    min: i64,
    max: i64,
    meaning: &'static str,
) -> Setting {
    setting(name, Some(default), Kind::Number { min, max, note: "" }, meaning)
}

/// A number that may be left empty.
pub(super) const fn number_or(
    name: &'static str,
    note: &'static str,
    min: i64,
    max: i64,
    meaning: &'static str,
) -> Setting {
    setting(name, Some(""), Kind::Number { min, max, note }, meaning)
}

pub(super) const fn choice<T: Choice>(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    setting(name, Some(default), Kind::Choice(words::<T>), meaning)
}

pub(super) const fn schedule(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    setting(name, Some(default), Kind::Schedule, meaning)
}

pub(super) const fn text(
    name: &'static str,
    default: &'static str,
    expected: &'static str,
    meaning: &'static str,
) -> Setting {
    setting(name, Some(default), Kind::Text(expected), meaning)
}

/// A setting without a default.
pub(super) const fn unset(name: &'static str, expected: &'static str, meaning: &'static str) -> Setting {
    setting(name, None, Kind::Text(expected), meaning)
}

impl Setting {
    /// The current name, then the former ones.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.formerly.iter().copied())
    }

    pub(super) const fn formerly(self, formerly: &'static [&'static str]) -> Self {
        Self { formerly, ..self }
    }

    pub(super) const fn example(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }
}
