//! The bus messages in the OpenAPI document: a webhook for each message type, and its data as a component.

use crate::domain::{
    events::{self, EventType},
    ids::MESSAGE_ID_CHARS_MAX,
    json_schema::text,
    message::CLOUD_EVENT,
};
use utoipa::{
    Modify,
    openapi::{
        ContentBuilder, ObjectBuilder, OpenApi, PathItem, Ref, Required, ResponseBuilder,
        path::{HttpMethod, OperationBuilder, Paths},
        request_body::RequestBodyBuilder,
        schema::{KnownFormat, SchemaFormat},
        security::SecurityRequirement,
    },
};

/// Explains the webhooks: OpenAPI has no other element for a message.
const NOT_HTTP: &str = "It is delivered over Service Bus, not HTTP: this is the message's body. Its `id` is the MessageId; a repeat has the \
     same id.";

pub(super) struct Messages;

impl Modify for Messages {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let mut webhooks = Paths::new();
        for event_type in events::ALL {
            components.schemas.insert(event_type.name.to_owned(), (event_type.schema)());
            webhooks.paths.insert(event_type.name.to_owned(), webhook(event_type));
        }
        document.webhooks = Some(webhooks);
    }
}

fn webhook(event_type: &EventType) -> PathItem {
    let content = ContentBuilder::new().schema(Some(cloud_event(event_type))).build();
    let body = RequestBodyBuilder::new().content(CLOUD_EVENT, content).required(Some(Required::True)).build();
    let operation = OperationBuilder::new()
        .tag("messages")
        .operation_id(Some(format!("on{}", event_type.name)))
        .summary(Some(format!("{}, version {}", event_type.name, event_type.version)))
        .description(Some(NOT_HTTP))
        .security(SecurityRequirement::default())
        .request_body(Some(body))
        .response("200", ResponseBuilder::new().description("The message is completed").build())
        .response("4XX", ResponseBuilder::new().description("The message is abandoned and delivered again").build())
        .build();
    PathItem::new(HttpMethod::Post, operation)
}

fn cloud_event(event_type: &EventType) -> ObjectBuilder {
    let constant = |value: &str| text().enum_values(Some([value]));
    ObjectBuilder::new()
        .property("specversion", constant("1.0"))
        .required("specversion")
        .property("id", text().min_length(Some(1)).max_length(Some(MESSAGE_ID_CHARS_MAX)))
        .required("id")
        .property("source", text())
        .required("source")
        .property("type", constant(event_type.name))
        .required("type")
        .property("subject", text())
        .property("time", text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))))
        .required("time")
        .property("datacontenttype", text())
        .property("data", Ref::from_schema_name(event_type.name))
        .required("data")
}
