//! Durations for people.

/// A duration in its two largest units: "2 h 5 min" instead of 7512345 ms.
#[must_use]
pub fn age(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn an_age_is_shown_in_its_two_largest_units() {
        assert_eq!([999, 61_000, 7_512_345, 180_000_000].map(age), ["0 s", "1 min 1 s", "2 h 5 min", "2 d 2 h"]);
    }
}
