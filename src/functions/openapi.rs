//! The function OpenApi: the API's contract, generated from the handlers and their types.

use super::{
    clients, health,
    openapi_messages::Messages,
    operations::documented::{self as operations, Pauses},
    problem::ProblemReply,
    records, reminders,
    reply::{JSON, Reply},
};
use crate::domain::{
    json_schema::text,
    operations::{MailFilter, MessageFilter, PauseReport, Plan, RemedyReport},
};
use std::{collections::BTreeMap, sync::LazyLock};
use utoipa::{
    IntoParams, IntoResponses, Modify, OpenApi,
    openapi::{
        ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
        path::{Parameter, ParameterBuilder, ParameterIn},
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};
use warp::http::header;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "ClientOrganizer",
        description = "Clients of an accounting office and their monthly figures. If the books changed, the message goes out.\n\n\
                       Errors are problem details (RFC 9457) that name every wrong field. If the answer to a write is lost, \
                       repeat it with the same Idempotency-Key. Answers of the Functions host itself have no body: 401, 404 \
                       for an unknown route, 500 for a header that is not ASCII.",
        contact(name = "The developers of ClientOrganizer")
    ),
    servers((url = "/", description = "The server of this document")),
    tags(
        (name = "clients", description = "The office's clients"),
        (name = "finance", description = "Their monthly figures; a change is mailed to the client"),
        (name = "messages", description = "The bus messages about changes"),
        (name = "operations", description = "What waits and why, and the remedies; needs a key of the function Operations, which opens nothing else"),
        (name = "about", description = "About the service itself; no key is needed"),
    ),
    paths(
        clients::list_clients,
        clients::create_client,
        clients::get_client,
        clients::replace_client,
        clients::delete_client,
        records::list_records,
        records::create_record,
        records::get_record,
        records::patch_record,
        records::delete_record,
        reminders::create_reminder,
        operations::overview,
        operations::messages,
        operations::message,
        operations::groups,
        operations::mails,
        operations::find_mails,
        operations::audit,
        operations::metrics,
        operations::remedy,
        health::health,
        openapi,
    ),
    components(schemas(ProblemReply, PauseReport, Plan, RemedyReport, MessageFilter, MailFilter)),
    security(("functionKey" = []), ("functionKeyInQuery" = [])),
    modifiers(&FunctionKey, &Messages, &Pauses)
)]
struct Document;

/// The OpenAPI 3.1 document of the HTTP API, as indented JSON.
#[must_use]
pub fn document() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| Document::openapi().to_pretty_json().unwrap_or_default());
    &TEXT
}

#[utoipa::path(
    get, path = "/api/openapi.json", tag = "about", operation_id = "openApi",
    summary = "This document",
    description = "Generated from the code that serves the API.",
    security(()),
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json"), RefusedUnread)
)]
pub(super) fn openapi() -> Reply {
    let mut reply = Reply::new(document().as_bytes().to_vec());
    reply.headers_mut().insert(header::CONTENT_TYPE, JSON);
    reply
}

/// authLevel `function`: the host checks the key before it passes the request on.
struct FunctionKey;

impl Modify for FunctionKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let key = "A key of the path's function (Operations below /api/ops, else Finance) or a host key; checked by the Azure Functions host.";
        let key = ApiKeyValue::with_description("x-functions-key", key);
        components.add_security_scheme("functionKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
        let key = "The same as a parameter, for callers that cannot send a header: it may appear in logs on the way.";
        let key = ApiKeyValue::with_description("code", key);
        components.add_security_scheme("functionKeyInQuery", SecurityScheme::ApiKey(ApiKey::Query(key)));
    }
}

/// What `IdempotencyKey::parse` accepts: a bare text without a quote, or a structured-field string (RFC 8941). Spaces
/// around it are not part of a header's value.
pub(super) const KEY_PATTERN: &str =
    r#"^ *(?:[!#-~](?:[ !#-~]{0,253}[!#-~])?|"(?:[ !#-\[\]-~]|\\["\\]){0,254}(?:[!#-\[\]-~]|\\["\\])") *$"#;
/// The longest key: in quotes, with every character escaped.
const KEY_LENGTH_MAX: usize = 512;

/// The headers that every write accepts.
pub(super) struct WriteHeaders;

impl IntoParams for WriteHeaders {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            idempotency_key(),
            header("If-Match", "ETags, or *: the write is refused with 412 if none of them is current", text()),
            header("traceparent", "W3C trace context; sent with the message", text()),
            header("tracestate", "Sent with traceparent", text()),
        ]
    }
}

fn header(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

pub(super) fn idempotency_key() -> Parameter {
    header(
        "Idempotency-Key",
        "1 to 255 printable ASCII characters, bare or quoted: a repeat with the same key gets the first request's answer",
        text().min_length(Some(1)).max_length(Some(KEY_LENGTH_MAX)).pattern(Some(KEY_PATTERN)),
    )
}

/// Answers of the host or the HTTP server, which come before any endpoint.
pub(super) struct RefusedUnread;

impl IntoResponses for RefusedUnread {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let text = "Refused by the Functions host or the HTTP server, for example because headers are malformed or too large; \
                    without problem details";
        BTreeMap::from([("4XX".to_owned(), ResponseBuilder::new().description(text).build().into())])
    }
}

/// The errors that any read may answer.
pub(super) struct ReadProblems;

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            UNAUTHORISED,
            (404, "There is no such client or record, or the id or period is invalid"),
            (422, "A query parameter is wrong, unknown or repeated; `errors` names each"),
            (500, "Something is wrong on our side"),
            (503, "The books are not available now"),
        ])
    }
}

/// The errors that any write may answer.
pub(super) struct WriteProblems;

impl IntoResponses for WriteProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (400, "The JSON is malformed, empty or not UTF-8, or a header is malformed"),
            UNAUTHORISED,
            (404, "There is no such client or record, or the id or period is invalid"),
            (408, "The body did not arrive in time"),
            (
                409,
                "A conflict: the nipNb is taken, the month is booked, the client has records, or a request with the key is under way",
            ),
            (412, "If-Match does not name the current version"),
            (413, "The body is over 64 KB"),
            (415, "The body is not application/json"),
            (
                422,
                "A field is wrong, unknown, missing or duplicate (`errors` names each), or the key was used for another request",
            ),
            (500, "Something is wrong on our side"),
            (503, "The books are not available now, or the write may or may not have been done"),
        ])
    }
}

pub(super) const UNAUTHORISED: (u16, &str) =
    (401, "No function key, or a wrong one: the Functions host's answer, without a body");

pub(super) fn problems(list: &[(u16, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let header = |description: &str| HeaderBuilder::new().schema(Some(text())).description(Some(description)).build();
    let response = |status: u16, description: &str| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new().description(description);
        if status == UNAUTHORISED.0 {
            return response.build();
        }
        let response = response.content("application/problem+json", content);
        match status {
            412 => response.header("ETag", header("The current version")),
            409 => response.header("Retry-After", header("Seconds; only if a request with the key is under way")),
            503 => response.header("Retry-After", header("Seconds")),
            _ => response,
        }
        .build()
    };
    list.iter().map(|(status, text)| (status.to_string(), response(*status, text).into())).collect()
}
