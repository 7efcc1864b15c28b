//! The local host near its capacity: memory, descriptors and backlog stay flat, nothing fails, and a burst is recovered from.

mod backlog;
mod bookings;
mod usage;

use crate::{
    kills::{
        mailbox::Mailbox,
        reckoning::{Reckoning, STUCK},
        site::Site,
    },
    support::host::QUICK,
};
use bookings::Bookings;
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use usage::Usage;

#[derive(clap::Args)]
pub struct Arguments {
    /// Minutes of steady load
    #[arg(long, default_value_t = 1)]
    minutes: u64,
    /// Bookings a second; by default 70 of 100 that the machine was seen to book, send and mail
    #[arg(long)]
    rate: Option<u64>,
    /// In place of that: so many rows of another program are sent to a broker while bookings go on
    #[arg(long, value_name = "ROWS")]
    backlog: Option<usize>,
}

/// How long it is loaded to find its capacity.
const TRIED_FOR: Duration = Duration::from_secs(10);
const CALLERS: u64 = 16;
const SHARE: f64 = 0.7;
const BURST: u64 = 10;
const BURST_FOR: Duration = Duration::from_secs(5);
/// What may wait under steady load: the bookings of so many seconds.
const BACKLOG_SECONDS: u64 = 10;
const RECOVERED_WITHIN: Duration = Duration::from_mins(5);

pub async fn prove(arguments: Arguments) {
    let Arguments { minutes, rate, backlog } = arguments;
    if let Some(rows) = backlog {
        return backlog::prove(rows, rate).await;
    }
    let mailbox = Mailbox::smtp().await;
    let (_folder, mut site) = site(&mailbox);
    site.start();
    let handler = site.up().await;
    let bookings = Arc::new(Bookings::of(&site));
    let reckoning = Reckoning::of(&site);

    let rate = match rate {
        Some(rate) => rate,
        None => capacity(&bookings, &reckoning, &mailbox).await,
    };
    let usage = Usage::watch(&[site.host(), handler]);
    let backlog_max = rate * BACKLOG_SECONDS;
    let (mut most, until) = (0, Instant::now() + Duration::from_secs(60 * minutes));
    let steady = tokio::spawn(bookings.clone().at_rate(rate, until));
    while Instant::now() < until {
        most = most.max(reckoning.unfinished().await.expect("the overview answers").0);
        assert!(most <= backlog_max, "{most} rows and mails wait");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    steady.await.unwrap();
    let (done, failed, latency) = bookings.take();
    println!(
        "{minutes} min at {rate} bookings a second: {done} booked, {failed} failed, {latency}; at most {most} rows and mails waited"
    );
    assert_eq!(failed, 0, "{}", bookings.reasons());
    println!("{}", usage.end());

    let base = tokio::spawn(bookings.clone().at_rate(rate, Instant::now() + BURST_FOR + Duration::from_secs(5)));
    bookings.clone().at_rate(rate * (BURST - 1), Instant::now() + BURST_FOR).await;
    let over = Instant::now();
    let mut peak = 0;
    loop {
        let (waits, _) = reckoning.unfinished().await.expect("the overview answers");
        peak = peak.max(waits);
        if waits <= most && base.is_finished() {
            break;
        }
        assert!(over.elapsed() < RECOVERED_WITHIN, "{waits} rows and mails still wait after the burst");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    base.await.unwrap();
    let (more, refused, latency) = bookings.take();
    println!(
        "{} s at {BURST} times that: {more} booked, {refused} refused, {latency}; {peak} rows and mails waited, {:.1} s after its end no more than before it",
        BURST_FOR.as_secs(),
        over.elapsed().as_secs_f64()
    );
    drained(&bookings, &reckoning, &mailbox).await;
    let (mails, booked) = (mailbox.arrived(&site.data), bookings.total());
    println!("{booked} booked in all, {mails} mails");
    assert_eq!(mails, booked, "a mail for each booking, and none twice");
    assert_eq!(Some(handler), site.news().borrow().handler, "the handler was never replaced");
    site.stop();
}

/// On a disk, with `synchronous=FULL`, as users have it.
fn site(mailbox: &Mailbox) -> (tempfile::TempDir, Site) {
    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target");
    let folder = tempfile::tempdir_in(target).unwrap();
    let mut settings: Vec<_> = QUICK.iter().filter(|(name, _)| !name.ends_with("LeaseMs")).copied().collect();
    settings.push(("Log__Level", "warn"));
    let mut settings: Vec<_> = settings.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    settings.extend(mailbox.settings());
    let site = Site::new(folder.path().join("data"), settings, None);
    (folder, site)
}

/// Bookings a second that are also sent and mailed meanwhile, and the share of it that is taken.
async fn capacity(bookings: &Arc<Bookings>, reckoning: &Reckoning<'_>, mailbox: &Mailbox) -> u64 {
    let began = Instant::now();
    bookings.clone().by_callers(CALLERS, began + TRIED_FOR).await;
    drained(bookings, reckoning, mailbox).await;
    let (done, failed, latency) = bookings.take();
    let took = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "few")]
    let most = done as f64 / took;
    println!(
        "capacity: {done} booked by {CALLERS} callers, {failed} failed, {latency}; all mailed after {took:.1} s: {most:.0} a second"
    );
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "few, and above zero")]
    let rate = (most * SHARE) as u64;
    rate.max(1)
}

/// Waits until nothing waits, on the queue neither.
async fn drained(bookings: &Bookings, reckoning: &Reckoning<'_>, mailbox: &Mailbox) {
    let mut last = (0, Instant::now());
    loop {
        reckoning.published().await;
        let mails = mailbox.arrived(reckoning.data());
        if mails >= bookings.total() {
            return;
        }
        if mails > last.0 {
            last = (mails, Instant::now());
        }
        assert!(last.1.elapsed() < STUCK, "{mails} mails of {} bookings came", bookings.total());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
