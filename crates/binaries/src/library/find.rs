//! Which build to start: what every start of a server asks first.

use super::{
    Library,
    files::{Files, Selected},
};
use crate::{
    catalog::{Program, Source},
    choose::{Wanted, choose},
    error::BinariesError,
    host::Host,
    prove::Fault,
    remembered::{Change, Record},
    report::{Attempt, Found, Stage},
    step::{Observer, Step},
};

impl Library {
    /// The build to use on this machine, which has been proven to work on it.
    ///
    /// If nothing has changed since, that is remembered, and costs a look at each file's size and time. What has
    /// changed is read again; under another driver, on another card or system the build is tried again; and if
    /// it does not work any more, the others that are installed are tried, and the first that works is used.
    ///
    /// # Errors
    /// [`BinariesError::NotInstalled`], or [`BinariesError::NoneWorks`] of those that are.
    pub async fn find(
        &self,
        program: Program,
        host: &Host,
        observer: &Observer,
    ) -> Result<Found, BinariesError> {
        if let Some(found) = self.remembered(program, host)? {
            return Ok(found);
        }
        let files = self.files(program);
        let _lock = files.lock(observer).await?;
        // Another process may have tried it while this one waited.
        if let Some(found) = self.remembered(program, host)? {
            return Ok(found);
        }
        let mut attempts = Vec::new();
        for selected in fallbacks(&files, host)? {
            match self.try_installed(&files, &selected, host, observer).await? {
                Ok(found) => {
                    let mut state = files.state()?;
                    if !state.pinned {
                        state.select(&selected);
                    }
                    state.attempts.clone_from(&attempts);
                    files.set_state(&state)?;
                    return Ok(Found { attempts, ..found });
                }
                Err(attempt) => {
                    observer.tell(&Step::Failed(attempt.clone()));
                    attempts.push(attempt);
                }
            }
        }
        if attempts.is_empty() {
            return Err(BinariesError::NotInstalled { program, id: None });
        }
        Err(BinariesError::NoneWorks { program, attempts })
    }

    /// The current build, if nothing has changed since it was proven.
    fn remembered(&self, program: Program, host: &Host) -> Result<Option<Found>, BinariesError> {
        let files = self.files(program);
        let state = files.state()?;
        let Some(Selected { build, variant }) = state.current else { return Ok(None) };
        let Ok(Some(record)) = files.record(&build) else { return Ok(None) };
        if !record.is_untouched(&files.root(&record)) {
            return Ok(None);
        }
        let proof = record.proof(variant, &host.fingerprint()).cloned();
        Ok(proof.map(|proof| Found {
            build,
            variant,
            program: files.executable(&record),
            proof,
            remembered: true,
            attempts: state.attempts,
        }))
    }

    async fn try_installed(
        &self,
        files: &Files,
        selected: &Selected,
        host: &Host,
        observer: &Observer,
    ) -> Result<Result<Found, Attempt>, BinariesError> {
        let Selected { build, variant } = selected.clone();
        let failed = |cause: String, fault: Option<Fault>| Attempt {
            build: build.clone(),
            variant,
            stage: Stage::Prove,
            cause,
            remedy: fault.as_ref().map_or_else(|| Some(format!("Install {build} again.")), Fault::remedy),
            fault,
        };
        let mut record = match files.record(&build) {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(Err(failed("it is not installed any more".to_owned(), None))),
            Err(error @ BinariesError::Damaged { .. }) => return Ok(Err(failed(error.to_string(), None))),
            Err(error) => return Err(error),
        };
        if let Err(damaged) = settle(files, &mut record).await? {
            return Ok(Err(failed(format!("its files have changed: {}", damaged.join(", ")), None)));
        }
        Ok(match self.proven(files, &mut record, variant, host, observer).await? {
            Ok(proof) => {
                let program = files.executable(&record);
                Ok(Found { build, variant, program, proof, remembered: false, attempts: Vec::new() })
            }
            Err(fault) => Err(failed(fault.to_string(), Some(fault))),
        })
    }
}

/// What is installed, in the order in which it is tried: the current one, then as one would install, and
/// with it what the same builds can do besides. A pinned build is the only one.
fn fallbacks(files: &Files, host: &Host) -> Result<Vec<Selected>, BinariesError> {
    let state = files.state()?;
    let mut order: Vec<Selected> = state.current.iter().cloned().collect();
    let installed = files.all()?;
    let builds: Vec<_> = installed.into_values().flatten().map(|record| record.build).collect();
    let choice = choose(&crate::Catalog::of_all(builds), host, &Wanted::new(files.program()));
    order.extend(
        choice
            .candidates
            .into_iter()
            .map(|candidate| Selected { build: candidate.build.id, variant: candidate.variant }),
    );
    if let Some(current) = state.current.filter(|_| state.pinned) {
        order.retain(|selected| selected.build == current.build);
    }
    let mut unique: Vec<Selected> = Vec::new();
    for selected in order {
        if !unique.contains(&selected) {
            unique.push(selected);
        }
    }
    Ok(unique)
}

/// Brings a record up to date with its files; the inner error names files that are not a build's own any more.
async fn settle(files: &Files, record: &mut Record) -> Result<Result<(), Vec<String>>, BinariesError> {
    let (root, asked) = (files.root(record), record.clone());
    let looking = tokio::task::spawn_blocking(move || {
        let change = asked.change(&root, false);
        // Whoever brought it may have brought a newer one: that is another program, to be tried anew.
        let theirs = matches!((&change, &asked.build.from), (Change::Other(_), Source::Path(_)));
        let anew = if theirs { Record::of(&asked.build, &root, &asked.program).ok() } else { None };
        (change, anew)
    });
    let (change, anew) = looking.await.map_err(|_| BinariesError::BrokenOff)?;
    match (change, anew) {
        (Change::None, _) => return Ok(Ok(())),
        (Change::Touched(touched), _) => record.files = touched,
        (Change::Other(_), Some(anew)) if !anew.files.is_empty() => *record = anew,
        (Change::Other(damaged), _) => return Ok(Err(damaged)),
    }
    files.set_record(record)?;
    Ok(Ok(()))
}
