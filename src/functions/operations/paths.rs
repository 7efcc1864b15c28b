//! The paths below `/api/ops`.

use crate::domain::operations::PauseAction;

/// A path of Operations, without the id or name in it: see `argument`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::functions) enum OpsPath {
    Overview,
    Messages,
    Message,
    Groups,
    Mails,
    FindMails,
    Audit,
    Metrics,
    Remedies,
    Destination(PauseAction),
    Mailing(PauseAction),
}

const PREFIX: &str = "/api/ops/";
const MESSAGES: &str = "messages/";
const DESTINATIONS: &str = "destinations/";

impl OpsPath {
    pub(in crate::functions) const ALL: [Self; 15] = [
        Self::Overview,
        Self::Messages,
        Self::Message,
        Self::Groups,
        Self::Mails,
        Self::FindMails,
        Self::Audit,
        Self::Metrics,
        Self::Remedies,
        Self::Destination(PauseAction::Pause),
        Self::Destination(PauseAction::Drain),
        Self::Destination(PauseAction::Resume),
        Self::Mailing(PauseAction::Pause),
        Self::Mailing(PauseAction::Drain),
        Self::Mailing(PauseAction::Resume),
    ];

    /// Matches the raw path, as `Endpoint::find` does: words in any casing, nothing decoded.
    pub(in crate::functions) fn find(path: &str) -> Option<Self> {
        let below = strip(path, PREFIX)?;
        if let Some(id) = strip(below, MESSAGES) {
            return is_segment(id).then_some(Self::Message);
        }
        if let Some(named) = strip(below, DESTINATIONS) {
            let (name, action) = named.rsplit_once('/')?;
            return name.split('/').all(is_segment).then(|| pause_action(action).map(Self::Destination))?;
        }
        match below.to_ascii_lowercase().as_str() {
            "overview" => Some(Self::Overview),
            "messages" => Some(Self::Messages),
            "groups" => Some(Self::Groups),
            "mails" => Some(Self::Mails),
            "mails/find" => Some(Self::FindMails),
            "audit" => Some(Self::Audit),
            "metrics" => Some(Self::Metrics),
            "remedies" => Some(Self::Remedies),
            mailing => pause_action(mailing.strip_prefix("mail/")?).map(Self::Mailing),
        }
    }

    /// The message's id, or the destination's name, in a path that was found.
    pub(super) fn argument(path: &str) -> &str {
        let below = strip(path, PREFIX).unwrap_or_default();
        match strip(below, DESTINATIONS) {
            Some(named) => named.rsplit_once('/').map_or("", |(name, _)| name),
            None => strip(below, MESSAGES).unwrap_or_default(),
        }
    }

    pub(in crate::functions) fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Overview
            | Self::Messages
            | Self::Message
            | Self::Groups
            | Self::Mails
            | Self::Audit
            | Self::Metrics => &["GET"],
            Self::FindMails | Self::Remedies | Self::Destination(_) | Self::Mailing(_) => &["POST"],
        }
    }

    pub(in crate::functions) fn template(self) -> &'static str {
        match self {
            Self::Overview => "/api/ops/overview",
            Self::Messages => "/api/ops/messages",
            Self::Message => "/api/ops/messages/{id}",
            Self::Groups => "/api/ops/groups",
            Self::Mails => "/api/ops/mails",
            Self::FindMails => "/api/ops/mails/find",
            Self::Audit => "/api/ops/audit",
            Self::Metrics => "/api/ops/metrics",
            Self::Remedies => "/api/ops/remedies",
            Self::Destination(PauseAction::Pause) => "/api/ops/destinations/{name}/pause",
            Self::Destination(PauseAction::Drain) => "/api/ops/destinations/{name}/drain",
            Self::Destination(PauseAction::Resume) => "/api/ops/destinations/{name}/resume",
            Self::Mailing(PauseAction::Pause) => "/api/ops/mail/pause",
            Self::Mailing(PauseAction::Drain) => "/api/ops/mail/drain",
            Self::Mailing(PauseAction::Resume) => "/api/ops/mail/resume",
        }
    }
}

fn strip<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = path.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// What the route's constraint lets through in one segment. Ids with other characters are found by `GET ops/messages?id=`.
fn is_segment(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._:~-".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(inner)
}

fn pause_action(word: &str) -> Option<PauseAction> {
    match word.to_ascii_lowercase().as_str() {
        "pause" => Some(PauseAction::Pause),
        "drain" => Some(PauseAction::Drain),
        "resume" => Some(PauseAction::Resume),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_found_and_its_argument_read() {
        for path in OpsPath::ALL {
            let example = path.template().replace("{id}", "M-1").replace("{name}", "queue:client-emails");
            assert_eq!(OpsPath::find(&example), Some(path), "{example}");
            assert_eq!(OpsPath::find(&example.to_ascii_uppercase()), Some(path), "{example}");
        }
        for (path, argument) in [
            ("/api/ops/messages/0a7c-X_1", "0a7c-X_1"),
            ("/API/Ops/Messages/12", "12"),
            ("/api/ops/destinations/all/pause", "all"),
            ("/api/ops/destinations/topic:a/b.c/resume", "topic:a/b.c"),
            ("/api/ops/destinations/queue:pause/pause", "queue:pause"),
        ] {
            assert!(OpsPath::find(path).is_some(), "{path}");
            assert_eq!(OpsPath::argument(path), argument);
        }
    }

    #[test]
    fn other_paths_are_not_found() {
        for nowhere in [
            "/api/ops",
            "/api/ops/",
            "/api/opsoverview",
            "/api/ops/overview/",
            "/api/ops/messages/",
            "/api/ops/messages/a/b",
            "/api/ops/messages/..",
            "/api/ops/messages/%31",
            "/api/ops/messages/a%20b",
            "/api/ops/messages/ż",
            "/api/ops/mail",
            "/api/ops/mail/stop",
            "/api/ops/mails/find/",
            "/api/ops/destinations",
            "/api/ops/destinations/pause",
            "/api/ops/destinations//pause",
            "/api/ops/destinations/queue:a/../b/pause",
            "/api/ops/destinations/queue:a/stop",
            "/ops/overview",
            "/api/óps/overview",
        ] {
            assert_eq!(OpsPath::find(nowhere), None, "{nowhere}");
        }
    }
}
