//! Rounds of a measurement, with one as warm-up: the median, and how far they spread.

/// The results of the rounds, sorted.
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// Measures once as warm-up, and then `count` times.
    pub async fn of(count: usize, mut measure: impl AsyncFnMut() -> f64) -> Self {
        measure().await;
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            all.push(measure().await);
        }
        Self::from(all)
    }

    pub fn median(&self) -> f64 {
        percentile(&self.0, 50.0)
    }

    pub fn least(&self) -> f64 {
        self.0[0]
    }

    pub fn most(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl From<Vec<f64>> for Rounds {
    fn from(mut all: Vec<f64>) -> Self {
        assert!(!all.is_empty(), "nothing was measured");
        all.sort_by(f64::total_cmp);
        Self(all)
    }
}

/// Of sorted values, by the nearest rank.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is between 1 and the length")]
pub fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted[rank - 1]
}
