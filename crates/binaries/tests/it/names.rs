//! Whatever an archive says, nothing is written outside of its folder, and nothing is left when it is refused.

use std::fs;

use proptest::prelude::*;

use crate::archives::{Entry, Place, write_tar_gz, write_zip};

/// Parts of names that archives are attacked with, and harmless ones.
fn part() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "..", ".", "", "a", "A", "b", "bin", "C:", "con", "NUL.txt", "a.", "link", "\u{e4}", "x\\..\\y", "*",
    ])
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let joined = prop::collection::vec(part(), 1..5).prop_map(|parts| parts.join("/").into_bytes());
    let bytes =
        prop::collection::vec(any::<u8>().prop_filter("a header ends there", |byte| *byte != 0), 1..12);
    prop_oneof![8 => joined, 1 => bytes]
        .prop_filter("it has a name", |name| !name.is_empty() && name.len() < 100)
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        4 => (name(), 0..2000_usize).prop_map(|(name, size)| Entry::File(name, vec![b'x'; size], 0o755)),
        1 => name().prop_map(Entry::Folder),
        2 => (name(), name()).prop_map(|(name, target)| Entry::Symbolic(name, target)),
        2 => (name(), name()).prop_map(|(name, target)| Entry::Hard(name, target)),
        1 => (name(), 0..127_u8).prop_map(|(name, kind)| Entry::Special(name, kind)),
    ]
}

/// What lies beside the target must be what lay there before: nothing.
fn holds(place: &Place) -> Result<(), TestCaseError> {
    let outcome = place.unpack();
    let below = |name: &String| name == "inner/target" || name.starts_with("inner/target/");
    let everything = place.everything();
    match outcome {
        Ok(unpacked) => {
            prop_assert!(everything.iter().all(below), "{everything:?}");
            prop_assert!(unpacked.files > 0);
            let target = fs::canonicalize(place.target()).unwrap();
            for name in &everything {
                // Every link leads to a file inside.
                let real = fs::canonicalize(place.folder.path().join(name)).unwrap();
                prop_assert!(real.starts_with(&target), "{name} is {}", real.display());
            }
        }
        Err(_) => prop_assert!(everything.is_empty(), "{everything:?}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_tar_stays_in_its_folder(entries in prop::collection::vec(entry(), 1..8)) {
        let place = Place::new();
        write_tar_gz(&place.archive(), &entries);
        holds(&place)?;
    }

    #[test]
    fn a_zip_stays_in_its_folder(entries in prop::collection::vec(entry(), 1..8)) {
        let fits = |entry: &&Entry| match entry {
            Entry::Folder(name) | Entry::File(name, ..) => name.len() > 2,
            Entry::Symbolic(name, target) => name.len() > 2 && std::str::from_utf8(target).is_ok(),
            Entry::Hard(..) | Entry::Special(..) | Entry::About(..) => false,
        };
        let entries: Vec<_> = entries.iter().filter(fits).cloned().collect();
        let place = Place::new();
        write_zip(&place.archive(), &entries);
        holds(&place)?;
    }

    #[test]
    fn any_bytes_are_an_archive_or_refused(
        start in prop::sample::select(vec![&b"PK\x03\x04"[..], b"PK\x05\x06", b"\x1f\x8b\x08", b""]),
        rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let place = Place::new();
        fs::write(place.archive(), [start, &rest].concat()).unwrap();
        holds(&place)?;
    }

    #[test]
    fn a_changed_byte_does_no_harm(at in any::<prop::sample::Index>(), byte in any::<u8>(), tar in any::<bool>()) {
        let place = Place::new();
        let entries = [
            Entry::File(b"top/aa".to_vec(), vec![b'a'; 300], 0o755),
            Entry::Symbolic(b"top/bb".to_vec(), b"aa".to_vec()),
        ];
        if tar { write_tar_gz(&place.archive(), &entries) } else { write_zip(&place.archive(), &entries) }
        let mut bytes = fs::read(place.archive()).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fs::write(place.archive(), bytes).unwrap();
        holds(&place)?;
    }
}
