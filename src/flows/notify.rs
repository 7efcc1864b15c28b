//! Telling: takes a delivery in, so that its mail is ours, and sends it at once where that may be.

use super::{
    mail_one::OneMail,
    mailing::{NotifyContext, NotifyReport},
};
use crate::{
    domain::{
        delivery::{self, Delivery, EMAIL_CONSUMER, MailState},
        ids::MessageId,
    },
    ports::{error::StoreResult, inbox::Begun},
};
use uuid::Uuid;

/// Whatever the report says, the delivery is answered 200.
///
/// # Errors
/// Only where the message could not be stored: then the broker must deliver it again.
pub async fn take_in(context: &NotifyContext, delivery: Delivery) -> StoreResult<NotifyReport> {
    let addressee = context.recipients.addressee(&delivery.body);
    let event = match delivery::read_event(&delivery, context.clock.now(), context.settings.tombstone_days) {
        Ok(event) => event,
        Err(reason) => {
            let keyed = with_key(delivery);
            context.inbox.refuse(EMAIL_CONSUMER, &keyed, &addressee, &reason).await?;
            // Without the reason, which may quote the body.
            tracing::warn!(message_id = keyed.message_id, "message refused: see `ops mail list`");
            return Ok(NotifyReport::Refused { reason });
        }
    };
    let begun = context.inbox.begin(EMAIL_CONSUMER, &delivery, &addressee, &context.lease()).await;
    context.health.stored(context.clock.now(), &begun);
    match begun? {
        Begun::Ours(work) => {
            // What was stored is what is sent, also where a repeat of the message says something else.
            let event = if work.body == delivery.body {
                Ok(event)
            } else {
                let message_id = &work.message_id;
                tracing::warn!(message_id, "a repeat of this message has another body: the first one is sent");
                delivery::read_stored(&work)
            };
            Ok(OneMail::leased(context, &work, false).send(event).await)
        }
        Begun::Busy(MailState::Accepted) => Ok(NotifyReport::Accepted),
        Begun::Busy(state) | Begun::Done(state) => Ok(NotifyReport::Duplicate { state }),
    }
}

/// A message without an id that can be a key is remembered by its content, so that its redeliveries are one row.
pub(super) fn with_key(delivery: Delivery) -> Delivery {
    if MessageId::parse(&delivery.message_id).is_ok() {
        return delivery;
    }
    let by_content = Uuid::new_v5(&Uuid::NAMESPACE_OID, &delivery.body);
    Delivery { message_id: format!("no-id:{by_content}"), ..delivery }
}
