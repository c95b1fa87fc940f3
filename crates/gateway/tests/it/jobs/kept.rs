//! Jobs on disk: what outlives a restart, what goes, and what cannot be read.

use super::*;

#[tokio::test]
async fn jobs_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(ENDLESS, folder.path()).await;
    let running = submit(&studio, &json!({ "prompt": "a" })).await;
    until(|| studio.painters.painting() == 1).await;
    let options =
        || loadmaster_gateway::Options::default().with_jobs(JobsOptions::new(folder.path().join("jobs")));
    let shared = loadmaster_gateway::router_with(studio.orchestrator.clone(), options()).unwrap_err();
    assert!(shared.to_string().contains("another Loadmaster uses them"), "{shared}");
    // The system gives back the lock of a program that died; this one lives, so its lock is taken away.
    let dies = || std::fs::remove_file(folder.path().join("jobs/.lock")).unwrap();
    dies();
    let next = open(QUICK, folder.path()).await;
    let told = get(&next, &running).await;
    assert_eq!((&told["state"], &told["error"]["code"]), (&json!("failed"), &json!("interrupted")));
    let done = submit(&next, &json!({ "prompt": "a", "seed": 5 })).await;
    reaches(&next, &done, "completed").await;
    let before = get(&next, &format!("{done}/result")).await;

    dies();
    let last = open(QUICK, folder.path()).await;
    assert_eq!(get(&last, &format!("{done}/result")).await, before);
    assert_eq!(get(&last, &running).await["error"]["code"], "interrupted");
    assert_eq!(get(&last, JOBS).await["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_read_and_what_is_no_job_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let jobs = folder.path().join("jobs");
    let (half, stranger) = (jobs.join("0123456789abcdef0123456789abcdef"), jobs.join("holiday"));
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("job.json"), "{").unwrap();
    std::fs::create_dir_all(&stranger).unwrap();
    let studio = open(QUICK, folder.path()).await;
    assert_eq!(get(&studio, JOBS).await["data"], json!([]));
    assert_eq!(std::fs::read_to_string(half.join("job.json")).unwrap(), "{");
    assert!(stranger.exists());
}

/// A job that cannot be read, of so many bytes, written so long ago.
#[cfg(unix)]
fn unreadable(jobs: &Path, name: char, bytes: usize, age: Duration) -> std::path::PathBuf {
    let folder = jobs.join(name.to_string().repeat(32));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("job.json"), vec![b'{'; bytes]).unwrap();
    let written = std::time::SystemTime::now() - age;
    for path in [&folder.join("job.json"), &folder] {
        std::fs::File::open(path).unwrap().set_modified(written).unwrap();
    }
    folder
}

#[cfg(unix)]
#[tokio::test]
async fn what_cannot_be_read_counts_and_goes_as_others_do() {
    let minutes = |count| Duration::from_mins(count);
    let exists =
        |folders: &[std::path::PathBuf]| folders.iter().map(|folder| folder.exists()).collect::<Vec<_>>();
    let opened = async |change: fn(&mut JobsOptions), ages: [u64; 3]| {
        let folder = tempfile::tempdir().unwrap();
        let folders: Vec<_> = "abc"
            .chars()
            .zip(ages)
            .map(|(name, age)| unreadable(folder.path(), name, 1000, minutes(age)))
            .collect();
        let mut options = JobsOptions::new(folder.path());
        change(&mut options);
        let _studio = Studio::open(QUICK, Some(options)).await;
        exists(&folders)
    };
    assert_eq!(opened(|_| {}, [1, 2, 3]).await, [true, true, true], "there is room for all");
    assert_eq!(opened(|_| {}, [1, 23 * 60, 25 * 60]).await, [true, true, false], "a day is over");
    assert_eq!(
        opened(|options| options.max_jobs = 2, [3, 1, 2]).await,
        [false, true, true],
        "the oldest goes"
    );
    assert_eq!(opened(|options| options.max_bytes = 1500, [1, 2, 3]).await, [true, false, false]);
}

#[tokio::test]
async fn times_on_disk_that_cannot_be_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(QUICK, folder.path()).await;
    let path = submit(&studio, &json!({ "prompt": "a" })).await;
    reaches(&studio, &path, "completed").await;
    std::fs::remove_file(folder.path().join("jobs/.lock")).unwrap();
    let file = folder.path().join("jobs").join(path.rsplit('/').next().unwrap()).join("job.json");
    let mut record: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for name in ["updated_ms", "ended_ms", "keep_ms"] {
        record[name] = json!(u64::MAX);
    }
    record["images"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "1.png", "seed": 1, "bytes": u64::MAX - 1 }));
    std::fs::write(&file, record.to_string()).unwrap();
    let mut options = JobsOptions::new(folder.path().join("jobs"));
    options.max_bytes = u64::MAX;
    let studio = Studio::open(QUICK, Some(options.clone())).await;
    assert_eq!(get(&studio, &path).await["expires_at"], u64::MAX / 1000);
    // One that had not ended is touched, too.
    record["state"] = json!("running");
    std::fs::write(&file, record.to_string()).unwrap();
    std::fs::remove_file(folder.path().join("jobs/.lock")).unwrap();
    let studio = Studio::open(QUICK, Some(options)).await;
    assert_eq!(get(&studio, &path).await["error"]["code"], "interrupted");
}

#[tokio::test]
async fn what_has_been_kept_long_enough_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = JobsOptions::new(folder.path());
    options.keep = Duration::from_millis(300);
    let studio = Studio::open(QUICK, Some(options)).await;
    let path = submit(&studio, &json!({ "prompt": "a" })).await;
    let gone = async {
        while studio.json("GET", &path, &json!({})).await.0 != StatusCode::NOT_FOUND {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("it is forgotten");
    // The next job's end sweeps the files away.
    let next = submit(&studio, &json!({ "prompt": "a" })).await;
    let file = |path: &str| folder.path().join(path.rsplit('/').next().unwrap());
    until(|| !file(&path).exists()).await;
    drop(next);
}

#[tokio::test]
async fn jobs_are_bounded_in_number_and_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = JobsOptions::new(folder.path());
    (options.max_jobs, options.max_active) = (2, 2);
    let studio = Studio::open(ENDLESS, Some(options.clone())).await;
    let first = submit(&studio, &json!({ "prompt": "a" })).await;
    submit(&studio, &json!({ "prompt": "a" })).await;
    let (status, told) = studio.json("POST", JOBS, &json!({ "prompt": "a" })).await;
    assert_eq!((status.as_u16(), &told["error"]["code"]), (429, &json!("too_many_jobs")));
    studio.json("DELETE", &first, &json!({})).await;
    submit(&studio, &json!({ "prompt": "a" })).await;
    drop(studio);

    // The files of one image are more than may be kept: the latest job is the first to go, and all others.
    options.folder = folder.path().join("small");
    options.max_bytes = 1000;
    let studio = Studio::open(QUICK, Some(options)).await;
    let path = submit(&studio, &json!({ "prompt": "a" })).await;
    let gone = async {
        while studio.json("GET", &path, &json!({})).await.0 != StatusCode::NOT_FOUND {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("it is forgotten");
}
