//! The template of Azure: what a deployment would set, as the committed snapshots have it, is what the program and its functions read.

use crate::support::{
    acs_server::AcsServer,
    backend::memory,
    host::{self, Host, executable},
    http_client::send,
    sql_server::{SqlServerBackend, without},
};
use client_organizer::config::{EmailProvider, Settings, StoreKind, catalogue};
use hyper::Method;
use regex::Regex;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path, process::Command};

const ENVIRONMENTS: [&str; 2] = ["dev", "prod"];

/// What Azure knows only once the resources exist, or an office puts for `<…>`; an expression for another setting fails the tests.
const DEPLOYED: [(&str, &str); 9] = [
    ("AzureWebJobsStorage__clientId", "1b671a64-40d5-491e-99b0-da01ff1f3341"),
    ("APPLICATIONINSIGHTS_CONNECTION_STRING", "InstrumentationKey=0"),
    ("ServiceBusConnection__fullyQualifiedNamespace", "office-7f3k.servicebus.windows.net"),
    ("ServiceBusConnection__clientId", "1b671a64-40d5-491e-99b0-da01ff1f3341"),
    (
        "SqlConnectionString",
        "Server=tcp:office-7f3k.database.windows.net,1433;Database=client-organizer;Authentication=Active Directory \
         Managed Identity;User Id=1b671a64-40d5-491e-99b0-da01ff1f3341",
    ),
    ("Email__From", "Biuro <DoNotReply@1a2b.azurecomm.net>"),
    ("Email__ReplyTo", "biuro@example.pl"),
    ("Email__AcsEndpoint", "https://office.communication.azure.com"),
    ("Email__AcsEndpoint__clientId", "1b671a64-40d5-491e-99b0-da01ff1f3341"),
];

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The resources that a parameter file deploys.
fn resources(environment: &str) -> Vec<Value> {
    let snapshot: Value = serde_json::from_str(&file(&format!("infra/{environment}.snapshot.json"))).unwrap();
    snapshot["predictedResources"].as_array().unwrap().clone()
}

fn resource(environment: &str, kind: &str) -> Value {
    let mut found: Vec<Value> = resources(environment).into_iter().filter(|one| one["type"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind} in {environment}");
    found.remove(0)
}

/// The app settings as the template gives them.
fn given(environment: &str) -> BTreeMap<String, String> {
    let config = resource(environment, "Microsoft.Web/sites/config");
    assert!(config["name"].as_str().unwrap().ends_with("/appsettings"));
    serde_json::from_value(config["properties"].clone()).unwrap()
}

/// As the process finds them: expressions and references to the vault resolved.
fn deployed(environment: &str) -> BTreeMap<String, String> {
    let resolved = |name: &str, value: String| {
        if value.starts_with(['[', '<']) {
            let known = DEPLOYED.iter().find(|(known, _)| *known == name);
            return known.unwrap_or_else(|| panic!("what is {name}?")).1.to_owned();
        }
        if value.starts_with("@Microsoft.KeyVault(") { "0123456789abcdef0123456789abcdef".to_owned() } else { value }
    };
    given(environment).into_iter().map(|(name, value)| (name.clone(), resolved(&name, value))).collect()
}

/// What the platform adds by itself.
fn with_the_platform(mut settings: BTreeMap<String, String>) -> BTreeMap<String, String> {
    for (name, value) in [
        ("WEBSITE_SITE_NAME", "office-7f3k"),
        ("IDENTITY_ENDPOINT", "http://127.0.0.1:8081/msi/token"),
        ("IDENTITY_HEADER", "0000"),
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "40001"),
    ] {
        settings.insert(name.to_owned(), value.to_owned());
    }
    settings
}

#[test]
fn the_app_starts_with_nothing_but_what_the_template_sets() {
    for environment in ENVIRONMENTS {
        let settings = Settings::read_with_bus(&with_the_platform(deployed(environment)))
            .unwrap_or_else(|problems| panic!("{environment}: {problems:?}"));
        assert!(matches!(settings.store.kind, StoreKind::SqlServer { .. }) && settings.in_azure);
        assert!(settings.warnings.is_empty(), "{environment}: {:?}", settings.warnings);
    }
}

