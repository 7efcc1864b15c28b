//! Where the mails of a proof go: a third party's SMTP server, or the folder; and how often each arrived.

use crate::{
    mail_server::{Copies, MailServer, taken},
    support::host,
};
use std::{
    path::Path,
    sync::{Arc, Mutex},
};

#[derive(Clone)]
pub enum Mailbox {
    Folder,
    /// One server for all rounds, since ids do not repeat.
    Smtp {
        settings: Vec<(&'static str, String)>,
        copies: Arc<Mutex<Copies>>,
    },
}

impl Mailbox {
    pub async fn smtp() -> Self {
        let mut server = MailServer::smtp().await;
        let mut settings = server.settings();
        // Long enough for a server on a busy machine; at most half of a lease.
        settings.push(("Email__SmtpTimeoutMs", "4000".to_owned()));
        settings.push(("Email__LeaseMs", "8000".to_owned()));
        let copies = Arc::<Mutex<Copies>>::default();
        let all = copies.clone();
        tokio::spawn(async move {
            loop {
                if let Some(id) = taken(&server.line().await) {
                    *all.lock().unwrap().entry(id).or_default() += 1;
                }
            }
        });
        Self::Smtp { settings, copies }
    }

    pub fn settings(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Folder => Vec::new(),
            Self::Smtp { settings, .. } => settings.clone(),
        }
    }

    /// How often each mail arrived; of a server that others use too, also theirs.
    pub fn copies(&self, data: &Path) -> Copies {
        match self {
            Self::Folder => host::mails(data).into_iter().map(|(id, n)| (id, n.try_into().unwrap())).collect(),
            Self::Smtp { copies, .. } => copies.lock().unwrap().clone(),
        }
    }

    /// All mails that arrived.
    pub fn arrived(&self, data: &Path) -> u64 {
        match self {
            Self::Folder => self.copies(data).values().map(|copies| u64::from(*copies)).sum(),
            Self::Smtp { copies, .. } => copies.lock().unwrap().values().map(|copies| u64::from(*copies)).sum(),
        }
    }

    /// Whether it holds the mails of one site only.
    pub fn is_own(&self) -> bool {
        matches!(self, Self::Folder)
    }
}
