//! Every setting there is: the one table that the reader, the example file and the README's table are made of.

/// A setting by its environment variable. Units stand last in the name.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub name: &'static str,
    /// `None`: there is no default; see `meaning` for who must set it.
    pub default: Option<&'static str>,
    /// What a value must be, as a problem report says it.
    pub expected: &'static str,
    pub meaning: &'static str,
}

const fn set(name: &'static str, default: &'static str, expected: &'static str, meaning: &'static str) -> Setting {
    Setting { name, default: Some(default), expected, meaning }
}

/// Settings whose name ends in something of the office's own.
pub const ROUTE_PREFIX: &str = "Routes__";

pub const CATALOGUE: &[Setting] = &[
    Setting {
        name: "ServiceBusConnection",
        default: None,
        expected: "Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=… (or SharedAccessSignature=…)",
        meaning: "the namespace, with a key; this or the next is needed by `serve` and `dispatch`. Read as Microsoft's clients read it; `doctor` says when a signature ends. A secret",
    },
    Setting {
        name: "ServiceBusConnection__fullyQualifiedNamespace",
        default: None,
        expected: "<namespace>.servicebus.windows.net",
        meaning: "the namespace, opened by an identity of Entra ID; the trigger reads it too",
    },
    Setting {
        name: "ServiceBusConnection__credential",
        default: None,
        expected: "managedidentity",
        meaning: "whose identity; without it the app's own in Azure, else AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, else the Azure CLI's user",
    },
    Setting {
        name: "ServiceBusConnection__clientId",
        default: None,
        expected: "a user-assigned identity's client id",
        meaning: "which managed identity, where it is not the system-assigned one",
    },
    set(
        "ServiceBus__Transport",
        "amqp",
        "amqp, websocket or rest",
        "how messages are sent: AMQP in batches (port 5671), the same through port 443, or one HTTPS request each",
    ),
    set(
        "ServiceBus__SessionDestinations",
        "",
        "destinations by commas",
        "those with sessions: the ordering key, else the id, becomes the SessionId",
    ),
    set(
        "ServiceBus__PartitionedDestinations",
        "",
        "destinations by commas",
        "those with partitioning: no batch holds messages of two keys",
    ),
    set("ServiceBus__IdleMs", "240000", "1000 to 280000", "an AMQP connection unused for so long is replaced"),
    set(
        "ServiceBus__Gateway",
        "",
        "host:port; empty: none",
        "where AMQP connects to in the namespace's place; TLS and tokens still name the namespace",
    ),
    set("EmailQueueName", "client-emails", "a queue's name", "the queue the SendEmail function reads"),
    set(
        "OutboxSchedule",
        "*/10 * * * * *",
        "six fields, seconds first, as NCRONTAB has them",
        "when DispatchOutbox sweeps",
    ),
    set(
        "RetryEmailSchedule",
        "0 * * * * *",
        "six fields, seconds first, as NCRONTAB has them",
        "when RetryEmail takes up what waits",
    ),
    set(
        "PruneSchedule",
        "0 30 2 * * *",
        "six fields, seconds first, as NCRONTAB has them",
        "when PruneOutbox forgets what is finished",
    ),
    set(
        "Routes__FinancialRecordCreated",
        "queue:<EmailQueueName>",
        "queue:<name> or topic:<name>, several by commas; empty: to nobody",
        "where the event goes; Routes__<EventType> routes any type",
    ),
    set("Routes__FinancialRecordUpdated", "queue:<EmailQueueName>", "as above", "where the event goes"),
    set("Routes__FinancialRecordDeleted", "", "as above", "where the event goes: to nobody"),
    set("Outbox__BatchMax", "500", "1 to 2000", "rows a claim takes at most"),
    set("Outbox__BatchBytesMax", "4000000", "1000 to 100000000", "payload bytes a claim takes at most"),
    set("Outbox__LeaseMs", "60000", "1000 to 600000", "how long a claimed row is ours"),
    set("Outbox__HeadroomMs", "10000", "100 to 300000", "kept free at the lease's end for settling"),
    set("Outbox__RunMs", "50000", "100 to 240000", "a DispatchOutbox run ends by itself after this"),
    set("Outbox__RetryMax", "10", "1 to 1000", "failures of one message until it is dead"),
    set("Outbox__RetryBaseMs", "2000", "1 to 3600000", "wait after a message's first failure; doubles"),
    set("Outbox__RetryDelayMaxMs", "900000", "1 to 86400000", "longest wait between a message's tries"),
    set("Outbox__ClaimsMax", "3", "1 to 100", "claims alone without a settle until a row is set aside as dead"),
    set("Outbox__MessageBytesMax", "196608", "1000 to 1000000", "largest body the bus takes"),
    set("Outbox__HeaderBytesMax", "32768", "100 to 65536", "largest headers the bus takes"),
    set("Outbox__RetentionDays", "30", "1 to 3650", "how long sent and discarded rows are kept"),
    set("Breaker__BaseMs", "5000", "100 to 3600000", "first pause after a destination failed; doubles"),
    set(
        "Breaker__MaxMs",
        "300000",
        "100 to 86400000",
        "longest pause between probes; of the bus never over 20000, unless it names one: a probe is one message",
    ),
    set("Bus__TimeoutMs", "15000", "100 to 300000", "how long one send may take"),
    set("Bus__ConcurrencyMax", "16", "1 to 256", "sends under way at once, per claim"),
    set(
        "Bus__DuplicateWindowMs",
        "600000",
        "0 to 604800000",
        "the queue's duplicate detection window; 0: it has none. Inside it a replay is refused",
    ),
    set("Bus__QueueLifeDays", "14", "1 to 3650", "how long a message may wait in the queue (its time to live)"),
    set("Store__Kind", "sqlite", "sqlite or sqlserver", "the database; sqlite is for one machine, never for Azure"),
    Setting {
        name: "SqlConnectionString",
        default: None,
        expected: "Server=tcp:…,1433;Database=…; and User ID=…;Password=… or Authentication=Active Directory …",
        meaning: "SQL Server or Azure SQL; needed where Store__Kind is sqlserver. A secret",
    },
    set("Sql__ConnectionsMax", "16", "1 to 200", "connections this process holds at most"),
    set(
        "Sql__WaitMs",
        "10000",
        "100 to 60000",
        "how long a call waits for a connection, and tries again after transient errors",
    ),
    set("Sql__IdleMs", "300000", "1000 to 3600000", "a connection unused for so long is closed"),
    set(
        "Sql__ConnectTimeoutMs",
        "10000",
        "100 to 60000",
        "how long connecting may take, TLS and login included; where not set, the string's Connect Timeout",
    ),
    set(
        "Sql__CommandTimeoutMs",
        "30000",
        "1000 to 300000",
        "how long the database may take to answer; where not set, the string's Command Timeout",
    ),
    set(
        "Sql__DeliveryWaitMs",
        "60000",
        "0 to 200000",
        "how long a delivery waits for a database that is away before it is given back to the queue, which takes it ten times",
    ),
    set("Store__Path", ".local/app.db", "a file's path", "the SQLite file"),
    set(
        "Store__IdleMs",
        "0",
        "0 to 86400000",
        "once timers found nothing for an hour, they ask the database only so often, so that a serverless one can pause; 0: always",
    ),
    set("Store__SkewMs", "0", "-315360000000 to 315360000000", "added to the database's clock; for tests only"),
    set("Idempotency__RetentionHours", "24", "1 to 720", "how long an Idempotency-Key is remembered"),
    set(
        "Email__Provider",
        "folder",
        "folder, smtp or acs",
        "who sends the mail; folder is for one machine, never for Azure",
    ),
    set("Email__Folder", ".local/mail", "a folder's path", "where the folder provider puts its .eml files"),
    set(
        "Email__From",
        "biuro@clientorganizer.example",
        "an address, or Name <address>",
        "the mails' From; its name signs them",
    ),
    set("Email__OfficeAddress", "", "a line of text; empty: none", "where the office is, in the mails' signature"),
    set("Email__OfficePhone", "", "a line of text; empty: none", "its telephone, there too"),
    set("Email__ReplyTo", "", "as above; empty: none", "where answers go, if not to the From"),
    set(
        "Email__ListUnsubscribe",
        "",
        "mailto:<address> or https://…; {id} in it becomes the mail's id; empty: none",
        "the mails' List-Unsubscribe",
    ),
    set(
        "Email__ListUnsubscribeOneClick",
        "no",
        "no or yes",
        "yes: that https://…{id} takes the POST of RFC 8058; the provider's DKIM signature must cover both headers",
    ),
    set("Email__SmtpHost", "", "a host's name or address", "the mail server; needed by the smtp provider"),
    set("Email__SmtpPort", "587", "1 to 65535", "587 for starttls, usually 465 for tls"),
    set(
        "Email__SmtpSecurity",
        "starttls",
        "starttls, tls or none",
        "starttls or nothing is sent; tls from the first byte; none only to this machine, never in Azure",
    ),
    set("Email__SmtpUser", "", "a name; empty: no login", "who logs in to the mail server"),
    set("Email__SmtpPassword", "", "a secret", "needed with Email__SmtpUser; never shown"),
    set(
        "Email__SmtpCaFile",
        "",
        "a PEM file's path",
        "certificates trusted beside the system's, for a server of one's own",
    ),
    set(
        "Email__SmtpTimeoutMs",
        "30000",
        "1000 to 300000",
        "how long one mail may take, from connecting to the last answer; at most half of Email__LeaseMs",
    ),
    set(
        "Email__AcsConnectionString",
        "",
        "endpoint=https://…;accesskey=…",
        "Azure Communication Services by access key; a secret. Or the endpoint alone:",
    ),
    set(
        "Email__AcsEndpoint",
        "",
        "https://<name>.communication.azure.com",
        "Azure Communication Services by Entra ID, as who is at hand: no secret",
    ),
    set("Email__AcsEndpoint__credential", "", "managedidentity; empty: what is at hand", "who signs in there"),
    set("Email__AcsEndpoint__clientId", "", "a client id; empty: the app's own", "which managed identity"),
    set(
        "Email__AcsTimeoutMs",
        "30000",
        "1000 to 300000",
        "how long one mail may take, a token included; at most half of Email__LeaseMs",
    ),
    set("Email__Language", "pl", "pl or en", "the mails' language, of clients who have none of their own"),
    set("Email__OnDoubt", "resend", "resend or hold", "what becomes of a mail that may have been sent"),
    set(
        "Email__DoubtsMax",
        "3",
        "1 to 100",
        "a mail that may have been sent so often is held for a person all the same",
    ),
    set(
        "Email__PerMinuteMax",
        "",
        "0 to 10000; 0: no limit; empty: the provider's own",
        "mails the provider may be sent within any minute, by all instances; its own: 30 for acs (5 from a domain of azurecomm.net), none for smtp and folder",
    ),
    set(
        "Email__PerHourMax",
        "",
        "0 to 100000; 0: no limit; empty: the provider's own",
        "the same within any hour; its own: 100 for acs (10 from such a domain), none for smtp and folder",
    ),
    set(
        "Email__QueriesPerMinuteMax",
        "",
        "0 to 10000; 0: no limit; empty: the provider's own",
        "how often the provider may be asked about mails in doubt within any minute, by all instances; its own: 60 for acs (10 from a domain of azurecomm.net), none for smtp and folder",
    ),
    set(
        "Email__QueriesPerHourMax",
        "",
        "0 to 100000; 0: no limit; empty: the provider's own",
        "the same within any hour; its own: 200 for acs (20 from such a domain), none for smtp and folder",
    ),
    set("Email__LeaseMs", "60000", "1000 to 600000", "how long a mail may be on its way until it is in doubt"),
    set("Email__RunMs", "50000", "100 to 240000", "a RetryEmail run ends by itself after this"),
    set("Email__AtOnceMax", "4", "1 to 64", "mails RetryEmail sends side by side"),
    set("Email__RetryBaseMs", "60000", "1 to 3600000", "wait after a recipient's first failure; doubles"),
    set("Email__RetryDelayMaxMs", "3600000", "1 to 86400000", "longest wait between tries of a recipient"),
    set("Email__GiveUpHours", "48", "1 to 720", "a recipient failing for so long is refused"),
    set("Inbox__RetentionDays", "400", "1 to 3650", "how long a repeat is recognised"),
    set(
        "Inbox__RecipientKey",
        "not-secret",
        "a secret of at least 32 characters; another only on one machine, never in Azure",
        "hashes the recipients that the inbox remembers; after a change `ops mail find` finds earlier mails by the old one",
    ),
    set("Inbox__RefusedBodyDays", "30", "1 to 3650", "how long a refused mail's content is kept"),
    set("Prune__StepRowsMax", "500", "1 to 10000", "rows PruneOutbox removes in one transaction"),
    set("Prune__RunMs", "50000", "100 to 240000", "a PruneOutbox run ends by itself after this"),
    set(
        "Log__Level",
        "info",
        "error, warn, info, debug or a tracing filter",
        "how much is logged; RUST_LOG where it is not set",
    ),
];

#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    CATALOGUE.iter().find(|setting| setting.name == name)
}

/// The README's table.
#[must_use]
pub fn markdown() -> String {
    let rows = CATALOGUE.iter().map(|one| {
        let default = match one.default {
            None => "none".to_owned(),
            Some("") => "(empty)".to_owned(),
            Some(text) => format!("`{text}`"),
        };
        // A page would take <name> for a tag and hide it.
        let shown = |text: &str| text.replace('<', "\\<").replace('|', "\\|");
        format!("| `{}` | {default} | {} | {} |", one.name, shown(one.expected), shown(one.meaning))
    });
    let head = ["| setting | default | expected | meaning |", "|---|---|---|---|"].map(str::to_owned);
    head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}
