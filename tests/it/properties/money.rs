//! Money against an arithmetic of its own: `i128`, without any rounding.

use super::one_in;
use client_organizer::domain::money::{GROSZE_MAX, Money};
use proptest::prelude::*;

/// A JSON number and its value in grosze: `Err` with a word of the refusal.
fn number() -> impl Strategy<Value = (String, Result<i64, &'static str>)> {
    let digits = ("-?", "0|[1-9][0-9]{0,15}|9{14,17}", "([.]([0-9]{1,8}|0{1,8}|99))?");
    let exponent = proptest::option::of(("[eE][+]?", -9..=9_i32));
    (digits, exponent).prop_map(|((sign, whole, fraction), exponent)| {
        let decimals = fraction.strip_prefix('.').unwrap_or_default();
        let value: i128 = format!("{whole}{decimals}").parse().unwrap();
        let (mark, power) = exponent.unwrap_or_default();
        // A sign is written once.
        let mark = if power < 0 { mark.replace('+', "") } else { mark };
        let text = if mark.is_empty() { String::new() } else { format!("{mark}{power}") };
        let shift = power - i32::try_from(decimals.len()).unwrap() + 2;
        let factor = 10_i128.pow(shift.unsigned_abs());
        let expected = if value == 0 {
            Ok(0)
        } else if sign == "-" {
            Err("negative")
        } else if shift < 0 && value % factor != 0 {
            Err("two decimals")
        } else {
            let grosze = if shift < 0 { value / factor } else { value * factor };
            i64::try_from(grosze).ok().filter(|grosze| *grosze <= GROSZE_MAX).ok_or("at most 9")
        };
        (format!("{sign}{whole}{fraction}{text}"), expected)
    })
}

proptest! {
    #![proptest_config(one_in(4))]

    #[test]
    fn a_number_has_the_value_that_integer_arithmetic_gives((text, expected) in number()) {
        let read = Money::from_json_number(&text);
        match expected {
            Ok(grosze) => prop_assert_eq!(read.clone().map(Money::grosze), Ok(grosze), "{}", text),
            Err(word) => prop_assert!(read.clone().is_err_and(|why| why.contains(word)), "{text}: {read:?}, not {word}"),
        }
        let in_a_document: Result<Money, _> = serde_json::from_str(&text);
        prop_assert_eq!(in_a_document.ok(), read.ok());
    }

    #[test]
    fn an_amount_is_the_same_after_it_was_printed(grosze in prop_oneof![0..=GROSZE_MAX, 0..1_000_i64, GROSZE_MAX - 1_000..=GROSZE_MAX]) {
        let amount = Money::from_grosze(grosze).unwrap();
        let printed = amount.to_string();
        let (whole, decimals) = printed.split_once('.').unwrap();
        prop_assert_eq!(whole.parse::<i64>().unwrap() * 100 + decimals.parse::<i64>().unwrap(), grosze);
        prop_assert_eq!(decimals.len(), 2);
        prop_assert_eq!(Money::from_json_number(&printed), Ok(amount));
        let document = serde_json::to_string(&[amount]).unwrap();
        prop_assert_eq!(&document, &format!("[{printed}]"), "a number, never a string or a float");
        prop_assert_eq!(serde_json::from_str::<[Money; 1]>(&document).unwrap(), [amount]);
    }

    #[test]
    fn nothing_below_zero_or_above_the_column_is_an_amount(grosze in any::<i64>()) {
        prop_assert_eq!(Money::from_grosze(grosze).is_some(), (0..=GROSZE_MAX).contains(&grosze));
    }

    /// From any JSON: what is no number is no amount, and nothing panics.
    #[test]
    fn only_a_json_number_is_an_amount(text in "[-+.0-9eE\"ntrufalsx{}\\[\\] ]{0,24}") {
        if let Ok(amount) = serde_json::from_str::<Money>(&text) {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert!(value.is_number(), "{text}");
            prop_assert!(amount.grosze() <= GROSZE_MAX);
        }
    }
}
