//! Keeps the library in order: verify, remove, prune, pin, roll back.

use std::collections::BTreeSet;

use super::{
    Library,
    files::{Files, Selected, State},
};
use crate::{
    catalog::Program,
    error::BinariesError,
    host::Host,
    remembered::{Change, Record},
    report::{Removed, Verified},
    step::Observer,
};

impl Library {
    /// Reads all bytes of the installed builds, or of one, and compares them with what was installed. With
    /// `prove`, those that are whole are tried again as they were tried last.
    ///
    /// # Errors
    /// [`BinariesError::NotInstalled`], or what the library's folder has against it.
    pub async fn verify(
        &self,
        program: Program,
        build: Option<&str>,
        prove: bool,
        host: &Host,
        observer: &Observer,
    ) -> Result<Vec<Verified>, BinariesError> {
        let files = self.files(program);
        let _lock = files.lock(observer).await?;
        let mut verified = Vec::new();
        for (id, record) in files.all()? {
            if build.is_some_and(|build| build != id) {
                continue;
            }
            let mut one = match record {
                Ok(mut record) => self.verify_one(&files, &mut record, prove, host, observer).await?,
                Err(error) => Verified { damaged: vec![error.to_string()], ..nothing(&id) },
            };
            one.build = id;
            verified.push(one);
        }
        match build {
            Some(build) if verified.is_empty() => {
                Err(BinariesError::NotInstalled { program, id: Some(build.to_owned()) })
            }
            _ => Ok(verified),
        }
    }

    async fn verify_one(
        &self,
        files: &Files,
        record: &mut Record,
        prove: bool,
        host: &Host,
        observer: &Observer,
    ) -> Result<Verified, BinariesError> {
        let (root, asked) = (files.root(record), record.clone());
        let reading = tokio::task::spawn_blocking(move || asked.change(&root, true));
        let mut verified = Verified { files: record.files.len(), bytes: record.bytes(), ..nothing("") };
        match reading.await.map_err(|_| BinariesError::BrokenOff)? {
            Change::None => {}
            Change::Touched(touched) => {
                record.files = touched;
                files.set_record(record)?;
            }
            Change::Other(damaged) => verified.damaged = damaged,
        }
        let variant = record.proofs.first().map(|held| held.proof.variant);
        if let Some(variant) = variant.filter(|_| prove && verified.damaged.is_empty()) {
            match self.prove_again(files, record, variant, host, observer).await? {
                Ok(proof) => verified.proof = Some(proof),
                Err(fault) => verified.fault = Some(fault),
            }
        }
        Ok(verified)
    }

    /// Removes a build. If it is the one that is used, the one before it is from then on.
    ///
    /// # Errors
    /// [`BinariesError::NotInstalled`], [`BinariesError::Pinned`], or what the library's folder has against it.
    pub async fn remove(
        &self,
        program: Program,
        build: &str,
        observer: &Observer,
    ) -> Result<Removed, BinariesError> {
        let files = self.files(program);
        let _lock = files.lock(observer).await?;
        let mut state = files.state()?;
        let installed = files.all()?;
        let Some(record) = installed.get(build) else {
            return Err(BinariesError::NotInstalled { program, id: Some(build.to_owned()) });
        };
        let is_current = state.current.as_ref().is_some_and(|current| current.build == build);
        if is_current && state.pinned {
            return Err(BinariesError::Pinned { program, id: build.to_owned() });
        }
        state.before.retain(|before| before.build != build);
        if is_current {
            state.current = last_installed(&mut state, &installed.keys().cloned().collect());
        }
        // First nobody starts it any more, then it goes.
        files.set_state(&state)?;
        let bytes = record.as_ref().map_or(0, own_bytes);
        files.forget(build)?;
        Ok(Removed { builds: vec![build.to_owned()], bytes })
    }

    /// Removes all builds but the one that is used and the `keep` before it, and what is left of downloads that
    /// were broken off.
    ///
    /// # Errors
    /// What the library's folder has against it.
    pub async fn prune(
        &self,
        program: Program,
        keep: usize,
        observer: &Observer,
    ) -> Result<Removed, BinariesError> {
        let files = self.files(program);
        let _lock = files.lock(observer).await?;
        let mut state = files.state()?;
        let drop_first = state.before.len().saturating_sub(keep);
        state.before.drain(..drop_first);
        files.set_state(&state)?;
        let kept: BTreeSet<_> =
            state.current.iter().chain(&state.before).map(|kept| kept.build.clone()).collect();
        let mut removed = Removed { bytes: files.forget_downloads()?, ..Removed::default() };
        for (id, record) in files.all()?.into_iter().filter(|(id, _)| !kept.contains(id)) {
            removed.bytes += record.as_ref().map_or(0, own_bytes);
            files.forget(&id)?;
            removed.builds.push(id);
        }
        Ok(removed)
    }

    /// Uses a build that is installed, whatever is installed later, until [`unpin`](Self::unpin).
    ///
    /// # Errors
    /// [`BinariesError::NotInstalled`], or what the library's folder has against it.
    pub async fn pin(&self, program: Program, build: &str, observer: &Observer) -> Result<(), BinariesError> {
        let files = self.files(program);
        let _lock = files.lock(observer).await?;
        let mut state = files.state()?;
        let record = files.record(build)?;
        let used = state.current.clone().filter(|current| current.build == build);
        let proven = record.and_then(|record| record.proofs.first().map(|held| held.proof.variant));
        let selected = used.or(proven.map(|variant| Selected { build: build.to_owned(), variant }));
        let Some(selected) = selected else {
            return Err(BinariesError::NotInstalled { program, id: Some(build.to_owned()) });
        };
        state.select(&selected);
        state.pinned = true;
        files.set_state(&state)
    }

    /// Lets what is installed next be used.
    ///
    /// # Errors
    /// What the library's folder has against it.
    pub async fn unpin(&self, program: Program, observer: &Observer) -> Result<(), BinariesError> {
        let files = self.files(program);
        let _lock = files.lock(observer).await?;
        let mut state = files.state()?;
        state.pinned = false;
        files.set_state(&state)
    }

    /// Uses the build that was used before the current one, and says which. The current one stays installed.
    ///
    /// # Errors
    /// [`BinariesError::NothingBefore`], [`BinariesError::Pinned`], or what the library's folder has against it.
    pub async fn roll_back(&self, program: Program, observer: &Observer) -> Result<String, BinariesError> {
        let files = self.files(program);
        let _lock = files.lock(observer).await?;
        let mut state = files.state()?;
        if let Some(current) = state.current.as_ref().filter(|_| state.pinned) {
            return Err(BinariesError::Pinned { program, id: current.build.clone() });
        }
        let installed = files.all()?.into_keys().collect();
        let Some(before) = last_installed(&mut state, &installed) else {
            return Err(BinariesError::NothingBefore { program });
        };
        state.current = Some(before.clone());
        state.attempts.clear();
        files.set_state(&state)?;
        Ok(before.build)
    }
}

/// Takes the last one that is still installed out of the history.
fn last_installed(state: &mut State, installed: &BTreeSet<String>) -> Option<Selected> {
    while let Some(before) = state.before.pop() {
        if installed.contains(&before.build) {
            return Some(before);
        }
    }
    None
}

/// Bytes that go with a build: none of one that stays where its owner put it.
fn own_bytes(record: &Record) -> u64 {
    match record.build.from {
        crate::catalog::Source::Path(_) => 0,
        _ => record.bytes(),
    }
}

fn nothing(build: &str) -> Verified {
    Verified { build: build.to_owned(), files: 0, bytes: 0, damaged: Vec::new(), proof: None, fault: None }
}
