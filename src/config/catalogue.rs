//! The table of all settings, from which the reader, the documentation and the example file are made.
//!
//! A new setting is a row here and a field that reads it by its name. `client-organizer settings --markdown` and
//! `--example` print the two files.

use super::{
    EmailProvider, Language, SmtpSecurity, Transport,
    outbox::Database,
    setting::{Setting, choice, number, number_or, schedule, text, unset},
};
use crate::domain::{
    delivery::OnDoubt,
    events::{self, DefaultRoute, EventType},
    rate_limit::LEASE_MS_MAX,
};
use std::sync::LazyLock;

/// Prefix of the settings that route an event type, including those of other programs.
pub const ROUTE_PREFIX: &str = "Routes__";

const DESTINATIONS: &str = "queue:<name> or topic:<name>, several by commas; empty: to nobody";
/// With the default name of the email queue.
const EMAIL_QUEUE_ROUTE: &str = "queue:client-emails";
const PROVIDERS_OWN: &str = "0: no limit; empty: the provider's own";
/// Placeholder for the local host, which replaces it by its own.
const LOCAL_BUS: &str =
    "Endpoint=sb://127.0.0.1:7072;SharedAccessKeyName=local;SharedAccessKey=local-only;UseDevelopmentEmulator=true";

/// The settings by topic, each topic with its heading.
#[must_use]
pub fn sections() -> &'static [(&'static str, Vec<Setting>)] {
    &SECTIONS
}

static SECTIONS: LazyLock<Vec<(&str, Vec<Setting>)>> = LazyLock::new(|| {
    vec![
        ("Service Bus", BUS.to_vec()),
        ("Timers", SCHEDULES.to_vec()),
        ("Routes", events::ALL.iter().map(route).collect()),
        ("Outbox", OUTBOX.to_vec()),
        ("Database", DATABASE.to_vec()),
        ("Mail: the provider", MAIL.to_vec()),
        ("Mail: what the mails say", LETTERS.to_vec()),
        ("Mail: sending", SENDING.to_vec()),
        ("Retention", RETENTION.to_vec()),
        ("Operations", OPERATIONS.to_vec()),
        ("Log", LOG.to_vec()),
    ]
});

/// Every message type has one.
fn route(event: &EventType) -> Setting {
    let name: &'static str = format!("{ROUTE_PREFIX}{}", event.name).leak();
    match event.default_route {
        DefaultRoute::EmailQueue => {
            text(name, "queue:<EmailQueueName>", DESTINATIONS, "where the event goes").example(EMAIL_QUEUE_ROUTE)
        }
        DefaultRoute::Nobody => text(name, "", DESTINATIONS, "where the event goes: to nobody"),
    }
}

const BUS: &[Setting] = &[
    unset("ServiceBusConnection", "Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=… (or SharedAccessSignature=…)", "the namespace, with a key; this or the next is needed by `serve` and `dispatch`. Read as Microsoft's clients read it; `doctor` reports when a signature ends. A secret").example(LOCAL_BUS),
    unset("ServiceBusConnection__fullyQualifiedNamespace", "<namespace>.servicebus.windows.net", "the namespace, opened by an identity of Entra ID; the trigger reads it too"),
    unset("ServiceBusConnection__credential", "managedidentity", "how to sign in; where it is not set, as the app in Azure, else AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, else the Azure CLI's user"),
    unset("ServiceBusConnection__clientId", "a user-assigned identity's client id", "which managed identity, where it is not the system-assigned one"),
    choice::<Transport>("ServiceBus__Transport", "amqp", "how messages are sent: AMQP in batches (port 5671), the same through port 443, or one HTTPS request each"),
    text("ServiceBus__SessionDestinations", "", "destinations by commas", "those with sessions: the ordering key, else the id, becomes the SessionId"),
    text("ServiceBus__PartitionedDestinations", "", "destinations by commas", "those with partitioning: no batch holds messages of two keys"),
    number("ServiceBus__IdleMs", "240000", 1_000, 280_000, "an AMQP connection unused for this long is replaced"),
    text("ServiceBus__Gateway", "", "host:port; empty: none", "where AMQP connects to in the namespace's place; TLS and tokens still name the namespace"),
    text("EmailQueueName", "client-emails", "a queue's name", "the queue the SendEmail function reads"),
    number("Bus__TimeoutMs", "15000", 100, 300_000, "how long one send may take"),
    number("Bus__ConcurrencyMax", "16", 1, 256, "sends under way at once, per claim"),
    number("Bus__DuplicateWindowMs", "600000", 0, 604_800_000, "the queue's duplicate detection window; 0: it has none. Inside it a replay is refused"),
    number("Bus__TimeToLiveDays", "14", 1, 3_650, "how long a message may wait in the queue")
        .formerly(&["Bus__QueueLifeDays"]),
];

