//! Composes adapters and flows by the settings.

use super::stores::Stores;
use crate::{
    adapters::{
        clock::SystemClock,
        entra::{COMMUNICATION_SCOPE, Tokens},
        mail::{AcsLogin, AcsMailer, AcsOptions, FolderMailer, Sender, SmtpMailer, SmtpOptions, TemplateLetters},
        servicebus::{
            AmqpBus, AmqpDeadLetters, AmqpOptions, Management, RestBus, RestDeadLetters, RestOptions, Shapes,
        },
    },
    config::{
        BusSettings, EmailProvider, EmailSettings, Settings, Transport,
        connection::{acs::AcsConnectionString, bus::ConnectionString},
    },
    domain::{flow_settings::DispatchSettings, route::Routes},
    flows::{
        book::BookContext, dispatch::DispatchContext, health::Health, mailing::NotifyContext, nudge::Nudge,
        operate::OperateContext, overviews::Overviews, prune::PruneContext,
    },
    functions::{Heartbeat, Idle, Rhythm, Services},
    ports::{bus::Bus, clock::Clock, dead_letters::DeadLetters, entities::Entities, mailer::Mailer},
};
use anyhow::{Context, Result, anyhow};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// What the handler runs: the services of the functions, and the dispatcher that a nudge wakes.
pub struct Handler {
    pub services: Arc<Services>,
    pub nudge: Nudge,
    pub nudged: DispatchContext,
}

/// A nudge publishes what was just written. Its batch is small, and its lease short: a process that dies meanwhile must
/// not keep the row from the timer for long.
const NUDGE_BATCH_MAX: u32 = 20;
const NUDGE_LEASE_MS: i64 = 15_000;
const NUDGE_RUN_MS: u64 = 10_000;

fn nudge_numbers(dispatch: DispatchSettings) -> DispatchSettings {
    let lease_ms = NUDGE_LEASE_MS.min(dispatch.lease_ms);
    DispatchSettings {
        batch_max: NUDGE_BATCH_MAX.min(dispatch.batch_max),
        lease_ms,
        // The headroom of a long lease could use up a short one, and rows would be claimed and released in a loop.
        headroom_ms: dispatch.headroom_ms.min(lease_ms / 3),
        run_ms: NUDGE_RUN_MS.min(dispatch.run_ms),
        ..dispatch
    }
}

pub fn bus(settings: &Settings) -> Result<Arc<dyn Bus>> {
    let connection = connection(settings)?;
    let bus = &settings.bus;
    let (timeout, concurrency) = (Duration::from_millis(bus.timeout_ms), usize::try_from(bus.concurrency_max)?);
    let websocket = match bus.transport {
        Transport::Rest => {
            let options = RestOptions { timeout, concurrency };
            return Ok(Arc::new(RestBus::new(connection, options).map_err(anyhow::Error::msg)?));
        }
        Transport::Amqp => false,
        Transport::WebSocket => true,
    };
    let options = AmqpOptions {
        timeout,
        concurrency,
        idle_max: Duration::from_millis(bus.idle_ms),
        websocket,
        gateway: bus.gateway.clone(),
        shapes: shapes(bus),
    };
    Ok(Arc::new(AmqpBus::new(connection, options).map_err(anyhow::Error::msg)?))
}

/// Reading an entity's properties is a small request: one without an answer by then will get none.
const LOOK_WITHIN: Duration = Duration::from_secs(8);

/// # Errors
/// Why the properties of queues and topics cannot be read, for a person.
pub fn entities(settings: &Settings) -> Result<Arc<dyn Entities>, String> {
    let connection = connection(settings).map_err(|error| format!("{error:#}"))?;
    if connection.is_local() && settings.bus.transport != Transport::Rest {
        return Err(
            "a bus on this machine returns them over REST only, and ServiceBus__Transport is not rest".to_owned()
        );
    }
    let timeout = LOOK_WITHIN.min(Duration::from_millis(settings.bus.timeout_ms));
    Ok(Arc::new(Management::new(connection, timeout)?))
}

/// Reads dead letters over the transport that sends.
pub fn dead_letters(settings: &Settings) -> Result<Arc<dyn DeadLetters>> {
    let connection = connection(settings)?;
    let timeout = Duration::from_millis(settings.bus.timeout_ms);
    let websocket = match settings.bus.transport {
        Transport::Rest => return Ok(Arc::new(RestDeadLetters::new(connection, timeout).map_err(anyhow::Error::msg)?)),
        Transport::Amqp => false,
        Transport::WebSocket => true,
    };
    let gateway = settings.bus.gateway.as_deref();
    Ok(Arc::new(AmqpDeadLetters::new(connection, websocket, gateway, timeout).map_err(anyhow::Error::msg)?))
}

