//! Latencies as counts in buckets, so that percentiles of any span of minutes come from a few small numbers.
//!
//! Four buckets for each doubling: a percentile read from them is at most a fifth too high.

/// The bucket of an attempt that failed and is made again.
pub const FAILED: i64 = -1;
/// The bucket of a row that became dead, or a mail that was refused.
pub const GIVEN_UP: i64 = -2;

const BUCKETS_PER_DOUBLING: f64 = 4.0;
/// Over 300 years in milliseconds: no latency is longer.
const BUCKET_MAX: i64 = 172;

/// The bucket of a latency; one below 1 ms counts as 1 ms.
#[must_use]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a logarithm, and it is bounded")]
pub fn bucket(ms: i64) -> i64 {
    ((ms.max(1) as f64).log2() * BUCKETS_PER_DOUBLING).ceil() as i64
}

/// The longest latency of a bucket, in milliseconds.
#[must_use]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "it is bounded")]
pub fn upper_ms(bucket: i64) -> i64 {
    (bucket.clamp(0, BUCKET_MAX) as f64 / BUCKETS_PER_DOUBLING).exp2().round() as i64
}

/// The latency that `per_cent` of 100 do not exceed. `counts`: buckets and how many; those below 0 are not latencies.
/// None: there is none.
#[must_use]
pub fn percentile(counts: &[(i64, u64)], per_cent: u64) -> Option<i64> {
    let mut sorted: Vec<(i64, u64)> = counts.iter().copied().filter(|(bucket, n)| *bucket >= 0 && *n > 0).collect();
    sorted.sort_unstable();
    let total: u64 = sorted.iter().map(|(_, n)| n).sum();
    let rank = (total * per_cent).div_ceil(100);
    let mut seen = 0;
    sorted.into_iter().find_map(|(bucket, n)| {
        seen += n;
        (seen >= rank).then(|| upper_ms(bucket))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_at_most_a_fifth_too_high_and_never_too_low() {
        for ms in [1, 2, 3, 9, 10, 11, 100, 999, 1_000, 60_000, 86_400_000, 31_536_000_000] {
            let read = percentile(&[(bucket(ms), 1)], 50).unwrap();
            assert!(read >= ms && read * 5 <= ms * 6 + 5, "{ms} read as {read}");
        }
        assert_eq!(bucket(-5), 0);
        assert_eq!(percentile(&[(FAILED, 9), (GIVEN_UP, 1), (0, 0)], 50), None);
    }

    #[test]
    fn of_a_hundred_the_rank_counts() {
        let counts = [(bucket(60_000), 1), (bucket(1), 50), (bucket(1_000), 49)];
        assert_eq!(percentile(&counts, 50), Some(1));
        assert_eq!(percentile(&counts, 95), Some(upper_ms(bucket(1_000))));
        assert_eq!(percentile(&counts, 99), Some(upper_ms(bucket(1_000))));
        assert_eq!(percentile(&counts, 100), Some(upper_ms(bucket(60_000))));
    }
}
