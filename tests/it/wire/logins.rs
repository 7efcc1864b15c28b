//! Connecting: refused, cut, stalled, without encryption, with an unknown certificate, with a token.

use super::*;
use crate::support::{
    identity_endpoint::{IdentityEndpoint, granted},
    tds::Fault,
};
use client_organizer::{
    adapters::sqlserver::{Presence, migrate},
    domain::{delivery::Delivery, ids::ClientId, recipient::Addressee},
    ports::{books::Books, error::StoreError, inbox::Inbox},
};
use futures::FutureExt;
use std::{process::Command, sync::Arc, time::Duration};
use tokio_rustls::{TlsAcceptor, rustls};

async fn refusal(options: &SqlServerOptions) -> StoreError {
    SqlServer::open(options).await.err().unwrap()
}

#[tokio::test]
async fn a_server_that_is_busy_for_now_is_tried_again() {
    for number in [40_613, 40_501, 49_918, 10_928, 4060] {
        let server = TdsServer::start().await;
        server.login_fault(Fault::Error(number));
        opened(&server).await;
        assert_eq!(server.logins().len(), 2, "{number}");
    }
}

#[tokio::test]
async fn a_login_failure_that_a_person_must_fix_is_reported_at_once() {
    let server = TdsServer::start().await;
    for (number, word) in [(18_456, "login was refused"), (40_615, "firewall")] {
        server.login_fault(Fault::Error(number));
        let reported = refusal(&options(&server, Duration::from_secs(30))).await;
        assert!(matches!(reported, StoreError::Broken { .. }), "{reported}");
        let reported = reported.to_string();
        assert!(
            reported.contains(word) && reported.contains(&number.to_string()) && !reported.contains("geheim"),
            "{reported}"
        );
    }
    assert_eq!(server.logins().len(), 2);
}

#[tokio::test]
async fn an_unreachable_redirect_target_is_reported_with_the_missing_firewall_rule() {
    let (server, node, nobody) = (TdsServer::start().await, TdsServer::start().await, TdsServer::down(None).await);
    server.login_fault(Fault::SentOn(node.address.port()));
    opened(&server).await;
    assert_eq!((server.logins().len(), node.logins().len()), (1, 1));
    let port = nobody.address.port();
    server.login_fault(Fault::SentOn(port));
    let reported = refusal(&options(&server, Duration::from_secs(30))).await;
    assert!(matches!(reported, StoreError::Unavailable { .. }), "{reported}");
    let reported = reported.to_string();
    for word in [&format!("port {port}"), "11000 to 11999", "firewall"] {
        assert!(reported.contains(word), "{reported}");
    }
}

#[tokio::test]
async fn a_database_at_an_old_compatibility_level_is_refused_with_the_remedy() {
    let server = TdsServer::start().await;
    let options = options(&server, Duration::from_secs(30));
    assert!(migrate::plan(&options).await.is_ok());
    server.of_level(120);
    server.answer("migrate_lock", vec![table(&["Got"], vec![vec![0.into()]])]);
    for reported in [migrate::plan(&options).await.err(), refused_to_migrate(&options).await] {
        let reported = reported.unwrap().to_string();
        assert!(
            reported.contains("compatibility level 120") && reported.contains("SET COMPATIBILITY_LEVEL = 160"),
            "{reported}"
        );
    }
}

async fn refused_to_migrate(options: &SqlServerOptions) -> Option<StoreError> {
    migrate::run(options).await.err()
}

#[tokio::test]
async fn a_trigger_on_one_of_our_tables_is_noted_with_the_remedy() {
    let server = TdsServer::start().await;
    let options = options(&server, Duration::from_secs(30));
    assert_eq!(migrate::plan(&options).await.unwrap().notes, Vec::<String>::new());
    let row = vec!["OutboxMessages".into(), "Audit".into()];
    server.answer("schema_triggers", vec![table(&["TableName", "TriggerName"], vec![row])]);
    let notes = migrate::plan(&options).await.unwrap().notes;
    assert_eq!(notes.len(), 1);
    for word in ["dbo.OutboxMessages", "the trigger Audit", "error 334", "DISABLE TRIGGER"] {
        assert!(notes[0].contains(word), "{notes:?}");
    }
}

#[tokio::test]
async fn a_role_without_the_tables_of_the_last_migrate_is_reported_before_anything_is_done() {
    let server = TdsServer::start().await;
    server.fault("schema_rights", Fault::Error(229));
    let reported = refusal(&options(&server, Duration::from_secs(30))).await;
    assert!(
        matches!(reported, StoreError::Broken { .. }) && reported.to_string().contains("migrate --grants"),
        "{reported}"
    );
}

