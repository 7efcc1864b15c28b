//! Deliberate breakages: each takes one rule away, and names the test that notices.

mod books;
mod dispatch;
mod inbox;
mod outbox;

use std::{fs, path::Path};

/// A rule, and how to take it away.
pub struct Breakage {
    /// For the command line.
    pub name: &'static str,
    /// What holds no longer.
    pub rule: &'static str,
    /// The file that is changed, from the root of the repository.
    pub file: &'static str,
    /// A text that is there in one place.
    pub from: &'static str,
    /// What replaces it.
    pub to: &'static str,
    /// The test of `it` that fails then.
    pub test: &'static str,
}

pub fn all() -> impl Iterator<Item = &'static Breakage> {
    [outbox::ALL, dispatch::ALL, inbox::ALL, books::ALL].into_iter().flatten()
}

impl Breakage {
    /// The file's text with the rule taken away.
    ///
    /// # Errors
    /// The text to replace is not there in one place: the code has changed, and so must the breakage.
    pub fn applied_in(&self, root: &Path) -> Result<String, String> {
        let text =
            fs::read_to_string(root.join(self.file)).map_err(|e| format!("{}: {}: {e}", self.name, self.file))?;
        match text.matches(self.from).count() {
            1 => Ok(text.replacen(self.from, self.to, 1)),
            found => {
                Err(format!("{}: {} has this text {found} times, expected once:\n{}", self.name, self.file, self.from))
            }
        }
    }
}
