//! Looks up queues and topics over Service Bus's management interface: Atom over HTTPS, whatever the transport.

use super::{
    ConnectionString,
    access::Access,
    description,
    web::{Reply, Web},
};
use crate::{
    adapters::quoted::quoted,
    config::connection::bus::SharedAccess,
    domain::{entity::Seen, route::Destination},
    ports::entities::Entities,
};
use async_trait::async_trait;
use reqwest::Method;
use std::time::Duration;

/// The first version that reports how large a message may be.
const QUERY: &str = "api-version=2021-05&enrich=false";

/// Reads the properties of queues and topics.
pub struct Management {
    web: Web,
}

impl Management {
    /// Connects to nothing yet. `timeout` bounds one request.
    ///
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub fn new(connection: ConnectionString, timeout: Duration) -> Result<Self, String> {
        Ok(Self { web: Web::new(connection, timeout)? })
    }

    fn read(&self, entity: &str, reply: &Reply) -> Seen {
        let namespace = self.web.namespace();
        let answer = |what: &str| {
            let detail = quoted(&String::from_utf8_lossy(&reply.body));
            let detail = if detail.is_empty() { detail } else { format!(" ({detail})") };
            format!("{namespace}/{entity} answered {}: {what}{detail}", reply.status)
        };
        match reply.status {
            200 => match description::read(&String::from_utf8_lossy(&reply.body)) {
                Ok(Some(found)) => Seen::Found(Box::new(found)),
                Ok(None) => Seen::Missing,
                Err(why) => Seen::Unknown {
                    why: format!("{namespace}/{entity} answered something that is not a description: {why}"),
                },
            },
            404 => Seen::Missing,
            401 | 403 => Seen::Unknown { why: answer(&allowing(self.web.access(), entity)) },
            _ => Seen::Away { why: answer("it cannot be read now: try again") },
        }
    }
}

#[async_trait]
impl Entities for Management {
    async fn look(&self, at: &Destination) -> Seen {
        let entity = at.entity();
        match self.web.request(Method::GET, entity, &format!("{entity}?{QUERY}"), Duration::ZERO).await {
            Ok(reply) => self.read(entity, &reply),
            Err(why) => Seen::Away { why },
        }
    }
}

/// What is wrong with our access to the management interface. Sending needs fewer rights, and usually has only those.
fn allowing(access: &Access, entity: &str) -> String {
    match access {
        Access::Shared(SharedAccess::Key { name, .. }) => {
            format!("the key '{name}' lacks the Manage claim on {entity}, or is wrong")
        }
        Access::Shared(SharedAccess::Signature { name, .. }) => {
            format!("the signature of '{name}' is not for Manage on {entity}, or is wrong")
        }
        Access::Identity(_) => format!(
            "the identity lacks a role that may read {entity} (Microsoft.ServiceBus/namespaces/queues/read), such as Azure Service Bus Data Owner"
        ),
    }
}