#[tokio::test]
async fn a_login_that_breaks_off_or_never_ends_is_unavailable() {
    for fault in [Fault::CutAnswer, Fault::Garbage, Fault::Stall] {
        let server = TdsServer::start().await;
        server.login_fault(fault);
        let mut options = options(&server, Duration::from_secs(30));
        if fault == Fault::Stall {
            options.pool.connect_timeout = Duration::from_millis(300);
        }
        let reported = refusal(&options).await;
        assert!(matches!(reported, StoreError::Unavailable { .. }), "{fault:?}: {reported}");
    }
    let server = TdsServer::down(None).await;
    let reported = refusal(&options(&server, Duration::from_secs(30))).await.to_string();
    assert!(reported.contains("connection refused"), "{reported}");
}

#[tokio::test]
async fn a_call_outlasts_a_failover_without_an_error() {
    let mut server = TdsServer::start().await;
    server.answer("books_client", client());
    let db = opened(&server).await;
    server.cut().await;
    for number in [40_613, 4060, 40_197] {
        server.login_fault(Fault::Error(number));
    }
    assert!(db.client(ClientId(1)).await.unwrap().is_some());
}

/// The new primary may not know its users yet.
#[tokio::test]
async fn a_login_that_worked_is_tried_again_when_a_failover_refuses_it() {
    let mut server = TdsServer::start().await;
    server.answer("books_client", client());
    let db = opened(&server).await;
    server.cut().await;
    for _ in 0..3 {
        server.login_fault(Fault::Error(18_456));
    }
    assert!(db.client(ClientId(1)).await.unwrap().is_some());
    assert_eq!(*db.presence().borrow(), Presence::Here, "it was not reported");
}

#[tokio::test]
async fn a_login_that_stays_refused_is_reported_and_seldom_tried() {
    let mut server = TdsServer::start().await;
    let db = opened(&server).await;
    server.cut().await;
    for _ in 0..100 {
        server.login_fault(Fault::Error(18_456));
    }
    let mut presence = db.presence();
    let (reported, _) = tokio::join!(
        presence.wait_for(|now| matches!(now, Presence::Away { reason } if reason.contains("login was refused"))),
        db.client(ClientId(1)),
    );
    reported.unwrap();
    assert!(server.logins().len() <= 6, "{}: that could lock the account", server.logins().len());
}

