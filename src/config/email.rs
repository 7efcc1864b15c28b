//! The settings of mails: provider, letters, rate limits, recipients.

use super::{
    Identity, Language, Secret, Settings, Unsubscribe,
    connection::acs::{self, AcsConnectionString},
    mailbox,
    reader::{Problem, Reader, is_reference},
    setting::Choice,
};
use crate::domain::{
    delivery::{MailPolicy, OnDoubt},
    flow_settings::NotifySettings,
    rate_limit::RateLimit,
    recipient::RecipientKey,
};
use std::{net::IpAddr, path::PathBuf};

/// The mail provider and the letters.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    /// Which provider.
    pub provider: EmailProvider,
    /// Folder of the folder provider.
    pub folder: PathBuf,
    /// The SMTP server; read even if the provider is another.
    pub smtp: SmtpSettings,
    /// Azure Communication Services; read even if the provider is another.
    pub acs: AcsSettings,
    /// The From: an address, or a name and an address.
    pub from: String,
    /// The Reply-To, in the same form; None: as From.
    pub reply_to: Option<String>,
    /// The office's address in the signature; one line.
    pub office_address: Option<String>,
    /// Its telephone number, there too; one line.
    pub office_phone: Option<String>,
    /// The List-Unsubscribe header.
    pub unsubscribe: Option<Unsubscribe>,
    /// Language of the mails to clients without a language of their own.
    pub language: Language,
}

/// Who sends the mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailProvider {
    /// Writes `.eml` files; for one machine, refused in Azure.
    Folder,
    /// An SMTP server.
    Smtp,
    /// Azure Communication Services.
    Acs,
}

impl Choice for EmailProvider {
    const WORDS: &'static [(&'static str, Self)] =
        &[("folder", Self::Folder), ("smtp", Self::Smtp), ("acs", Self::Acs)];
}

/// Azure Communication Services: a connection string, or an endpoint and an identity.
#[derive(Debug, Clone)]
pub struct AcsSettings {
    /// With its access key.
    pub connection: Option<Secret>,
    /// Empty with a connection string.
    pub endpoint: String,
    /// Who signs in at the endpoint.
    pub identity: Option<Identity>,
    /// Bounds one mail, with its token.
    pub timeout_ms: u64,
}

/// The SMTP server.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// A host name or an address; empty: not set.
    pub host: String,
    /// Usually 587 for STARTTLS, 465 for TLS.
    pub port: u16,
    /// Encryption.
    pub security: SmtpSecurity,
    /// Login; None: no login.
    pub user: Option<String>,
    /// Set together with `user`.
    pub password: Option<Secret>,
    /// PEM file of certificates trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// Bounds one mail, from connecting to the last reply.
    pub timeout_ms: u64,
}

/// Encryption of SMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// STARTTLS (port 587); without it nothing is sent.
    Starttls,
    /// TLS from the first byte (port 465).
    Tls,
    /// No encryption; to this machine only.
    None,
}

impl Choice for SmtpSecurity {
    const WORDS: &'static [(&'static str, Self)] =
        &[("starttls", Self::Starttls), ("tls", Self::Tls), ("none", Self::None)];
}

impl Choice for Language {
    const WORDS: &'static [(&'static str, Self)] = &[("pl", Self::Pl), ("en", Self::En)];
}

impl Choice for OnDoubt {
    const WORDS: &'static [(&'static str, Self)] = &[("resend", Self::Resend), ("hold", Self::Hold)];
}

pub(super) fn read(reader: &mut Reader<'_>) -> EmailSettings {
    let smtp = smtp(reader);
    let acs = acs_settings(reader);
    let from = sender(reader, "Email__From");
    let reply_to = Some("Email__ReplyTo").filter(|name| !reader.text(name).is_empty());
    EmailSettings {
        provider: reader.choice("Email__Provider"),
        folder: reader.path("Email__Folder"),
        smtp,
        acs,
        from,
        reply_to: reply_to.map(|name| sender(reader, name)),
        unsubscribe: unsubscribe(reader),
        office_address: signature_line(reader, "Email__OfficeAddress"),
        office_phone: signature_line(reader, "Email__OfficePhone"),
        language: reader.choice("Email__Language"),
    }
}

fn sender(reader: &mut Reader<'_>, name: &'static str) -> String {
    let text = reader.text(name);
    if let Err(reason) = mailbox::parse(text) {
        reader.invalid(name, reason);
    }
    text.to_owned()
}

fn signature_line(reader: &mut Reader<'_>, name: &'static str) -> Option<String> {
    let text = reader.text(name);
    if text.chars().any(char::is_control) || text.chars().count() > 200 {
        reader.invalid(name, "expected one line of at most 200 characters");
    }
    (!text.is_empty()).then(|| text.to_owned())
}

