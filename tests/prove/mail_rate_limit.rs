//! A month's mails to a provider that accepts 30 a minute and 100 an hour: they go out over simulated days, each once, and
//! no delivery of the queue fails.

use crate::support::{
    acs_server::AcsServer,
    backend::Backend,
    edge::Edge,
    queue_message::{body, envelope},
    world::{World, run_dry},
};
use client_organizer::{
    adapters::mail::{AcsConnectionString, AcsLogin, AcsMailer, AcsOptions, Language, Sender, TemplateLetters},
    domain::rate_limit::RateLimit,
    ports::clock::Clock,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(long, default_value_t = 5_000)]
    mails: u32,
    /// Without limits of our own: only the provider's 429 and Retry-After delay the mails
    #[arg(long)]
    unlimited: bool,
}

const MINUTE_MS: i64 = 60_000;
const PER_MINUTE: u32 = 30;
const PER_HOUR: u32 = 100;
/// Concurrent deliveries, as the Functions host makes them.
const AT_ONCE: usize = 16;

/// The requests that the provider reports.
#[derive(Default)]
struct Provider {
    taken: BTreeMap<String, u32>,
    refused: u32,
}

impl Provider {
    fn count(&mut self, request: &Value) {
        if request["limited"] == true {
            self.refused += 1;
        } else if request["taken"] == true {
            let id = request["headers"]["operation-id"].as_str().unwrap();
            *self.taken.entry(id.to_owned()).or_default() += 1;
        } else {
            panic!("neither accepted nor rate limited: {request}");
        }
    }
}

pub async fn prove(arguments: Arguments) {
    let Arguments { mails, unlimited } = arguments;
    let limits = json!([[60, PER_MINUTE], [3600, PER_HOUR]]);
    let server = AcsServer::start_with(json!({ "dedup": false, "limits": limits })).await;
    let mut server = server.expect("the provider's stand-in needs python3");
    let world = world(&server, unlimited);
    let (clock, processes) = (world.clock.clone(), [world.beside(), world.beside()]);
    let edge = Edge::over(world).await;
    let began = Instant::now();

    let ids: Vec<String> = (0..mails).map(|_| uuid::Uuid::new_v4().to_string()).collect();
    for some in ids.chunks(AT_ONCE) {
        let deliveries = some.iter().map(async |id| {
            let envelope = envelope(id, &body(id, "anna@example.pl", clock.now()));
            edge.invoke("SendEmail", envelope.as_bytes()).await.status
        });
        for status in futures::future::join_all(deliveries).await {
            assert_eq!(status, 200, "a delivery of the queue failed");
        }
    }

    let mut provider = Provider::default();
    let hours_max = i64::from(mails.div_ceil(PER_HOUR));
    // Limits learned from answers alone cost a minute or two per hour, and the steps of the breaker.
    let minutes_max = if unlimited { hours_max * 70 + 60 } else { hours_max * 60 };
    let mut minutes = 0;
    loop {
        tokio::join!(run_dry(&processes[0]), run_dry(&processes[1]));
        server.command(&json!({ "advance": MINUTE_MS }));
        loop {
            let line = server.next().await;
            if line["advanced"] == MINUTE_MS {
                break;
            }
            provider.count(&line);
        }
        if provider.taken.len() == ids.len() {
            break;
        }
        edge.backend.advance_ms(MINUTE_MS);
        clock.advance_ms(MINUTE_MS);
        minutes += 1;
        assert!(minutes <= minutes_max, "{} of {mails} mails after {minutes} simulated min", provider.taken.len());
    }

    println!(
        "{mails} mails at {PER_MINUTE} a minute and {PER_HOUR} an hour, {}: all accepted in {} h {} min of simulated time \
         ({:.0} s), {} requests too early (429), every delivery answered 200",
        if unlimited { "limits unset" } else { "limits set" },
        minutes / 60,
        minutes % 60,
        began.elapsed().as_secs_f64(),
        provider.refused,
    );
    let twice = provider.taken.values().filter(|copies| **copies > 1).count();
    assert_eq!(twice, 0, "no mail is accepted twice");
    let unsent = edge.backend.query("SELECT count(*) FROM InboxMessages WHERE State <> 2 OR Doubts > 0").unwrap();
    assert_eq!(unsent, "0", "each mail is sent and was never in doubt");
    assert_eq!(edge.backend.query("SELECT count(*) FROM InboxMessages").unwrap(), mails.to_string());
    if !unlimited {
        assert_eq!(provider.refused, 0, "the provider never gets more than it accepts");
    }
    // Sliding windows admit a hundred mails per hour, so the last ones cannot go earlier.
    assert!(minutes >= (hours_max - 1) * 60, "faster than the provider's rate limit: its stand-in is broken");
}

fn world(server: &AcsServer, unlimited: bool) -> World {
    let mut world = World::new();
    let sender = Sender::parse("Biuro <biuro@office.example.pl>").unwrap();
    let parsed = AcsConnectionString::parse(&server.connection_string()).unwrap();
    let options =
        AcsOptions { endpoint: parsed.endpoint, login: AcsLogin::Key(parsed.key), timeout: Duration::from_mins(1) };
    world.notify.letters = Arc::new(TemplateLetters::new(Language::Pl, &sender).unwrap());
    world.notify.mailer = Arc::new(AcsMailer::new(options, sender, world.clock.clone()).unwrap());
    let limits = RateLimit { per_minute: PER_MINUTE, per_hour: PER_HOUR };
    world.notify.settings.rate_limit = if unlimited { RateLimit::default() } else { limits };
    // Runs end instead of waiting, since time is moved here.
    world.notify.settings.run_ms = 300;
    world
}
