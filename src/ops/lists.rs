//! Reads as many pages of a list as a command asks for.

use super::{args::PageArgs, remedies::Which, run::OpsContext};
use crate::{
    domain::{
        client::Email,
        operations::{MailFilter, Page, Selection},
    },
    flows::operate,
    ports::{error::StoreResult, operations::PageRequest},
};
use anyhow::{Result, anyhow, bail};

/// The most that one request of a list may ask for.
const PAGE_MAX: u32 = 200;
/// A selective search examines so many pages before it prints what it found; `next` continues it.
const PAGES_MAX: u32 = 1_000;
/// The most ids that a selection may name.
const IDS_MAX: u32 = 1_000;

/// Reads pages until there are as many items as asked for, or no more.
pub(super) async fn all<T>(
    asked: &PageArgs,
    read: impl AsyncFn(PageRequest) -> StoreResult<Page<T>>,
) -> Result<Page<T>> {
    let mut found = Page { items: Vec::new(), next: asked.before.clone() };
    for _ in 0..PAGES_MAX {
        let left = asked.limit.saturating_sub(u32::try_from(found.items.len()).unwrap_or(u32::MAX));
        if left == 0 {
            break;
        }
        let page = read(PageRequest { before: found.next.take(), limit: left.min(PAGE_MAX) }).await?;
        found.items.extend(page.items);
        found.next = page.next;
        if found.next.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The error omits the address: it must not get into a log of errors.
pub(super) fn recipient_hash(context: &OpsContext, address: &str) -> Result<String> {
    let address = Email::parse(address).map_err(|why| anyhow!("the address {why}"))?;
    let key = context.operate.recipients.as_ref().map_err(|why| anyhow!(why.clone()))?;
    Ok(key.hash(&address).as_str().to_owned())
}

/// Of these mails, the newest whose reason contains `text`.
pub(super) async fn alike(context: &OpsContext, filter: &MailFilter, text: &str, limit: u32) -> Result<Which> {
    let asked = PageArgs { before: None, limit: limit.min(IDS_MAX) };
    let found = all(&asked, async |page| {
        let mut page = operate::mails(&context.operate, filter, &page).await?;
        page.items.retain(|mail| mail.last_error.as_ref().is_some_and(|why| why.contains(text)));
        Ok(page)
    });
    let ids: Vec<String> = found.await?.items.into_iter().map(|mail| mail.message_id).collect();
    if ids.is_empty() {
        bail!("no refused mail has a reason that contains this text: see `ops mail list --state refused`");
    }
    Ok(Which::at_once(Selection::Ids(ids)))
}