/// The local host's store and queue in place of Azure's, and a stand-in for the mail service, with a key in place of an
/// identity; all else is the template's. `STAGED_APP` names a folder that was staged (tests/staged).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_app_serves_with_the_settings_of_the_template() {
    for environment in ENVIRONMENTS {
        serves_with_the_settings_of(environment, None).await;
    }
}

/// The template's store, on a server that knows no Entra ID: its address, and a login with the role of the identity.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_app_serves_with_the_settings_of_the_template_on_sql_server() {
    for environment in ENVIRONMENTS {
        let Some(backend) = SqlServerBackend::start().await else { return };
        serves_with_the_settings_of(environment, Some(&backend.options.connection)).await;
    }
}

async fn serves_with_the_settings_of(environment: &str, role: Option<&str>) {
    let staged = staged_app();
    let root = staged.clone().unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").to_owned());
    let Some(mut acs) = AcsServer::start(true, json!({}), json!({})).await else { return };
    let mut settings = deployed(environment);
    settings.retain(|name, _| !name.starts_with("Email__AcsEndpoint"));
    settings.insert("Email__AcsConnectionString".to_owned(), acs.connection_string());
    // Telemetry must not leave this machine.
    let nobody = "InstrumentationKey=0;IngestionEndpoint=http://127.0.0.1:1/".to_owned();
    settings.insert("APPLICATIONINSIGHTS_CONNECTION_STRING".to_owned(), nobody);
    let mut local = vec!["AzureWebJobsStorage", "ServiceBusConnection", "SqlConnectionString"];
    let mut arguments = Vec::new();
    if let Some(role) = role {
        let ours = ["server", "database", "authentication", "user id"];
        settings.insert(
            "SqlConnectionString".to_owned(),
            format!("{role};{}", without(&settings["SqlConnectionString"], &ours)),
        );
        arguments = vec!["--sql", &settings["SqlConnectionString"]];
    } else {
        local.push("Store__Kind");
    }
    let folder = tempfile::tempdir_in(memory()).unwrap();
    let env: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let host = Host::start_in(Path::new(&root), Path::new(executable()), folder.path(), &env, &arguments);

    if let Some(staged) = &staged {
        let program = fs::read_link(format!("/proc/{}/exe", host.handler_pid)).unwrap();
        assert_eq!(program, fs::canonicalize(staged).unwrap().join("handler"));
    }
    let handler = fs::read_to_string(format!("/proc/{}/environ", host.handler_pid)).unwrap();
    for (name, value) in settings.iter().filter(|(name, _)| !local.iter().any(|one| name.starts_with(one))) {
        assert!(handler.split('\0').any(|one| one == format!("{name}={value}")), "the handler lacks {name}={value}");
    }
    let json = [("content-type", "application/json")];
    let client =
        json!({"name": "Klient", "address": "ul. Prosta 1", "nipNb": "5260250274", "email": "anna@example.pl"});
    let made = send(host.port, Method::POST, "/api/clients", &json, &client.to_string()).await;
    let path = format!("/api/clients/{}/finance", made.json()["id"]);
    let record = json!({"year": 2030, "month": 3, "incomeTax": 1.5, "vat": 2, "insuranceAmount": 3}).to_string();
    let booked = send(host.port, Method::POST, &path, &json, &record).await;
    assert_eq!(booked.status, 201, "{environment}");
    let mailed = acs.next().await;
    assert_eq!((&mailed["refused"], &mailed["taken"]), (&Value::Null, &json!(true)), "{environment}: {mailed}");
    let shown = format!("/api/ops/messages/{}", booked.header("outbox-message-id").unwrap());
    let shown = send(host.port, Method::GET, &shown, &[], "").await;
    assert_eq!(shown.status, 200, "{environment}");
    assert_eq!(send(host.port, Method::GET, "/api/health", &[], "").await.status, 200, "{environment}");
    assert!(host::alive(host.handler_pid), "one handler served all of it");
}

#[expect(clippy::disallowed_methods, reason = "the script that stages says where")]
fn staged_app() -> Option<String> {
    std::env::var("STAGED_APP").ok()
}