/// # Errors
/// `ServiceBusConnection` is not set.
pub fn connection(settings: &Settings) -> Result<ConnectionString> {
    settings.service_bus.clone().context("ServiceBusConnection is not set")
}

fn shapes(bus: &BusSettings) -> Shapes {
    Shapes {
        sessions: bus.session_destinations.clone(),
        partitioned: bus.partitioned_destinations.clone(),
        duplicate_detection: bus.duplicate_window_ms > 0,
    }
}

pub fn sender(email: &EmailSettings) -> Result<Sender> {
    let mut sender = Sender::parse(&email.from).map_err(anyhow::Error::msg)?;
    if let Some(reply_to) = &email.reply_to {
        sender = sender.with_answers_to(Sender::parse(reply_to).map_err(anyhow::Error::msg)?);
    }
    if let Some(unsubscribe) = &email.unsubscribe {
        sender = sender.with_unsubscribe(unsubscribe.clone());
    }
    Ok(sender.with_contact(email.office_address.clone(), email.office_phone.clone()))
}

fn mailer(email: &EmailSettings, from: Sender, clock: Arc<dyn Clock>) -> Result<Arc<dyn Mailer>> {
    let smtp = &email.smtp;
    match email.provider {
        EmailProvider::Folder => Ok(Arc::new(FolderMailer::new(email.folder.clone(), from, clock))),
        EmailProvider::Smtp => {
            let ca_pem = smtp.ca_file.as_ref().map(|path| {
                std::fs::read(path).with_context(|| format!("{} cannot be read (Email__SmtpCaFile)", path.display()))
            });
            let password = smtp.password.as_ref().map(|secret| secret.expose().to_owned());
            let options = SmtpOptions {
                host: smtp.host.clone(),
                port: smtp.port,
                security: smtp.security,
                login: smtp.user.clone().zip(password),
                ca_pem: ca_pem.transpose()?,
                timeout: Duration::from_millis(smtp.timeout_ms),
            };
            Ok(Arc::new(SmtpMailer::new(options, from).map_err(anyhow::Error::msg)?))
        }
        EmailProvider::Acs => {
            let acs = &email.acs;
            let (endpoint, login) = match (&acs.connection, &acs.identity) {
                (Some(secret), _) => {
                    let parsed = AcsConnectionString::parse(secret.expose()).map_err(anyhow::Error::msg)?;
                    (parsed.endpoint, AcsLogin::Key(parsed.key))
                }
                (None, Some(who)) => (acs.endpoint.clone(), AcsLogin::Entra(Tokens::new(who, COMMUNICATION_SCOPE)?)),
                (None, None) => return Err(anyhow!("Email__AcsEndpoint is not set")),
            };
            let options = AcsOptions { endpoint, login, timeout: Duration::from_millis(acs.timeout_ms) };
            Ok(Arc::new(AcsMailer::new(options, from, clock).map_err(anyhow::Error::msg)?))
        }
    }
}

/// Registers the routes' destinations, so that Health, `ops overview` and `ops pause` know them before the first message.
pub async fn name_destinations(store: &Stores, routes: &Routes) -> Result<()> {
    let names: Vec<String> = routes.destinations().map(ToString::to_string).collect();
    Ok(store.outbox.ensure_destinations(&names).await?)
}

/// Registers the mail provider, so that `ops pause mail:…` knows it before the first retry.
pub async fn name_provider(store: &Stores, provider: EmailProvider) -> Result<()> {
    Ok(store.outbox.ensure_destinations(&[provider_name(provider).to_owned()]).await?)
}

fn provider_name(provider: EmailProvider) -> &'static str {
    match provider {
        EmailProvider::Folder => FolderMailer::PROVIDER,
        EmailProvider::Smtp => SmtpMailer::PROVIDER,
        EmailProvider::Acs => AcsMailer::PROVIDER,
    }
}

pub fn dispatcher(
    settings: &Settings,
    store: &Stores,
    bus: Arc<dyn Bus>,
    health: Arc<Health>,
    numbers: DispatchSettings,
) -> DispatchContext {
    DispatchContext {
        outbox: store.outbox.clone(),
        breakers: store.breakers.clone(),
        bus,
        clock: Arc::new(SystemClock),
        routes: settings.routes.clone(),
        limits: settings.limits,
        settings: numbers,
        health,
        dice: Mutex::new(fastrand::Rng::new()),
        suspects: Arc::default(),
        stopping: Arc::default(),
    }
}

