//! Which messages share a transfer: by bytes, by count, and by session or partition. Pure.

use std::collections::{HashMap, VecDeque};

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

/// Puts a refused batch's halves first, in their order: so the message that was refused is found, and the others are sent.
pub(super) fn halve_into(waiting: &mut VecDeque<Vec<usize>>, pack: &[usize]) {
    let (left, right) = pack.split_at(pack.len() / 2);
    waiting.push_front(right.to_vec());
    waiting.push_front(left.to_vec());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, sample::select, test_runner::Config};

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

    /// A message: its key, its size, and whether the bus refuses it.
    fn messages() -> impl Strategy<Value = Vec<(Option<&'static str>, usize, bool)>> {
        let one = (select(vec![None, Some("a"), Some("b")]), 1..140_usize, proptest::bool::weighted(0.1));
        proptest::collection::vec(one, 0..60)
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

        #[test]
        fn any_messages_are_each_packed_once_within_the_bounds(messages in messages(), count_max in 1..8_usize) {
            let all: Vec<_> = messages.iter().map(|(key, bytes, _)| Item { key: *key, bytes: *bytes }).collect();
            let bounds = Bounds { bytes_max: 100, count_max };
            let packs = pack(&all, bounds);
            let mut seen: Vec<usize> = packs.iter().flatten().copied().collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..all.len()).collect::<Vec<_>>());
            for pack in packs {
                prop_assert!(pack.len() <= count_max && pack.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(pack.len() == 1 || pack.iter().map(|i| all[*i].bytes).sum::<usize>() <= bounds.bytes_max);
                prop_assert!(pack.iter().all(|i| all[*i].key == all[pack[0]].key));
            }
        }

        /// A bus that refuses a batch with any refused message in it.
        #[test]
        fn halving_finds_exactly_the_refused_messages_and_keeps_the_order(messages in messages()) {
            let all: Vec<_> = messages.iter().map(|(key, bytes, _)| Item { key: *key, bytes: *bytes }).collect();
            let packs = pack(&all, Bounds { bytes_max: 2_000, count_max: 50 });
            let (count, mut sends) = (packs.len(), 0);
            let mut waiting = VecDeque::from(packs);
            let (mut accepted, mut refused) = (Vec::new(), Vec::new());
            while let Some(pack) = waiting.pop_front() {
                sends += 1;
                match pack.as_slice() {
                    _ if pack.iter().all(|i| !messages[*i].2) => accepted.extend(pack),
                    [one] => refused.push(*one),
                    _ => halve_into(&mut waiting, &pack),
                }
            }
            let of = |refused: bool| (0..messages.len()).filter(|i| messages[*i].2 == refused).collect::<Vec<_>>();
                        for key in [None, Some("a"), Some("b")] {
                let of_key: Vec<_> = accepted.iter().filter(|i| messages[**i].0 == key).collect();
                prop_assert!(of_key.is_sorted(), "the order of a key");
            }
            accepted.sort_unstable();
            refused.sort_unstable();
            prop_assert_eq!((&accepted, &refused), (&of(false), &of(true)));
            prop_assert!(sends <= count + 2 * 6 * refused.len(), "two sends a level, and 50 messages have 6 levels");
        }
    }
}