/// Azure leaves the reference itself in the variable: long enough to be taken for a key.
#[test]
fn a_reference_to_the_vault_that_was_not_resolved_is_refused() {
    let mut settings = with_the_platform(deployed("dev"));
    let name = "Inbox__RecipientKey";
    settings.insert(name.to_owned(), given("dev")[name].clone());
    let problems = Settings::read_with_bus(&settings).unwrap_err();
    let reported: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(reported[0].starts_with(name) && reported[0].contains("Key Vault"), "{reported:?}");
}

/// What infra/handler.sh passes to one who may not read the vault: without the app's identity.
#[test]
fn a_persons_command_runs_with_the_settings_of_the_app() {
    for environment in ENVIRONMENTS {
        let mut settings = deployed(environment);
        settings.retain(|name, _| !name.ends_with("__credential") && !name.ends_with("__clientId"));
        let key = "Inbox__RecipientKey";
        settings.insert(key.to_owned(), given(environment)[key].clone());
        let read = Settings::read(&settings).unwrap_or_else(|problems| panic!("{environment}: {problems:?}"));
        assert_eq!(read.email.provider, EmailProvider::Acs, "{environment}");
        assert_eq!(read.recipients.unwrap_err().setting, key, "{environment}: it is not taken for a key");
        settings.remove(key);
        for (name, value) in [
            ("Email__Provider", "smtp"),
            ("Email__SmtpHost", "mail.example.pl"),
            ("Email__SmtpUser", "office"),
            ("Email__SmtpPassword", "@Microsoft.KeyVault(VaultName=office;SecretName=Email-SmtpPassword)"),
        ] {
            settings.insert(name.to_owned(), value.to_owned());
        }
        assert!(Settings::read(&settings).is_ok(), "{environment}: no such command sends a mail");
        assert!(Settings::read_with_bus(&settings).is_err(), "{environment}");
    }
}

/// infra/handler.sh tells by them what passes by waiting.
#[test]
fn a_database_that_is_away_is_reported_in_the_words_that_handler_sh_waits_for() {
    let script = file("infra/handler.sh");
    let words = Regex::new(r#"\*"([^"]+)"\*"#).unwrap();
    let words: Vec<&str> = words.captures_iter(&script).map(|found| found.extract::<1>().1[0]).collect();
    let [away, no_token] = words[..] else { panic!("{words:?}") };
    let reported = |login: &str| {
        let connection = format!("Server=tcp:127.0.0.1,1;Database=x;TrustServerCertificate=true;{login}");
        // Without the Azure CLI, and in no cloud.
        let ran = Command::new(executable())
            .args(["migrate", "--dry-run"])
            .env_clear()
            .envs([("PATH", "/nowhere"), ("Store__Kind", "sqlserver"), ("SqlConnectionString", &connection)])
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(1));
        String::from_utf8(ran.stderr).unwrap()
    };
    let refused = reported("User ID=x;Password=y");
    assert!(refused.contains(away) && !refused.contains(no_token), "{refused}");
    let nobody = reported("Authentication=Active Directory Default");
    assert!(nobody.contains(no_token), "{nobody}");
}

#[test]
fn the_template_sets_only_what_the_program_or_the_host_reads() {
    // FUNCTIONS_WORKER_RUNTIME and WEBSITE_RUN_FROM_PACKAGE are refused on Flex Consumption.
    let of_the_host = ["AzureWebJobsStorage__", "APPLICATIONINSIGHTS_CONNECTION_STRING"];
    for environment in ENVIRONMENTS {
        for name in given(environment).keys() {
            let known = catalogue::find(name).is_some() || of_the_host.iter().any(|host| name.starts_with(host));
            assert!(known, "{environment} sets {name}, which nothing reads");
        }
    }
}

/// The host knows neither our defaults nor the resources' names.
#[test]
fn what_a_function_names_is_set_and_exists() {
    let named = Regex::new(r"%(\w+)%").unwrap();
    for environment in ENVIRONMENTS {
        let settings = given(environment);
        for name in client_organizer::functions::names() {
            let function = file(&format!("functions/{name}/function.json"));
            for found in named.captures_iter(&function) {
                let (setting, value) = (&found[1], settings.get(&found[1]));
                let default = catalogue::find(setting).and_then(|setting| setting.default);
                assert_eq!(value.map(String::as_str), default, "{name} in {environment}: {setting}");
            }
            let bindings: Value = serde_json::from_str(&function).unwrap();
            for connection in
                bindings["bindings"].as_array().unwrap().iter().filter_map(|one| one["connection"].as_str())
            {
                let namespace = format!("{connection}__fullyQualifiedNamespace");
                assert!(settings.contains_key(&namespace), "{name} in {environment}: {namespace}");
            }
        }
    }
}

