//! The plots beside `outbox.json`, as SVG.

use crate::{report::Report, setting::results};
use plotters::{coord::combinators::IntoLogRange, prelude::*};

const SIZE: (u32, u32) = (720, 400);
const COLOURS: [RGBColor; 3] = [RGBColor(31, 119, 180), RGBColor(255, 127, 14), RGBColor(127, 127, 127)];

/// Values by their label on the horizontal axis.
type Series<'a> = (&'a str, Vec<f64>);

/// Those whose parts ran.
pub fn draw(report: &Report) {
    let of = |names: &[String]| names.iter().map(|name| report.get(name)).collect::<Option<Vec<f64>>>();
    let by_latency = |name: &str| of(&[0, 5, 15].map(|ms| format!("{name}_{ms}ms")));
    let names = ["dispatch.rows_per_s", "naive.batched_rows_per_s", "naive.rows_per_s"].map(by_latency);
    if let [Some(ours), Some(batched), Some(naive)] = names {
        let series = [("dispatch", ours), ("naive, batched", batched), ("naive, row by row", naive)];
        bars("dispatch", "rows a second, by the round trip that is added", &["0 ms", "5 ms", "15 ms"], &series);
    }
    let sizes = ["10000", "100000", "1000000"];
    let by_size = |name: &str| of(&sizes.map(|size| format!("flat.{name}_{size}_rows_per_s")));
    if let [Some(backlog), Some(history)] = ["backlog", "history"].map(by_size) {
        let series = [("of a backlog of so many", backlog), ("over a history of so many", history)];
        bars("flat", "rows a second, by rows in the store", &["10 000", "100 000", "1 000 000"], &series);
    }
    let by_count = |ms: u32| of(&[1, 2, 4].map(|n| format!("dispatchers.rows_per_s_{ms}ms_by_{n}")));
    if let [Some(near), Some(far)] = [0, 15].map(by_count) {
        let series = [("0 ms", near), ("15 ms", far)];
        bars("dispatchers", "rows a second, by dispatchers on one store and queue", &["1", "2", "4"], &series);
    }
    let by_callers = |name: &str| of(&["_1_caller", ""].map(|callers| format!("{name}{callers}")));
    let names = ["http.bookings_per_s", "http.bare_per_s", "ceilings.echo_per_s"].map(by_callers);
    if let [Some(bookings), Some(bare), Some(echo)] = names {
        let series = [("bookings", bookings), ("bare transactions", bare), ("bare HTTP", echo)];
        bars("http", "a second, by callers", &["1 caller", "16 callers"], &series);
    }
}

/// On a logarithmic axis: they differ by hundreds of times.
fn bars(name: &str, title: &str, groups: &[&str], series: &[Series]) {
    let path = results().join(format!("{name}.svg"));
    let area = SVGBackend::new(&path, SIZE).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let most = series.iter().flat_map(|(_, values)| values).fold(0.0, |most: f64, value| most.max(*value));
    let (width, bar) = (groups.len() as f64, 0.8 / series.len() as f64);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..width, (10.0..most * 10.0).log_scale())
        .unwrap();
    // The label stands under the middle of its group.
    let label = |at: &f64| {
        groups.iter().enumerate().find(|(n, _)| (*n as f64 + 0.5 - at).abs() < 0.01).map_or("", |(_, label)| label)
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(2 * groups.len() + 1)
        .x_label_formatter(&|at| label(at).to_owned())
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()
        .unwrap();
    for (n, ((label, values), colour)) in series.iter().zip(COLOURS).enumerate() {
        let rectangle = |(group, value): (usize, &f64)| {
            let left = group as f64 + 0.1 + n as f64 * bar;
            Rectangle::new([(left, 10.0), (left + bar * 0.92, value.max(10.0))], colour.filled())
        };
        let drawn = chart.draw_series(values.iter().enumerate().map(rectangle)).unwrap();
        drawn.label(*label).legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], colour.filled()));
        let figure = |(group, value): (usize, &f64)| {
            let left = group as f64 + 0.1 + n as f64 * bar;
            Text::new(format!("{value:.0}"), (left, value.max(10.0) * 1.25), ("sans-serif", 12))
        };
        chart.draw_series(values.iter().enumerate().map(figure)).unwrap();
    }
    // Above the bars: the axis leaves room there.
    let labels = SeriesLabelPosition::UpperRight;
    chart
        .configure_series_labels()
        .position(labels)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()
        .unwrap();
    area.present().unwrap();
}
