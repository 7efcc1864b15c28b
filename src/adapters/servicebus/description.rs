//! Parses a queue's or topic's description: an Atom entry of Service Bus's management interface. Pure.

use crate::domain::{
    entity::{Entity, EntityState},
    route::EntityKind,
};
use roxmltree::{Document, Node};

/// None: the answer is a feed, which is how Service Bus answers that there is no entity of that name.
///
/// # Errors
/// It is not a description of a queue or a topic.
pub(super) fn read(xml: &str) -> Result<Option<Entity>, String> {
    let document = Document::parse(xml).map_err(|e| format!("it is not XML: {e}"))?;
    let root = document.root_element();
    let described = |name: &str| root.descendants().find(|node| node.tag_name().name() == name);
    match (root.tag_name().name(), described("QueueDescription"), described("TopicDescription")) {
        ("feed", ..) => Ok(None),
        ("entry", Some(queue), _) => Ok(Some(of(queue, EntityKind::Queue)?)),
        ("entry", None, Some(topic)) => Ok(Some(of(topic, EntityKind::Topic)?)),
        _ => Err("it describes neither a queue nor a topic".to_owned()),
    }
}

fn of(node: Node<'_, '_>, kind: EntityKind) -> Result<Entity, String> {
    let fields = Fields(node);
    let life_ms = fields.duration("DefaultMessageTimeToLive")?.unwrap_or(i64::MAX);
    let duplicates = fields.flag("RequiresDuplicateDetection")?;
    let window_ms = fields.duration("DuplicateDetectionHistoryTimeWindow")?;
    let megabytes = fields.number("MaxSizeInMegabytes")?;
    Ok(Entity {
        kind,
        duplicate_window_ms: if duplicates { window_ms } else { None },
        // A topic itself has no sessions; its subscriptions may.
        sessions: kind == EntityKind::Queue && fields.flag("RequiresSession")?,
        partitioned: fields.flag("EnablePartitioning")?,
        state: match fields.text("Status") {
            None | Some("Active") => EntityState::Active,
            Some("Disabled") => EntityState::Disabled,
            Some("SendDisabled") => EntityState::SendDisabled,
            Some("ReceiveDisabled") => EntityState::ReceiveDisabled,
            Some(other) => EntityState::Other(other.to_owned()),
        },
        life_ms,
        message_bytes_max: fields.number("MaxMessageSizeInKilobytes")?.map(|kb| kb.saturating_mul(1024)),
        bytes: fields.number("SizeInBytes")?,
        bytes_max: megabytes.map(|mb| mb.saturating_mul(1024 * 1024)),
        lock_ms: fields.duration("LockDuration")?,
        deliveries_max: fields.number("MaxDeliveryCount")?.map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
        dead_letters: fields.number("DeadLetterMessageCount")?,
        subscriptions: fields.number("SubscriptionCount")?,
    })
}

/// The elements of a description, whatever their namespace prefix.
struct Fields<'a>(Node<'a, 'a>);

impl<'a> Fields<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        let found = self.0.descendants().find(|node| node.tag_name().name() == name)?;
        found.text().map(str::trim).filter(|text| !text.is_empty())
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        match self.text(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(other) => Err(format!("{name} is invalid: expected true or false, found '{other}'")),
        }
    }

    fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| format!("{name} is invalid: expected a number, found '{text}'"))
    }

    fn duration(&self, name: &str) -> Result<Option<i64>, String> {
        let Some(text) = self.text(name) else { return Ok(None) };
        duration_ms(text)
            .map(Some)
            .ok_or_else(|| format!("{name} is invalid: expected a duration such as PT30S, found '{text}'"))
    }
}

