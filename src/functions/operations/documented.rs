//! Operations in the OpenAPI document: its parameters, bodies and errors.

pub(in crate::functions) use super::{metrics::*, remedies::*, reports::*};

use super::paths::OpsPath;
use crate::{
    domain::{
        json_schema::text,
        operations::{AuditEntry, FailureGroup, MailLine, MessageLine, PauseAction, Plan, RemedyReport},
    },
    flows::remedy::{IDS_MAX, REASON_CHARS_MAX, ROWS_MAX, TEXT_CHARS_MAX},
    functions::openapi::{UNAUTHORISED, idempotency_key, problems},
};
use std::{borrow::Cow, collections::BTreeMap, marker::PhantomData};
use utoipa::{
    IntoParams, IntoResponses, Modify, PartialSchema, ToSchema,
    openapi::{
        ContentBuilder, HeaderBuilder, ObjectBuilder, OneOfBuilder, OpenApi, PathItem, Ref, RefOr, Required, Response,
        ResponseBuilder, Schema,
        path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{AdditionalProperties, ArrayBuilder, Type},
    },
};

/// A page of a list; its schema names its items' schema, where a derived one would repeat it.
pub(super) struct PageOf<T>(PhantomData<T>);

pub(super) type MessagePage = PageOf<MessageLine>;
pub(super) type GroupPage = PageOf<FailureGroup>;
pub(super) type MailPage = PageOf<MailLine>;
pub(super) type AuditPage = PageOf<AuditEntry>;

impl<T: ToSchema> ToSchema for PageOf<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Page", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T: ToSchema> PartialSchema for PageOf<T> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        let next = "Where the next page begins: the value of `before`. Absent: this is the last page.";
        object().property("items", items).required("items").property("next", text().description(Some(next))).into()
    }
}

/// Which page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the query, which is read field by field")]
pub(super) struct PageQuery {
    /// `next` of the page before
    #[param(min_length = 1, max_length = 1000)]
    before: Option<String>,
    /// Items per page; 50 by default
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Whether personal data is shown, and to whom.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the query, which is read field by field")]
pub(super) struct RevealQuery {
    /// `true`: personal data is shown, and that is recorded with `by` and `reason`, which are then required
    reveal: Option<bool>,
    /// Who asks; not needed where App Service authentication states it
    #[param(max_length = 200, pattern = r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$")]
    by: Option<String>,
    /// Why
    #[param(max_length = 1000, pattern = r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$")]
    reason: Option<String>,
}

/// Mails by the recipient's address and what else is given.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the body, which is read field by field")]
pub(super) struct MailSearch {
    /// The recipient's address.
    #[schema(nullable = false, format = "email", max_length = 254)]
    address: Option<String>,
    /// The message id.
    #[schema(nullable = false, min_length = 1, max_length = 1000)]
    id: Option<String>,
    /// The client's number.
    #[schema(nullable = false, minimum = 1)]
    client: Option<i64>,
    #[schema(nullable = false)]
    state: Option<crate::domain::delivery::MailState>,
    /// The mails of a failure group.
    #[schema(nullable = false, min_length = 1, max_length = 1000)]
    fingerprint: Option<String>,
    /// `next` of the page before.
    #[schema(nullable = false, min_length = 1, max_length = 1000)]
    before: Option<String>,
    /// Items per page; 50 by default.
    #[schema(nullable = false, minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// What `signature::line` accepts. `RevealQuery` has it as a literal, since its derive takes no name.
const LINE_PATTERN: &str = r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$";

fn signed(object: ObjectBuilder) -> ObjectBuilder {
    let line = |chars_max, description: &str| {
        text().pattern(Some(LINE_PATTERN)).max_length(Some(chars_max)).description(Some(description))
    };
    object
        .property("reason", line(REASON_CHARS_MAX, "Why; recorded."))
        .required("reason")
        .property("by", line(TEXT_CHARS_MAX, "Who; recorded. Not needed where App Service authentication states it."))
        .required("by")
        .additional_properties(Some(closed()))
}

fn object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

/// A dry run of one action, or the run of a dry run's token.
pub(super) struct RemedyBody;

impl ToSchema for RemedyBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("RemedyRequest")
    }