const SCHEDULES: &[Setting] = &[
    schedule("OutboxSchedule", "*/10 * * * * *", "when DispatchOutbox sweeps"),
    schedule("RetryEmailSchedule", "0 * * * * *", "when RetryEmail sends the mails that wait"),
    schedule("PruneSchedule", "0 30 2 * * *", "when PruneOutbox removes finished rows"),
];

const OUTBOX: &[Setting] = &[
    number("Outbox__BatchMax", "500", 1, 2_000, "rows a claim takes at most"),
    number("Outbox__BatchBytesMax", "4000000", 1_000, 100_000_000, "payload bytes a claim takes at most"),
    number("Outbox__LeaseMs", "60000", 1_000, 600_000, "how long a claim leases its rows"),
    number("Outbox__HeadroomMs", "10000", 100, 300_000, "time kept at the end of a lease for settling"),
    number("Outbox__RunMs", "50000", 100, 240_000, "a DispatchOutbox run ends by itself after this"),
    number("Outbox__RetryMax", "10", 1, 1_000, "failures of one message until it is dead"),
    number("Outbox__RetryBaseMs", "2000", 1, 3_600_000, "wait after a message's first failure; doubles"),
    number("Outbox__RetryDelayMaxMs", "900000", 1, 86_400_000, "longest wait between a message's tries"),
    number("Outbox__ClaimsMax", "3", 1, 100, "claims alone without a settle until a row is dead"),
    // Bounded by what SendEmail accepts in an envelope: a larger one would be delivered until it is dead-lettered.
    number("Outbox__MessageBytesMax", "196608", 1_000, 1_000_000, "largest body the bus takes"),
    number("Outbox__HeaderBytesMax", "32768", 100, 65_536, "largest headers the bus takes"),
    number("Breaker__BaseMs", "5000", 100, 3_600_000, "first pause after a destination failed; doubles"),
    number(
        "Breaker__MaxMs",
        "300000",
        100,
        86_400_000,
        "longest pause between probes; of the bus never over 20000, unless it names one: a probe is one message",
    ),
];

