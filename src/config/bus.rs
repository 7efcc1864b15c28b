//! The settings of Service Bus: namespace, credential, protocol, and properties of the destinations.

use super::{
    BusSettings, Settings, Transport,
    connection::bus::ConnectionString,
    identity::{self, Identity},
    reader::Reader,
};
use crate::domain::route::Destination;
use std::collections::BTreeMap;

const KEYED: &str = "ServiceBusConnection";
/// Read by the host's trigger as well.
const NAMESPACE: &str = "ServiceBusConnection__fullyQualifiedNamespace";

pub(super) fn connection(
    reader: &mut Reader<'_>,
    env: &BTreeMap<String, String>,
    needed: bool,
) -> Option<ConnectionString> {
    match (given(reader, KEYED), given(reader, NAMESPACE)) {
        (Some(_), Some(_)) => {
            reader.problem(
                NAMESPACE,
                format!("is set beside {KEYED}: the trigger and this program could use different ones, so unset one"),
            );
            None
        }
        (Some(text), None) => {
            for name in ["ServiceBusConnection__credential", "ServiceBusConnection__clientId"] {
                if given(reader, name).is_some() {
                    reader.problem(
                        name,
                        format!("is for an identity, but {KEYED} opens the namespace by a key: unset one"),
                    );
                }
            }
            let parsed = ConnectionString::parse(text);
            parsed.map_err(|problems| problems.into_iter().for_each(|one| reader.invalid(KEYED, one))).ok()
        }
        (None, Some(host)) => {
            let identity = identity::read(env, KEYED).unwrap_or_else(|problem| {
                reader.add(problem);
                Identity::AzureCli
            });
            ConnectionString::by_identity(host, identity).map_err(|what| reader.invalid(NAMESPACE, what)).ok()
        }
        (None, None) => {
            if needed {
                reader.problem(
                    KEYED,
                    format!("is not set, and has no default: expected Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…, or {NAMESPACE} for an identity"),
                );
            }
            None
        }
    }
}

fn given<'a>(reader: &Reader<'a>, name: &str) -> Option<&'a str> {
    reader.given(name).map(str::trim).filter(|text| !text.is_empty())
}

pub(super) fn read(reader: &mut Reader<'_>) -> BusSettings {
    BusSettings {
        transport: reader.choice("ServiceBus__Transport"),
        timeout_ms: reader.number("Bus__TimeoutMs"),
        concurrency_max: reader.number("Bus__ConcurrencyMax"),
        duplicate_window_ms: reader.number("Bus__DuplicateWindowMs"),
        queue_life_days: reader.number("Bus__TimeToLiveDays"),
        idle_ms: reader.number("ServiceBus__IdleMs"),
        gateway: gateway(reader),
        session_destinations: destinations(reader, "ServiceBus__SessionDestinations"),
        partitioned_destinations: destinations(reader, "ServiceBus__PartitionedDestinations"),
    }
}

pub(super) fn check(reader: &mut Reader<'_>, settings: &Settings) {
    let bus = &settings.bus;
    for (name, list) in [
        ("ServiceBus__SessionDestinations", &bus.session_destinations),
        ("ServiceBus__PartitionedDestinations", &bus.partitioned_destinations),
    ] {
        for unknown in list.iter().filter(|one| !settings.routes.destinations().any(|known| known == *one)) {
            reader.invalid(name, format!("no route names {unknown}"));
        }
    }
    if bus.gateway.is_some() && bus.transport == Transport::Rest {
        reader.problem("ServiceBus__Gateway", "is for AMQP, and ServiceBus__Transport is rest: unset one");
    }
    if !bus.session_destinations.is_empty() && bus.transport == Transport::Rest {
        let what = "needs AMQP, and ServiceBus__Transport is rest: messages would go without their session";
        reader.problem("ServiceBus__SessionDestinations", what);
    }
    let Some(connection) = &settings.service_bus else { return };
    if settings.in_azure && connection.is_local() {
        reader.invalid(KEYED, "UseDevelopmentEmulator=true is refused in Azure (WEBSITE_SITE_NAME is set)");
    }
    if bus.gateway.is_some() && connection.is_local() {
        reader.problem("ServiceBus__Gateway", format!("is set, but {KEYED} names a bus on this machine: unset one"));
    }
    for destination in settings.routes.destinations() {
        if let Some(only) = connection.entity_path().filter(|only| *only != destination.entity()) {
            let what = format!("its key is for {only} alone (EntityPath), but the routes name {destination}");
            reader.invalid(KEYED, what);
        }
    }
}

fn gateway(reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.text("ServiceBus__Gateway");
    if text.is_empty() {
        return None;
    }
    let fine = text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !fine {
        reader.invalid("ServiceBus__Gateway", "expected host:port");
    }
    Some(text.to_owned())
}

fn destinations(reader: &mut Reader<'_>, name: &'static str) -> Vec<Destination> {
    let mut found = Vec::new();
    for word in reader.text(name).split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match Destination::parse(word) {
            Ok(destination) => found.push(destination),
            Err(what) => reader.problem(name, what),
        }
    }
    found
}
