//! The mails.

use super::{EmailSettings, Language, outbox::unsigned, reader::Reader};
use crate::{
    adapters::mail::Sender,
    domain::delivery::{MailPolicy, OnDoubt},
    flows::notify::NotifySettings,
};
use std::path::PathBuf;

pub(super) fn read(reader: &mut Reader<'_>) -> EmailSettings {
    reader.choice("Email__Provider", &[("folder", ())]);
    let from = reader.text("Email__From");
    if let Err(reason) = Sender::parse(from) {
        reader.problem("Email__From", format!("'{from}': {reason}"));
    }
    EmailSettings {
        folder: PathBuf::from(reader.words("Email__Folder")),
        from: from.to_owned(),
        language: reader.choice("Email__Language", &[("pl", Language::Pl), ("en", Language::En)]),
    }
}

pub(super) fn notify(reader: &mut Reader<'_>) -> NotifySettings {
    NotifySettings {
        lease_ms: reader.number("Email__LeaseMs", 1_000..=600_000),
        run_ms: unsigned(reader.number("Email__RunMs", 100..=240_000)),
        at_once: reader.count("Email__AtOnceMax", 1..=64),
        tombstone_days: reader.number("Inbox__RetentionDays", 1..=3650),
        policy: MailPolicy {
            on_doubt: reader.choice("Email__OnDoubt", &[("resend", OnDoubt::Resend), ("hold", OnDoubt::Hold)]),
            retry_base_ms: reader.number("Email__RetryBaseMs", 1..=3_600_000),
            retry_delay_max_ms: reader.number("Email__RetryDelayMaxMs", 1..=86_400_000),
            give_up_ms: reader.number("Email__GiveUpHours", 1..=720) * 3_600_000,
            breaker_base_ms: reader.number("Breaker__BaseMs", 100..=3_600_000),
            breaker_max_ms: reader.number("Breaker__MaxMs", 100..=86_400_000),
        },
    }
}