const DATABASE: &[Setting] = &[
    choice::<Database>("Store__Kind", "sqlite", "the database; sqlite is for one machine, never for Azure"),
    unset(
        "SqlConnectionString",
        "Server=tcp:…,1433;Database=…; and User ID=…;Password=… or Authentication=Active Directory …",
        "SQL Server or Azure SQL; needed where Store__Kind is sqlserver. A secret",
    ),
    number("Sql__ConnectionsMax", "16", 1, 200, "connections this process holds at most"),
    number(
        "Sql__WaitMs",
        "10000",
        100,
        60_000,
        "how long a call waits for a connection, and tries again after transient errors",
    ),
    number("Sql__IdleMs", "300000", 1_000, 3_600_000, "a connection unused for this long is closed"),
    number(
        "Sql__ConnectTimeoutMs",
        "10000",
        100,
        60_000,
        "how long connecting may take, TLS and login included; where not set, the string's Connect Timeout",
    ),
    number(
        "Sql__CommandTimeoutMs",
        "30000",
        1_000,
        300_000,
        "how long the database may take to answer; where not set, the string's Command Timeout",
    ),
    number(
        "Sql__DeliveryWaitMs",
        "60000",
        0,
        200_000,
        "how long a delivery waits for a database that is away before it is given back to the queue, which takes it ten times",
    ),
    text("Store__Path", ".local/app.db", "a file's path", "the SQLite file"),
    number(
        "Store__IdleMs",
        "0",
        0,
        86_400_000,
        "once the timers have found nothing for an hour, they query the database only this often, so that a serverless one can pause; what only they can find waits as long; 0: always",
    ),
    number("Store__SkewMs", "0", -315_360_000_000, 315_360_000_000, "added to the database's clock; for tests only"),
];

const MAIL: &[Setting] = &[
    choice::<EmailProvider>(
        "Email__Provider",
        "folder",
        "the mail provider; folder is for one machine, never for Azure",
    ),
    text("Email__Folder", ".local/mail", "a folder's path", "where the folder provider puts its .eml files"),
    text("Email__SmtpHost", "", "a host's name or address", "the mail server; needed by the smtp provider"),
    number("Email__SmtpPort", "587", 1, 65_535, "587 for starttls, usually 465 for tls"),
    choice::<SmtpSecurity>(
        "Email__SmtpSecurity",
        "starttls",
        "starttls or nothing is sent; tls from the first byte; none only to this machine, never in Azure",
    ),
    text("Email__SmtpUser", "", "a name; empty: no login", "the user that logs in to the mail server"),
    text("Email__SmtpPassword", "", "a secret", "needed with Email__SmtpUser; never shown"),
    text(
        "Email__SmtpCaFile",
        "",
        "a PEM file's path",
        "certificates trusted beside the system's, for a server of one's own",
    ),
    number(
        "Email__SmtpTimeoutMs",
        "30000",
        1_000,
        300_000,
        "how long one mail may take, from connecting to the last answer; at most half of Email__LeaseMs",
    ),
    text(
        "Email__AcsConnectionString",
        "",
        "endpoint=https://…;accesskey=…",
        "Azure Communication Services by access key; a secret. Or the endpoint alone:",
    ),
    text(
        "Email__AcsEndpoint",
        "",
        "https://<name>.communication.azure.com",
        "Azure Communication Services by Entra ID, with the identity at hand: no secret",
    ),
    text("Email__AcsEndpoint__credential", "", "managedidentity; empty: the identity at hand", "how to sign in there"),
    text("Email__AcsEndpoint__clientId", "", "a client id; empty: the app's own", "which managed identity"),
    number(
        "Email__AcsTimeoutMs",
        "30000",
        1_000,
        300_000,
        "how long one mail may take, a token included; at most half of Email__LeaseMs",
    ),
];

const LETTERS: &[Setting] = &[
    text(
        "Email__From",
        "biuro@clientorganizer.example",
        "an address, or Name <address>",
        "the mails' From; its name signs them",
    ),
    text("Email__OfficeAddress", "", "a line of text; empty: none", "where the office is, in the mails' signature"),
    text("Email__OfficePhone", "", "a line of text; empty: none", "its telephone, there too"),
    text("Email__ReplyTo", "", "an address, or Name <address>; empty: none", "where answers go, if not to the From"),
    text(
        "Email__ListUnsubscribe",
        "",
        "mailto:<address> or https://…; {id} in it becomes the mail's id; empty: none",
        "the mails' List-Unsubscribe",
    ),
    choice::<bool>(
        "Email__ListUnsubscribeOneClick",
        "no",
        "yes: that https://…{id} takes the POST of RFC 8058; the provider's DKIM signature must cover both headers",
    ),
    choice::<Language>("Email__Language", "pl", "the mails' language, of clients who have none of their own"),
];

