//! How long to wait before the next attempt: exponential, with jitter, bounded.

/// The delay is `base × 2^(failures-1)`, at most `max`, and of that a random 50 to 100 %, so that rows that failed
/// together are not retried together. `dice` is a random number in 0.0..1.0.
#[must_use]
pub fn delay_ms(failures: u32, base_ms: i64, max_ms: i64, dice: f64) -> i64 {
    let doublings = failures.saturating_sub(1).min(40);
    let full = base_ms.saturating_mul(1_i64 << doublings).clamp(0, max_ms);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "milliseconds of at most days")]
    let jittered = (full as f64 * (0.5 + dice.clamp(0.0, 1.0) / 2.0)) as i64;
    jittered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_to_a_bound_and_never_overflows() {
        assert_eq!(delay_ms(1, 1_000, 60_000, 1.0), 1_000);
        assert_eq!(delay_ms(4, 1_000, 60_000, 1.0), 8_000);
        assert_eq!(delay_ms(4, 1_000, 60_000, 0.0), 4_000);
        assert_eq!(delay_ms(u32::MAX, i64::MAX / 2, 60_000, 1.0), 60_000);
        assert_eq!(delay_ms(0, 1_000, 60_000, 1.0), 1_000);
    }
}
