//! Who goes to make room: the cheapest set that is enough.

use std::{cmp::Ordering, collections::BTreeSet, time::Duration};

use loadmaster_core::InstanceId;

/// An instance that may be unloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) id: InstanceId,
    /// Whether it serves requests, or some wait for it.
    pub(crate) busy: bool,
    /// Bytes that must be read again to bring it back.
    pub(crate) bytes: u64,
    /// How long it has had nothing to do.
    pub(crate) idle: Duration,
}

impl Candidate {
    /// Orders by what it costs to let one go: the idle first, then by the time it takes to bring it back,
    /// weighed by how soon it may be asked for again, which is the less likely the longer it was not.
    fn cost(&self, other: &Self) -> Ordering {
        // bytes / idle, compared crosswise; a second more keeps what was just used from counting for ever.
        let weight = |candidate: &Self| candidate.idle.as_millis() + 1000;
        let cross = |one: &Self, other: &Self| u128::from(one.bytes).saturating_mul(weight(other));
        self.busy
            .cmp(&other.busy)
            .then_with(|| cross(self, other).cmp(&cross(other, self)))
            .then_with(|| self.id.cmp(&other.id))
    }
}

/// `candidates` from the cheapest to the dearest.
pub(crate) fn in_order(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(Candidate::cost);
    candidates
}

/// The cheapest of `candidates` without whom it fits, by `fits`; `None` when it does not fit without all
/// of them. No member of the answer could stay.
pub(crate) fn choose(
    candidates: Vec<Candidate>,
    fits: impl Fn(&BTreeSet<InstanceId>) -> bool,
) -> Option<BTreeSet<InstanceId>> {
    let candidates = in_order(candidates);
    let mut going = BTreeSet::new();
    let mut enough = fits(&going);
    for candidate in &candidates {
        if enough {
            break;
        }
        going.insert(candidate.id.clone());
        enough = fits(&going);
    }
    if !enough {
        return None;
    }
    // The dearest first: a large one that was reached last often makes the small ones needless.
    for candidate in candidates.iter().rev() {
        if going.remove(&candidate.id) && !fits(&going) {
            going.insert(candidate.id.clone());
        }
    }
    Some(going)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(name: &str, busy: bool, bytes: u64, idle: u64) -> Candidate {
        Candidate { id: InstanceId::new(name, 1), busy, bytes, idle: Duration::from_secs(idle) }
    }

    /// Who goes when `needed` bytes are.
    fn chosen(candidates: &[Candidate], needed: u64) -> Option<Vec<String>> {
        let bytes = |going: &BTreeSet<InstanceId>| -> u64 {
            candidates.iter().filter(|one| going.contains(&one.id)).map(|one| one.bytes).sum()
        };
        let going = choose(candidates.to_vec(), |going| bytes(going) >= needed)?;
        Some(going.iter().map(ToString::to_string).collect())
    }

    fn check(candidates: &[Candidate], needed: u64, expected: Option<&[&str]>) {
        let expected = expected.map(|names| names.iter().map(|name| format!("{name}#1")).collect::<Vec<_>>());
        assert_eq!(chosen(candidates, needed), expected, "{needed} of {candidates:?}");
    }

    #[test]
    fn the_idle_go_before_the_busy() {
        let both = [candidate("busy", true, 5, 0), candidate("idle", false, 50, 0)];
        check(&both, 5, Some(&["idle"]));
        check(&both, 51, Some(&["busy", "idle"]));
        check(&both, 56, None);
        check(&both, 0, Some(&[]));
    }

    #[test]
    fn the_long_unused_and_the_small_go_first() {
        check(&[candidate("new", false, 10, 1), candidate("old", false, 10, 60)], 10, Some(&["old"]));
        check(&[candidate("large", false, 50, 9), candidate("small", false, 10, 9)], 10, Some(&["small"]));
    }

    #[test]
    fn no_more_go_than_must() {
        let three = [candidate("a", false, 1, 9), candidate("b", false, 2, 9), candidate("c", false, 30, 9)];
        check(&three, 30, Some(&["c"]));
        check(&three, 3, Some(&["a", "b"]));
        check(&three, 31, Some(&["a", "c"]));
    }

    proptest! {
        #[test]
        fn who_goes_is_enough_and_nobody_goes_in_vain(
            sizes in prop::collection::vec((1..100_u64, any::<bool>(), 0..100_u64), 0..12),
            needed in 0..600_u64,
        ) {
            let candidates: Vec<_> = sizes.iter().enumerate()
                .map(|(at, (bytes, busy, idle))| candidate(&format!("m{at}"), *busy, *bytes, *idle))
                .collect();
            let total: u64 = candidates.iter().map(|one| one.bytes).sum();
            let Some(going) = chosen(&candidates, needed) else {
                prop_assert!(total < needed);
                return Ok(());
            };
            let freed: Vec<u64> = candidates.iter()
                .filter(|one| going.contains(&one.id.to_string())).map(|one| one.bytes).collect();
            let sum: u64 = freed.iter().sum();
            prop_assert!(sum >= needed);
            prop_assert!(freed.iter().all(|bytes| sum - bytes < needed), "{going:?}");
        }
    }
}
