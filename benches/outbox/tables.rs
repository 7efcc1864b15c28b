//! The tables of `benches/README.md`, to be pasted there.

use crate::report::Report;

/// A bound that a figure should keep.
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

const GOALS: [(&str, &str, Goal); 9] = [
    ("dispatch ÷ the slower of store and bus", "dispatch.efficiency_0ms", Goal::AtLeast(0.8)),
    ("dispatch at 15 ms ÷ at 0 ms", "dispatch.ratio_15ms", Goal::AtLeast(0.8)),
    ("bookings ÷ the slower of bare transactions and bare HTTP", "http.efficiency", Goal::AtLeast(0.7)),
    ("p99 of a booking over that of a bare transaction, 16 callers, ms", "http.p99_over_bare_ms", Goal::AtMost(1.0)),
    ("the same, 1 caller", "http.p99_over_bare_ms_1_caller", Goal::AtMost(1.0)),
    ("booking → broker at 500 a second, p99, ms", "nudge.p99_ms", Goal::AtMost(100.0)),
    ("1 million rows ÷ 10 thousand", "flat.ratio_1m", Goal::AtLeast(0.9)),
    ("start to first answer, ms", "start.ready_ms", Goal::AtMost(100.0)),
    ("handler at rest, MB", "memory.rest_mb", Goal::AtMost(30.0)),
];