    /// By name, so that generated clients have one type for each.
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        let letters = OneOfBuilder::new()
            .item(object().property("ids", ids()).required("ids").additional_properties(Some(closed())))
            .item(text().enum_values(Some(["deadLetters"])));
        for (name, selection) in [
            (MESSAGES, selection("messages", "MessageFilter")),
            (MAILS, selection("mails", "MailFilter")),
            (LETTERS, letters),
        ] {
            schemas.push((name.to_owned(), selection.into()));
        }
    }
}

const MESSAGES: &str = "MessageSelection";
const MAILS: &str = "MailSelection";
const LETTERS: &str = "DeadLetterSelection";

impl PartialSchema for RemedyBody {
    fn schema() -> RefOr<Schema> {
        let flag = |description: &str| ObjectBuilder::new().schema_type(Type::Boolean).description(Some(description));
        let order = || flag("Even if a later row of the same key was sent already.");
        let force = "As a new message with a new id: the client is mailed again, since nothing recognises a repeat.";
        let run =
            signed(object().title(Some("Run")).property("token", text().min_length(Some(1)).max_length(Some(1000))))
                .required("token");
        OneOfBuilder::new()
            .item(dry_run("requeue", MESSAGES).property("outOfOrder", order()))
            .item(dry_run("discard", MESSAGES))
            .item(dry_run("replay", MESSAGES).property("outOfOrder", order()).property("force", flag(force)))
            .item(
                dry_run("route", MESSAGES)
                    .property("outOfOrder", order())
                    .property("to", text().pattern(Some(DESTINATION_PATTERN)))
                    .required("to"),
            )
            .item(dry_run("resend-mail", MAILS))
            .item(dry_run("assume-mail-sent", MAILS))
            .item(dry_run("take-in", LETTERS))
            .item(run)
            .into()
    }
}

const DESTINATION_PATTERN: &str = "^(queue|topic):[A-Za-z0-9]([A-Za-z0-9._/-]{0,258}[A-Za-z0-9])?$";

fn closed() -> AdditionalProperties<Schema> {
    AdditionalProperties::FreeForm(false)
}

fn ids() -> ArrayBuilder {
    ArrayBuilder::new()
        .items(text().min_length(Some(1)).max_length(Some(1000)))
        .min_items(Some(1))
        .max_items(Some(IDS_MAX))
}

/// Ids, a filter or a failure group.
fn selection(filter: &str, schema: &str) -> OneOfBuilder {
    let only = |name: &str, schema: RefOr<Schema>| {
        object().property(name, schema).required(name).additional_properties(Some(closed()))
    };
    OneOfBuilder::new()
        .item(only("ids", ids().into()))
        .item(only(filter, Ref::from_schema_name(schema).into()))
        .item(only("group", text().min_length(Some(1)).max_length(Some(1000)).into()))
}

fn dry_run(action: &str, selection: &str) -> ObjectBuilder {
    let limit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(ROWS_MAX));
    object()
        .title(Some(format!("Dry run of {action}")))
        .property("action", text().enum_values(Some([action])))
        .required("action")
        .property("selection", Ref::from_schema_name(selection))
        .required("selection")
        .property("destination", text().pattern(Some(DESTINATION_PATTERN)).description(Some("Only rows to it.")))
        .property("limit", limit.description(Some("Most rows; 1,000 by default.")))
        .property("dryRun", ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])))
        .required("dryRun")
        .additional_properties(Some(closed()))
}

/// What the dry run found, or what the run did.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "documents the answer")]
pub(super) enum RemedyAnswer {
    Plan(Plan),
    Report(RemedyReport),
}

/// The header that operators' writes accept.
pub(super) struct WriteHeaders;

impl IntoParams for WriteHeaders {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![idempotency_key()]
    }
}

const FOREIGN: (u16, &str) = (403, "A page of another origin sent it");
const BROKEN: (u16, &str) = (500, "Something is wrong on our side");
const UNAVAILABLE: (u16, &str) = (503, "The database is not available now");
const BODY: [(u16, &str); 4] = [
    (400, "The JSON is malformed, empty or not UTF-8, or a header is malformed"),
    (408, "The body did not arrive in time"),
    (413, "The body is over 64 KB"),
    (415, "The body is not application/json"),
];