/// `ops` and the inbox's retention go by these settings.
#[test]
fn the_queue_is_as_the_settings_say() {
    for environment in ENVIRONMENTS {
        let (settings, queue) = (given(environment), resource(environment, "Microsoft.ServiceBus/namespaces/queues"));
        let properties = &queue["properties"];
        assert!(queue["name"].as_str().unwrap().ends_with(&format!("/{}", settings["EmailQueueName"])));
        let minutes = settings["Bus__DuplicateWindowMs"].parse::<u64>().unwrap() / 60_000;
        assert_eq!(properties["duplicateDetectionHistoryTimeWindow"], format!("PT{minutes}M"));
        assert_eq!(properties["requiresDuplicateDetection"], minutes > 0);
        assert_eq!(properties["defaultMessageTimeToLive"], format!("P{}D", settings["Bus__TimeToLiveDays"]));
    }
}

/// Nobody signs in with a key or a password.
#[test]
fn every_right_is_an_identitys_and_on_one_resource() {
    for environment in ENVIRONMENTS {
        let roles: Vec<String> = resources(environment)
            .iter()
            .filter(|one| one["type"] == "Microsoft.Authorization/roleAssignments")
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        // prod has a second identity, which reads what jobs run.
        assert_eq!(roles.len(), if environment == "prod" { 6 } else { 5 }, "{roles:#?}");
        for role in roles {
            let scopes = ["/storageAccounts/", "/queues/", "/communicationServices/", "/vaults/"];
            assert!(scopes.iter().any(|scope| role.contains(scope)), "{environment}: {role}");
        }
        let property = |kind: &str, path: &str| resource(environment, kind)["properties"].pointer(path).cloned();
        assert_eq!(property("Microsoft.ServiceBus/namespaces", "/disableLocalAuth"), Some(true.into()));
        assert_eq!(property("Microsoft.Storage/storageAccounts", "/allowSharedKeyAccess"), Some(false.into()));
        let sql = property("Microsoft.Sql/servers", "/administrators/azureADOnlyAuthentication");
        assert_eq!(sql, Some(true.into()));
        let publishing = resources(environment)
            .into_iter()
            .filter(|one| one["type"] == "Microsoft.Web/sites/basicPublishingCredentialsPolicies");
        assert_eq!(publishing.map(|one| one["properties"]["allow"].clone()).collect::<Vec<_>>(), [false, false]);
    }
}

/// The settings of `infra/local.sh`: with the real parts on this machine.
#[test]
fn the_local_parts_are_as_the_settings_say() {
    let read = |name: &str| serde_json::from_str::<Value>(&file(name)).unwrap();
    let values = |file: Value| serde_json::from_value::<BTreeMap<String, String>>(file).unwrap();
    let mut settings = values(read("local.settings.example.json")["Values"].clone());
    let ours = values(read("infra/local/settings.json"));
    let strangers: Vec<_> = ours.keys().filter(|name| !settings.contains_key(*name)).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    settings.extend(ours);
    let set = Settings::read_with_bus(&settings).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(matches!(set.store.kind, StoreKind::SqlServer { .. }) && !set.in_azure);
    let emulator = read("infra/local/servicebus.json");
    let queue = &emulator["UserConfig"]["Namespaces"][0]["Queues"][0];
    assert_eq!(queue["Name"], settings["EmailQueueName"]);
    let minutes = settings["Bus__DuplicateWindowMs"].parse::<u64>().unwrap() / 60_000;
    assert_eq!(queue["Properties"]["DuplicateDetectionHistoryTimeWindow"], format!("PT{minutes}M"));
    let compose = file("infra/compose.yaml");
    for port in ["1433", &settings["Email__SmtpPort"], "5672"] {
        assert!(compose.contains(&format!("\"127.0.0.1:{port}:{port}\"")), "{port}");
    }
}