#[tokio::test]
async fn a_database_that_is_away_is_reported_at_once_and_recovers_by_itself() {
    let mut server = TdsServer::down(None).await;
    server.answer("books_client", client());
    let mut options = options(&server, Duration::from_secs(30));
    options.pool.wait = Duration::from_secs(1);
    let db = SqlServer::begin(&options).unwrap();
    let mut presence = db.presence();
    presence.wait_for(|now| matches!(now, Presence::Away { .. })).await.unwrap();
    let reported = db.client(ClientId(1)).now_or_never().expect("nothing is waited for").unwrap_err();
    assert!(matches!(reported, StoreError::Unavailable { .. }), "{reported}");
    assert!(reported.to_string().contains("connection refused"), "{reported}");
    server.listen().await;
    presence.wait_for(|now| *now == Presence::Here).await.unwrap();
    assert!(db.client(ClientId(1)).await.unwrap().is_some());

    server.refuse().await;
    assert!(db.client(ClientId(1)).await.is_err(), "waits, and gets the error");
    presence.wait_for(|now| matches!(now, Presence::Away { .. })).await.unwrap();
    server.listen().await;
    presence.wait_for(|now| *now == Presence::Here).await.unwrap();
    assert!(db.client(ClientId(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_delivery_waits_for_a_database_that_is_away() {
    let mut server = TdsServer::down(None).await;
    let mut options = options(&server, Duration::from_secs(30));
    options.pool.wait = Duration::from_millis(100);
    options.pool.patience = Duration::from_mins(1);
    let db = SqlServer::begin(&options).unwrap();
    db.presence().wait_for(|now| matches!(now, Presence::Away { .. })).await.unwrap();
    let delivery = Delivery {
        message_id: "m-1".to_owned(),
        body: b"{}".to_vec(),
        delivery_count: 1,
        enqueued_on: None,
        traceparent: None,
    };
    let addressee = Addressee::default();
    let (stored, ()) = tokio::join!(db.refuse("email", "mail:folder", &delivery, &addressee, "test"), server.listen());
    stored.unwrap();
    assert_eq!(server.done("inbox_refuse"), 1);
}

#[tokio::test]
async fn a_refused_login_and_a_wrong_schema_recover_too() {
    let server = TdsServer::start().await;
    server.answer("books_client", client());
    server.migrated(false);
    server.login_fault(Fault::Error(18_456));
    let mut options = options(&server, Duration::from_secs(30));
    options.pool.refused_pause = Duration::from_millis(10);
    let db = SqlServer::begin(&options).unwrap();
    let mut presence = db.presence();
    let reports = |now: &Presence, word: &str| matches!(now, Presence::Away { reason } if reason.contains(word));
    presence.wait_for(|now| reports(now, "login was refused") || reports(now, "schema")).await.unwrap();
    presence.wait_for(|now| reports(now, "schema")).await.unwrap();
    let reported = db.client(ClientId(1)).await.unwrap_err().to_string();
    assert!(reported.contains("client-organizer migrate"), "{reported}");
    server.migrated(true);
    presence.wait_for(|now| *now == Presence::Here).await.unwrap();
    assert!(db.client(ClientId(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_server_without_encryption_is_refused_unless_the_connection_string_allows_it() {
    let server = TdsServer::start().await;
    let plain = SqlServerOptions::at(server.connection_string("User ID=app;Password=geheim"));
    let reported = refusal(&plain).await.to_string();
    assert!(reported.contains("no encryption"), "{reported}");
    assert!(server.logins().is_empty(), "the password stayed here");
}

#[tokio::test]
async fn a_certificate_is_verified_unless_the_connection_string_names_it_or_trusts_any() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder();
    let mut tls = tls.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    tls.alpn_protocols = vec![b"tds/8.0".to_vec()];
    let server = TdsServer::with_tls(TlsAcceptor::from(Arc::new(tls))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.der");
    std::fs::write(&file, made.cert.der()).unwrap();

    let strict = |rest: &str| {
        let text = format!("User ID=app;Password=geheim;Encrypt=strict;{rest}");
        SqlServerOptions::at(server.connection_string(&text).replace("127.0.0.1", "localhost"))
    };
    let reported = refusal(&strict("")).await;
    assert!(
        matches!(reported, StoreError::Broken { .. }) && reported.to_string().contains("certificate"),
        "{reported}"
    );
    assert!(server.logins().is_empty(), "the password stayed here");
    SqlServer::open(&strict("TrustServerCertificate=true")).await.unwrap();
    let mine = format!("TrustServerCertificateCA={}", file.display());
    SqlServer::open(&strict(&mine)).await.unwrap();
    let reported = refusal(&strict(&format!("{mine};HostNameInCertificate=elsewhere"))).await;
    assert!(reported.to_string().contains("certificate"), "{reported}");
}

/// The identity library reads the endpoint from the environment, so this runs as a process of its own.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "which of the two processes this is")]
async fn a_managed_identity_logs_in_with_a_token_fetched_anew_for_each_connection() {
    if let Ok(text) = std::env::var("WIRE_TEST_CONNECTION") {
        let db = SqlServer::open(&SqlServerOptions::at(text)).await.unwrap();
        assert!(db.client(ClientId(1)).await.unwrap().is_some(), "on a second connection: the first one was cut");
        return;
    }
    let server = TdsServer::start().await;
    server.answer("books_client", client());
    server.fault("books_client", Fault::CutAnswer);
    // Each token is due for renewal on arrival.
    let tokens = ["token-one", "token-two", "token-three"].map(|text| granted(text, Duration::from_secs(200)));
    let endpoint = IdentityEndpoint::start(tokens.to_vec());
    let rest = "Authentication=Active Directory Managed Identity;User Id=my-identity;Encrypt=DANGER_PLAINTEXT";
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "wire::logins::a_managed_identity_logs_in_with_a_token_fetched_anew_for_each_connection"])
        .arg("--nocapture")
        .env("WIRE_TEST_CONNECTION", server.connection_string(rest))
        .envs(endpoint.settings());
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let asked = endpoint.heads();
    assert!(asked[0].contains("resource=https%3A%2F%2Fdatabase.windows.net"), "{asked:?}");
    let logins = server.logins();
    assert!(logins[0].contains("token-one") && logins[1].contains("token-two"), "{logins:?}");
}
