//! The seeded runs of two dispatchers that `cargo test` makes (it/simulation.rs), as many as are asked for.

use super::simulation;

#[derive(clap::Args)]
pub struct Arguments {
    /// Seeded runs; at least 100
    #[arg(long, default_value_t = 1_500, value_parser = clap::value_parser!(u64).range(100..))]
    runs: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// In two halves, for two cores.
pub async fn prove(Arguments { runs, seed }: Arguments) {
    let half = seed + runs / 2;
    let half_of = |seeds: std::ops::Range<u64>| {
        tokio::task::spawn_blocking(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(simulation::runs(seeds));
        })
    };
    let (first, second) = tokio::join!(half_of(seed..half), half_of(half..seed + runs));
    first.unwrap();
    second.unwrap();
    println!("{runs} seeded runs: no key was published out of order, and no row was passed over for good");
}
