//! `mail preview`: writes every letter to a folder, for review.

use super::{cli::PreviewArgs, compose, read};
use crate::adapters::mail::preview;
use anyhow::{Context, Result};
use std::{collections::BTreeMap, fs};

pub(super) fn run(arguments: &PreviewArgs, env: &BTreeMap<String, String>) -> Result<bool> {
    let settings = read(env)?;
    let files = preview(&compose::sender(&settings.email)?).map_err(anyhow::Error::msg)?;
    for file in &files {
        let path = arguments.out.join(&file.path);
        let shown = || format!("{} cannot be written", path.display());
        path.parent().map_or(Ok(()), fs::create_dir_all).with_context(shown)?;
        fs::write(&path, &file.bytes).with_context(shown)?;
    }
    println!("{} files written: open {}", files.len(), arguments.out.join("index.html").display());
    Ok(true)
}