const SENDING: &[Setting] = &[
    choice::<OnDoubt>("Email__OnDoubt", "resend", "what happens to a mail that may have been sent"),
    number(
        "Email__DoubtsMax",
        "3",
        1,
        100,
        "a mail that may have been sent this many times is held for a person, whatever Email__OnDoubt is",
    ),
    number_or(
        "Email__PerMinuteMax",
        PROVIDERS_OWN,
        0,
        10_000,
        "mails the provider may be sent within any minute, by all instances; its own: 30 for acs (5 from a domain of azurecomm.net), none for smtp and folder",
    ),
    number_or(
        "Email__PerHourMax",
        PROVIDERS_OWN,
        0,
        100_000,
        "the same within any hour; its own: 100 for acs (10 from such a domain), none for smtp and folder",
    ),
    number_or(
        "Email__StatusQueriesPerMinuteMax",
        PROVIDERS_OWN,
        0,
        10_000,
        "status queries about mails in doubt that the provider may get within any minute, by all instances; its own: 60 for acs (10 from a domain of azurecomm.net), none for smtp and folder",
    )
    .formerly(&["Email__QueriesPerMinuteMax"]),
    number_or(
        "Email__StatusQueriesPerHourMax",
        PROVIDERS_OWN,
        0,
        100_000,
        "the same within any hour; its own: 200 for acs (20 from such a domain), none for smtp and folder",
    )
    .formerly(&["Email__QueriesPerHourMax"]),
    number("Email__LeaseMs", "60000", 1_000, LEASE_MS_MAX, "how long a mail may be on its way until it is in doubt"),
    number("Email__RunMs", "50000", 100, 240_000, "a RetryEmail run ends by itself after this"),
    number("Email__ConcurrencyMax", "4", 1, 64, "mails RetryEmail sends side by side").formerly(&["Email__AtOnceMax"]),
    number("Email__RetryBaseMs", "60000", 1, 3_600_000, "wait after a recipient's first failure; doubles"),
    number("Email__RetryDelayMaxMs", "3600000", 1, 86_400_000, "longest wait between tries of a recipient"),
    number("Email__GiveUpHours", "48", 1, 720, "a mail whose recipient fails for this long is refused"),
];

const RETENTION: &[Setting] = &[
    number("Outbox__RetentionDays", "30", 1, 3_650, "how long sent and discarded rows are kept"),
    number("Idempotency__RetentionHours", "24", 1, 720, "how long an Idempotency-Key is remembered"),
    number("Inbox__RetentionDays", "400", 1, 3_650, "how long a repeat is recognised"),
    text(
        "Inbox__RecipientKey",
        "not-secret",
        "a secret of at least 32 characters; another only on one machine, never in Azure",
        "hashes the recipients that the inbox remembers; after a change `ops mail find` finds earlier mails by the old one",
    ),
    number("Inbox__RefusedBodyDays", "30", 1, 3_650, "how long a refused mail's content is kept"),
    number("Prune__StepRowsMax", "500", 1, 10_000, "rows PruneOutbox removes in one transaction"),
    number("Prune__RunMs", "50000", 100, 240_000, "a PruneOutbox run ends by itself after this"),
];

const OPERATIONS: &[Setting] = &[choice::<bool>(
    "Ops__PrincipalHeader",
    "no",
    "yes: App Service authentication guards the app, so that its X-MS-CLIENT-PRINCIPAL-NAME is who acts; without that, any caller could send it",
)];

const LOG: &[Setting] = &[text(
    "Log__Level",
    "info",
    "error, warn, info, debug or a tracing filter",
    "how much is logged; RUST_LOG where it is not set",
)];

/// All settings, in the order of their topics.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    sections().iter().flat_map(|(_, settings)| settings)
}

/// A setting by its current name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.name == name)
}
