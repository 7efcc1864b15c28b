//! Amounts, months and names as a letter shows them in each language.

use crate::domain::{language::Language, money::Money, period::Period};
use chrono::{Datelike, NaiveDate};

/// Keeps an amount on one line, however narrow the screen.
const NO_BREAK_SPACE: char = '\u{a0}';

const MIESIACE: [&str; 12] = [
    "styczeń",
    "luty",
    "marzec",
    "kwiecień",
    "maj",
    "czerwiec",
    "lipiec",
    "sierpień",
    "wrzesień",
    "październik",
    "listopad",
    "grudzień",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// As a day of the month is followed by them.
const MIESIACA: [&str; 12] = [
    "stycznia",
    "lutego",
    "marca",
    "kwietnia",
    "maja",
    "czerwca",
    "lipca",
    "sierpnia",
    "września",
    "października",
    "listopada",
    "grudnia",
];

impl Language {
    /// `1 234,56 zł`, `PLN 1,234.56`.
    pub(super) fn amount(self, money: Money) -> String {
        let (whole, grosze) = (money.grosze() / 100, money.grosze() % 100);
        match self {
            Self::Pl => format!("{},{grosze:02}{NO_BREAK_SPACE}zł", grouped(whole, NO_BREAK_SPACE)),
            Self::En => format!("PLN{NO_BREAK_SPACE}{}.{grosze:02}", grouped(whole, ',')),
        }
    }

    /// `marzec 2026`, `March 2026`.
    pub(super) fn month(self, period: Period) -> String {
        let names = match self {
            Self::Pl => MIESIACE,
            Self::En => MONTHS,
        };
        format!("{} {}", names[usize::from(period.month() - 1)], period.year())
    }

    /// `20 kwietnia 2026`, `20 April 2026`; the day stays with its month.
    pub(super) fn date(self, date: NaiveDate) -> String {
        let names = match self {
            Self::Pl => MIESIACA,
            Self::En => MONTHS,
        };
        let month = names.get(date.month0() as usize).copied().unwrap_or_default();
        format!("{}{NO_BREAK_SPACE}{month} {}", date.day(), date.year())
    }
}

/// Joins a legal form (`sp. z o.o.`) with no-break spaces, so that it stays on one line.
pub(super) fn held_together(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for word in name.split(' ') {
        let before = out.rsplit([' ', NO_BREAK_SPACE]).next().unwrap_or_default().to_lowercase();
        let form = before == "sp." || (before == "z" && word.to_lowercase().starts_with("o.o"));
        if !out.is_empty() {
            out.push(if form { NO_BREAK_SPACE } else { ' ' });
        }
        out.push_str(word);
    }
    out
}

fn grouped(whole: i64, separator: char) -> String {
    let digits = whole.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_and_never_break() {
        for (grosze, pl, en) in [
            (0, "0,00\u{a0}zł", "PLN\u{a0}0.00"),
            (5, "0,05\u{a0}zł", "PLN\u{a0}0.05"),
            (99_999, "999,99\u{a0}zł", "PLN\u{a0}999.99"),
            (123_456, "1\u{a0}234,56\u{a0}zł", "PLN\u{a0}1,234.56"),
            (
                999_999_999_999_999_999,
                "9\u{a0}999\u{a0}999\u{a0}999\u{a0}999\u{a0}999,99\u{a0}zł",
                "PLN\u{a0}9,999,999,999,999,999.99",
            ),
        ] {
            let money = Money::from_grosze(grosze).unwrap();
            assert_eq!(Language::Pl.amount(money), pl);
            assert_eq!(Language::En.amount(money), en);
        }
    }

    #[test]
    fn a_legal_form_never_breaks() {
        for (name, held) in [
            ("Łąka sp. z o.o.", "Łąka sp.\u{a0}z\u{a0}o.o."),
            ("ŁĄKA SP. Z O.O. SP. K.", "ŁĄKA SP.\u{a0}Z\u{a0}O.O. SP.\u{a0}K."),
            ("Spółka z o.o. z Łodzi", "Spółka z\u{a0}o.o. z Łodzi"),
            ("Anna Nowak", "Anna Nowak"),
        ] {
            assert_eq!(held_together(name), held);
        }
    }

    #[test]
    fn months_have_names() {
        let month = |m| Period::new(2026, m).unwrap();
        assert_eq!(Language::Pl.month(month(3)), "marzec 2026");
        assert_eq!(Language::Pl.month(month(12)), "grudzień 2026");
        assert_eq!(Language::En.month(month(1)), "January 2026");
    }

    #[test]
    fn a_day_stays_with_its_month() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(Language::Pl.date(day("2026-04-20")), "20\u{a0}kwietnia 2026");
        assert_eq!(Language::Pl.date(day("2026-12-01")), "1\u{a0}grudnia 2026");
        assert_eq!(Language::En.date(day("2100-01-31")), "31\u{a0}January 2100");
    }
}