fn unsubscribe(reader: &mut Reader<'_>) -> Option<Unsubscribe> {
    let name = "Email__ListUnsubscribe";
    let text = reader.text(name);
    let one_click = reader.choice("Email__ListUnsubscribeOneClick");
    if text.is_empty() {
        if one_click {
            reader.problem(name, "is not set, but Email__ListUnsubscribeOneClick is yes");
        }
        return None;
    }
    let parsed = Unsubscribe::parse(text, one_click);
    parsed.map_err(|reason| reader.invalid(name, reason)).ok()
}

fn smtp(reader: &mut Reader<'_>) -> SmtpSettings {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    SmtpSettings {
        host: reader.text("Email__SmtpHost").to_owned(),
        port: reader.number("Email__SmtpPort"),
        security: reader.choice("Email__SmtpSecurity"),
        user: some(reader.text("Email__SmtpUser")),
        // Not trimmed: a password may end in a space.
        password: reader.given(SMTP_PASSWORD).and_then(some).map(Secret),
        ca_file: some(reader.text("Email__SmtpCaFile")).map(PathBuf::from),
        timeout_ms: reader.number("Email__SmtpTimeoutMs"),
    }
}

fn acs_settings(reader: &mut Reader<'_>) -> AcsSettings {
    let given = reader.text(ACS_CONNECTION);
    AcsSettings {
        connection: (!given.is_empty()).then(|| Secret(given.to_owned())),
        endpoint: reader.text(ACS_ENDPOINT).to_owned(),
        identity: match reader.identity(ACS_ENDPOINT) {
            Ok(identity) => Some(identity),
            Err(problem) => {
                reader.add(problem);
                None
            }
        },
        timeout_ms: reader.number("Email__AcsTimeoutMs"),
    }
}

const ACS_CONNECTION: &str = "Email__AcsConnectionString";
const ACS_ENDPOINT: &str = "Email__AcsEndpoint";

/// Checks the settings of the selected provider only: those of another one may stay incomplete.
pub(super) fn contradictions(reader: &mut Reader<'_>, settings: &Settings) {
    match settings.email.provider {
        EmailProvider::Folder if settings.in_azure => {
            let what = "folder is for one machine, and refused in Azure (WEBSITE_SITE_NAME is set)";
            reader.invalid("Email__Provider", what);
        }
        EmailProvider::Folder => {}
        EmailProvider::Smtp => smtp_contradictions(reader, settings),
        EmailProvider::Acs => acs_contradictions(reader, settings),
    }
}

fn smtp_contradictions(reader: &mut Reader<'_>, settings: &Settings) {
    let smtp = &settings.email.smtp;
    if smtp.host.is_empty() {
        reader.problem("Email__SmtpHost", "is not set: Email__Provider is smtp, so expected the mail server's name");
    } else if !is_host(&smtp.host) {
        reader.invalid("Email__SmtpHost", "expected a host's name alone, such as smtp.example.pl");
    }
    match (&smtp.user, &smtp.password) {
        (Some(_), None) => reader.problem(SMTP_PASSWORD, "is not set, but Email__SmtpUser is"),
        (None, Some(_)) => reader.problem("Email__SmtpUser", "is not set, but Email__SmtpPassword is"),
        (Some(_), Some(_)) | (None, None) => {}
    }
    if smtp.security == SmtpSecurity::None && settings.in_azure {
        reader.invalid(
            "Email__SmtpSecurity",
            "none is refused in Azure (WEBSITE_SITE_NAME is set): mails would be readable on their way",
        );
    } else if smtp.security == SmtpSecurity::None && !smtp.host.is_empty() && !is_this_machine(&smtp.host) {
        reader.invalid(
            "Email__SmtpSecurity",
            "none is for this machine alone (localhost, 127.0.0.1, ::1), and Email__SmtpHost names another",
        );
    }
    if let Some(path) = &smtp.ca_file
        && !path.is_file()
    {
        reader.invalid("Email__SmtpCaFile", "expected the path of a file");
    }
    within_lease(reader, settings, "Email__SmtpTimeoutMs", smtp.timeout_ms);
}

fn acs_contradictions(reader: &mut Reader<'_>, settings: &Settings) {
    if managed(&settings.email.from).is_some_and(|(local, managed)| managed && local != "donotreply") {
        reader.invalid("Email__From", "a domain of azurecomm.net sends as donotreply@ only");
    }
    let acs = &settings.email.acs;
    let (name, endpoint) = match &acs.connection {
        Some(_) if !acs.endpoint.is_empty() => {
            reader.problem(ACS_ENDPOINT, format!("is set, and {ACS_CONNECTION} too: unset one"));
            return;
        }
        Some(secret) => match AcsConnectionString::parse(secret.expose()) {
            Ok(connection) => (ACS_CONNECTION, connection.endpoint),
            Err(reason) => return reader.invalid(ACS_CONNECTION, reason),
        },
        None if acs.endpoint.is_empty() => {
            let what = format!("is not set, nor is {ACS_CONNECTION}: Email__Provider is acs, so one of them is needed");
            return reader.problem(ACS_ENDPOINT, what);
        }
        None => (ACS_ENDPOINT, acs.endpoint.clone()),
    };
    match acs::endpoint(&endpoint) {
        Err(reason) => reader.invalid(name, reason),
        Ok(url) if url.scheme() == "http" && settings.in_azure => {
            reader.invalid(name, "http:// is refused in Azure (WEBSITE_SITE_NAME is set): it is for tests");
        }
        // Anyone on the network could read the token.
        Ok(url) if url.scheme() == "http" && acs.connection.is_none() => {
            reader.invalid(name, "http:// goes with an access key alone, for tests: a token is not sent in the clear");
        }
        Ok(_) => {}
    }
    within_lease(reader, settings, "Email__AcsTimeoutMs", acs.timeout_ms);
}