/// Columns by their heads, and rows of figures' names by their label.
type Table<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a [&'a str])]);

const TABLES: [Table; 8] = [
    (
        "Ceilings, a second",
        &[""],
        &[
            ("rows claimed and settled, no bus", &["ceilings.store_rows_per_s"]),
            ("messages published, no store", &["ceilings.bus_rows_per_s"]),
            ("the same at 15 ms", &["ceilings.bus_rows_per_s_15ms"]),
            ("the same over REST, one request each", &["ceilings.rest_rows_per_s"]),
            ("bare transactions of two INSERTs, one caller", &["ceilings.transactions_per_s"]),
        ],
    ),
    (
        "Rows a second, by what is added to a round trip",
        &["0 ms", "5 ms", "15 ms"],
        &[
            ("`dispatch`", &["dispatch.rows_per_s_0ms", "dispatch.rows_per_s_5ms", "dispatch.rows_per_s_15ms"]),
            (
                "naive, a page of 1,000 at once",
                &["naive.batched_rows_per_s_0ms", "naive.batched_rows_per_s_5ms", "naive.batched_rows_per_s_15ms"],
            ),
            ("naive, row by row", &["naive.rows_per_s_0ms", "naive.rows_per_s_5ms", "naive.rows_per_s_15ms"]),
        ],
    ),
    (
        "Rows a second by several dispatchers on one store and queue",
        &["1", "2", "4"],
        &[
            (
                "at 0 ms",
                &[
                    "dispatchers.rows_per_s_0ms_by_1",
                    "dispatchers.rows_per_s_0ms_by_2",
                    "dispatchers.rows_per_s_0ms_by_4",
                ],
            ),
            (
                "at 15 ms",
                &[
                    "dispatchers.rows_per_s_15ms_by_1",
                    "dispatchers.rows_per_s_15ms_by_2",
                    "dispatchers.rows_per_s_15ms_by_4",
                ],
            ),
        ],
    ),
    (
        "HTTP, by 16 callers and by 1",
        &["a second", "p50 ms", "p99 ms", "alone, a second", "p50 ms", "p99 ms"],
        &[
            (
                "booking",
                &[
                    "http.bookings_per_s",
                    "http.p50_ms",
                    "http.p99_ms",
                    "http.bookings_per_s_1_caller",
                    "http.p50_ms_1_caller",
                    "http.p99_ms_1_caller",
                ],
            ),
            (
                "bare transaction",
                &[
                    "http.bare_per_s",
                    "http.bare_p50_ms",
                    "http.bare_p99_ms",
                    "http.bare_per_s_1_caller",
                    "http.bare_p50_ms_1_caller",
                    "http.bare_p99_ms_1_caller",
                ],
            ),
            (
                "bare HTTP",
                &[
                    "ceilings.echo_per_s",
                    "http.echo_p50_ms",
                    "http.echo_p99_ms",
                    "ceilings.echo_per_s_1_caller",
                    "http.echo_p50_ms_1_caller",
                    "http.echo_p99_ms_1_caller",
                ],
            ),
        ],
    ),
    (
        "Where a booking goes, of 16 callers",
        &["CPU ms", "write calls", "read calls", "KB written", "context switches"],
        &[(
            "the handler, a booking",
            &[
                "http.booking_cpu_ms",
                "http.booking_write_calls",
                "http.booking_read_calls",
                "http.booking_written_kb",
                "http.booking_switches",
            ],
        )],
    ),
    (
        "By rows in the store",
        &["10,000", "100,000", "1,000,000"],
        &[
            (
                "rows a second of a backlog of so many",
                &["flat.backlog_10000_rows_per_s", "flat.backlog_100000_rows_per_s", "flat.backlog_1000000_rows_per_s"],
            ),
            (
                "the dispatcher's memory meanwhile, MB",
                &["flat.backlog_10000_mb", "flat.backlog_100000_mb", "flat.backlog_1000000_mb"],
            ),
            (
                "rows a second over a history of so many",
                &["flat.history_10000_rows_per_s", "flat.history_100000_rows_per_s", "flat.history_1000000_rows_per_s"],
            ),
        ],
    ),
    (
        "Latency, idle, start, memory",
        &[""],
        &[
            ("booking → broker at 500 a second, p50, ms", &["nudge.p50_ms"]),
            ("the same, p99", &["nudge.p99_ms"]),
            ("rows that only the timer (10 s) sends, p50, ms", &["nudge.timer_p50_ms"]),
            ("the same, p99", &["nudge.timer_p99_ms"]),
            ("statements in an idle minute", &["idle.statements_per_min"]),
            ("CPU seconds in an idle hour, handler", &["idle.cpu_s_per_h"]),
            ("the same, `dispatch` every second", &["idle.dispatch_cpu_s_per_h"]),
            ("start → first answer, ms", &["start.ready_ms"]),
            ("start → first message at the broker, ms", &["start.first_dispatch_ms"]),
            ("handler at rest, MB", &["memory.rest_mb"]),
            ("the most under load, MB", &["memory.load_mb"]),
            ("dispatcher, of a backlog of a million, MB", &["memory.backlog_mb"]),
        ],
    ),
    (
        "On the SQL Server given",
        &["10,000 sent rows", "1,000,000"],
        &[
            (
                "rows claimed and settled a second, no bus",
                &["sql_server.history_10000_rows_per_s", "sql_server.history_1000000_rows_per_s"],
            ),
            ("a booking, p50 and p99 in ms", &["sql_server.booking_p50_ms", "sql_server.booking_p99_ms"]),
            ("a bare transaction of two INSERTs, the same", &["sql_server.bare_p50_ms", "sql_server.bare_p99_ms"]),
        ],
    ),
];

pub fn print(report: &Report) {
    println!("\n| goal | bound | measured | |\n|---|---|---|---|");
    for (text, name, goal) in GOALS {
        let Some(value) = report.get(name) else { continue };
        let (bound, met) = match goal {
            Goal::AtLeast(bound) => (format!("≥ {bound}"), value >= bound),
            Goal::AtMost(bound) => (format!("≤ {bound}"), value <= bound),
        };
        println!("| {text} | {bound} | {value} | {} |", if met { "met" } else { "**missed**" });
    }
    for (title, heads, rows) in TABLES {
        let measured: Vec<_> =
            rows.iter().filter(|(_, names)| names.iter().any(|name| report.get(name).is_some())).collect();
        if measured.is_empty() {
            continue;
        }
        println!("\n**{title}**\n\n| | {} |\n|---|{}", heads.join(" | "), "---|".repeat(heads.len()));
        for (label, names) in measured {
            let cells: Vec<_> = names.iter().map(|name| cell(report, name)).collect();
            println!("| {label} | {} |", cells.join(" | "));
        }
    }
    println!();
}

/// The median, and the spread where there were rounds.
fn cell(report: &Report, name: &str) -> String {
    let Some(value) = report.get(name) else { return String::new() };
    match report.spread(name) {
        Some((least, most)) => format!("**{}** ({} to {})", grouped(value), grouped(least), grouped(most)),
        None => format!("**{}**", grouped(value)),
    }
}

/// `12345.0` as `12,345`.
fn grouped(value: f64) -> String {
    if value < 1_000.0 {
        return value.to_string();
    }
    let digits = format!("{value:.0}");
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}
