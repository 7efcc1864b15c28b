//! Whether speed and memory stay as they are while backlog and history grow.

use crate::{
    backlog::{self, State},
    dispatch,
    rounds::Rounds,
    setting::Setting,
};

/// Rows of backlog, which are the history afterwards.
const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];
/// Rows that are sent over each history.
const DUE: u32 = 40_000;

pub async fn measure(setting: &mut Setting) {
    let (mut backlogs, mut histories) = (Vec::new(), Vec::new());
    for size in SIZES {
        let (size, due) = (setting.rows(size), setting.rows(DUE));
        let store = setting.path(&format!("flat-{size}.db"));
        backlog::file(&store, 0, size).await;
        let (rate, memory) = dispatch::once(setting, &store, size, 0).await;
        setting.report.set(&format!("flat.backlog_{size}_rows_per_s"), rate);
        setting.report.set(&format!("flat.backlog_{size}_mb"), memory);
        setting.report.set("memory.backlog_mb", memory);
        backlogs.push(rate);
        let mut before = size;
        let rates = Rounds::of(setting.rounds().min(3), async || {
            backlog::add(&store, before, due, State::Due);
            before += due;
            dispatch::once(setting, &store, due, 0).await.0
        });
        let rates = rates.await;
        setting.report.median(&format!("flat.history_{size}_rows_per_s"), &rates);
        histories.push(rates.median());
        std::fs::remove_file(&store).unwrap();
    }
    for (rates, name) in [(&backlogs, "flat.ratio_1m_backlog"), (&histories, "flat.ratio_1m_history")] {
        setting.report.set(name, rates[2] / rates[0]);
    }
    setting.report.set("flat.ratio_1m", (backlogs[2] / backlogs[0]).min(histories[2] / histories[0]));
}
