//! The same store on a SQL Server that is given: claim and settle over a short and a long history, and a booking.

use crate::{
    backlog,
    ceilings::{claim_and_settle, per_second},
    rounds::percentile,
    setting::Setting,
    stores::Store,
};
use client_organizer::domain::{ids::ClientId, period::Period};
use std::time::Instant;

const HISTORIES: [u32; 2] = [10_000, 1_000_000];
const DUE: u32 = 10_000;
const BOOKINGS: u16 = 1_000;

pub async fn measure(setting: &mut Setting) {
    let Some(server) = setting.sql.clone() else { return };
    let mut rates = Vec::new();
    for history in HISTORIES {
        let store = Store::start(Some(&server)).await;
        backlog::on_server(&store, setting.rows(history), DUE).await;
        let rate = per_second(DUE, claim_and_settle(&*store.backend().outbox()).await);
        setting.report.set(&format!("sql_server.history_{history}_rows_per_s"), rate);
        rates.push(rate);
    }
    setting.report.set("sql_server.ratio_1m", rates[1] / rates[0]);

    let store = Store::start(Some(&server)).await;
    backlog::on_server(&store, 0, 0).await;
    let books = store.backend().books();
    let mut booked = Vec::new();
    for n in 0..BOOKINGS {
        let period = Period::new(2027 + n / 12 % 74, u8::try_from(1 + n % 12).unwrap());
        let began = Instant::now();
        backlog::book(&*books, ClientId(1), period.unwrap()).await;
        booked.push(ms(began));
    }
    store.backend().execute("CREATE TABLE BareRecords (Id int NOT NULL PRIMARY KEY, Amount decimal(18, 2) NOT NULL)");
    store.backend().execute("CREATE TABLE BareMessages (Id int NOT NULL PRIMARY KEY, Payload varchar(800) NOT NULL)");
    let payload = "x".repeat(700);
    let mut bare = Vec::new();
    for n in 0..BOOKINGS {
        let began = Instant::now();
        store.backend().execute(&format!(
            "SET XACT_ABORT ON; BEGIN TRAN; INSERT INTO BareRecords VALUES ({n}, 12.30); \
             INSERT INTO BareMessages VALUES ({n}, '{payload}'); COMMIT TRAN;"
        ));
        bare.push(ms(began));
    }
    for (times, name) in [(&mut booked, "booking"), (&mut bare, "bare")] {
        times.sort_by(f64::total_cmp);
        setting.report.set(&format!("sql_server.{name}_p50_ms"), percentile(times, 50.0));
        setting.report.set(&format!("sql_server.{name}_p99_ms"), percentile(times, 99.0));
    }
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}
