//! Pause, drain and resume on the command line.

use super::{
    args::{Target, Why, Within},
    run::{OpsContext, Out, print},
    tables,
};
use crate::{
    domain::{
        operations::{PauseAction, PauseReport, PauseRequest, Signature},
        printable,
    },
    flows::remedy,
};
use anyhow::{Result, bail};
use std::time::Duration;
use tokio::time::Instant;

/// What is paused.
#[derive(Clone)]
pub(super) enum Place {
    /// Every destination of the bus.
    All,
    /// A destination or mail provider.
    Name(String),
}

impl Place {
    pub(super) fn of(target: Target) -> Self {
        target.destination.map_or(Self::All, Self::Name)
    }
}

pub(super) async fn change(
    context: &OpsContext,
    action: PauseAction,
    place: Place,
    for_ms: Option<i64>,
    why: &Why,
    out: Out<'_>,
) -> Result<bool> {
    let report = changed(context, action, place, for_ms, why).await?;
    print(context, out, &report, |out| tables::paused(out, action, &report))?;
    Ok(true)
}

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// False: something was still being sent at the end of the wait.
pub(super) async fn drain(
    context: &OpsContext,
    place: Place,
    for_ms: Option<i64>,
    within: &Within,
    why: &Why,
    out: Out<'_>,
) -> Result<bool> {
    let until = Instant::now() + Duration::from_millis(within.timeout_ms.unsigned_abs());
    let mut report = changed(context, PauseAction::Drain, place.clone(), for_ms, why).await?;
    while report.leased > 0 && Instant::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
        // A drain of what is paused changes and records nothing.
        report.leased = changed(context, PauseAction::Drain, place.clone(), for_ms, why).await?.leased;
    }
    print(context, out, &report, |out| tables::paused(out, PauseAction::Drain, &report))?;
    Ok(report.leased == 0)
}

async fn changed(
    context: &OpsContext,
    action: PauseAction,
    place: Place,
    for_ms: Option<i64>,
    why: &Why,
) -> Result<PauseReport> {
    let name = match place {
        Place::All => None,
        Place::Name(name) => Some(name),
    };
    let request = PauseRequest { action, name, for_ms };
    let by = Signature { actor: why.by.clone(), reason: why.reason.clone() };
    let Some(report) = remedy::change_pause(&context.operate, &request, &by).await? else {
        let name = request.name.unwrap_or_default();
        bail!("there is no destination {}: `ops overview` shows the existing ones", printable::line(&name));
    };
    Ok(report)
}