/// The errors that any report may answer.
pub(super) struct ReadProblems;

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let query = (422, "A query parameter is wrong, unknown or repeated; `errors` names each");
        problems(&[UNAUTHORISED, FOREIGN, (404, "There is no such message"), query, BROKEN, UNAVAILABLE])
    }
}

/// The errors of a search by POST.
pub(super) struct SearchProblems;

impl IntoResponses for SearchProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let field = (422, "A field is wrong, unknown, missing or duplicate; `errors` names each");
        problems(&[&BODY[..], &[UNAUTHORISED, FOREIGN, field, BROKEN, UNAVAILABLE]].concat())
    }
}

/// The errors that any write of operators may answer.
pub(super) struct WriteProblems;

impl IntoResponses for WriteProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            UNAUTHORISED,
            FOREIGN,
            (404, "There is no such destination"),
            (409, "The remedy cannot be carried out, or there is no dry run of this token"),
            (422, "A field is wrong, unknown, missing or duplicate, or the key was used for another request"),
            BROKEN,
            (503, "The database is not available now, or it may or may not have been done"),
        ];
        problems(&[&BODY[..], &own].concat())
    }
}

/// Adds the paths that pause, drain and resume.
pub(in crate::functions) struct Pauses;

impl Modify for Pauses {
    fn modify(&self, document: &mut OpenApi) {
        for path in OpsPath::ALL {
            let (action, of_destination) = match path {
                OpsPath::Destination(action) => (action, true),
                OpsPath::Mailing(action) => (action, false),
                OpsPath::Overview
                | OpsPath::Messages
                | OpsPath::Message
                | OpsPath::Groups
                | OpsPath::Mails
                | OpsPath::FindMails
                | OpsPath::Audit
                | OpsPath::Metrics
                | OpsPath::Remedies => continue,
            };
            document.paths.paths.insert(path.template().to_owned(), pause(action, of_destination));
        }
    }
}

fn pause(action: PauseAction, of_destination: bool) -> PathItem {
    let (verb, does) = match action {
        PauseAction::Pause => ("pause", "Pauses: nothing is claimed from now on"),
        PauseAction::Drain => ("drain", "Pauses, and reports what is still being sent: repeat it until `leased` is 0"),
        PauseAction::Resume => ("resume", "Ends the pause and closes the breaker"),
    };
    let minutes = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(43_200));
    let body = match action {
        PauseAction::Pause | PauseAction::Drain => object().property(
            "forMinutes",
            minutes.description(Some("It resumes by itself after this; without it, when a person resumes it.")),
        ),
        PauseAction::Resume => object(),
    };
    let content = ContentBuilder::new().schema(Some(signed(body))).build();
    let answer = ContentBuilder::new().schema(Some(Ref::from_schema_name("PauseReport"))).build();
    let replayed = HeaderBuilder::new()
        .schema(Some(text()))
        .description(Some("`true` if this is the answer to an earlier request with the key"));
    let done = ResponseBuilder::new()
        .description("What changed, and how many rows or mails are being sent now")
        .content("application/json", answer)
        .header("Idempotency-Replayed", replayed.build());
    let (what, about) =
        if of_destination { ("Destination", "a destination, or all of the bus") } else { ("Mailing", "mailing") };
    let mut operation = OperationBuilder::new()
        .tag("operations")
        .operation_id(Some(format!("{verb}{what}")))
        .summary(Some(format!("{does}: {about}")))
        .description(Some("Effective on every instance with its next claim."))
        .request_body(Some(
            RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build(),
        ))
        .response("200", done.build())
        .parameter(idempotency_key());
    if of_destination {
        let name =
            "`queue:<name>` or `topic:<name>`, with its slashes as they are; `all`: every destination of the bus";
        operation = operation.parameter(
            ParameterBuilder::new()
                .name("name")
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(name))
                .schema(Some(text().pattern(Some("^(all|(queue|topic):[A-Za-z0-9][A-Za-z0-9._-]{0,258})$"))))
                .build(),
        );
    }
    for (status, response) in WriteProblems::responses() {
        operation = operation.response(status, response);
    }
    PathItem::new(HttpMethod::Post, operation.build())
}
