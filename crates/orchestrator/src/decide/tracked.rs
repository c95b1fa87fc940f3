//! A map of which few entries matter at a time.
//!
//! There may be a thousand models of which fifty run or are waited for, and records of as many servers that
//! are gone. Each decision looks at all that may have something to do, several times: this map lets it look
//! at those alone. Whatever is changed counts as busy from then on, until somebody finds that it rests.

use std::{borrow::Borrow, collections::BTreeMap};

/// Entries that may have something to do, and those that rest.
#[derive(Debug)]
pub(super) struct Tracked<K, V> {
    busy: BTreeMap<K, V>,
    resting: BTreeMap<K, V>,
}

impl<K, V> Default for Tracked<K, V> {
    fn default() -> Self {
        Self { busy: BTreeMap::new(), resting: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, V> Tracked<K, V> {
    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.busy.get(key).or_else(|| self.resting.get(key))
    }

    /// The entry, which is busy from now on.
    pub(super) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        if let Some((key, value)) = self.resting.remove_entry(key) {
            self.busy.insert(key, value);
        }
        self.busy.get_mut(key)
    }

    pub(super) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.resting.remove(&key);
        self.busy.insert(key, value);
    }

    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.busy.remove(key).or_else(|| self.resting.remove(key))
    }

    /// All keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All entries, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (mut busy, mut resting) = (self.busy.iter().peekable(), self.resting.iter().peekable());
        std::iter::from_fn(move || match (busy.peek(), resting.peek()) {
            (Some((one, _)), Some((other, _))) if one > other => resting.next(),
            (None, _) => resting.next(),
            _ => busy.next(),
        })
    }

    /// Those that may have something to do, in order.
    pub(super) fn busy(&self) -> impl Iterator<Item = (&K, &V)> + Clone {
        self.busy.iter()
    }

    /// The same, to be changed.
    pub(super) fn busy_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.busy.iter_mut()
    }

    pub(super) fn busy_values(&self) -> impl Iterator<Item = &V> + Clone {
        self.busy.values()
    }

    pub(super) fn busy_values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.busy.values_mut()
    }

    /// Lets those rest that `may`.
    pub(super) fn rest(&mut self, may: impl Fn(&V) -> bool) {
        let resting = self.busy.extract_if(.., |_, value| may(value));
        self.resting.extend(resting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_is_busy_until_it_rests_and_the_order_is_that_of_one_map() {
        let mut map = Tracked::default();
        for key in [3, 1, 4, 2] {
            map.insert(key, key * 10);
        }
        map.rest(|value| *value != 30);
        let busy = |map: &Tracked<i32, i32>| map.busy().map(|(key, _)| *key).collect::<Vec<_>>();
        assert_eq!(busy(&map), [3]);
        *map.get_mut(&1).unwrap() += 1;
        assert_eq!((busy(&map), map.get(&1), map.get(&2)), (vec![1, 3], Some(&11), Some(&20)));
        assert_eq!(map.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!((map.remove(&4), map.remove(&3), map.remove(&3)), (Some(40), Some(30), None));
        assert_eq!(map.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [11, 20]);
    }
}
