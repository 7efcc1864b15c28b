//! Where an event type goes: named destinations, set by the office in its settings.
//!
//! An event type of our own always has a route: by default the email queue, and for deletions none.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// The name in output and on the command line for the destination `''` of a row that waits for routing.
pub const NOT_ROUTED: &str = "(not routed)";

/// A queue or topic of the bus, `queue:<name>` or `topic:<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Destination {
    kind: EntityKind,
    entity: String,
}

/// The kinds of destination on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntityKind {
    /// One consumer gets each message.
    Queue,
    /// Each subscription gets a copy of each message.
    Topic,
}

impl Destination {
    /// Reads `queue:<name>` or `topic:<name>`, checked against the naming rules of Service Bus.
    ///
    /// # Errors
    /// What was expected, for a person. It does not quote the text, which may be a secret in the wrong setting.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, entity) = match text.split_once(':') {
            Some(("queue", entity)) => (EntityKind::Queue, entity),
            Some(("topic", entity)) => (EntityKind::Topic, entity),
            Some(_) | None => return Err("is invalid: expected queue:<name> or topic:<name>".to_owned()),
        };
        // Service Bus: letters, digits, . - _ /, starting and ending with a letter or digit, at most 260.
        let inner = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let fine = (1..=260).contains(&entity.len())
            && entity.chars().all(inner)
            && entity.starts_with(|c: char| c.is_ascii_alphanumeric())
            && entity.ends_with(|c: char| c.is_ascii_alphanumeric());
        if !fine {
            return Err("is invalid: expected a queue's or topic's name of letters, digits and ._-/ only, at most 260"
                .to_owned());
        }
        Ok(Self { kind, entity: entity.to_owned() })
    }

    /// A queue or a topic.
    #[must_use]
    pub fn kind(&self) -> EntityKind {
        self.kind
    }

    /// The entity's name on the bus, without the kind.
    #[must_use]
    pub fn entity(&self) -> &str {
        &self.entity
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            EntityKind::Queue => "queue",
            EntityKind::Topic => "topic",
        };
        write!(f, "{kind}:{}", self.entity)
    }
}

impl TryFrom<String> for Destination {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

/// Event type → destinations. An empty list means "to nobody"; a missing entry means "not decided": such rows wait.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routes(pub BTreeMap<String, Vec<Destination>>);

impl Routes {
    /// The destinations of an event type. Empty: nobody. None: not decided.
    #[must_use]
    pub fn of(&self, event_type: &str) -> Option<&[Destination]> {
        self.0.get(event_type).map(Vec::as_slice)
    }

    /// The names of an event type's destinations, in order. A repeated name counts once, because (Id, Destination) is
    /// unique in the outbox.
    #[must_use]
    pub fn names_of(&self, event_type: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.of(event_type).unwrap_or_default().iter().map(ToString::to_string) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Every destination of any event type, once each.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.0.values().flatten().collect::<std::collections::BTreeSet<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_reads_back_as_written() {
        for text in ["queue:client-emails", "topic:finance/events.v1"] {
            assert_eq!(Destination::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "client-emails", "queue:", "queue:/x", "queue:a b", "exchange:x", "queue:a/", "queue:ą"] {
            assert!(Destination::parse(bad).is_err(), "{bad}");
        }
    }
}
