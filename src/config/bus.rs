//! The connection to Service Bus: present where it is needed, readable, and able to reach what the routes name.

use super::{Settings, reader::Reader};
use crate::adapters::servicebus::ConnectionString;

const NAME: &str = "ServiceBusConnection";
/// What the host's trigger would take instead.
const BY_IDENTITY: &str = "ServiceBusConnection__fullyQualifiedNamespace";

pub(super) fn check(reader: &mut Reader<'_>, settings: &Settings, needed: bool) {
    let Some(secret) = &settings.service_bus_connection else {
        if needed && reader.given(BY_IDENTITY).is_some() {
            reader
                .problem(NAME, format!("is not set: {BY_IDENTITY} is enough for the trigger, but sending needs a key"));
        } else if needed {
            reader.problem(
                NAME,
                "is not set, and has no default: expected Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…",
            );
        }
        return;
    };
    let connection = match ConnectionString::parse(secret.expose()) {
        Ok(connection) => connection,
        Err(problems) => {
            for problem in problems {
                reader.problem(NAME, problem);
            }
            return;
        }
    };
    if settings.in_azure && connection.is_local() {
        reader.problem(NAME, "has UseDevelopmentEmulator=true: it is refused in Azure (WEBSITE_SITE_NAME is set)");
    }
    for destination in settings.routes.destinations() {
        if let Some(only) = connection.entity_path().filter(|only| *only != destination.entity()) {
            reader
                .problem(NAME, format!("its key is for {only} alone (EntityPath), but the routes name {destination}"));
        }
    }
}
