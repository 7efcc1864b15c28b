//! Whether the database is reachable: while it is away, one task keeps connecting, so that no caller has to.

use super::{connect::Connector, errors::ConnectError, migrate, session::Session};
use crate::ports::error::StoreError;
use bb8::{ErrorSink, Pool};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

/// Whether the database is reachable, as far as is known now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// Not reached yet, and no error so far: calls wait.
    Opening,
    /// Reached, with the schema that this build needs.
    Here,
    /// Calls fail at once with `reason`, a text for everybody: it names neither user nor server.
    Away {
        /// Why it is away, and what to do where something can be done.
        reason: String,
    },
}

pub(super) struct Keeper {
    pub(super) connector: Connector,
    pub(super) pool: Pool<Connector>,
    pub(super) presence: Arc<watch::Sender<Presence>>,
    pub(super) trouble: Trouble,
    /// How long an outage may last before calls fail at once.
    pub(super) grace: Duration,
    /// The pause between tries where a person must fix something first.
    pub(super) refused_pause: Duration,
}

/// The pool's signal that a connection could not be made, or that a pooled one was dead.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Arc<Notify>);

impl ErrorSink<ConnectError> for Trouble {
    fn sink(&self, _: ConnectError) {
        self.0.notify_one();
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<ConnectError>> {
        Box::new(self.clone())
    }
}

/// A failover is over in seconds, and many instances connect at the same time.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How often a refused login is retried at once after one that worked; more could lock an account whose password was
/// changed.
const LOGINS_AGAIN_MAX: u32 = 3;

struct Failure {
    reason: String,
    detail: String,
    pause: Option<Duration>,
}

impl Keeper {
    /// Runs until it is aborted. `known_here`: the database was just reached, so wait for the first failure.
    pub(super) async fn run(self, known_here: bool) {
        if known_here {
            self.trouble.0.notified().await;
        }
        loop {
            self.reach().await;
            self.trouble.0.notified().await;
        }
    }

    /// Returns when the database is reached and has the schema that this build needs.
    async fn reach(&self) {
        let began = Instant::now();
        let worked = *self.presence.borrow() == Presence::Here;
        for turn in 0_u32.. {
            match self.attempt(worked && turn < LOGINS_AGAIN_MAX).await {
                Ok(session) => {
                    // A full pool drops it.
                    let _ = self.pool.add(session);
                    self.here(began);
                    return;
                }
                Err(failure) => {
                    if failure.pause.is_some() || began.elapsed() >= self.grace {
                        self.away(&failure);
                    }
                    let longest = failure.pause.unwrap_or_else(|| pause(turn));
                    tokio::time::sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                }
            }
        }
    }

    /// `trusted`: the login worked a moment ago, so its refusal may come from a failover.
    async fn attempt(&self, trusted: bool) -> Result<Session, Failure> {
        let mut session = self.connector.session().await.map_err(|error| Failure {
            reason: error.reported(),
            detail: error.detail(),
            pause: (error.needs_a_person() && !(trusted && error.is_failed_login())).then_some(self.refused_pause),
        })?;
        match migrate::check(&mut session, self.connector.command_timeout()).await {
            Ok(_) => Ok(session),
            Err(StoreError::Broken { reason, .. }) => Err(Failure {
                reason: "its schema is not the one this build needs; the log states what to do \
                         (`client-organizer migrate`, or another build)"
                    .to_owned(),
                detail: reason,
                // Checked as often as a database that is away: the person who migrates waits for us.
                pause: Some(PAUSE_MAX.min(self.refused_pause)),
            }),
            Err(error) => Err(Failure {
                detail: error.source().map(ToString::to_string).unwrap_or_default(),
                reason: error.to_string(),
                pause: None,
            }),
        }
    }

    fn here(&self, began: Instant) {
        let was = self.presence.send_replace(Presence::Here);
        if let Presence::Away { .. } = was {
            tracing::info!(
                away_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                "the database is back"
            );
        }
    }

    fn away(&self, failure: &Failure) {
        let now = Presence::Away { reason: failure.reason.clone() };
        let changed = self.presence.send_if_modified(|known| {
            let changed = *known != now;
            *known = now.clone();
            changed
        });
        if changed {
            let (reason, detail) = (&failure.reason, &failure.detail);
            tracing::error!(reason, detail, "the database is away; connecting is retried until it is back");
        }
    }
}

/// The pause before the next try: doubles from 0.2 s up to 5 s.
pub(super) fn pause(turn: u32) -> Duration {
    PAUSE_MIN.saturating_mul(1 << turn.min(8)).min(PAUSE_MAX)
}
