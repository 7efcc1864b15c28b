//! ClientOrganizer's outbox. **If the books changed, the message goes out; if they did not, it does not.**
//!
//! The record and its message are written in one transaction; what was written is published until the bus accepts it; the
//! receiver remembers each id. So delivery is *at least once, same id, deduplicated on arrival*.
//!
//! # Three rivers
//!
//! | river | starts at | in words | flow |
//! |---|---|---|---|
//! | booking | HTTP `Finance` | check → record, outbox row and idempotency key in one transaction → answer | [`flows::book`] |
//! | sending | timer `DispatchOutbox`, and a nudge after each booking | route → claim a batch → publish → settle, until nothing is due | [`flows::dispatch`] |
//! | mailing | queue `SendEmail`, timer `RetryEmail` | seen before? → store it → mail it → remember | [`flows::notify`] |
//!
//! [`flows::prune`] removes what is finished.
//!
//! # The rooms
//!
//! | room | what is in it | it may see |
//! |---|---|---|
//! | [`domain`] | what clients, records, messages and mails are, and every decision; pure: no I/O, no async, no clock | nothing |
//! | [`ports`] | what we need from outside: traits, and their errors | `domain` |
//! | [`flows`] | the rivers, over ports | `domain`, `ports` |
//! | [`adapters`] | SQLite, SQL Server, Service Bus, mail providers: they implement `ports` | `domain`, `ports`, `config` |
//! | [`functions`] | the edge of the Azure Functions host: HTTP, timers, the queue | `domain`, `ports`, `flows` |
//! | `local` | a small host in Azure's place, the queue and the demo; a feature that a staged build lacks | `domain`, `ports` |
//! | [`ops`] | the command line of operators (`client-organizer ops …`), `doctor`, `stage`; the page is `src/functions/console` | `domain`, `ports`, `flows`, `functions` |
//! | [`config`] | every setting: read once, all problems reported at once | `domain` |
//! | [`app`] | commands; the only room that sees all others, and joins them (`src/app/compose.rs`) | all |
//!
//! `tests/it/tidy.rs` keeps these arrows. Long texts for other readers stand in the rooms they are about, and open their
//! module's page here: the API ([`functions`]), operating ([`ops`]), the database ([`adapters::sqlserver`]), mail
//! ([`adapters::mail`]), Service Bus ([`adapters::servicebus`]).
//!
//! # Where is …
//!
//! | what | where |
//! |---|---|
//! | a field of the API and its validation | read in `src/functions/clients.rs`, `src/functions/records.rs` or `src/functions/reminders.rs`, by a type of `domain` that parses it; the document in `src/functions/wire.rs` or beside the reader; if it is stored, then `src/domain/record.rs` or `src/domain/client.rs`, a migration, and the `books_*` statements |
//! | the text of a letter | `src/adapters/mail/letters`, a folder for each message type, in it one for each language |
//! | what an answer of the bus means | an HTTP status such as 503: `src/adapters/servicebus/outcome.rs`; an AMQP condition, such as `server-busy` (AMQP is the default): `src/adapters/servicebus/amqp_outcome.rs`; what follows from it, `src/domain/verdict.rs` |
//! | what an answer of a mail provider means | `src/adapters/mail/smtp_outcome.rs`, `src/adapters/mail/acs_outcome.rs`; what follows from it, `src/domain/mail_verdict.rs` |
//! | the claim's SQL | `src/adapters/sqlserver/sql/outbox_claim_heads.sql` finds the rows, `src/adapters/sqlserver/sql/outbox_claim_lease.sql` leases them; `src/adapters/sqlserver/outbox_claim.rs` puts the batch together |
//! | how many batches are under way, and when a row is sent alone | `src/flows/drain.rs`; one batch, `src/flows/batch.rs` |
//! | which writes share a commit on SQLite | `src/adapters/sqlite/writer.rs` |
//! | how long something is kept | a setting (`src/config/catalogue.rs`: `Outbox__RetentionDays`, `Inbox__RetentionDays`, …); what removes it, `src/flows/prune.rs` and each dialect's `prune_*.sql` |
//! | a column of the outbox | a migration in each dialect; the statements that write, copy or read it (`src/adapters/sqlite/sql/books_enqueue.sql`, the claim's, on SQL Server also `src/adapters/sqlserver/sql/outbox_claim_before.sql`, `src/adapters/sqlite/sql/remedy_copy.sql`, `src/adapters/sqlite/sql/outbox_route_sibling.sql` and their namesakes); its field in `src/domain/message.rs` (written, with its binding in `src/adapters/sqlite/books_write.rs` and `src/adapters/sqlserver/books_write.rs`) and `src/domain/outbox.rs` (claimed); what a row means, once for both dialects, in `src/adapters/columns/outbox.rs` (for operators `src/adapters/columns/report.rs`) |
//! | who may invoke a function | `src/functions/guard.rs`; who may operate, `src/functions/operations/signature.rs` |
//! | what a settle leaves for operators | `src/domain/outbox_failures.rs`, `src/domain/mail_history.rs`; stored by `src/adapters/sqlite/history.rs` and its namesake |
//! | what needs a person | `src/domain/operations/attention.rs`; the alert rules, `infra/modules/alerts.bicep` |
//! | spans, metrics, log lines | `src/telemetry`, a tool that flows use too |
//!
//! # How to add
//!
//! Each walk ends with the tests that find what was forgotten.
//!
//! **A message type.** Imitate the commit `events: payment reminder`: it touches its own files and the lists they join.
//! 1. `src/domain/events/payment_reminder.rs`: name, version, data, default route, ordering key, size limit, samples, the
//!    letter's folder; its line in `ALL` of `src/domain/events/mod.rs`.
//! 2. `src/adapters/mail/letters/payment_reminder`: `pl` and `en`, each with subject, text and HTML; embedded as they are.
//! 3. `src/functions/reminders.rs`: the endpoint that enqueues it, by `Command::Enqueue` of `src/domain/booking.rs` (a message
//!    about what is booked) or with a write; its path in `src/functions/routes.rs`, its document in `src/functions/openapi.rs`, its arm in
//!    `src/functions/finance.rs`; the compiler shows the rest.
//! 4. The two files made of the settings (next walk), since each type brings the setting `Routes__<EventType>`.
//!
//! Routes, settings, the OpenAPI document, `mail preview` and the tests find it through `ALL`. Tests:
//! `tests/it/events.rs`; golden letters in `tests/it/golden/letters` (look at them: `client-organizer mail preview`).
//!
//! **A setting.** One row in `src/config/catalogue.rs`: name, default, bounds, meaning. One line that reads it into a
//! typed field, in the concern's file beside it (for example `src/config/outbox.rs`). If it contradicts another one,
//! a check in `src/config/checks.rs`. Then print the two files that are made of the table, `src/config/README.md` and `local.settings.example.json`, with `client-organizer settings
//! --markdown` and `--example`. It is a line of `infra/main.bicep` only if the app needs it to start in Azure. To rename
//! one, give its former name in the row (`formerly`). Tests: `tests/it/settings.rs` compares the table with what is enforced, with the files, and with the template.
//!
//! **An SQL statement.** A file of the same name in `src/adapters/sqlite/sql` and `src/adapters/sqlserver/sql`; its first
//! line names the statement and its parameters, for example `src/adapters/sqlite/sql/prune_finished_rows.sql`. It is
//! embedded by `include_str!` where it is used. On SQL Server, what walks the outbox or the inbox skips locked rows
//! (`READPAST, READCOMMITTEDLOCK`) and names its index. What it does for the port is a test in `tests/it/contracts`, written
//! once and run on both. Tests: `tests/it/tidy.rs` pairs the dialects; `tests/it/sql_lint.rs` has others' parsers read them.
//!
//! **A migration.** The next `V<n>__name.sql` in `src/adapters/sqlite/migrations` and in `src/adapters/sqlserver/migrations`
//! (each counts for itself). One that has landed is never edited. Imitate
//! `src/adapters/sqlserver/migrations/V3__error_column.sql` (the form of a column) or `src/adapters/sqlserver/migrations/V10__inbox_due.sql` (an
//! index). A new column has a default or takes NULL, since other programs insert rows
//! with three columns; a new table needs its line in `src/adapters/sqlserver/grants.sql`. `CHANGELOG.md` states that `migrate` must be run.
//! Tests: `tests/it/migrate.rs`, `tests/it/migrate_sqlserver.rs` bring every earlier version here.
//!
//! **A destination.** Another queue or topic is a setting (`Routes__<EventType>`). Another *kind*, beside `queue:` and
//! `topic:`, is a variant of `EntityKind` in `src/domain/route.rs`; the compiler then shows every place that must decide.
//! Its sender implements `Bus` of `src/ports/bus.rs`, as `src/adapters/servicebus/rest.rs` does: an outcome for each message,
//! and no error, since what is not known to be refused is unknown. `src/app/compose.rs` selects it. Tests: a line for it in
//! `tests/it/conformance/mod.rs`, whose suite every bus passes.
//!
//! **A mail provider.** A file beside `src/adapters/mail/smtp.rs` that implements `Mailer` of `src/ports/mailer.rs`, and a second,
//! pure file for what its answers mean, as `src/adapters/mail/acs_outcome.rs`: sent, refused, this recipient's for now, the provider's
//! fault, or unknown. If it answers status queries, it implements `StatusQueries` too. A variant of `EmailProvider` in
//! `src/config/email.rs`, and of its `WORDS`, its settings as rows of the table; `src/app/compose.rs` makes it; the compiler shows the rest. Tests: `tests/it/providers.rs`, which every provider
//! passes, against a server that misbehaves on request, such as `tests/smtp/server.py`.
//!
//! **A database.** A folder beside `src/adapters/sqlite` with the same file names, and one line in
//! `tests/it/contracts/mod.rs`.
//!
//! **An answer for operators, or a field of one.** Its type in `src/domain/operations`, once: the API and `--json` serialise
//! it, `src/ops/tables.rs` prints it, a module of `src/functions/console` draws it. It comes from a method of
//! `src/ports/operations.rs`, in both dialects (`src/adapters/sqlite/reports.rs`), whose statements walk one index; the flow is
//! `src/flows/operate.rs`. Tests: `tests/it/contracts/reports.rs`, `tests/it/report_plans.rs`, `tests/it/operations_answers.rs`.
//!
//! **A remedy.** A variant of `Action` in `src/domain/operations/remedies.rs`; the compiler shows the rest. Whether a row may be
//! changed is decided in `src/domain/remedy.rs`, without the database, with a sentence for the operator. The dry run and its run
//! are `src/adapters/sqlite/remedies.rs` and its namesake, over `src/flows/remedy.rs`; its words are in `src/ops/args.rs`, its
//! path in `src/functions/operations/paths.rs`, its dialog in `src/functions/console/remedy.js`. It takes a reason, and is
//! recorded. `src/ops/README.md` lists it. Tests: `tests/it/contracts/remedies.rs`, `tests/it/cli_ops.rs`, `tests/it/symptoms.rs`.
//!
//! # Habits
//!
//! - Time, randomness and settings come in at one door each: `src/adapters/clock.rs`, a context's dice, `src/config/env.rs`;
//!   `clippy.toml` refuses other ways. So tests move time instead of waiting for it.
//! - A flow is a function over a borrowed context, and returns a typed report; log line, table and JSON print that report.
//! - Decisions are pure functions of values in `domain`, with their tests beside them; the code that acts on them is thin.
//! - No transaction is open across a network call: a claim is a lease with a token, and settling checks the token.
//! - Bad input never panics and never ends the process. Every loop, wait, body and queue has a limit.

#![warn(missing_docs)]

pub mod domain;
pub mod ports;
pub mod flows;
pub mod adapters;
pub mod functions;
#[cfg(feature = "local")]
pub mod local;
pub mod ops;
pub mod config;
pub mod telemetry;
pub mod failpoints;
pub mod private;
pub mod http_server;
pub mod app;
