//! One invocation of a function that is not HTTP: posts the envelope and judges the answer.

use super::{
    SECRET_HEADER,
    child::ChildHandle,
    events::{EventSink, HANG, What},
    web::{BoxError, Client},
};
use crate::domain::causes::chain;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::{Request, Response, body::Frame, body::Incoming, header};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// What timers and the pump need to call the handler. Cheap to clone.
#[derive(Clone)]
pub(super) struct Invoker {
    pub(super) child: ChildHandle,
    pub(super) client: Client,
    pub(super) events: EventSink,
    pub(super) function_timeout: Duration,
    /// Sent with each invocation, so that the handler recognizes those of this host.
    pub(super) secret: String,
}

/// The version of the Azure host that is played, sent as `X-Azure-Functions-HostVersion` and in `User-Agent`.
pub(super) const HOST_VERSION: &str = "4.1037.0.0";
/// An answer holds a small report; a larger one is a bug and fails the invocation.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long an invocation waits for a handler that is being restarted.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// What became of an invocation.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    /// 2xx with an empty body: in Azure the invocation lasts until functionTimeout kills the process.
    Hangs,
    Failed(String),
}

impl Invoker {
    /// True when the Azure host would count it as a success.
    pub(super) async fn invoke(&self, function: &str, message_id: Option<&str>, body: String) -> bool {
        let id = uuid::Uuid::new_v4().to_string();
        let started = Instant::now();
        let outcome = self.attempt(function, &id, body).await;
        let reason = match &outcome {
            Outcome::Succeeded => None,
            Outcome::Hangs => {
                self.events.emit(What::Hang { function: function.to_owned(), id: id.clone() });
                Some(HANG.to_owned())
            }
            Outcome::Failed(reason) => Some(reason.clone()),
        };
        self.events.emit(What::Invocation {
            function: function.to_owned(),
            id,
            message_id: message_id.map(str::to_owned),
            ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            ok: outcome == Outcome::Succeeded,
            reason,
        });
        outcome == Outcome::Succeeded
    }

    async fn attempt(&self, function: &str, id: &str, body: String) -> Outcome {
        let Some(up) = self.child.ready(READY_WITHIN).await else {
            return Outcome::Failed("the handler did not start within 30 s".to_owned());
        };
        let Ok(answered) = tokio::time::timeout(self.function_timeout, self.post(function, id, up.port, body)).await
        else {
            self.child.kill(up.pid).await;
            return Outcome::Failed("functionTimeout has passed: the process was killed".to_owned());
        };
        match answered {
            Ok(outcome) => outcome,
            Err(error) => {
                self.child.noticed(up.pid).await;
                Outcome::Failed(format!("no answer: {}", chain(&*error)))
            }
        }
    }

    async fn post(&self, function: &str, id: &str, port: u16, body: String) -> Result<Outcome, BoxError> {
        // Without a size hint the body goes out chunked, as in Azure; Core Tools would send a Content-Length.
        let frames = futures::stream::iter([Ok::<_, BoxError>(Frame::data(Bytes::from(body)))]);
        let request = Request::post(format!("http://127.0.0.1:{port}/{function}"))
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .header(header::USER_AGENT, format!("Azure-Functions-Host/{HOST_VERSION}"))
            .header("X-Azure-Functions-HostVersion", HOST_VERSION)
            .header("X-Azure-Functions-InvocationId", id)
            .header(SECRET_HEADER, &self.secret)
            .body(BodyExt::boxed(StreamBody::new(frames)))?;
        judge(self.client.request(request).await?).await
    }
}

async fn judge(response: Response<Incoming>) -> Result<Outcome, BoxError> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
    // Read to its end, even where it is not needed, so that the connection can be reused.
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await?.to_bytes();
    Ok(outcome(status.as_u16(), &kind, &body))
}

fn outcome(status: u16, content_type: &str, body: &[u8]) -> Outcome {
    if !(200..300).contains(&status) {
        return Outcome::Failed(format!("answered {status}"));
    }
    if status == 204 || matches!(body.trim_ascii(), b"" | b"null") {
        return Outcome::Hangs;
    }
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !["application/json", "text/json"].iter().any(|json| essence.eq_ignore_ascii_case(json)) {
        return Outcome::Failed(format!("answered {status} with content type `{essence}`, not application/json"));
    }
    match serde_json::from_slice::<Value>(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)) {
        Ok(Value::Object(members)) => members.iter().find_map(misfit).map_or(Outcome::Succeeded, Outcome::Failed),
        Ok(_) => Outcome::Failed("answered JSON that is not an object".to_owned()),
        Err(e) => Outcome::Failed(format!("answered with invalid JSON: {e}")),
    }
}

/// Why a member of the answer cannot be read into the Azure host's type. Keys match in any casing; unknown ones are
/// ignored.
fn misfit((key, value): (&String, &Value)) -> Option<String> {
    let is_text = |value: &Value| !value.is_object() && !value.is_array();
    let (fits, expected) = match key.to_ascii_lowercase().as_str() {
        "outputs" => (value.is_null() || value.is_object(), "an object"),
        "logs" => (value.is_null() || value.as_array().is_some_and(|all| all.iter().all(is_text)), "a list of texts"),
        _ => return None,
    };
    (!fits).then(|| format!("answered `{key}` that is not {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_success_is_the_hang_it_would_be_in_azure() {
        for (status, body) in [(200, ""), (200, " \n"), (200, "null"), (204, ""), (202, "")] {
            assert_eq!(outcome(status, "application/json", body.as_bytes()), Outcome::Hangs, "{status} {body:?}");
        }
    }

    #[test]
    fn an_answer_is_judged_as_the_real_host_judged_it() {
        let cases: Value = serde_json::from_str(include_str!("../../tests/cases/host.json")).unwrap();
        let cases = cases["answers"].as_array().unwrap();
        assert!(cases.len() >= 20);
        for case in cases {
            let (kind, body) = (case["content_type"].as_str().unwrap_or(""), case["body"].as_str().unwrap());
            let judged = outcome(u16::try_from(case["status"].as_u64().unwrap()).unwrap(), kind, body.as_bytes());
            let settled = match judged {
                Outcome::Succeeded => "complete",
                Outcome::Hangs => "hang",
                Outcome::Failed(_) => "abandon",
            };
            assert_eq!(settled, case["settle"], "{case}");
        }
        for (body, is_taken) in [
            ("\u{feff}{}", true),
            (r#"{"logs":null,"OUTPUTS":null,"ReturnValue":[]}"#, true),
            (r#"{"Logs":["a",true,null]}"#, true),
            (r#"{"LOGS":[[]]}"#, false),
            (r#"{"outputs":"x"}"#, false),
        ] {
            let judged = outcome(200, "application/json", body.as_bytes());
            assert_eq!(judged == Outcome::Succeeded, is_taken, "{body}: {judged:?}");
        }
    }
}