/// Milliseconds of `P14DT2H48M5.5S`, as .NET writes a TimeSpan. .NET's longest TimeSpan means no limit: `i64::MAX`.
fn duration_ms(text: &str) -> Option<i64> {
    const FOR_EVER_DAYS: f64 = 10_675_198.0;
    let (days, time) = text.strip_prefix('P')?.split_once('T').unwrap_or((text.strip_prefix('P')?, ""));
    let mut seconds = 0.0;
    for (part, units) in
        [(days, [('D', 86_400.0), ('\0', 0.0), ('\0', 0.0)]), (time, [('H', 3_600.0), ('M', 60.0), ('S', 1.0)])]
    {
        let mut number = String::new();
        for letter in part.chars() {
            match units.iter().find(|(unit, _)| *unit == letter) {
                Some((_, each)) => seconds += number.drain(..).as_str().parse::<f64>().ok()? * each,
                None if letter.is_ascii_digit() || letter == '.' => number.push(letter),
                None => return None,
            }
        }
        if !number.is_empty() {
            return None;
        }
    }
    if seconds >= FOR_EVER_DAYS * 86_400.0 {
        return Some(i64::MAX);
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
    Some((seconds * 1_000.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form that Microsoft's clients read in their public tests.
    fn entry(description: &str) -> String {
        format!(
            r#"<entry xmlns="http://www.w3.org/2005/Atom"><id>https://office.servicebus.windows.net/mails?enrich=false&amp;api-version=2021-05</id><title type="text">mails</title><content type="application/xml">{description}</content></entry>"#
        )
    }

    const INSIDE: &str = r#"xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect" xmlns:i="http://www.w3.org/2001/XMLSchema-instance""#;

    #[test]
    fn a_queue_is_read_with_all_its_properties() {
        let queue = entry(&format!(
            r#"<QueueDescription {INSIDE}><LockDuration>PT1M30S</LockDuration><MaxSizeInMegabytes>1024</MaxSizeInMegabytes><RequiresDuplicateDetection>true</RequiresDuplicateDetection><RequiresSession>true</RequiresSession><DefaultMessageTimeToLive>P10675199DT2H48M5.4775807S</DefaultMessageTimeToLive><DuplicateDetectionHistoryTimeWindow>PT10M</DuplicateDetectionHistoryTimeWindow><MaxDeliveryCount>10</MaxDeliveryCount><SizeInBytes>512</SizeInBytes><AuthorizationRules></AuthorizationRules><Status>SendDisabled</Status><CountDetails xmlns:d2p1="http://schemas.microsoft.com/netservices/2011/06/servicebus"><d2p1:ActiveMessageCount>1</d2p1:ActiveMessageCount><d2p1:DeadLetterMessageCount>3</d2p1:DeadLetterMessageCount></CountDetails><EnablePartitioning>false</EnablePartitioning><MaxMessageSizeInKilobytes>256</MaxMessageSizeInKilobytes></QueueDescription>"#
        ));
        let read = read(&queue).unwrap().unwrap();
        let expected = Entity {
            kind: EntityKind::Queue,
            duplicate_window_ms: Some(600_000),
            sessions: true,
            partitioned: false,
            state: EntityState::SendDisabled,
            life_ms: i64::MAX,
            message_bytes_max: Some(262_144),
            bytes: Some(512),
            bytes_max: Some(1_073_741_824),
            lock_ms: Some(90_000),
            deliveries_max: Some(10),
            dead_letters: Some(3),
            subscriptions: None,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_topics_duplicate_window_counts_only_with_duplicate_detection() {
        let topic = entry(&format!(
            "<TopicDescription {INSIDE}><RequiresDuplicateDetection>false</RequiresDuplicateDetection><DuplicateDetectionHistoryTimeWindow>PT10M</DuplicateDetectionHistoryTimeWindow><Status>Active</Status><SubscriptionCount>2</SubscriptionCount></TopicDescription>"
        ));
        let read = read(&topic).unwrap().unwrap();
        assert_eq!((read.kind, read.duplicate_window_ms, read.subscriptions), (EntityKind::Topic, None, Some(2)));
    }

    #[test]
    fn a_feed_means_no_such_entity_and_anything_else_is_an_error() {
        assert_eq!(
            read(r#"<feed xmlns="http://www.w3.org/2005/Atom"><title>Publicly Listed Services</title></feed>"#),
            Ok(None)
        );
        assert!(read("<html><body>proxy</body></html>").is_err());
        assert!(read("{}").is_err());
        let odd =
            entry(&format!("<QueueDescription {INSIDE}><LockDuration>a minute</LockDuration></QueueDescription>"));
        assert!(read(&odd).unwrap_err().contains("LockDuration"));
    }

    #[test]
    fn durations_are_read_as_dotnet_writes_them() {
        for (text, ms) in [("PT20S", 20_000), ("P14D", 1_209_600_000), ("P1DT2H3M4.5S", 93_784_500), ("PT0S", 0)] {
            assert_eq!(duration_ms(text), Some(ms), "{text}");
        }
        for bad in ["", "14D", "PT5", "P1Y", "PTS", "P1H"] {
            assert_eq!(duration_ms(bad), None, "{bad}");
        }
    }
}
