//! Which messages share a transfer: by bytes, by count, and by session or partition. Pure.

use std::collections::HashMap;

/// The properties of a message that packing needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    /// The session or partition: messages with different keys never share a batch. `None` is a key too.
    pub key: Option<&'a str>,
    /// Its size as an item of a batch.
    pub bytes: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// For all items of one batch together.
    pub bytes_max: usize,
    /// Items in one batch; 1: every message travels alone.
    pub count_max: usize,
}

/// Indices into `items`, each once, in order within a key. An item above the bound travels alone.
pub(super) fn pack(items: &[Item<'_>], bounds: Bounds) -> Vec<Vec<usize>> {
    let mut packs: Vec<Vec<usize>> = Vec::new();
    // For each key, the batch that still has room, and its bytes.
    let mut open: HashMap<Option<&str>, (usize, usize)> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        match open.get_mut(&item.key) {
            Some((pack, bytes)) if packs[*pack].len() < bounds.count_max && *bytes + item.bytes <= bounds.bytes_max => {
                packs[*pack].push(index);
                *bytes += item.bytes;
            }
            _ => {
                open.insert(item.key, (packs.len(), item.bytes));
                packs.push(vec![index]);
            }
        }
    }
    packs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items<'a>(of: &[(&'a str, usize)]) -> Vec<Item<'a>> {
        of.iter().map(|(key, bytes)| Item { key: (!key.is_empty()).then_some(*key), bytes: *bytes }).collect()
    }

    #[test]
    fn a_batch_is_full_by_bytes_or_by_count() {
        let all = items(&[("", 40), ("", 40), ("", 40), ("", 1), ("", 1)]);
        assert_eq!(pack(&all, Bounds { bytes_max: 80, count_max: 9 }), [vec![0, 1], vec![2, 3, 4]]);
        assert_eq!(pack(&all, Bounds { bytes_max: 999, count_max: 2 }), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(pack(&all, Bounds { bytes_max: 999, count_max: 1 }).len(), 5);
        assert!(pack(&[], Bounds { bytes_max: 80, count_max: 9 }).is_empty());
    }

    #[test]
    fn a_message_above_the_bound_travels_alone() {
        let all = items(&[("", 1), ("", 500), ("", 1)]);
        assert_eq!(pack(&all, Bounds { bytes_max: 80, count_max: 9 }), [vec![0], vec![1], vec![2]]);
    }

    #[test]
    fn keys_never_share_a_batch_and_keep_their_order() {
        let all = items(&[("a", 1), ("b", 1), ("a", 1), ("b", 1), ("a", 1)]);
        assert_eq!(pack(&all, Bounds { bytes_max: 80, count_max: 2 }), [vec![0, 2], vec![1, 3], vec![4]]);
    }

    #[test]
    fn any_messages_are_each_packed_once_within_the_bounds() {
        let mut dice = fastrand::Rng::with_seed(4);
        for _ in 0..300 {
            let keys = ["", "a", "b", "c"];
            let all: Vec<_> = (0..dice.usize(0..60)).map(|_| (keys[dice.usize(0..4)], dice.usize(1..60))).collect();
            let all = items(&all);
            let bounds = Bounds { bytes_max: 100, count_max: dice.usize(1..8) };
            let packs = pack(&all, bounds);
            let mut seen: Vec<usize> = packs.iter().flatten().copied().collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..all.len()).collect::<Vec<_>>());
            for pack in packs {
                assert!(pack.len() <= bounds.count_max && pack.windows(2).all(|pair| pair[0] < pair[1]));
                assert!(pack.iter().map(|i| all[*i].bytes).sum::<usize>() <= bounds.bytes_max);
                assert!(pack.iter().all(|i| all[*i].key == all[pack[0]].key));
            }
        }
    }
}
