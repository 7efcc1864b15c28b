//! Maps each raw path to its endpoint, the methods it allows, and the host's function that it belongs to.

use super::{console::Asset, operations::OpsPath};
use crate::domain::{ids::ClientId, period::Period};

/// A function as its folder under `functions/` must describe it; a test compares the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// The name of its folder under `functions/`.
    pub name: &'static str,
    /// What invokes it.
    pub trigger: Trigger,
}

/// What makes the host invoke a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// An HTTP request. function.json names no methods, so that every method reaches the handler and 405 can name those
    /// that are allowed.
    Http {
        /// The route below `/api`, with the host's constraints.
        route: &'static str,
        /// Whether the host lets requests without a function key through.
        anonymous: bool,
    },
    /// A schedule.
    Timer {
        /// The setting with the schedule, an NCRONTAB expression.
        setting: &'static str,
    },
    /// A message of a queue.
    Queue {
        /// The setting with the queue's name.
        setting: &'static str,
        /// The setting with the namespace's connection.
        connection: &'static str,
        /// The message's key in the envelope's Data.
        binding: &'static str,
    },
}

/// Every function of the app. Without its constraint the catch-all would let a client run the others: the host turns
/// the backslashes of `/api/clients/..%5C..%5CSendEmail` into slashes after it matched the route.
pub const FUNCTIONS: [Function; 9] = [
    Function { name: "Console", trigger: Trigger::Http { route: CONSOLE, anonymous: true } },
    Function { name: "DispatchOutbox", trigger: Trigger::Timer { setting: "OutboxSchedule" } },
    Function { name: "Finance", trigger: Trigger::Http { route: CLIENTS, anonymous: false } },
    Function { name: "Health", trigger: Trigger::Http { route: "health", anonymous: true } },
    Function { name: "OpenApi", trigger: Trigger::Http { route: "openapi.json", anonymous: true } },
    Function { name: "Operations", trigger: Trigger::Http { route: OPERATIONS, anonymous: false } },
    Function { name: "PruneOutbox", trigger: Trigger::Timer { setting: "PruneSchedule" } },
    Function { name: "RetryEmail", trigger: Trigger::Timer { setting: "RetryEmailSchedule" } },
    Function {
        name: "SendEmail",
        trigger: Trigger::Queue {
            setting: "EmailQueueName",
            connection: "ServiceBusConnection",
            binding: super::envelope::BINDING,
        },
    },
];

const CONSOLE: &str = "{*path:regex(^console(/[a-z-]+[.][a-z]+)?$)}";
const CLIENTS: &str = "{*path:regex(^clients(/[A-Za-z0-9/-]*)?$)}";
/// Each segment begins with a letter or digit, so that none is `..`.
const OPERATIONS: &str = "{*path:regex(^ops(/[A-Za-z0-9][A-Za-z0-9._:~-]*)*$)}";

/// The functions' names, in the order in which the host tries their routes.
pub fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|function| function.name)
}

/// The name and route of each HTTP function.
pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    FUNCTIONS.iter().filter_map(|function| match function.trigger {
        Trigger::Http { route, .. } => Some((function.name, route)),
        Trigger::Timer { .. } | Trigger::Queue { .. } => None,
    })
}

