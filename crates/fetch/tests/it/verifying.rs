//! Files on the disk beside their hashes.

use std::fs;

use loadmaster_fetch::{FetchError, Phase, Sha256Hash, Verification};

use crate::{hub::noise, support::MIB};

#[tokio::test]
async fn what_is_damaged_or_missing_is_told_of_each_file() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = (0_u8..9)
        .map(|number| {
            let bytes = noise(usize::from(number) * 100_000, u64::from(number) + 1);
            let path = folder.path().join(number.to_string());
            fs::write(&path, &*bytes).unwrap();
            (path, Sha256Hash::of(&bytes))
        })
        .collect();
    let mut damaged = fs::read(&files[4].0).unwrap();
    damaged[200_000] ^= 1;
    fs::write(&files[4].0, &damaged).unwrap();
    fs::remove_file(&files[6].0).unwrap();
    let verification = Verification::new(files.clone());
    let progress = verification.progress();
    for (index, outcome) in verification.run().await.into_iter().enumerate() {
        match (index, outcome) {
            (4, Err(FetchError::Damaged { path, expected, actual })) => {
                assert_eq!((path, expected), files[4]);
                assert_eq!(actual, Sha256Hash::of(&damaged));
            }
            (6, Err(FetchError::Disk { path, .. })) => assert_eq!(path, files[6].0),
            (_, outcome) => assert_eq!(outcome, Ok(()), "{index}"),
        }
    }
    let progress = progress.borrow();
    assert_eq!(
        (&progress.phase, progress.hashed, progress.total),
        (&Phase::Done, 3_000_000, Some(3_000_000))
    );
}

#[tokio::test]
async fn it_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let verification = Verification::new(vec![(path, Sha256Hash::of(b""))]);
    let mut progress = verification.progress();
    let enough = async {
        let wait = progress.wait_for(|now| now.hashed > MIB as u64).await;
        wait.expect("it goes on");
    };
    tokio::select! {
        () = enough => {}
        found = verification.run() => panic!("a terabyte was hashed: {found:?}"),
    }
    // The runtime of this test waits for the thread that hashes: the test ends because that stops.
}
