//! The parts of host.json and the function.json files that the local host plays.

use super::{LocalError, routes::Template};
use crate::domain::schedule::Schedule;
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// A function app as its files describe it.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The longest an invocation may take; after it the Azure host kills the process. 30 minutes by default.
    pub function_timeout: Duration,
    /// Receivers per queue, 1 to 64: host.json's `maxConcurrentCalls`, 4 by default.
    pub receivers_max: usize,
    /// Whether HTTP goes through the host's proxy (`enableProxyingHttpRequest`); otherwise it is forwarded.
    pub is_proxying: bool,
    /// Enabled functions ordered by name, the order in which the Azure host tries HTTP routes.
    pub functions: Vec<Function>,
}

/// A function and what starts it.
#[derive(Debug, Clone)]
pub struct Function {
    /// The name of its folder, and the path of the handler that serves it.
    pub name: String,
    /// Its only trigger.
    pub trigger: Trigger,
}

/// What starts a function.
#[derive(Debug, Clone)]
pub enum Trigger {
    /// An HTTP request.
    Http {
        /// The paths, with the route prefix.
        route: Template,
        /// Whether it needs a function key (authLevel `function`, which is the Azure host's default).
        needs_key: bool,
        /// The methods in capital letters; an empty list allows all.
        methods: Vec<String>,
    },
    /// A schedule.
    Timer {
        /// The binding's name: the key of the timer in the envelope.
        binding: String,
        /// The times, in UTC.
        schedule: Schedule,
        /// Whether it also runs when the host starts.
        run_on_startup: bool,
    },
    /// A message on a Service Bus queue.
    ServiceBus {
        /// The binding's name: the key of the message in the envelope.
        binding: String,
        /// The queue's name.
        queue: String,
        /// The name of the setting with the connection string.
        connection: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionJson {
    #[serde(default)]
    disabled: bool,
    bindings: Vec<Binding>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Binding {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: String,
    route: Option<String>,
    auth_level: Option<String>,
    #[serde(default)]
    methods: Vec<String>,
    schedule: Option<String>,
    #[serde(default)]
    run_on_startup: bool,
    queue_name: Option<String>,
    connection: Option<String>,
    data_type: Option<String>,
    cardinality: Option<String>,
    #[serde(default)]
    is_sessions_enabled: bool,
}

/// The Azure host's default.
const FUNCTION_TIMEOUT: Duration = Duration::from_mins(30);
/// Azure's default is 16 per core; an embedded database has one writer, so fewer are enough.
const RECEIVERS: u64 = 4;
/// More would only be idle connections here.
const RECEIVERS_MAX: u64 = 64;

impl Manifest {
    /// Reads `root/host.json` and the functions: the folders beside it (a staged app) or below `functions/` (a
    /// checkout). `%Setting%` is replaced by the value in `settings`, those of the child.
    ///
    /// # Errors
    /// Names the file and what is wrong with it: it is missing, unreadable, or describes what is not played here.
    pub fn read(root: &Path, settings: &BTreeMap<String, String>) -> Result<Self, LocalError> {
        let path = root.join("host.json");
        if !path.is_file() {
            let reason =
                "does not exist: run this in a checkout or a staged folder, or name one with --root".to_owned();
            return Err(LocalError::Manifest { path, reason });
        }
        let host: Value = json(&path)?;
        let wrong = |reason: &str| LocalError::Manifest { path: path.clone(), reason: reason.to_owned() };
        if host.pointer("/customHandler/http/routes").is_some() {
            return Err(wrong("customHandler.http.routes beside function.json files makes the Azure host throw"));
        }
        let prefix = host.pointer("/extensions/http/routePrefix").and_then(Value::as_str).unwrap_or("api");
        let timeout = match host.get("functionTimeout").and_then(Value::as_str) {
            None | Some("-1") => FUNCTION_TIMEOUT,
            Some(text) => {
                time_span(text).ok_or_else(|| wrong("functionTimeout is invalid: expected hh:mm:ss, less than 24 h"))?
            }
        };
        let calls = host.pointer("/extensions/serviceBus/maxConcurrentCalls").and_then(Value::as_u64);
        let functions = folders(root)?
            .iter()
            .filter_map(|folder| function(folder, prefix, settings).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        if functions.is_empty() {
            return Err(wrong("has no functions: expected <Name>/function.json beside it or in functions/"));
        }
        let is_set = |name: &str| host.pointer(&format!("/customHandler/{name}")) == Some(&Value::Bool(true));
        let is_proxying = is_set("enableProxyingHttpRequest");
        if !is_proxying
            && !is_set("enableForwardingHttpRequest")
            && functions.iter().any(|f| matches!(f.trigger, Trigger::Http { .. }))
        {
            return Err(wrong(
                "customHandler.enableForwardingHttpRequest or enableProxyingHttpRequest must be true: HTTP is passed to the handler unchanged",
            ));
        }
        let receivers_max = usize::try_from(calls.unwrap_or(RECEIVERS).clamp(1, RECEIVERS_MAX)).unwrap_or(1);
        Ok(Self { function_timeout: timeout, receivers_max, is_proxying, functions })
    }
}

/// The folders that hold a function.json, by name.
fn folders(root: &Path) -> Result<Vec<PathBuf>, LocalError> {
    let below = |folder: &Path| -> Result<Vec<PathBuf>, LocalError> {
        let unread = |e: std::io::Error| LocalError::Manifest {
            path: folder.to_owned(),
            reason: format!("cannot be read: {e}"),
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unread)? {
            let path = entry.map_err(unread)?.path();
            if path.join("function.json").is_file() {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    };
    let staged = below(root)?;
    let checkout = root.join("functions");
    if staged.is_empty() && checkout.is_dir() { below(&checkout) } else { Ok(staged) }
}

fn function(folder: &Path, prefix: &str, settings: &BTreeMap<String, String>) -> Result<Option<Function>, LocalError> {
    let path = folder.join("function.json");
    let wrong = |reason: String| LocalError::Manifest { path: path.clone(), reason };
    let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let described: FunctionJson = json(&path)?;
    let off = settings.get(&format!("AzureWebJobs.{name}.Disabled"));
    if described.disabled || off.is_some_and(|v| v == "1" || v.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let mut triggers = described.bindings.into_iter().filter(|b| b.kind.to_ascii_lowercase().ends_with("trigger"));
    let (Some(binding), None) = (triggers.next(), triggers.next()) else {
        return Err(wrong("bindings is invalid: expected exactly one trigger".to_owned()));
    };
    trigger(&name, prefix, settings, binding).map(|trigger| Some(Function { name, trigger })).map_err(wrong)
}

fn trigger(name: &str, prefix: &str, settings: &BTreeMap<String, String>, binding: Binding) -> Result<Trigger, String> {
    match binding.kind.to_ascii_lowercase().as_str() {
        "httptrigger" => Ok(Trigger::Http {
            route: Template::parse(prefix, binding.route.as_deref().unwrap_or(name))?,
            needs_key: match binding.auth_level.as_deref().map(str::to_ascii_lowercase).as_deref() {
                Some("anonymous") => false,
                Some("function") | None => true,
                Some(_) => return Err("authLevel is invalid: the local host expects anonymous or function".to_owned()),
            },
            methods: binding.methods.iter().map(|m| m.to_ascii_uppercase()).collect(),
        }),
        "timertrigger" => {
            let schedule = binding.schedule.ok_or("schedule is missing: a timer trigger needs one")?;
            let schedule = substitute(&schedule, settings)?;
            let schedule = Schedule::parse(&schedule).map_err(|why| format!("the schedule `{schedule}` {why}"))?;
            Ok(Trigger::Timer { binding: binding.name, schedule, run_on_startup: binding.run_on_startup })
        }
        "servicebustrigger" => {
            if binding.data_type.as_deref() != Some("binary") {
                return Err(
                    "dataType is invalid: expected binary, since fields of a JSON body would overwrite the metadata"
                        .to_owned(),
                );
            }
            if binding.cardinality.is_some_and(|c| !c.eq_ignore_ascii_case("one")) || binding.is_sessions_enabled {
                return Err(
                    "cardinality is invalid: the local host delivers only cardinality one, without sessions".to_owned()
                );
            }
            let queue = binding.queue_name.ok_or("queueName is missing: the local host reads queues, not topics")?;
            let connection = binding.connection.unwrap_or_else(|| "AzureWebJobsServiceBus".to_owned());
            Ok(Trigger::ServiceBus { binding: binding.name, queue: substitute(&queue, settings)?, connection })
        }
        other => Err(format!(
            "type `{other}` is invalid: the local host expects httpTrigger, timerTrigger or serviceBusTrigger"
        )),
    }
}

/// Replaces each `%Name%` by the setting of that name, as the Azure host does.
fn substitute(text: &str, settings: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::new();
    for (at, piece) in text.split('%').enumerate() {
        if at % 2 == 0 {
            out.push_str(piece);
        } else {
            out.push_str(
                settings.get(piece).ok_or_else(|| format!("`%{piece}%` names a setting that does not exist"))?,
            );
        }
    }
    if text.matches('%').count() % 2 == 1 {
        return Err(format!("`{text}` is invalid: expected % in pairs"));
    }
    Ok(out)
}

fn time_span(text: &str) -> Option<Duration> {
    let parts: Vec<u64> = text.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    match parts[..] {
        [h, m, s] if m < 60 && s < 60 && h < 24 => Some(Duration::from_secs(h * 3600 + m * 60 + s)),
        _ => None,
    }
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, LocalError> {
    let wrong = |reason| LocalError::Manifest { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|e| wrong(format!("is invalid: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(host: &str, functions: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("host.json"), host).unwrap();
        for (name, text) in functions {
            std::fs::create_dir_all(root.path().join(name)).unwrap();
            std::fs::write(root.path().join(name).join("function.json"), text).unwrap();
        }
        root
    }

    const HOST: &str =
        r#"{"version":"2.0","functionTimeout":"00:05:00","customHandler":{"enableForwardingHttpRequest":true}}"#;
    const TIMER: &str = r#"{"bindings":[{"type":"timerTrigger","name":"timer","schedule":"%Tick%"}]}"#;

    #[test]
    fn functions_are_found_in_a_staged_folder_and_in_a_checkout() {
        let settings = BTreeMap::from([("Tick".to_owned(), "*/5 * * * * *".to_owned())]);
        for name in ["Tick", "functions/Tick"] {
            let root = app(HOST, &[(name, TIMER)]);
            let manifest = Manifest::read(root.path(), &settings).unwrap();
            assert_eq!(manifest.functions[0].name, "Tick");
            assert_eq!(manifest.function_timeout, Duration::from_mins(5));
        }
    }

    #[test]
    fn an_error_names_the_file_and_what_is_wrong() {
        let sessions = r#"{"bindings":[{"type":"serviceBusTrigger","queueName":"q","isSessionsEnabled":true}]}"#;
        for (text, reason) in
            [(TIMER, "%Tick%"), (sessions, "binary"), ("{", "is invalid"), (r#"{"bindings":[]}"#, "one trigger")]
        {
            let root = app(HOST, &[("Some", text)]);
            let error = Manifest::read(root.path(), &BTreeMap::new()).unwrap_err().to_string();
            assert!(error.contains("function.json") && error.contains(reason), "{error}");
        }
    }
}