/// What operators ask and do.
pub fn operate(settings: &Settings, store: &Stores) -> OperateContext {
    OperateContext {
        reports: store.reports.clone(),
        overviews: Overviews::default(),
        remedies: store.remedies.clone(),
        entities: entities(settings),
        dead_letters: dead_letters(settings).map_err(|error| format!("{error:#}")),
        routes: settings.routes.clone(),
        recipients: settings.recipients.clone().map_err(|problem| problem.to_string()),
        duplicate_window_ms: settings.bus.duplicate_window_ms,
        mail_queue: settings.email_queue.clone(),
        tombstone_days: settings.notify.tombstone_days,
        taking_in: tokio::sync::Mutex::default(),
        provider: provider_name(settings.email.provider).to_owned(),
        rate_limit: settings.notify.rate_limit,
        clock: Arc::new(SystemClock),
    }
}

/// A timer that found nothing for this long is idle: by default no retry of a row or a mail that its process put back waits
/// longer.
const IDLE_AFTER: Duration = Duration::from_hours(1);

/// That a timer function, or the command `dispatch`, runs.
pub fn heartbeat(store: &Stores, function: &'static str, rhythm: Rhythm, run_ms: u64) -> Heartbeat {
    Heartbeat::new(function, rhythm, Duration::from_millis(run_ms), store.heartbeats.clone(), Arc::new(SystemClock))
}

pub fn handler(settings: &Settings, store: &Stores) -> Result<Handler> {
    let bus = bus(settings)?;
    let health = Arc::new(Health::default());
    let nudge = Nudge::default();
    let clock = Arc::new(SystemClock);
    let from = sender(&settings.email)?;
    let schedules = settings.schedules.clone();
    let heartbeat = |function, rhythm, run_ms| heartbeat(store, function, rhythm, run_ms);
    let nudged = dispatcher(settings, store, bus.clone(), health.clone(), nudge_numbers(settings.dispatch));
    let suspects = nudged.suspects.clone();
    let timed = DispatchContext { suspects, ..dispatcher(settings, store, bus, health.clone(), settings.dispatch) };
    let services = Services {
        book: Arc::new(BookContext {
            books: store.books.clone(),
            clock: clock.clone(),
            routes: settings.routes.clone(),
            limits: settings.limits,
            nudge: nudge.clone(),
            health: health.clone(),
        }),
        dispatch: Arc::new(timed),
        notify: Arc::new(NotifyContext {
            inbox: store.inbox.clone(),
            breakers: store.breakers.clone(),
            mailer: mailer(&settings.email, from.clone(), clock.clone())?,
            letters: Arc::new(TemplateLetters::new(settings.email.language, &from).map_err(anyhow::Error::msg)?),
            clock,
            recipients: settings.recipients.clone().map_err(|problem| anyhow!(problem.to_string()))?,
            settings: settings.notify,
            health: health.clone(),
            dice: Mutex::new(fastrand::Rng::new()),
            blamed: Mutex::default(),
        }),
        heartbeat_outbox: heartbeat("DispatchOutbox", Rhythm::Timer(schedules.outbox), settings.dispatch.run_ms),
        heartbeat_mail: heartbeat("RetryEmail", Rhythm::Timer(schedules.retry_email), settings.notify.run_ms),
        heartbeat_prune: heartbeat("PruneOutbox", Rhythm::Timer(schedules.prune), settings.prune.run_ms),
        idle_outbox: Idle::new(settings.store.idle, IDLE_AFTER),
        idle_mail: Idle::new(settings.store.idle, IDLE_AFTER),
        operate: Arc::new(operate(settings, store)),
        principal_header: settings.principal_header,
        prune: Arc::new(PruneContext { retention: store.retention.clone(), settings: settings.prune }),
        health,
        version: crate::config::version(),
    };
    Ok(Handler { services: Arc::new(services), nudge, nudged })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_nudge_has_time_to_publish_whatever_the_headroom() {
        for (lease_ms, headroom_ms) in [("60000", "10000"), ("60000", "20000"), ("120000", "60000"), ("20000", "4000")]
        {
            let set = [("Outbox__LeaseMs", lease_ms), ("Outbox__HeadroomMs", headroom_ms)];
            let env: BTreeMap<_, _> =
                set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let numbers = nudge_numbers(Settings::read(&env).unwrap().dispatch);
            assert!(numbers.lease_ms <= NUDGE_LEASE_MS);
            assert!(numbers.headroom_ms * 3 <= numbers.lease_ms, "{} of {}", numbers.headroom_ms, numbers.lease_ms);
        }
    }
}
