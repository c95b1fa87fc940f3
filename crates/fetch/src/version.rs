//! What tells one version of a file from others.

/// What servers say of a version of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Version {
    /// The file's `ETag` as the hub names it.
    pub(crate) linked_etag: Option<String>,
    /// The `ETag` at the place it is fetched from.
    pub(crate) etag: Option<String>,
    /// `Last-Modified` there.
    pub(crate) modified: Option<String>,
}

impl Version {
    /// Whether `other`, which is said later, cannot be the same version.
    pub(crate) fn contradicts(&self, other: &Self, at_one_place: bool) -> bool {
        differ(self.linked_etag.as_ref(), other.linked_etag.as_ref())
            || at_one_place && differ(self.etag.as_ref(), other.etag.as_ref())
    }

    /// Takes in what another answer said, at the same place or at a new one.
    pub(crate) fn learn(&mut self, other: Self, at_one_place: bool) {
        self.linked_etag = self.linked_etag.take().or(other.linked_etag);
        let before = |before: Option<String>| before.filter(|_| at_one_place);
        self.etag = other.etag.or(before(self.etag.take()));
        self.modified = other.modified.or(before(self.modified.take()));
    }

    /// Whether bytes of this version, kept from an earlier time, belong to what is served `now`. The name
    /// that the hub gives counts first, then the server's own, then the time of the last change; what only
    /// one of them has proves nothing, nor does a weak `ETag` (RFC 9110, section 8.8.1).
    pub(crate) fn is_still(&self, now: &Self) -> bool {
        if let (Some(before), Some(now)) = (&self.linked_etag, &now.linked_etag) {
            return before == now;
        }
        match (self.condition(), now.condition()) {
            (Some(before), Some(now)) => before == now,
            _ => false,
        }
    }

    /// What can be asked for in `If-Range`: the strong `ETag`, or the time of the last change.
    pub(crate) fn condition(&self) -> Option<&str> {
        match self.etag.as_deref() {
            Some(weak) if weak.starts_with("W/") => None,
            Some(strong) => Some(strong),
            None => self.modified.as_deref(),
        }
    }
}

/// Whether both are known and not the same.
pub(crate) fn differ<T: PartialEq>(before: Option<&T>, after: Option<&T>) -> bool {
    matches!((before, after), (Some(before), Some(after)) if before != after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(linked: &str, etag: &str, modified: &str) -> Version {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Version { linked_etag: some(linked), etag: some(etag), modified: some(modified) }
    }

    #[test]
    fn a_version_is_proven_by_the_best_that_is_known() {
        let still = |before: [&str; 3], now: [&str; 3]| {
            version(before[0], before[1], before[2]).is_still(&version(now[0], now[1], now[2]))
        };
        assert!(still(["h", "a", ""], ["h", "b", ""]), "the hub's name counts first");
        assert!(!still(["h", "a", ""], ["i", "a", ""]));
        assert!(still(["", "\"a\"", "t"], ["", "\"a\"", "u"]));
        assert!(still(["", "", "t"], ["", "", "t"]) && !still(["", "", "t"], ["", "", "u"]));
        assert!(!still(["", "", ""], ["", "", ""]), "nothing proves nothing");
        assert!(!still(["", "W/\"a\"", "t"], ["", "W/\"a\"", "t"]), "weak names allow other bytes");
        assert!(!still(["", "\"a\"", ""], ["", "", "t"]));
    }

    #[test]
    fn a_new_place_has_names_of_its_own() {
        let mut known = version("h", "a", "t");
        assert!(!known.contradicts(&version("", "b", ""), false));
        assert!(known.contradicts(&version("", "b", ""), true));
        assert!(known.contradicts(&version("i", "", ""), false));
        known.learn(version("", "b", ""), false);
        assert_eq!(known, version("h", "b", ""));
        known.learn(version("", "", "u"), true);
        assert_eq!(known, version("h", "b", "u"));
    }
}
