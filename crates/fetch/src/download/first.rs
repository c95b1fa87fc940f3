//! The first answer, and what it means for what an earlier try has left.

use std::ops::Range;

use super::{Expected, connection::Answer, journal::Journal, pieces::FIRST};
use crate::{error::FetchError, file::RemoteFile, progress::StartedOver, served::Served, version::Version};

/// What is asked for first: where what is there ends, or where the file begins.
pub(crate) fn wanted(kept: Option<&Journal>, expected: Expected) -> Range<u64> {
    match kept {
        Some(kept) => {
            let last = kept.length.saturating_sub(1)..kept.length.max(1);
            let gap = kept.done.gap(kept.length).unwrap_or(last);
            gap.start..gap.end.min(gap.start + FIRST)
        }
        None => 0..expected.size.unwrap_or(FIRST).clamp(1, FIRST),
    }
}

/// The version that the answer must be of, for it to be a part.
pub(crate) fn condition(kept: Option<&Journal>) -> Option<&str> {
    let version = &kept?.version;
    // The hub's name of the file is compared, and places may have other names for it.
    if version.linked_etag.is_some() { None } else { version.condition() }
}

/// Why what is kept cannot be gone on with, if so.
pub(crate) fn objection(
    kept: &Journal,
    url: &str,
    version: &Version,
    served: Served,
    length: Option<u64>,
    expected: Expected,
) -> Option<StartedOver> {
    if length.is_some_and(|length| length != kept.length) {
        return Some(StartedOver::Changed);
    }
    // Other files may have the same name at other addresses, unless a hub gave it.
    let same_names = kept.url == url || kept.version.linked_etag.is_some();
    if same_names && kept.version.is_still(version) {
        return (!served.ranges).then_some(StartedOver::NoRanges);
    }
    if is_nameless(&kept.version) || is_nameless(version) || kept.url != url {
        // The hash will prove it, if one is expected.
        let proven = expected.sha256.is_some() && length.is_some() && served.ranges;
        return (!proven).then_some(StartedOver::NoProof);
    }
    Some(StartedOver::Changed)
}

/// Whether anything can show that what is kept is of the version that the server has.
pub(crate) fn can_be_proven(kept: &Journal, expected: Expected) -> bool {
    expected.sha256.is_some() || !is_nameless(&kept.version)
}

fn is_nameless(version: &Version) -> bool {
    version.linked_etag.is_none() && version.condition().is_none()
}

/// The length of the file, once the first answer is there. It must be as expected.
pub(crate) fn length(
    file: &RemoteFile,
    answer: &Answer,
    expected: Expected,
) -> Result<Option<u64>, FetchError> {
    let length = file.length();
    if let (Some(expected), Some(actual)) = (expected.size, length)
        && expected != actual
    {
        return Err(FetchError::WrongSize { url: file.url(), expected, actual });
    }
    if length.is_none() && answer.served.ranges && expected.size.is_none() {
        let got = "of a length that it does not say".to_owned();
        return Err(FetchError::WrongRange { url: file.url(), wanted: answer.served.first, got });
    }
    Ok(length.or(expected.size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sha256::Sha256Hash;

    const HASHED: Expected = Expected { size: None, sha256: None };

    fn version(etag: &str) -> Version {
        Version { etag: Some(etag.to_owned()).filter(|etag| !etag.is_empty()), ..Version::default() }
    }

    fn kept(etag: &str) -> Journal {
        let mut kept =
            Journal { url: "u".into(), length: 100 << 20, version: version(etag), ..Journal::default() };
        kept.done.insert(0..1000);
        kept.done.insert(2000..3000);
        kept
    }

    fn served(ranges: bool) -> Served {
        Served { first: 1000, end: Some(2000), total: Some(100 << 20), ranges }
    }

    #[test]
    fn it_asks_where_something_is_missing() {
        let mut kept = kept("a");
        assert_eq!(wanted(Some(&kept), HASHED), 1000..2000);
        kept.done.insert(1000..2000);
        assert_eq!(wanted(Some(&kept), HASHED), 3000..3000 + FIRST);
        kept.done.insert(3000..kept.length);
        assert_eq!(wanted(Some(&kept), HASHED), kept.length - 1..kept.length);
        assert_eq!(wanted(None, HASHED), 0..FIRST);
        assert_eq!(wanted(None, Expected { size: Some(5), sha256: None }), 0..5);
        assert_eq!(wanted(None, Expected { size: Some(0), sha256: None }), 0..1);
    }

    #[test]
    fn what_is_kept_needs_a_proof() {
        let length = Some(100 << 20);
        let judge = |before: &str, now: &str, url: &str, ranges: bool, expected: Expected| {
            objection(&kept(before), url, &version(now), served(ranges), length, expected)
        };
        let hashed = Expected { size: None, sha256: Some(Sha256Hash::of(b"")) };
        assert_eq!(judge("a", "a", "u", true, HASHED), None);
        assert_eq!(judge("a", "a", "u", false, HASHED), Some(StartedOver::NoRanges));
        assert_eq!(judge("a", "b", "u", true, HASHED), Some(StartedOver::Changed));
        assert_eq!(judge("a", "b", "u", true, hashed), Some(StartedOver::Changed));
        for (before, now, url) in [("", "", "u"), ("a", "", "u"), ("", "b", "u"), ("a", "a", "v")] {
            assert_eq!(judge(before, now, url, true, HASHED), Some(StartedOver::NoProof));
            assert_eq!(judge(before, now, url, true, hashed), None, "the hash will prove it");
            assert_eq!(judge(before, now, url, false, hashed), Some(StartedOver::NoProof));
        }
        let other = objection(&kept("a"), "u", &version("a"), served(true), Some(7), hashed);
        assert_eq!(other, Some(StartedOver::Changed));
    }
}
