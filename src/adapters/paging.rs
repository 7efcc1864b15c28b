//! Pages of a list: how one is filled from a walk along an index.

use crate::domain::{
    delivery::MailState,
    operations::{MailFilter, MessageFilter, Page},
    outbox::RowState,
};

/// Most rows that one request reads. A rare match in a long history then takes several requests, each of them short.
pub(super) const EXAMINED_MAX: u32 = 5_000;
/// Most entries that one request judges in an index alone, which is far cheaper.
pub(super) const ENTRIES_MAX: u32 = 25_000;

/// The index along which messages are found: that of the condition with the fewest rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageWalk {
    OfId,
    OfGroup,
    OfKey,
    OfClient,
    SetAside,
    Unfinished,
    Newest,
}

impl MessageWalk {
    pub(super) fn of(filter: &MessageFilter) -> Self {
        match filter {
            MessageFilter { id: Some(_), .. } => Self::OfId,
            MessageFilter { fingerprint: Some(_), .. } => Self::OfGroup,
            MessageFilter { ordering_key: Some(_), .. } => Self::OfKey,
            MessageFilter { client: Some(_), .. } => Self::OfClient,
            MessageFilter { state: Some(RowState::Dead | RowState::Discarded), .. } => Self::SetAside,
            MessageFilter { state: Some(RowState::Pending | RowState::Leased), .. } => Self::Unfinished,
            MessageFilter { state: Some(RowState::Sent) | None, .. } => Self::Newest,
        }
    }
}

/// The index along which mails are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MailWalk {
    OfId,
    OfGroup,
    OfRecipient,
    OfClient,
    /// In one of these, none of them `sent`.
    InStates(Vec<MailState>),
    Newest,
}

impl MailWalk {
    pub(super) fn of(filter: &MailFilter) -> Self {
        match filter {
            MailFilter { id: Some(_), .. } => Self::OfId,
            MailFilter { fingerprint: Some(_), .. } => Self::OfGroup,
            MailFilter { recipient_hash: Some(_), .. } => Self::OfRecipient,
            MailFilter { client: Some(_), .. } => Self::OfClient,
            MailFilter { state: Some(MailState::Sent), .. } => Self::Newest,
            MailFilter { state: Some(state), .. } => Self::InStates(vec![*state]),
            MailFilter { state: None, .. } => {
                Self::InStates(MailState::ALL.into_iter().filter(|state| *state != MailState::Sent).collect())
            }
        }
    }
}

/// A page without items, and the last one.
#[must_use]
pub(super) fn empty<T>() -> Page<T> {
    Page { items: Vec::new(), next: None }
}

/// Fills a page. `walk` goes from place to place, newest first; `line` returns what is there, if it matches; `end` is
/// where the walk was cut short, if it passes places over.
pub(super) fn fill<P, T, E>(
    limit: u32,
    walk: impl IntoIterator<Item = Result<P, E>>,
    place: impl Fn(&P) -> String,
    mut line: impl FnMut(&P) -> Result<Option<T>, E>,
    end: impl FnOnce() -> Result<Option<P>, E>,
) -> Result<Page<T>, E> {
    let mut items = Vec::new();
    let mut last = None;
    for (before, at) in (0_u32..).zip(walk) {
        let at = at?;
        if let Some(item) = line(&at)? {
            if items.len() >= limit as usize {
                return Ok(Page { items, next: last });
            }
            items.push(item);
            last = Some(place(&at));
        }
        if before + 1 >= EXAMINED_MAX {
            return Ok(Page { items, next: Some(place(&at)) });
        }
    }
    let next = end()?.map(|at| place(&at));
    Ok(Page { items, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(limit: u32, rows: u32, fits: impl Fn(u32) -> bool) -> Page<u32> {
        let walk = (0..rows).map(Ok::<_, ()>);
        fill(limit, walk, u32::to_string, |at| Ok(fits(*at).then_some(*at)), || Ok(None)).unwrap()
    }

    #[test]
    fn a_page_ends_at_its_limit_or_after_as_many_rows_as_are_examined() {
        assert_eq!(page(3, 3, |_| true), Page { items: vec![0, 1, 2], next: None });
        assert_eq!(page(3, 4, |_| true), Page { items: vec![0, 1, 2], next: Some("2".to_owned()) });
        let rare = page(3, 9_000, |at| at % 4_000 == 1);
        assert_eq!(rare, Page { items: vec![1, 4_001], next: Some((EXAMINED_MAX - 1).to_string()) });
        assert_eq!(page(1, 9_000, |at| at == 7), Page { items: vec![7], next: Some((EXAMINED_MAX - 1).to_string()) });
    }

    #[test]
    fn a_walk_that_passed_places_over_goes_on_where_it_was_cut_short() {
        let cut = |limit| {
            let walk = [3, 9].map(Ok::<u32, ()>);
            fill(limit, walk, u32::to_string, |at| Ok(Some(*at)), || Ok(Some(50))).unwrap()
        };
        assert_eq!(cut(5), Page { items: vec![3, 9], next: Some("50".to_owned()) });
        assert_eq!(cut(2), Page { items: vec![3, 9], next: Some("50".to_owned()) });
        assert_eq!(cut(1), Page { items: vec![3], next: Some("3".to_owned()) });
    }
}
