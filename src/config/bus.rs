//! The connection to Service Bus: present where it is needed, readable, and able to reach what the routes name.

use super::{Settings, reader::Reader};
use crate::adapters::servicebus::ConnectionString;

const NAME: &str = "ServiceBusConnection";
/// What the host's trigger would take instead.
const BY_IDENTITY: &str = "ServiceBusConnection__fullyQualifiedNamespace";

pub(super) fn read(reader: &mut Reader<'_>) -> Option<ConnectionString> {
    let text = reader.given(NAME).filter(|text| !text.trim().is_empty())?;
    let read = ConnectionString::parse(text);
    read.map_err(|problems| problems.into_iter().for_each(|what| reader.problem(NAME, what))).ok()
}

pub(super) fn check(reader: &mut Reader<'_>, settings: &Settings, needed: bool) {
    let Some(connection) = &settings.connection else {
        if reader.problems.iter().any(|problem| problem.setting == NAME) {
            return;
        }
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
