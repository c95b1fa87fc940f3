//! What cannot be started.

use loadmaster_supervise::{Journal, Spec, SuperviseError, Supervisor};

async fn refusal(spec: Spec) -> SuperviseError {
    match Supervisor::new(None).spawn(spec).await {
        Ok(child) => panic!("{child:?} runs"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_program_that_is_not_there() {
    for program in ["no-such-program-anywhere", "/no/such/program"] {
        let error = refusal(Spec::new(program)).await;
        assert!(matches!(error, SuperviseError::NotFound { .. }), "{error:?}");
        assert!(error.to_string().contains(program), "{error}");
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there() {
    let program = std::env::current_exe().unwrap();
    let error = refusal(Spec::new(program).cwd("/no/such/folder")).await;
    assert!(matches!(error, SuperviseError::WorkingFolder { .. }), "{error:?}");
    assert!(error.to_string().contains("/no/such/folder"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_be_executed_and_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    for program in [file.as_path(), folder.path()] {
        let error = refusal(Spec::new(program)).await;
        assert!(matches!(error, SuperviseError::NotExecutable { .. }), "{error:?}");
        assert!(error.to_string().contains(program.to_str().unwrap()), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_whose_loader_is_missing() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server");
    std::fs::write(&file, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let error = refusal(Spec::new(&file)).await;
    assert!(matches!(error, SuperviseError::NoLoader { .. }), "{error:?}");
    let error = refusal(Spec::new("./server").cwd(folder.path())).await;
    assert!(matches!(error, SuperviseError::NoLoader { .. }), "{error:?}");
}

#[tokio::test]
async fn a_log_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let log = loadmaster_supervise::LogFile::new(folder.path());
    let program = std::env::current_exe().unwrap();
    let error = refusal(Spec::new(program).log(log)).await;
    assert!(matches!(error, SuperviseError::Log { .. }), "{error:?}");
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_starts_no_child() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Journal::open(&file).expect_err("a file is no folder");
    assert!(matches!(error, SuperviseError::Journal { .. }), "{error:?}");

    let journal = Journal::open(&folder.path().join("journal")).unwrap();
    std::fs::remove_dir(folder.path().join("journal")).unwrap();
    let program = std::env::current_exe().unwrap();
    let refused = Supervisor::new(Some(journal)).spawn(Spec::new(program)).await;
    let error = refused.expect_err("nothing may run that is not written down");
    assert!(matches!(error, SuperviseError::Journal { .. }), "{error:?}");
}

#[tokio::test]
async fn a_refused_program_leaves_no_entry() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let refused = Supervisor::new(Some(journal)).spawn(Spec::new("/no/such/program")).await;
    assert!(refused.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
