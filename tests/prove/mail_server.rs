//! A mail provider for a proof: a stand-in for Azure Communication Services, or a third party's SMTP server.

use crate::support::{acs_server::AcsServer, smtp_server::SmtpServer};
use client_organizer::adapters::mail::SmtpSecurity;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub enum MailServer {
    Acs(AcsServer),
    Smtp(SmtpServer),
}

impl MailServer {
    /// A stand-in that forgets every third mail it accepted: a status query does not find it.
    pub async fn acs(dedup: bool) -> Self {
        let server = AcsServer::start_with(json!({ "dedup": dedup, "forgets": 3 })).await;
        Self::Acs(server.expect("the stand-in needs python3"))
    }

    pub async fn smtp() -> Self {
        let server = SmtpServer::start(SmtpSecurity::None, "here", json!({})).await;
        Self::Smtp(server.expect("the SMTP server is installed by tests/smtp/prepare"))
    }

    /// The settings with which a handler sends through it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Acs(server) => {
                vec![("Email__Provider", "acs".to_owned()), ("Email__AcsConnectionString", server.connection_string())]
            }
            Self::Smtp(server) => vec![
                ("Email__Provider", "smtp".to_owned()),
                ("Email__SmtpHost", "127.0.0.1".to_owned()),
                ("Email__SmtpPort", server.port.to_string()),
                ("Email__SmtpSecurity", "none".to_owned()),
            ],
        }
    }

    pub async fn line(&mut self) -> Value {
        let line = match self {
            Self::Acs(server) => server.line().await,
            Self::Smtp(server) => server.line().await,
        };
        line.expect("the mail server ended")
    }

    pub fn command(&mut self, command: &Value) {
        match self {
            Self::Acs(server) => server.command(command),
            Self::Smtp(server) => server.command(command),
        }
    }

    /// Ends it; returns its remaining events.
    pub async fn end(self) -> Vec<Value> {
        match self {
            Self::Acs(server) => server.end().await,
            Self::Smtp(server) => server.end().await,
        }
    }
}

/// The id of the mail, if the event is an accepted mail.
pub fn taken(event: &Value) -> Option<String> {
    if event["taken"] == true {
        return Some(event["headers"]["operation-id"].as_str().unwrap().to_owned());
    }
    let headers = event["mail"]["headers"].as_array()?;
    let id = headers.iter().find(|header| header[0].as_str().unwrap().eq_ignore_ascii_case("message-id")).unwrap();
    Some(id[1].as_str().unwrap().trim_matches(['<', '>']).split('@').next().unwrap().to_owned())
}

/// How often each mail was accepted.
pub type Copies = BTreeMap<String, u32>;
