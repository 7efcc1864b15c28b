//! Notifying: stores a delivery in the inbox and, where the provider is available, sends its mail at once.

use super::{
    mail_one::OneMail,
    mailing::{NotifyContext, NotifyReport},
};
use crate::{
    domain::{
        delivery::{Delivery, EMAIL_CONSUMER, MailState},
        reading::{self, Reading},
        traceparent,
    },
    ports::{error::StoreResult, inbox::Begun},
    telemetry::spans,
};

/// Takes a delivery in. Whatever the report, the delivery is answered 200.
///
/// # Errors
/// The message could not be stored: the broker must deliver it again.
pub async fn take_in(context: &NotifyContext, delivery: Delivery) -> StoreResult<NotifyReport> {
    let (now, tombstone_days) = (context.clock.now(), context.settings.tombstone_days);
    let Reading { addressee, notice } = Reading::of(&delivery, &context.recipients, now, tombstone_days);
    let notice = match notice {
        Ok(notice) => notice,
        Err(reason) => {
            let keyed = delivery.with_key();
            let provider = context.mailer.provider();
            context.inbox.refuse(EMAIL_CONSUMER, provider, &keyed, &addressee, &reason).await?;
            // Without the reason, which may quote the body.
            let trace = keyed.traceparent.as_deref().and_then(traceparent::trace_id);
            tracing::warn!(message_id = keyed.message_id, trace, "message refused: see `ops mail list`");
            return Ok(NotifyReport::Refused { reason });
        }
    };
    let (transaction, lease) = (spans::transaction("begin", "InboxMessages"), context.lease());
    let begun = transaction.around(context.inbox.begin(EMAIL_CONSUMER, &delivery, &addressee, &lease)).await;
    drop(transaction);
    context.health.stored(context.clock.now(), &begun);
    match begun? {
        Begun::Ours(work) => {
            // The stored body is sent, even where a repeat of the message has another one.
            let notice = if work.body == delivery.body {
                Ok(notice)
            } else {
                let (message_id, trace) = (&work.message_id, work.trace_id());
                tracing::warn!(message_id, trace, "a repeat of this message has another body: the first one is sent");
                reading::stored(&work)
            };
            Ok(OneMail::leased(context, &work, false).send(notice).await)
        }
        Begun::Busy(MailState::Accepted) => Ok(NotifyReport::Accepted),
        Begun::Busy(state) | Begun::Done(state) => Ok(NotifyReport::Duplicate { state }),
    }
}
