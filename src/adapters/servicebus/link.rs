//! One AMQP connection with one sender link: opened, authorised, watched and used, never resumed.

use super::{
    access::Granted,
    access::{Access, now},
    amqp_message::Parcel,
    amqp_outcome::Refusal,
    endings::{detach_of, not_begun, settled_as, words},
    session,
    socket::Dialer,
};
use chrono::{DateTime, TimeDelta, Utc};
use fe2o3_amqp::link::delivery::DeliveryFut;
use fe2o3_amqp::{
    Sender,
    connection::ConnectionHandle,
    link::{SendError, SenderAttachError},
    session::SessionHandle,
};
use fe2o3_amqp_cbs::client::CbsClient;
use fe2o3_amqp_types::{definitions::SenderSettleMode, messaging::Outcome};
use std::{
    sync::{
        Mutex as Lock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// The bound of Service Bus Standard, for a link that names none.
const MESSAGE_BYTES_MAX: u64 = 262_144;
const RENEW_BEFORE: TimeDelta = TimeDelta::minutes(5);
/// How long closing may wait for the broker.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// How long to wait for the sender's owner to report whether a transfer was begun, or why the link ended.
const REPORT_WAIT: Duration = Duration::from_secs(1);

pub(super) struct Link {
    transfer: mpsc::Sender<Transfer>,
    cbs: Mutex<Permit>,
    audience: String,
    pub message_bytes_max: usize,
    /// Why the link ended; None: it is alive.
    ended: watch::Receiver<Ended>,
    spoiled: AtomicBool,
    used: Lock<Instant>,
    close: CancellationToken,
    watcher: Lock<Option<JoinHandle<()>>>,
}

type Ended = Option<Failure>;

/// A transfer for the task that owns the sender.
struct Transfer {
    parcel: Parcel,
    until: Instant,
    begun: oneshot::Sender<Result<DeliveryFut<Result<Outcome, SendError>>, Answer>>,
}

struct Permit {
    client: CbsClient,
    expires_on: DateTime<Utc>,
}

/// What became of one transfer.
pub(super) enum Answer {
    Accepted,
    Refused(Refusal),
    /// The broker released it without a reason.
    Released,
    TimedOut,
    /// It was under way when the link or its connection ended.
    Cut(Failure),
    /// The link had ended before it was sent: another link may be tried at once.
    NotSent(Failure),
    /// The deadline passed before its turn came.
    NotBegun,
}

/// Why no link was opened, or why it ended.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    Refused(Refusal),
    /// In words for an operator; the caller names the namespace.
    Other(String),
}

impl Link {
    /// # Errors
    /// At which step it failed, and how. There is no timeout here: the caller sets one.
    pub(super) async fn open(dialer: &Dialer, host: &str, entity: &str, access: &Access) -> Result<Self, Failure> {
        let audience = format!("amqps://{host}/{entity}");
        let granted = access.token(&audience).await.map_err(Failure::Other)?;
        // Always a new name: the broker takes a known one for a link to be resumed.
        let name = format!("client-organizer-{}", uuid::Uuid::new_v4());
        let (mut connection, mut session) = session::begin(dialer, host, &name).await?;
        let attached = attach(&mut session, &name, entity, &audience, &granted);
        // Otherwise an attach would wait for ever when its connection ends.
        let (client, sender) = tokio::select! {
            attached = attached => attached?,
            closed = connection.on_close() => {
                return Err(Failure::Other(format!("the connection ended while the link was attached: {}", words(closed))));
            }
        };
        let bytes_max = sender.max_message_size().filter(|bytes| *bytes > 0).unwrap_or(MESSAGE_BYTES_MAX);
        let (described, ended) = watch::channel(None);
        let close = CancellationToken::new();
        let (transfer, waiting) = mpsc::channel(1);
        tokio::spawn(serve(sender, waiting, described.clone()));
        let watcher = tokio::spawn(watch_over(connection, session, described, close.clone()));
        Ok(Self {
            transfer,
            cbs: Mutex::new(Permit { client, expires_on: granted.expires_on }),
            audience,
            message_bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            ended,
            spoiled: AtomicBool::new(false),
            used: Lock::new(Instant::now()),
            close,
            watcher: Lock::new(Some(watcher)),
        })
    }

    /// Whether the link may be used for another message: it is alive, and was not idle for `idle_max`.
    pub(super) fn is_usable(&self, idle_max: Duration) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        !self.spoiled.load(Ordering::Relaxed) && self.ended.borrow().is_none() && used.elapsed() < idle_max
    }

    /// Puts a new token when the old one expires in less than 5 minutes.
    ///
    /// # Errors
    /// The old token has expired and there is no new one, or the broker refused the new one.
    pub(super) async fn renew(&self, access: &Access) -> Result<(), Failure> {
        let mut permit = self.cbs.lock().await;
        if permit.expires_on - RENEW_BEFORE > now() {
            return Ok(());
        }
        match access.token(&self.audience).await {
            Ok(granted) if granted.expires_on > permit.expires_on => {
                let put = session::put(&mut permit.client, &self.audience, &granted);
                tokio::select! {
                    put = put => put?,
                    why = over(&self.ended) => return Err(why),
                }
                permit.expires_on = granted.expires_on;
                Ok(())
            }
            // The old one is still valid.
            Ok(_) | Err(_) if permit.expires_on > now() => Ok(()),
            Ok(_) => Err(Failure::Other("the token expired, and no newer one was obtained".to_owned())),
            Err(reason) => Err(Failure::Other(reason)),
        }
    }

    pub(super) async fn send(&self, parcel: Parcel, until: Instant) -> Answer {
        let answer = self.transfer(parcel, until).await;
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        match answer {
            Answer::TimedOut | Answer::Cut(_) | Answer::NotSent(_) => self.spoiled.store(true, Ordering::Relaxed),
            Answer::Accepted | Answer::Refused(_) | Answer::Released | Answer::NotBegun => {}
        }
        answer
    }

    async fn transfer(&self, parcel: Parcel, until: Instant) -> Answer {
        let (begun, reply) = oneshot::channel();
        let transfer = async {
            // Both fail only if the sender's owner is gone, and it has reported why.
            let _ = self.transfer.send(Transfer { parcel, until, begun }).await;
            match reply.await {
                Ok(begun) => begun,
                Err(_) => Err(Answer::NotSent(over(&self.ended).await)),
            }
        };
        let mut transfer = std::pin::pin!(transfer);
        let begun = tokio::select! {
            biased;
            begun = &mut transfer => begun,
            // Only the sender's owner knows whether it was begun; if it does not answer, the outcome is unknown.
            why = over(&self.ended) => {
                tokio::time::timeout(REPORT_WAIT, transfer).await.unwrap_or(Err(Answer::Cut(why)))
            }
        };
        let delivery = match begun {
            Ok(delivery) => delivery,
            Err(answer) => return answer,
        };
        tokio::select! {
            // An answer that arrived counts, whatever has ended since.
            biased;
            settled = delivery => match settled_as(settled) {
                Answer::Cut(Failure::Other(vague)) => Answer::Cut(self.why_it_ended(vague).await),
                answer => answer,
            },
            why = over(&self.ended) => Answer::Cut(why),
            () = tokio::time::sleep_until(until) => Answer::TimedOut,
        }
    }

    /// A delivery may end with its sender, without a reason, a moment before or after the sender's owner reports one.
    async fn why_it_ended(&self, vague: String) -> Failure {
        tokio::time::timeout(REPORT_WAIT, over(&self.ended)).await.unwrap_or(Failure::Other(vague))
    }

    /// Waits until `until` for the link to end: a broker may attach a link first, and refuse it in the next frame.
    ///
    /// # Errors
    /// Why it ended.
    pub(super) async fn lasts(&self, until: Instant) -> Result<(), Failure> {
        tokio::time::timeout_at(until, over(&self.ended)).await.map_or(Ok(()), Err)
    }

    /// Closes the connection, and waits at most 2 s for the broker.
    pub(super) async fn close(&self) {
        self.close.cancel();
        let watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(watcher) = watcher {
            let _ = watcher.await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close.cancel();
    }
}

async fn attach(
    session: &mut SessionHandle<()>,
    name: &str,
    entity: &str,
    audience: &str,
    granted: &Granted,
) -> Result<(CbsClient, Sender), Failure> {
    let client = session::authorise(session, name, audience, granted).await?;
    let sender = Sender::builder()
        .name(name)
        .target(entity)
        .sender_settle_mode(SenderSettleMode::Unsettled)
        .attach(session)
        .await
        .map_err(|error| match error {
            SenderAttachError::RemoteClosedWithError(error) => Failure::Refused(Refusal::of(Some(&error))),
            other => Failure::Other(format!("the link could not be attached: {other}")),
        })?;
    Ok((client, sender))
}

/// Owns the sender: begins transfers in turn, and notices a detach while they wait for their outcomes.
async fn serve(mut sender: Sender, mut waiting: mpsc::Receiver<Transfer>, described: watch::Sender<Ended>) {
    loop {
        let transfer = tokio::select! {
            biased;
            detached = sender.on_detach() => {
                report(&described, detach_of(&detached));
                return;
            }
            transfer = waiting.recv() => transfer,
        };
        let Some(Transfer { parcel, until, begun }) = transfer else { return };
        if Instant::now() >= until {
            let _ = begun.send(Err(Answer::NotBegun));
            continue;
        }
        let transfer = async {
            match parcel {
                Parcel::One(sendable) => sender.send_batchable(sendable).await,
                Parcel::Many(sendable) => sender.send_batchable(sendable).await,
            }
        };
        let answer = match tokio::time::timeout_at(until, transfer).await {
            Ok(Ok(delivery)) => Ok(delivery),
            Ok(Err(error)) => {
                let answer = not_begun(&error);
                // What comes after a detach that a transfer met says less.
                if let Answer::NotSent(why @ Failure::Refused(_)) = &answer {
                    report(&described, why.clone());
                }
                Err(answer)
            }
            Err(_) => Err(Answer::TimedOut),
        };
        let _ = begun.send(answer);
    }
}

/// Records why the link ended. The first reason stays.
fn report(described: &watch::Sender<Ended>, why: Failure) {
    described.send_if_modified(|known| {
        let first = known.is_none();
        if first {
            *known = Some(why);
        }
        first
    });
}

/// Owns both handles, so that their end is noticed whoever waits, and is reported once.
async fn watch_over(
    mut connection: ConnectionHandle<()>,
    mut session: SessionHandle<()>,
    described: watch::Sender<Ended>,
    close: CancellationToken,
) {
    let why = tokio::select! {
        closed = connection.on_close() => format!("the connection ended: {}", words(closed)),
        ended = session.on_end() => format!("the session ended: {}", words(ended)),
        () = close.cancelled() => "we closed it".to_owned(),
    };
    report(&described, Failure::Other(why));
    drop(session);
    if !connection.is_closed() {
        let _ = tokio::time::timeout(CLOSE_WAIT, connection.close()).await;
    }
}

/// Waits until the link has ended.
async fn over(ended: &watch::Receiver<Ended>) -> Failure {
    let mut ended = ended.clone();
    let why = ended.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
    why.unwrap_or_else(|| Failure::Other("its watcher ended".to_owned()))
}
