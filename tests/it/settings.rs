//! Settings: every problem is reported at once and by name, and the example file is complete and works.

use client_organizer::config::{
    FUNCTION_TIMEOUT_MS, Kind, Language, Problem, Setting, Settings, StoreKind, catalogue, printed,
};
use std::collections::BTreeMap;

const CONNECTION: &str =
    "Endpoint=sb://office.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0LWtleQ==";
const EMULATOR: &str =
    "Endpoint=sb://127.0.0.1:7072;SharedAccessKeyName=a;SharedAccessKey=c2VjcmV0LWtleQ==;UseDevelopmentEmulator=true";

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn problems(pairs: &[(&str, &str)]) -> Vec<Problem> {
    let Err(problems) = Settings::read(&env(pairs)) else { panic!("nothing was wrong with {pairs:?}") };
    problems
}

/// The one problem of these settings, as a person reads it.
fn problem(pairs: &[(&str, &str)]) -> String {
    let problems = problems(pairs);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].to_string()
}

fn file(name: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn example() -> BTreeMap<String, String> {
    let file: serde_json::Value = serde_json::from_str(&file("local.settings.example.json")).unwrap();
    assert_eq!(file["IsEncrypted"], false);
    serde_json::from_value(file["Values"].clone()).unwrap()
}

#[test]
fn nothing_needs_to_be_set_where_no_bus_is_needed() {
    let settings = Settings::read(&env(&[])).unwrap();
    assert_eq!(settings.email.language, Language::Pl);
    assert_eq!(settings.dispatch.lease_ms, 60_000);
    let routed =
        |event: &str| settings.routes.of(event).map(|to| to.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(routed("FinancialRecordCreated"), Some(vec!["queue:client-emails".to_owned()]));
    assert_eq!(routed("FinancialRecordUpdated"), Some(vec!["queue:client-emails".to_owned()]));
    assert_eq!(routed("FinancialRecordDeleted"), Some(vec![]));
    assert_eq!(routed("Foreign"), None, "what no setting routes waits");
}

#[test]
fn a_domain_that_azure_manages_has_its_own_rate_limit_and_sender() {
    let read = |from: &str| {
        let acs = [("Email__Provider", "acs"), ("Email__AcsEndpoint", "https://x.communication.azure.com")];
        Settings::read(&env(&[acs[0], acs[1], ("Email__From", from)]))
    };
    let rate_limit = |from: &str| {
        read(from).map(|settings| (settings.notify.rate_limit.per_minute, settings.notify.rate_limit.per_hour))
    };
    assert_eq!(rate_limit("Biuro <biuro@office.example.pl>").unwrap(), (30, 100));
    assert_eq!(rate_limit("Biuro <DoNotReply@1a2b.azurecomm.net>").unwrap(), (5, 10));
    assert_eq!(rate_limit("donotreply@1a2b.AzureComm.net").unwrap(), (5, 10));
    let queries = |from: &str| read(from).map(|s| (s.notify.queries.per_minute, s.notify.queries.per_hour));
    assert_eq!(queries("Biuro <biuro@office.example.pl>").unwrap(), (60, 200));
    assert_eq!(queries("donotreply@1a2b.AzureComm.net").unwrap(), (10, 20));
    assert!(format!("{:?}", read("biuro@1a2b.azurecomm.net").unwrap_err()).contains("donotreply@"));
}

#[test]
fn every_problem_is_reported_at_once_and_by_name() {
    let problems = Settings::read_with_bus(&env(&[
        ("Outbox__BatchMax", "2001"),
        ("Outbox__RetryMax", "ten"),
        ("Email__Language", "de"),
        ("Email__From", "office"),
        ("OutboxSchedule", "*/5 * * * 7"),
        ("Routes__Foreign", "exchange:x"),
        ("Store__Path", ""),
        ("Log__Level", "loud"),
        ("Outbox__BatchMx", "5"),
    ]))
    .unwrap_err();
    let mut names: Vec<_> = problems.iter().map(|problem| problem.setting.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "Email__From",
        "Email__Language",
        "Log__Level",
        "OutboxSchedule",
        "Outbox__BatchMax",
        "Outbox__BatchMx",
        "Outbox__RetryMax",
        "Routes__Foreign",
        "ServiceBusConnection",
        "Store__Path",
    ];
    assert_eq!(names, expected, "{problems:?}");
    assert!(problems.iter().any(|p| p.to_string() == "Outbox__BatchMax is invalid: expected 1 to 2000, not 2001"));
}

#[test]
fn each_problem_is_reported_once_and_none_that_only_follows_from_another() {
    for setting in catalogue::all() {
        // Any text is a valid path.
        if setting.default.is_none() || Settings::read(&env(&[(setting.name, "§")])).is_ok() {
            continue;
        }
        assert!(problem(&[(setting.name, "§")]).starts_with(setting.name));
    }
    let reported = problems(&[("Breaker__BaseMs", "x"), ("Email__RetryDelayMaxMs", "x"), ("Breaker__MaxMs", "1000")]);
    let names: Vec<_> = reported.iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(names, ["Breaker__BaseMs", "Email__RetryDelayMaxMs"], "5000 is nobody's value: {reported:?}");
}

/// Keys, passwords and connection strings as they look when pasted into the wrong setting.
const CANARY: &str = "c4n4ryC4N4RYc4n4ry0123456789abcdefghijklmnop";

fn pasted() -> [String; 6] {
    [
        format!("{CANARY}="),
        format!("{CANARY} "),
        format!("Endpoint=sb://office.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey={CANARY}="),
        format!("Server=tcp:srv.example,1433;Database=office;User ID=app;Password={CANARY};Encrypt=maybe"),
        format!("endpoint=https://office.communication.azure.com/;accesskey={CANARY}!"),
        format!("https://office:{CANARY}@srv.example/"),
    ]
}

#[test]
fn no_wrong_value_is_repeated_whichever_setting_it_was_pasted_into() {
    let others = ["AZURE_CLIENT_SECRET", "RUST_LOG", "Routes__Paid", "Outbox__Typo"];
    let acs = ("Email__Provider", "acs");
    for name in catalogue::all().map(|setting| setting.name).chain(others) {
        for value in pasted() {
            for beside in [&[][..], &SMTP, &[acs], &[("Store__Kind", "sqlserver")], &[("WEBSITE_SITE_NAME", "x")]] {
                let mut settings = env(beside);
                settings.insert(name.to_owned(), value.clone());
                let reported = Settings::read_with_bus(&settings).err().unwrap_or_default();
                assert!(!format!("{reported:?}").contains(CANARY), "{name}={value}: {reported:?}");
            }
        }
    }
}

#[test]
fn no_message_may_be_larger_than_its_receiver_takes() {
    assert!(problem(&[("Outbox__MessageBytesMax", "1000001")]).starts_with("Outbox__MessageBytesMax"));
}

#[test]
fn settings_that_are_fine_alone_may_contradict_each_other() {
    for (pairs, name, expected) in [
        (
            vec![("Inbox__RetentionDays", "43")],
            "Inbox__RetentionDays",
            "Outbox__RetentionDays + Bus__TimeToLiveDays = 44",
        ),
        (vec![("Outbox__HeadroomMs", "60000")], "Outbox__HeadroomMs", "expected less than Outbox__LeaseMs = 60000"),
        (vec![("Bus__TimeoutMs", "50000")], "Bus__TimeoutMs", "less than Outbox__LeaseMs - Outbox__HeadroomMs = 50000"),
        (vec![("Outbox__RetryBaseMs", "900001")], "Outbox__RetryBaseMs", "at most Outbox__RetryDelayMaxMs"),
        (vec![("Breaker__MaxMs", "4999")], "Breaker__BaseMs", "at most Breaker__MaxMs"),
        (vec![("Email__RetryDelayMaxMs", "1")], "Email__RetryBaseMs", "at most Email__RetryDelayMaxMs"),
        (vec![("Outbox__RunMs", "240000")], "Outbox__RunMs", "less than functionTimeout"),
        (vec![("Email__RunMs", "240000")], "Email__RunMs", "less than functionTimeout"),
        (vec![("Inbox__RefusedBodyDays", "401")], "Inbox__RefusedBodyDays", "at most Inbox__RetentionDays"),
    ] {
        let reported = problem(&pairs);
        assert!(reported.starts_with(name) && reported.contains(expected), "{reported}");
    }
    assert!(Settings::read(&env(&[("Inbox__RetentionDays", "44"), ("Outbox__HeadroomMs", "44999")])).is_ok());
}

#[test]
fn a_misspelt_name_is_reported_and_a_foreign_one_ignored() {
    assert!(problem(&[("Outbox__BatchMx", "5")]).contains("is not a setting"));
    assert!(problem(&[("outbox__batchmax", "5")]).contains("is written Outbox__BatchMax"));
    assert!(problem(&[("EMAILQUEUENAME", "q")]).contains("is written EmailQueueName"));
    let foreign = [("PATH", "/bin"), ("WEBSITE__X", "1"), ("AzureWebJobsStorage__accountName", "s")];
    assert!(Settings::read(&env(&foreign)).is_ok());
}

#[test]
fn a_route_names_each_destination_once() {
    let settings = Settings::read(&env(&[("Routes__Paid", "queue:a, topic:b"), ("EmailQueueName", "mails")])).unwrap();
    let paid: Vec<_> = settings.routes.of("Paid").unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(paid, ["queue:a", "topic:b"]);
    assert_eq!(settings.routes.of("FinancialRecordCreated").unwrap()[0].to_string(), "queue:mails");
    assert!(problem(&[("Routes__Paid", "queue:a,queue:a")]).contains("twice"));
    let reported = problem(&[("Routes__Paid", "queue:a b")]);
    assert!(reported.contains("expected a queue's or topic's name") && !reported.contains("a b"), "{reported}");
}

#[test]
fn serving_needs_a_connection_string_and_its_key_is_never_shown() {
    assert!(Settings::read_with_bus(&env(&[("ServiceBusConnection", CONNECTION)])).is_ok());
    let missing = |pairs: &[(&str, &str)]| Settings::read_with_bus(&env(pairs)).unwrap_err()[0].to_string();
    assert!(missing(&[]).contains("ServiceBusConnection is not set"));
    assert!(missing(&[("ServiceBusConnection", " ")]).contains("is not set"));
    let signature = "Endpoint=sb://office.servicebus.windows.net/;\
                     SharedAccessSignature=SharedAccessSignature sr=x&sig=y&se=1800000000&skn=send";
    assert!(Settings::read_with_bus(&env(&[("ServiceBusConnection", signature)])).is_ok());
    assert!(problem(&[("ServiceBusConnection", &signature.replace("se=", "e="))]).contains("lacks sr, sig, se or skn"));

    let entity = format!("{CONNECTION};EntityPath=other");
    for (text, expected) in [
        ("Endpoint=sb://x;SharedAccessKey=c2VjcmV0LWtleQ==;SharedAccessKeyName=a", "other clouds"),
        (entity.as_str(), "its key is for other alone (EntityPath), but the routes name queue:client-emails"),
    ] {
        let reported = problem(&[("ServiceBusConnection", text)]);
        assert!(reported.contains(expected) && !reported.contains("c2Vj"), "{reported}");
    }
    let settings = Settings::read(&env(&[("ServiceBusConnection", CONNECTION)])).unwrap();
    assert!(!format!("{settings:?}").contains("c2Vj"));
}

#[test]
fn an_identity_opens_the_namespace_instead_of_a_key_and_not_together_with_one() {
    const NAMESPACE: &str = "ServiceBusConnection__fullyQualifiedNamespace";
    let office = (NAMESPACE, "office.servicebus.windows.net");
    let identity = ("ServiceBusConnection__credential", "managedidentity");
    assert!(Settings::read_with_bus(&env(&[office, identity, ("ServiceBusConnection__clientId", "7")])).is_ok());
    for (pairs, name, expected) in [
        (vec![office, ("ServiceBusConnection", CONNECTION)], NAMESPACE, "unset one"),
        (vec![identity, ("ServiceBusConnection", CONNECTION)], "ServiceBusConnection__credential", "unset one"),
        (vec![(NAMESPACE, "sb://office")], NAMESPACE, "without sb://"),
        (
            vec![office, ("ServiceBusConnection__credential", "password")],
            "ServiceBusConnection__credential",
            "expected managedidentity",
        ),
    ] {
        let reported = problem(&pairs);
        assert!(reported.starts_with(name) && reported.contains(expected), "{reported}");
    }
}

#[test]
fn settings_of_the_bus_must_be_consistent() {
    for (pairs, name, expected) in [
        (vec![("ServiceBus__Transport", "http")], "ServiceBus__Transport", "amqp, websocket or rest"),
        (vec![("ServiceBus__SessionDestinations", "queue:other")], "ServiceBus__SessionDestinations", "no route"),
        (vec![("ServiceBus__PartitionedDestinations", "x")], "ServiceBus__PartitionedDestinations", "queue:<name>"),
        (vec![("ServiceBus__Gateway", "gate")], "ServiceBus__Gateway", "expected host:port"),
        (
            vec![("ServiceBus__Gateway", "gate:5671"), ("ServiceBus__Transport", "rest")],
            "ServiceBus__Gateway",
            "unset one",
        ),
        (
            vec![("ServiceBus__SessionDestinations", "queue:client-emails"), ("ServiceBus__Transport", "rest")],
            "ServiceBus__SessionDestinations",
            "needs AMQP",
        ),
    ] {
        let reported = problem(&pairs);
        assert!(reported.starts_with(name) && reported.contains(expected), "{reported}");
    }
    assert!(Settings::read(&env(&[("ServiceBus__SessionDestinations", "queue:client-emails")])).is_ok());
}

#[test]
fn local_settings_are_refused_in_azure() {
    let site = ("WEBSITE_SITE_NAME", "office");
    let reported = problems(&[site, ("ServiceBusConnection", EMULATOR), ("Store__SkewMs", "1")]);
    let names: Vec<_> = reported.iter().map(|problem| problem.setting.as_str()).collect();
    for name in ["Store__Kind", "Store__SkewMs", "Email__Provider", "ServiceBusConnection", "Inbox__RecipientKey"] {
        assert!(names.contains(&name), "{name}: {reported:?}");
    }
    assert!(reported.iter().all(|problem| problem.what.contains("refused in Azure")), "{reported:?}");
}

const SMTP: [(&str, &str); 2] = [("Email__Provider", "smtp"), ("Email__SmtpHost", "smtp.example.pl")];

#[test]
fn a_mail_server_is_configured_completely_and_fits_the_lease() {
    let with = |pairs: &[(&'static str, &'static str)]| [&SMTP, pairs].concat();
    assert!(Settings::read(&env(&SMTP)).is_ok());
    for (pairs, name, expected) in [
        (vec![("Email__SmtpHost", "")], "Email__SmtpHost", "is not set"),
        (vec![("Email__SmtpHost", "smtp://x")], "Email__SmtpHost", "expected a host's name"),
        (vec![("Email__SmtpUser", "office")], "Email__SmtpPassword", "is not set"),
        (vec![("Email__SmtpPassword", "hush-hush")], "Email__SmtpUser", "is not set"),
        (vec![("Email__SmtpSecurity", "none")], "Email__SmtpSecurity", "Email__SmtpHost names another"),
        (vec![("Email__SmtpSecurity", "ssl")], "Email__SmtpSecurity", "starttls, tls or none"),
        (vec![("Email__SmtpCaFile", "no/such.pem")], "Email__SmtpCaFile", "path of a file"),
        (vec![("Email__SmtpTimeoutMs", "30001")], "Email__SmtpTimeoutMs", "at most half of Email__LeaseMs = 60000"),
        (vec![("Email__ReplyTo", "office")], "Email__ReplyTo", "expected an address"),
    ] {
        let reported = problem(&with(&pairs));
        assert!(reported.starts_with(name) && reported.contains(expected) && !reported.contains("hush"), "{reported}");
    }
    for host in ["localhost", "127.0.0.1", "::1"] {
        let local = with(&[("Email__SmtpHost", host), ("Email__SmtpSecurity", "none")]);
        assert!(Settings::read(&env(&local)).is_ok(), "{host}");
    }
    assert!(Settings::read(&env(&[("Email__SmtpUser", "office")])).is_ok(), "the folder provider asks for none of it");
    let settings = Settings::read(&env(&with(&[("Email__SmtpUser", "u"), ("Email__SmtpPassword", "hush ")]))).unwrap();
    assert_eq!(settings.email.smtp.password.as_ref().unwrap().expose(), "hush ", "as given");
    assert!(!format!("{settings:?}").contains("hush"));
}

#[test]
fn a_mail_server_is_allowed_in_azure_only_with_encryption() {
    let secret = ("Inbox__RecipientKey", "0123456789abcdef0123456789abcdef");
    let azure = [&SMTP[..], &[("WEBSITE_SITE_NAME", "office"), secret]].concat();
    let named = |pairs: &[(&str, &str)]| problems(pairs).into_iter().map(|p| p.setting).collect::<Vec<_>>();
    assert_eq!(named(&azure), ["Store__Kind"]);
    let plain = [&azure[..], &[("Email__SmtpHost", "127.0.0.1"), ("Email__SmtpSecurity", "none")]].concat();
    assert_eq!(named(&plain), ["Email__SmtpSecurity", "Store__Kind"]);
}

#[test]
fn the_unsubscribe_setting_is_one_address_and_a_one_click_url_names_the_recipient() {
    const URI: &str = "Email__ListUnsubscribe";
    const CLICK: (&str, &str) = ("Email__ListUnsubscribeOneClick", "yes");
    let own = "https://office.example.pl/stop?mail={id}";
    for fine in [&[(URI, "mailto:stop@office.example.pl")][..], &[(URI, own)], &[(URI, own), CLICK]] {
        assert!(Settings::read(&env(fine)).unwrap().email.unsubscribe.is_some(), "{fine:?}");
    }
    for (pairs, name, expected) in [
        (vec![(URI, "office")], URI, "expected mailto:"),
        (vec![(URI, "https://office.example.pl/>\r\nBcc: x@example.pl")], URI, "expected mailto:"),
        (vec![(URI, "https://office.example.pl/stop"), CLICK], URI, "{id}"),
        (vec![CLICK], URI, "is not set"),
        (vec![(CLICK.0, "true")], CLICK.0, "no or yes"),
    ] {
        let reported = problem(&pairs);
        assert!(reported.starts_with(name) && reported.contains(expected), "{reported}");
    }
}

#[test]
fn a_recipients_key_is_a_secret_in_azure_and_is_not_shown() {
    let site = ("WEBSITE_SITE_NAME", "office");
    let reported = |key| problems(&[site, ("Inbox__RecipientKey", key)]);
    let named = |key| reported(key).iter().any(|problem| problem.setting == "Inbox__RecipientKey");
    assert!(named("hush-hush") && !named("hush-hush-hush-hush-hush-hush-hush"));
    assert!(!format!("{:?}", reported("hush-hush")).contains("hush"));
    let settings = Settings::read(&env(&[("Inbox__RecipientKey", "hush-hush")])).unwrap();
    assert!(!format!("{settings:?}").contains("hush"));
}

#[test]
fn azure_communication_services_are_configured_in_one_valid_way() {
    const KEY: (&str, &str) =
        ("Email__AcsConnectionString", "endpoint=https://office.communication.azure.com/;accesskey=aHVzaA==");
    const ENDPOINT: (&str, &str) = ("Email__AcsEndpoint", "https://office.communication.azure.com");
    let with = |pairs: &[(&'static str, &'static str)]| [&[("Email__Provider", "acs")], pairs].concat();
    for fine in [&[KEY][..], &[ENDPOINT], &[ENDPOINT, ("Email__AcsEndpoint__credential", "managedidentity")]] {
        assert!(Settings::read(&env(&with(fine))).is_ok(), "{fine:?}");
    }
    let http = "endpoint=http://127.0.0.1:8080/;accesskey=aHVzaA==";
    assert!(Settings::read(&env(&with(&[(KEY.0, http)]))).is_ok());
    for (pairs, name, expected) in [
        (vec![], ENDPOINT.0, "is not set, nor is"),
        (vec![KEY, ENDPOINT], ENDPOINT.0, "too: unset one"),
        (vec![(KEY.0, "aHVzaA==")], KEY.0, "expected endpoint="),
        (vec![(KEY.0, "endpoint=https://x;accesskey=hush!")], KEY.0, "not base64"),
        (vec![(KEY.0, "endpoint=http://mail.example;accesskey=aHVzaA==")], KEY.0, "for this machine alone"),
        (vec![(ENDPOINT.0, "office.communication.azure.com")], ENDPOINT.0, "expected https://"),
        (vec![(ENDPOINT.0, "https://office.communication.azure.com/emails")], ENDPOINT.0, "nothing after it"),
        (vec![(ENDPOINT.0, "http://127.0.0.1:8080")], ENDPOINT.0, "a token is not sent in the clear"),
        (
            vec![ENDPOINT, ("Email__AcsEndpoint__credential", "password")],
            "Email__AcsEndpoint__credential",
            "expected managedidentity",
        ),
        (
            vec![ENDPOINT, ("Email__AcsTimeoutMs", "30001")],
            "Email__AcsTimeoutMs",
            "at most half of Email__LeaseMs = 60000",
        ),
    ] {
        let reported = problem(&with(&pairs));
        assert!(reported.starts_with(name) && reported.contains(expected), "{reported}");
        assert!(!reported.contains("aHVzaA") && !reported.contains("hush"), "{reported}");
    }
    let settings = Settings::read(&env(&with(&[KEY]))).unwrap();
    assert!(!format!("{settings:?}").contains("aHVzaA"));
    let azure = with(&[("WEBSITE_SITE_NAME", "office"), (KEY.0, http)]);
    assert!(
        problems(&azure).iter().any(|reported| reported.setting == KEY.0 && reported.what.contains("refused in Azure"))
    );
}

#[test]
fn the_log_level_may_come_from_rust_log() {
    let level = |pairs: &[(&str, &str)]| Settings::read(&env(pairs)).unwrap().log_level;
    assert_eq!(level(&[]), "info");
    assert_eq!(level(&[("RUST_LOG", "debug")]), "debug");
    assert_eq!(
        level(&[("RUST_LOG", "debug"), ("Log__Level", "warn,client_organizer=debug")]),
        "warn,client_organizer=debug"
    );
    assert!(problem(&[("RUST_LOG", "[")]).starts_with("RUST_LOG"));
}

#[test]
fn the_example_file_is_made_from_the_table_and_works() {
    assert!(
        file("local.settings.example.json") == printed::example(),
        "client-organizer settings --example > local.settings.example.json"
    );
    let settings = Settings::read_with_bus(&example()).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(format!("{:?}", settings.routes), format!("{:?}", Settings::read(&env(&[])).unwrap().routes));
    assert!(settings.warnings.is_empty());
}

#[test]
fn the_page_of_settings_is_made_from_the_table() {
    assert!(
        file("src/config/README.md").replace("\r\n", "\n") == printed::markdown(),
        "client-organizer settings --markdown > src/config/README.md"
    );
}

#[test]
fn the_printed_settings_hold_each_setting_and_what_it_expects() {
    let (page, terminal) = (printed::markdown(), printed::text());
    for setting in catalogue::all() {
        let expected = setting.kind.to_string();
        assert!(terminal.contains(&format!("expected: {expected}\n")), "{}", setting.name);
        assert!(page.contains(&expected.replace('<', "\\<")), "{}", setting.name);
        for name in setting.names() {
            assert!(page.contains(&format!("`{name}`")) && terminal.contains(name), "{name}");
        }
    }
}

/// The table states types, bounds and words; the code that reads a setting must enforce them and be able to hold them.
#[test]
fn every_default_bound_and_word_of_the_table_is_enforced() {
    let invalid = |name: &'static str, value: &str| {
        let read = Settings::read(&env(&[(name, value)])).err().unwrap_or_default();
        // At its bounds a setting may contradict another one; that is not tested here.
        let expected = format!("{name} is invalid: expected {}", catalogue::find(name).unwrap().kind);
        let got = if value.parse::<i64>().is_ok() { format!(", not {value}") } else { String::new() };
        let number = matches!(catalogue::find(name).unwrap().kind, Kind::Number { .. });
        let report = if number { expected + &got } else { expected };
        read.iter().any(|problem| problem.to_string() == report)
    };
    for setting in catalogue::all() {
        let (good, bad): (Vec<String>, Vec<String>) = match setting.kind {
            Kind::Number { min, max, .. } => {
                let text = |numbers: [i64; 2]| numbers.map(|one| one.to_string()).to_vec();
                (text([min, max]), [text([min - 1, max + 1]), vec!["ten".to_owned()]].concat())
            }
            Kind::Choice(words) => (words().into_iter().map(str::to_owned).collect(), vec!["§".to_owned()]),
            Kind::Schedule | Kind::Text(_) => continue,
        };
        let good = good.into_iter().chain(setting.default.map(str::to_owned));
        for value in good {
            assert!(!invalid(setting.name, &value), "{}={value}", setting.name);
        }
        for value in bad {
            assert!(invalid(setting.name, &value), "{}={value}", setting.name);
        }
    }
}

#[test]
fn no_two_settings_have_one_name() {
    let mut names: Vec<_> = catalogue::all().flat_map(Setting::names).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn a_former_name_is_read_with_a_warning_and_not_beside_the_present_one() {
    let settings = Settings::read(&env(&[("Email__AtOnceMax", "7")])).unwrap();
    assert_eq!(settings.notify.at_once, 7);
    let warnings: Vec<_> = settings.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["Email__AtOnceMax is the former name of Email__ConcurrencyMax: use that one"]);
    let both = problem(&[("Email__AtOnceMax", "7"), ("Email__ConcurrencyMax", "7")]);
    assert_eq!(
        both,
        "Email__AtOnceMax is the former name of Email__ConcurrencyMax, and both are set: unset Email__AtOnceMax"
    );
    // A wrong value is reported under the current name, which is the one to set.
    assert!(problem(&[("Email__AtOnceMax", "no")]).starts_with("Email__ConcurrencyMax is invalid: expected 1 to 64"));
    let formerly: Vec<_> = catalogue::all().filter(|one| !one.formerly.is_empty()).collect();
    assert!(!formerly.is_empty());
    for setting in formerly {
        for former in setting.formerly {
            let value = setting.example.or(setting.default).unwrap_or_default();
            let read = Settings::read(&env(&[(former, value)])).unwrap();
            assert_eq!(read.warnings.len(), 1, "{former}");
        }
    }
}

#[test]
fn the_bounds_on_a_run_are_those_of_the_host() {
    let host: serde_json::Value = serde_json::from_str(&file("host.json")).unwrap();
    let timeout = host["functionTimeout"].as_str().unwrap();
    let parts: Vec<u64> = timeout.split(':').map(|part| part.parse().unwrap()).collect();
    assert_eq!((parts[0] * 3600 + parts[1] * 60 + parts[2]) * 1_000, FUNCTION_TIMEOUT_MS, "{timeout}");
}

const SQL: &str =
    "Server=tcp:srv.example,1433;Database=office;User ID=app;Password=geheim;Connect Timeout=7;Command Timeout=9";

#[test]
fn timeouts_of_the_connection_string_count_where_no_setting_is_given() {
    let timeouts = |more: &[(&str, &str)]| {
        let given = [&[("Store__Kind", "sqlserver"), ("SqlConnectionString", SQL)], more].concat();
        match Settings::read(&env(&given)).unwrap().store.kind {
            StoreKind::SqlServer { pool, .. } => (pool.connect_timeout.as_millis(), pool.command_timeout.as_millis()),
            StoreKind::Sqlite => panic!("SQLite"),
        }
    };
    assert_eq!(timeouts(&[]), (7_000, 9_000));
    assert_eq!(timeouts(&[("Sql__ConnectTimeoutMs", "2000"), ("Sql__CommandTimeoutMs", "3000")]), (2_000, 3_000));
}

#[test]
fn a_contradictory_connection_string_is_reported_by_keyword_without_its_values() {
    let text = "Server=x;Authentication=Active Directory MSI;Password=geheim;Encrypt=maybe";
    let reported = problems(&[("Store__Kind", "sqlserver"), ("SqlConnectionString", text)]);
    let reported: Vec<String> = reported.iter().map(ToString::to_string).collect();
    assert_eq!(reported.len(), 2, "{reported:?}");
    assert!(
        reported.iter().all(|one| one.starts_with("SqlConnectionString has ") && !one.contains("geheim")),
        "{reported:?}"
    );
    assert!(reported.iter().any(|one| one.contains("Password")) && reported.iter().any(|one| one.contains("Encrypt")));
}

#[test]
fn a_connection_string_that_would_not_be_used_is_reported() {
    let reported = problem(&[("SqlConnectionString", SQL)]);
    assert!(reported.starts_with("Store__Kind is not set") && reported.contains("sqlserver"), "{reported}");
    assert!(!reported.contains("geheim"));
    for given in ["sqlite", "sqlserver"] {
        assert!(Settings::read(&env(&[("Store__Kind", given), ("SqlConnectionString", SQL)])).is_ok(), "{given}");
    }
    assert!(Settings::read(&env(&[("SqlConnectionString", "")])).is_ok(), "as the example has it");
}
