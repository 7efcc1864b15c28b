//! The sample clients and figures of the demo; invented, with fresh valid tax numbers each run.

use crate::domain::client::Nip;
use chrono::{DateTime, Datelike, Months, Utc};
use hyper::Method;
use serde_json::{Value, json};

/// A client and the writes that follow, each of which sends a mail.
pub(super) struct Booking {
    pub(super) client: Value,
    pub(super) writes: Vec<(Method, Value)>,
}

/// Three clients with last month's figures each, and one correction.
pub(super) fn bookings(now: DateTime<Utc>) -> Vec<Booking> {
    let month = now.checked_sub_months(Months::new(1)).unwrap_or(now);
    let clients = [
        ("Piekarnia Złoty Kłos", "ul. Młyńska 4, 61-730 Poznań", "zloty.klos"),
        ("Żaneta Ćwik Projektowanie", "ul. Długa 12/3, 31-147 Kraków", "zaneta.cwik"),
        ("Warsztat Rowerowy Dwa Koła", "al. Wojska Polskiego 8, 70-471 Szczecin", "dwa.kola"),
    ];
    let book = |(nth, (name, address, mailbox)): (usize, (&str, &str, &str))| {
        let figures = json!({
            "year": month.year(), "month": month.month(),
            "incomeTax": 1200 + 100 * nth, "vat": 2300 + 50 * nth, "insuranceAmount": 1600,
        });
        let mut writes = vec![(Method::POST, figures)];
        if nth == 0 {
            writes.push((Method::PATCH, json!({"incomeTax": 1250})));
        }
        let email = format!("{mailbox}@example.pl");
        Booking { client: json!({"name": name, "address": address, "nipNb": nip(), "email": email}), writes }
    };
    clients.into_iter().enumerate().map(book).collect()
}

/// Ten of eleven beginnings have a check digit; a hundred tries never all fail.
fn nip() -> String {
    let number = || {
        let mut digits: Vec<u32> = (0..9).map(|at| fastrand::u32(u32::from(at == 0)..10)).collect();
        digits.push(Nip::check_digit(&digits)?);
        Some(digits.iter().map(ToString::to_string).collect())
    };
    (0..100).find_map(|_| number()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_has_fresh_valid_tax_numbers() {
        let numbers: std::collections::HashSet<String> = (0..50).map(|_| nip()).collect();
        assert!(numbers.len() > 40);
        assert!(numbers.iter().all(|number| Nip::parse(number).is_ok()), "{numbers:?}");
    }
}
