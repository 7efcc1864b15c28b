//! A mailer that puts each sending as one `.eml` file into a folder: for newcomers and tests, refused in Azure.

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

pub struct FolderMailer {
    folder: PathBuf,
    from: Sender,
    clock: Arc<dyn Clock>,
}

impl FolderMailer {
    pub const PROVIDER: &'static str = "mail:folder";

    /// The folder is made with the first mail.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, from: Sender, clock: Arc<dyn Clock>) -> Self {
        Self { folder: folder.into(), from, clock }
    }

    /// A name per sending, not per message: a duplicate must be visible as a second file.
    fn name(&self, message_id: &str) -> String {
        let time = self.clock.now().format("%Y%m%dT%H%M%S%.3fZ");
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let id: String = message_id.chars().map(plain).take(ID_CHARS_MAX).collect();
        let random = fastrand::u32(..);
        format!("{time}-{id}-{random:08x}")
    }
}

/// File names have 255 bytes on most systems; a UUID has 36 characters.
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
            Err(_) => MailOutcome::Unknown { reason: "writing the file was broken off".to_owned() },
        }
    }
}

/// Before the file had its name, or after.
enum NotWritten {
    Before(io::Error),
    After(io::Error),
}

/// Whoever sees the `.eml` sees all of it: written under another name, then renamed. On the disk before we say so.
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
    // Windows has no handle to sync a folder by; there the rename is as good as it gets.
    if cfg!(unix) {
        File::open(folder).and_then(|opened| opened.sync_all()).map_err(NotWritten::After)?;
    }
    Ok(file_name)
}
