//! A set of bytes of a file.

use std::ops::Range;

/// Disjoint ranges of offsets, in order, with gaps between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// Adds `range`; what is there already stays.
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        // Those that it touches become one with it.
        let first = self.0.partition_point(|other| other.end < range.start);
        let behind = self.0.partition_point(|other| other.start <= range.end);
        let joined = match self.0.get(first..behind) {
            Some([one, ..]) if behind > first => {
                let last = self.0.get(behind - 1).map_or(range.end, |last| last.end);
                one.start.min(range.start)..last.max(range.end)
            }
            _ => range,
        };
        self.0.splice(first..behind, [joined]);
    }

    /// Takes `range` out.
    pub(crate) fn remove(&mut self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        let kept = |other: &Range<u64>| {
            [other.start..other.end.min(range.start), other.start.max(range.end)..other.end]
        };
        self.0 = self.0.iter().flat_map(kept).filter(|part| !part.is_empty()).collect();
    }

    /// The first byte that is missing.
    pub(crate) fn front(&self) -> u64 {
        self.0.first().filter(|first| first.start == 0).map_or(0, |first| first.end)
    }

    /// How many bytes are there.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// The offset behind the last byte.
    pub(crate) fn end(&self) -> u64 {
        self.0.last().map_or(0, |last| last.end)
    }

    /// The first run of bytes below `length` that are missing.
    pub(crate) fn gap(&self, length: u64) -> Option<Range<u64>> {
        let start = self.front();
        let next = self.0.iter().find(|range| range.start > start).map_or(length, |next| next.start);
        Some(start..next.min(length)).filter(|gap| !gap.is_empty())
    }

    /// How many bytes below `length` are missing.
    pub(crate) fn missing(&self, length: u64) -> u64 {
        length.saturating_sub(self.count())
    }

    /// The ranges.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_become_one() {
        let mut ranges = Ranges::default();
        for range in [10..20, 30..40, 20..30, 0..5, 50..50] {
            ranges.insert(range);
        }
        assert_eq!(ranges.iter().cloned().collect::<Vec<_>>(), [0..5, 10..40]);
        assert_eq!((ranges.front(), ranges.gap(60), ranges.count(), ranges.end()), (5, Some(5..10), 35, 40));
        ranges.insert(5..10);
        assert_eq!((ranges.front(), ranges.gap(60), ranges.gap(40)), (40, Some(40..60), None));
        ranges.remove(&(5..10));
        assert_eq!(ranges.iter().cloned().collect::<Vec<_>>(), [0..5, 10..40]);
    }

    proptest! {
        /// A set of offsets, as simple as can be, says the same.
        #[test]
        fn it_is_a_set_of_offsets(steps in proptest::collection::vec((any::<bool>(), 0_u64..64, 0_u64..20), 0..40)) {
            let (mut ranges, mut offsets) = (Ranges::default(), std::collections::BTreeSet::new());
            for (add, start, count) in steps {
                let range = start..start + count;
                if add {
                    offsets.extend(range.clone());
                    ranges.insert(range);
                } else {
                    offsets.retain(|offset| !range.contains(offset));
                    ranges.remove(&range);
                }
                let all: Vec<u64> = ranges.iter().flat_map(Clone::clone).collect();
                prop_assert_eq!(all, offsets.iter().copied().collect::<Vec<_>>());
                prop_assert!(ranges.0.windows(2).all(|two| two[0].end < two[1].start));
                let front = (0..100).find(|offset| !offsets.contains(offset)).unwrap();
                prop_assert_eq!(ranges.front(), front);
                prop_assert_eq!(ranges.gap(100).map(|gap| gap.start), Some(front));
            }
        }
    }
}
