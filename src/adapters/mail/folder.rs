//! A mailer that writes each sending as one `.eml` file into a folder: for local runs and tests, refused in Azure.

use super::mime::{self, Sender};
use crate::{
    domain::delivery::MailOutcome,
    ports::{
        clock::Clock,
        mailer::{Letter, Mailer},
    },
    private,
};
use async_trait::async_trait;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Writes letters as `.eml` files.
pub struct FolderMailer {
    folder: PathBuf,
    from: Sender,
    clock: Arc<dyn Clock>,
}

impl FolderMailer {
    /// The name of the provider's breaker and rate limit.
    pub const PROVIDER: &'static str = "mail:folder";

    /// The folder is created with the first mail.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, from: Sender, clock: Arc<dyn Clock>) -> Self {
        Self { folder: folder.into(), from, clock }
    }

    /// A new name for each sending, not for each message: a duplicate must be visible as a second file.
    fn name(&self, message_id: &str) -> String {
        let time = self.clock.now().format("%Y%m%dT%H%M%S%.3fZ");
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let id: String = message_id.chars().map(plain).take(ID_CHARS_MAX).collect();
        let random = fastrand::u32(..);
        format!("{time}-{id}-{random:08x}")
    }
}

/// File names may have 255 bytes on most systems; a UUID has 36 characters.
const ID_CHARS_MAX: usize = 100;

#[async_trait]
impl Mailer for FolderMailer {
    fn provider(&self) -> &str {
        Self::PROVIDER
    }

    async fn send(&self, letter: &Letter) -> MailOutcome {
        let message = match mime::message(letter, &self.from) {
            Ok(message) => message,
            Err(reason) => return MailOutcome::RecipientPermanent { reason, alike: None },
        };
        let (folder, name) = (self.folder.clone(), self.name(&letter.message_id));
        let shown = folder.display().to_string();
        let writing = tokio::task::spawn_blocking(move || write(&folder, &name, &message));
        match writing.await {
            Ok(Ok(reference)) => MailOutcome::Accepted { reference },
            Ok(Err(NotWritten::Before(error))) => MailOutcome::Provider {
                after_ms: None,
                of_mail: false,
                reason: format!("the mail folder {shown} cannot be written: {error}"),
            },
            Ok(Err(NotWritten::After(error))) => {
                MailOutcome::Unknown { reason: format!("the mail folder {shown} may have lost the file: {error}") }
            }
            Err(_) => MailOutcome::Unknown { reason: "writing the file was interrupted".to_owned() },
        }
    }
}

/// Whether the error came before the file had its name, or after.
enum NotWritten {
    Before(io::Error),
    After(io::Error),
}

/// Writes the file under another name, syncs and renames it, so that an `.eml` file is always complete and on disk.
fn write(folder: &Path, name: &str, message: &[u8]) -> Result<String, NotWritten> {
    let file_name = format!("{name}.eml");
    let draft = folder.join(format!(".{name}.tmp"));
    let fill = || {
        private::folder(folder)?;
        let mut file = private::options().create_new(true).open(&draft)?;
        file.write_all(message)?;
        file.sync_all()?;
        fs::rename(&draft, folder.join(&file_name))
    };
    if let Err(error) = fill() {
        let _ = fs::remove_file(&draft);
        return Err(NotWritten::Before(error));
    }
    // Windows cannot sync a folder.
    if cfg!(unix) {
        File::open(folder).and_then(|opened| opened.sync_all()).map_err(NotWritten::After)?;
    }
    Ok(file_name)
}
