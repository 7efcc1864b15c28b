//! Errors as they are grouped and shown: alike ones are one group, and no address is left in them.

use super::one_in;
use client_organizer::domain::{
    client::Email,
    fingerprint::{Failure, without_addresses},
};
use proptest::prelude::*;

fn address() -> impl Strategy<Value = Email> {
    ("[a-z0-9!#$&'*+/=?^_`{|}~-]{1,8}([.][A-Za-z0-9'_-]{1,8}){0,2}", "[a-z0-9-]{1,12}([.][a-z]{2,6}){1,2}")
        .prop_map(|(local, domain)| format!("{local}@{domain}"))
        .prop_filter_map("an address that the API accepts", |text| Email::parse(&text).ok())
}

/// Between the words of a provider: whatever its text puts around an address.
fn around() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop_oneof![
        Just(("<", ">")),
        Just((" ", " ")),
        Just(("'", "'")),
        Just(("\"", "\"")),
        Just(("(", ")")),
        Just(("[", "]")),
        Just(("to:", ";")),
        Just(("to=", ",")),
        Just(("<mailto:", ">")),
        Just(("", "")),
    ]
}

proptest! {
    #![proptest_config(one_in(4))]

    #[test]
    fn an_address_is_removed_whatever_stands_around_it(
        email in address(), (before, after) in around(), words in "[a-z0-9 .]{0,12}", more in "([ ][a-z. ]{0,12})?"
    ) {
        let error = format!("550 {words} {before}{email}{after}{more}");
        let shown = without_addresses(&error);
        let (local, domain) = email.as_str().split_once('@').unwrap();
        let rest = shown.replace("<address>", "");
        prop_assert!(!rest.contains('@'), "{error} → {shown}");
        prop_assert!(!rest.contains(domain) || words.contains(domain) || more.contains(domain), "{error} → {shown}");
        // All of it: the part before an apostrophe is a person's name too.
        let names = local.split(|c: char| !c.is_ascii_alphanumeric()).filter(|name| name.len() > 3);
        for name in names.filter(|name| !words.contains(name) && !more.contains(name)) {
            prop_assert!(!rest.contains(name), "{error} → {shown}");
        }
    }

    #[test]
    fn failures_that_differ_in_numbers_and_addresses_are_one_group(
        words in "[a-z]{1,6}( [a-z]{1,6}){0,3}", one in any::<u32>(), other in any::<u32>(), emails in [address(), address()]
    ) {
        let failure = |number: u32, email: &Email| Failure::of("queue:a", "refused", &format!("{words} <{email}> {number} ms"));
        let (first, second) = (failure(one, &emails[0]), failure(other, &emails[1]));
        // An id has eight characters or more, so a long number is one.
        if one.to_string().len() < 8 && other.to_string().len() < 8 {
            prop_assert_eq!(&first, &second);
        }
        prop_assert_ne!(&first.fingerprint, &Failure::of("queue:b", "refused", &first.error).fingerprint);
        prop_assert_eq!(&Failure::of("queue:a", "refused", &first.error), &first, "what is stored is of its own group");
    }

    /// Any text of a provider, also one cut within a word.
    #[test]
    fn a_group_has_a_bounded_text_and_a_name_of_16_digits(error in ".{0,400}", name in ".{0,40}") {
        let failure = Failure::of(&name, "blocked", &error);
        prop_assert!(failure.error.chars().count() <= 300);
        prop_assert_eq!(failure.fingerprint.len(), 16);
        prop_assert!(!failure.error.contains('\0'));
    }
}