/// Every path of the HTTP API with its methods; the files of Console are none of it. HEAD is allowed wherever GET is.
pub fn endpoints() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    [Endpoint::Clients, Endpoint::Client(ClientId(1)), Endpoint::Records(ClientId(1))]
        .into_iter()
        .chain(
            Period::new(2000, 1)
                .into_iter()
                .flat_map(|period| [Endpoint::Record(ClientId(1), period), Endpoint::Reminders(ClientId(1), period)]),
        )
        .chain([Endpoint::Health, Endpoint::OpenApi])
        .chain(OpsPath::ALL.map(Endpoint::Operations))
        .map(|endpoint| (endpoint.template(), endpoint.methods()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The host's readiness ping.
    Root,
    Clients,
    Client(ClientId),
    Records(ClientId),
    Record(ClientId, Period),
    Reminders(ClientId, Period),
    Console(Asset),
    Health,
    OpenApi,
    Operations(OpsPath),
    DispatchOutbox,
    SendEmail,
    RetryEmail,
    PruneOutbox,
}

impl Endpoint {
    /// Matches the raw path: nothing is decoded or normalised, so `%63lients`, `..` and a trailing slash match nothing.
    /// The words below `/api` match in any casing, as the Azure host's routes do, which pass on the caller's casing.
    pub(super) fn find(path: &str) -> Option<Self> {
        match path {
            "/" => return Some(Self::Root),
            "/DispatchOutbox" => return Some(Self::DispatchOutbox),
            "/SendEmail" => return Some(Self::SendEmail),
            "/RetryEmail" => return Some(Self::RetryEmail),
            "/PruneOutbox" => return Some(Self::PruneOutbox),
            _ => {}
        }
        if let Some(path) = OpsPath::find(path) {
            return Some(Self::Operations(path));
        }
        // The longest path has six segments below /api; an eighth part is enough to see that a path is too long.
        let segments: Vec<&str> = path.strip_prefix('/')?.splitn(8, '/').collect();
        let is = |at: usize, word: &str| segments.get(at).is_some_and(|s: &&str| s.eq_ignore_ascii_case(word));
        if !is(0, "api") {
            return None;
        }
        if !is(1, "clients") {
            return match segments.len() {
                2 if is(1, "console") => Some(Self::Console(Asset::page())),
                3 if is(1, "console") => Asset::find(segments[2]).map(Self::Console),
                2 if is(1, "health") => Some(Self::Health),
                2 if is(1, "openapi.json") => Some(Self::OpenApi),
                _ => None,
            };
        }
        let id = || ClientId::parse(segments.get(2)?);
        match segments.len() {
            2 => Some(Self::Clients),
            3 => id().map(Self::Client),
            4 if is(3, "finance") => id().map(Self::Records),
            6 if is(3, "finance") => Some(Self::Record(id()?, Period::parse(segments[4], segments[5])?)),
            7 if is(3, "finance") && is(6, "reminders") => {
                Some(Self::Reminders(id()?, Period::parse(segments[4], segments[5])?))
            }
            _ => None,
        }
    }

    pub(super) fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Root | Self::Console(_) | Self::Health | Self::OpenApi => &["GET"],
            Self::Operations(path) => path.methods(),
            Self::Clients | Self::Records(_) => &["GET", "POST"],
            Self::Client(_) => &["GET", "PUT", "DELETE"],
            Self::Record(..) => &["GET", "PATCH", "DELETE"],
            Self::Reminders(..) | Self::DispatchOutbox | Self::SendEmail | Self::RetryEmail | Self::PruneOutbox => {
                &["POST"]
            }
        }
    }

    /// The value of the Allow header, with HEAD after GET.
    pub(super) fn allow(self) -> String {
        let mut allowed = self.methods().to_vec();
        if allowed.contains(&"GET") {
            allowed.insert(1, "HEAD");
        }
        allowed.join(", ")
    }

    pub(super) fn function(self) -> &'static str {
        match self {
            Self::Root => "ping",
            Self::Clients | Self::Client(_) | Self::Records(_) | Self::Record(..) | Self::Reminders(..) => "Finance",
            Self::Console(_) => "Console",
            Self::Health => "Health",
            Self::OpenApi => "OpenApi",
            Self::Operations(_) => "Operations",
            Self::DispatchOutbox => "DispatchOutbox",
            Self::SendEmail => "SendEmail",
            Self::RetryEmail => "RetryEmail",
            Self::PruneOutbox => "PruneOutbox",
        }
    }

    pub(super) fn is_invocation(self) -> bool {
        match self {
            Self::DispatchOutbox | Self::SendEmail | Self::RetryEmail | Self::PruneOutbox => true,
            Self::Root
            | Self::Clients
            | Self::Client(_)
            | Self::Records(_)
            | Self::Record(..)
            | Self::Reminders(..)
            | Self::Console(_)
            | Self::Health
            | Self::OpenApi
            | Self::Operations(_) => false,
        }
    }

    pub(super) fn template(self) -> &'static str {
        match self {
            Self::Clients => "/api/clients",
            Self::Client(_) => "/api/clients/{id}",
            Self::Records(_) => "/api/clients/{id}/finance",
            Self::Record(..) => "/api/clients/{id}/finance/{year}/{month}",
            Self::Reminders(..) => "/api/clients/{id}/finance/{year}/{month}/reminders",
            Self::Console(_) => "/api/console",
            Self::Health => "/api/health",
            Self::OpenApi => "/api/openapi.json",
            Self::Operations(path) => path.template(),
            Self::Root => "/",
            Self::DispatchOutbox | Self::SendEmail | Self::RetryEmail | Self::PruneOutbox => self.function(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_match_in_any_casing_and_ids_only_as_plain_digits() {
        assert_eq!(Endpoint::find("/api/clients"), Some(Endpoint::Clients));
        assert_eq!(Endpoint::find("/API/Clients/7"), Some(Endpoint::Client(ClientId(7))));
        assert_eq!(Endpoint::find("/api/clients/7/Finance"), Some(Endpoint::Records(ClientId(7))));
        let march = Period::new(2026, 3).unwrap();
        assert_eq!(Endpoint::find("/api/clients/7/finance/2026/03"), Some(Endpoint::Record(ClientId(7), march)));
        assert_eq!(
            Endpoint::find("/api/clients/7/finance/2026/3/Reminders"),
            Some(Endpoint::Reminders(ClientId(7), march))
        );
        assert_eq!(Endpoint::find("/api/Console"), Some(Endpoint::Console(Asset::page())));
        assert!(matches!(Endpoint::find("/api/console/app.js"), Some(Endpoint::Console(_))));
        for nowhere in [
            "",
            "/api/console/",
            "/api/console/index.html",
            "/api/console/app.js/",
            "/api/console/../health",
            "*",
            "/api",
            "/api/",
            "/api/clients/",
            "/api/clients/7/",
            "/api//clients",
            "/api/%63lients",
            "/api/clients/%37",
            "/api/clients/0",
            "/api/clients/07",
            "/api/clients/-1",
            "/api/clients/9223372036854775808",
            "/api/clients/7/finance/2026",
            "/api/clients/7/finance/2026/13",
            "/api/clients/7/finance/1999/1",
            "/api/clients/7/finance/2026/3/x",
            "/api/clients/7/finance/2026/3/",
            "/api/clients/7/finance/2026/3/reminders/",
            "/api/clients/7/finance/2026/3/reminders/1",
            "/api/clients/7/finance/2026/13/reminders",
            "/api/../SendEmail",
            "/api/health/",
            "/api/SendEmail",
            "/sendemail",
            "/SendEmail/",
        ] {
            assert_eq!(Endpoint::find(nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn only_the_exact_name_is_an_invocation() {
        for endpoint in names().filter_map(|name| Endpoint::find(&format!("/{name}"))) {
            assert!(endpoint.is_invocation());
            assert_eq!(endpoint.methods(), ["POST"]);
        }
        assert_eq!(Endpoint::find("/Finance"), None);
    }
}
