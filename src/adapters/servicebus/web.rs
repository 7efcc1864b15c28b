//! HTTPS requests to the namespace other than sending: authorised, and bounded in time and size.

use super::{ConnectionString, access::Access, http_client};
use reqwest::{
    Method,
    header::{AUTHORIZATION, HeaderMap},
};
use std::time::Duration;

/// Larger than any message that this program sends or mails.
const BODY_BYTES_MAX: usize = 2_000_000;

pub(super) struct Web {
    client: reqwest::Client,
    connection: ConnectionString,
    access: Access,
    timeout: Duration,
}

pub(super) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Web {
    /// # Errors
    /// TLS cannot be set up on this machine, or the identity is invalid.
    pub(super) fn new(connection: ConnectionString, timeout: Duration) -> Result<Self, String> {
        let client = http_client::client(&connection, timeout, 1)?;
        let access = Access::of(&connection).map_err(|e| e.to_string())?;
        Ok(Self { client, connection, access, timeout })
    }

    pub(super) fn namespace(&self) -> &str {
        self.connection.namespace()
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// `path`, with its query, is below the namespace and belongs to `entity`. `patience` is how long the bus itself
    /// waits before it answers; it is added to the timeout.
    ///
    /// # Errors
    /// There was no answer: from whom, and why.
    pub(super) async fn request(
        &self,
        method: Method,
        entity: &str,
        path: &str,
        patience: Duration,
    ) -> Result<Reply, String> {
        let namespace = self.connection.namespace();
        let requested = tokio::time::timeout(self.timeout + patience, self.answer(method, entity, path)).await;
        match requested {
            Ok(reply) => reply.map_err(|why| format!("no answer from {namespace} for {entity}: {why}")),
            Err(_) => Err(format!(
                "{namespace} gave no answer for {entity} within {} ms",
                (self.timeout + patience).as_millis()
            )),
        }
    }

    async fn answer(&self, method: Method, entity: &str, path: &str) -> Result<Reply, String> {
        let host = self.connection.host();
        let root = match &self.connection.local {
            Some(authority) => format!("http://{authority}"),
            None => format!("https://{host}"),
        };
        let authorization = self.access.header(&format!("https://{host}/{entity}")).await?;
        let request = self.client.request(method, format!("{root}/{path}")).header(AUTHORIZATION, authorization);
        let mut response = request.body("").send().await.map_err(|e| http_client::root_cause(&e))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| http_client::root_cause(&e))? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(format!("its answer is larger than {BODY_BYTES_MAX} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body })
    }
}