fn within_lease(reader: &mut Reader<'_>, settings: &Settings, name: &'static str, timeout_ms: u64) {
    // The other half is for storing the outcome, even in a busy database: after the lease a sent mail is in doubt.
    let most_ms = settings.notify.lease_ms.unsigned_abs() / 2;
    if timeout_ms > most_ms {
        let lease_ms = settings.notify.lease_ms;
        reader.invalid(name, format!("expected at most half of Email__LeaseMs = {lease_ms}, not {timeout_ms}"));
    }
}

/// The characters of a name, an IPv4 or an IPv6 address.
fn is_host(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'))
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

pub(super) const SMTP_PASSWORD: &str = "Email__SmtpPassword";
pub(super) const RECIPIENT_KEY: &str = "Inbox__RecipientKey";
/// A shorter key could be guessed, and with it the addresses.
const KEY_CHARS_MIN: usize = 32;

pub(super) fn recipients(reader: &mut Reader<'_>) -> Result<RecipientKey, Problem> {
    let key = reader.words(RECIPIENT_KEY);
    if is_reference(key) {
        let what = "is a Key Vault reference, and not the key itself, which a Key Vault Secrets User can read";
        return Err(Problem { setting: RECIPIENT_KEY.to_owned(), what: what.to_owned() });
    }
    let short = key.chars().count() < KEY_CHARS_MIN;
    if short && reader.given("WEBSITE_SITE_NAME").is_some() {
        let what = format!(
            "is not set to a secret of at least {KEY_CHARS_MIN} characters, which is refused in Azure (WEBSITE_SITE_NAME is set)"
        );
        reader.problem(RECIPIENT_KEY, what);
    }
    Ok(RecipientKey::new(key))
}

/// Default quotas of Azure Communication Services, for a domain of the customer and for one that Azure manages: mails,
/// and status queries.
const ACS_LIMITS: [RateLimit; 2] =
    [RateLimit { per_minute: 30, per_hour: 100 }, RateLimit { per_minute: 60, per_hour: 200 }];
const ACS_MANAGED_LIMITS: [RateLimit; 2] =
    [RateLimit { per_minute: 5, per_hour: 10 }, RateLimit { per_minute: 10, per_hour: 20 }];

/// The local part, and whether the domain is managed by Azure.
fn managed(from: &str) -> Option<(String, bool)> {
    let address = from.rsplit(['<', ' ']).next().unwrap_or_default().trim_end_matches('>').to_ascii_lowercase();
    let (local, domain) = address.split_once('@')?;
    Some((local.to_owned(), domain.ends_with(".azurecomm.net")))
}

/// The limits of mails and of status queries.
fn rate_limits(reader: &mut Reader<'_>) -> [RateLimit; 2] {
    let [mails, queries] = match (reader.text("Email__Provider"), managed(reader.text("Email__From"))) {
        ("acs", Some((_, true))) => ACS_MANAGED_LIMITS,
        ("acs", _) => ACS_LIMITS,
        _ => [RateLimit::default(); 2],
    };
    let mut rate_limit = |minute: &'static str, hour: &'static str, own: RateLimit| RateLimit {
        per_minute: reader.number_or(minute, own.per_minute),
        per_hour: reader.number_or(hour, own.per_hour),
    };
    [
        rate_limit("Email__PerMinuteMax", "Email__PerHourMax", mails),
        rate_limit("Email__StatusQueriesPerMinuteMax", "Email__StatusQueriesPerHourMax", queries),
    ]
}

pub(super) fn notify(reader: &mut Reader<'_>) -> NotifySettings {
    let [rate_limit, queries] = rate_limits(reader);
    NotifySettings {
        lease_ms: reader.number("Email__LeaseMs"),
        run_ms: reader.number("Email__RunMs"),
        at_once: reader.number("Email__ConcurrencyMax"),
        tombstone_days: reader.number("Inbox__RetentionDays"),
        policy: MailPolicy {
            on_doubt: reader.choice("Email__OnDoubt"),
            doubts_max: reader.number("Email__DoubtsMax"),
            retry_base_ms: reader.number("Email__RetryBaseMs"),
            retry_delay_max_ms: reader.number("Email__RetryDelayMaxMs"),
            give_up_ms: reader.number::<i64>("Email__GiveUpHours") * 3_600_000,
            breaker_base_ms: reader.number("Breaker__BaseMs"),
            breaker_max_ms: reader.number("Breaker__MaxMs"),
        },
        rate_limit,
        queries,
    }
}
