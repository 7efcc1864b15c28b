//! Whether the database is there: one task connects, again and again while it is away, so that no caller has to.

use super::{connect::Connector, errors::ConnectError, migrate, session::Session};
use crate::ports::error::StoreError;
use bb8::{ErrorSink, Pool};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// Not reached yet; nothing speaks against it.
    Opening,
    Here,
    /// Calls are told so at once; `reason` is for everybody.
    Away {
        reason: String,
    },
}

pub(super) struct Keeper {
    pub(super) connector: Connector,
    pub(super) pool: Pool<Connector>,
    pub(super) presence: Arc<watch::Sender<Presence>>,
    pub(super) trouble: Trouble,
    /// How long a trouble may last before callers are told.
    pub(super) grace: Duration,
    /// Between tries where a person must mend something first.
    pub(super) refused_pause: Duration,
}

/// Told by the pool that a connection could not be made, or that one it kept was dead.
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

/// A failover is over in seconds, and many instances ask at the same time.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Logins tried again so soon after one that worked; more of them could lock an account whose password was changed.
const LOGINS_AGAIN_MAX: u32 = 3;

struct Failure {
    reason: String,
    detail: String,
    pause: Option<Duration>,
}

impl Keeper {
    /// Until it is aborted. `known_here`: there is nothing to reach before the first trouble.
    pub(super) async fn run(self, known_here: bool) {
        if known_here {
            self.trouble.0.notified().await;
        }
        loop {
            self.reach().await;
            self.trouble.0.notified().await;
        }
    }

    /// Ends when the database is there, with the schema that this build speaks.
    async fn reach(&self) {
        let began = Instant::now();
        let worked = *self.presence.borrow() == Presence::Here;
        for turn in 0_u32.. {
            match self.attempt(worked && turn < LOGINS_AGAIN_MAX).await {
                Ok(session) => {
                    // A full pool has no use for it.
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

    /// `trusted`: the login worked a moment ago, so a refusal of it may be the failover's.
    async fn attempt(&self, trusted: bool) -> Result<Session, Failure> {
        let mut session = self.connector.session().await.map_err(|error| Failure {
            reason: error.reported(),
            detail: error.detail(),
            pause: (error.needs_a_person() && !(trusted && error.is_failed_login())).then_some(self.refused_pause),
        })?;
        match migrate::check(&mut session, self.connector.command_timeout()).await {
            Ok(_) => Ok(session),
            Err(StoreError::Broken { reason, .. }) => Err(Failure {
                reason:
                    "its schema is not the one this build needs; the log says what to do (`client-organizer migrate`, \
                         or another build)"
                        .to_owned(),
                detail: reason,
                // Asked as often as a database that is away: whoever migrates waits for us.
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
            tracing::error!(reason, detail, "the database is away; it is tried again until it is back");
        }
    }
}

/// Doubles up to its longest.
pub(super) fn pause(turn: u32) -> Duration {
    PAUSE_MIN.saturating_mul(1 << turn.min(8)).min(PAUSE_MAX)
}
