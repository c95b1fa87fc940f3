//! Fetching what a plan names.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use loadmaster_fetch::{Download, Downloaded, Downloads, Phase};

use super::{Plan, PlannedFile, Puller, blocking};
use crate::{
    error::ModelsError,
    job::{FileProgress, Job, Progress, Step},
    manifest::{Component, Manifest, Place, RelativePath, SCHEMA, StoredFile},
    sha256::Sha256,
    store::Staging,
};

/// How often it is looked whether the work was called off.
const LOOK: Duration = Duration::from_millis(50);

/// How long a commit's first digits are that tell pulls apart.
const KEY_DIGITS: usize = 24;

/// A file of the plan, and what there is of it.
struct Wanted {
    file: PlannedFile,
    there: There,
}

enum There {
    /// The library has it, as a part of other models.
    Part(RelativePath, Sha256, u64),
    /// It comes together here.
    Staged(PathBuf),
}

impl Puller {
    /// Fetches what a plan names, and makes it a model of the library. A model of that name with the same
    /// files is there already, and is what comes back.
    pub async fn fetch(&self, plan: Plan, job: &Job) -> Result<Manifest, ModelsError> {
        if let Some(there) = self.is_there(&plan)? {
            return Ok(there);
        }
        job.tell_step(Step::Download, plan.name.as_str());
        let staging = self.turn(&plan, &key(&plan), job).await?;
        // Another process may have made it while this one waited.
        if let Some(there) = self.is_there(&plan)? {
            staging.discard()?;
            return Ok(there);
        }
        let (staging, wanted) = self.prepare(staging, &plan).await?;
        let downloaded = self.download(&wanted, &plan, job).await?;
        let manifest = blocking(move || publish(plan, staging, wanted, downloaded)).await?;
        Ok(manifest)
    }

    /// The model of the plan's name, if it has the plan's files; an error if it has others.
    fn is_there(&self, plan: &Plan) -> Result<Option<Manifest>, ModelsError> {
        let manifest = match self.library.get(plan.name.as_str()) {
            Ok(manifest) => manifest,
            Err(ModelsError::NoSuchModel { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let has = manifest.files().map(|file| file.sha256);
        let wants = plan.files.iter().map(|file| file.sha256);
        if wants.clone().all(|hash| hash.is_some()) && has.eq(wants) {
            Ok(Some(manifest))
        } else {
            Err(ModelsError::Exists { name: plan.name.to_string() })
        }
    }

    /// Decides for each file where it comes together, and takes what this machine has already.
    async fn prepare(&self, staging: Staging, plan: &Plan) -> Result<(Staging, Vec<Wanted>), ModelsError> {
        let (files, caches) = (plan.files.clone(), self.caches.clone());
        blocking(move || {
            let mut wanted = Vec::new();
            for (index, file) in files.into_iter().enumerate() {
                let there = place_of(&staging, &file, index)?;
                if let There::Staged(path) = &there {
                    take_from_cache(&caches, &file, path);
                }
                wanted.push(Wanted { file, there });
            }
            Ok((staging, wanted))
        })
        .await
    }

    /// Downloads what is not there yet; what became of each staged file, in order.
    async fn download(
        &self,
        wanted: &[Wanted],
        plan: &Plan,
        job: &Job,
    ) -> Result<Vec<Downloaded>, ModelsError> {
        let mut downloads = Vec::new();
        let mut staged = Vec::new();
        // Weights come first, and so do what was read of them.
        let heads = plan.heads.iter().map(Some).chain(std::iter::repeat(None));
        for (Wanted { file, there }, head) in wanted.iter().zip(heads) {
            let There::Staged(path) = there else { continue };
            let mut download = Download::new(self.hub.client(), &file.url, path)?;
            if let Some(retries) = self.retries {
                download = download.retries(retries);
            }
            if let Some(size) = file.size {
                download = download.expect_size(size);
            }
            if let Some(hash) = file.sha256 {
                download = download.expect_sha256(hash.to_string().parse()?);
            }
            downloads.push(match head {
                Some(head) => head.begin(download),
                None => download,
            });
            staged.push(file);
        }
        let each: Vec<_> = staged.iter().zip(&downloads).map(|(file, one)| (*file, one.progress())).collect();
        let files =
            || -> Vec<FileProgress> { each.iter().map(|(file, one)| of_file(file, &one.borrow())).collect() };
        let downloads = Downloads::new(downloads);
        let mut progress = downloads.progress();
        let running = downloads.run();
        tokio::pin!(running);
        let outcomes = loop {
            tokio::select! {
                outcomes = &mut running => break outcomes,
                () = tokio::time::sleep(LOOK) => job.check()?,
            }
            if progress.has_changed().unwrap_or(false) {
                tell(job, plan, &progress.borrow_and_update(), files());
            }
        };
        tell(job, plan, &progress.borrow_and_update(), files());
        let repo_of =
            |file: &PlannedFile| plan.repos.iter().find(|repo| Some(&repo.id) == file.source.repo.as_ref());
        let outcomes = outcomes.into_iter().zip(staged);
        outcomes
            .map(|(outcome, file)| outcome.map_err(|error| self.hub.file_failed(error, repo_of(file))))
            .collect()
    }
}

fn of_file(file: &PlannedFile, progress: &loadmaster_fetch::Progress) -> FileProgress {
    let name = file.path.file_name().to_owned();
    FileProgress { name, done: progress.received, total: progress.total.or(file.size) }
}

fn tell(job: &Job, plan: &Plan, progress: &loadmaster_fetch::Progress, files: Vec<FileProgress>) {
    let step = match progress.phase {
        Phase::Verifying => Step::Verify,
        Phase::Retrying { .. } => Step::Retry,
        _ => Step::Download,
    };
    job.tell(&Progress {
        step,
        what: plan.name.to_string(),
        // Of the files as they are told here: the sum that came with `progress` may be of a moment earlier.
        done: files.iter().map(|file| file.done).sum(),
        total: progress.total,
        speed: Some(progress.speed).filter(|&speed| speed > 0),
        seconds_left: progress.remaining.map(|left| left.as_secs()),
        files,
    });
}

/// What the staging folder of a plan is called: the same for the same files under the same name, so that
/// the next pull goes on with what this one leaves.
fn key(plan: &Plan) -> String {
    let mut text = plan.name.as_str().to_ascii_lowercase();
    for file in &plan.files {
        let content =
            file.sha256.map_or_else(|| loadmaster_fetch::without_secrets(&file.url), |hash| hash.to_string());
        text.push('\n');
        text.push_str(&content);
    }
    let hash = Sha256::of(text.as_bytes()).to_string();
    format!("pull-{}", &hash[..KEY_DIGITS])
}

/// Weights come together in the model's folder, components among the parts.
fn place_of(staging: &Staging, file: &PlannedFile, index: usize) -> Result<There, ModelsError> {
    if file.role.is_none() {
        return Ok(There::Staged(staging.model_file(&file.path)?));
    }
    if let (Some(hash), Some(size)) = (file.sha256, file.size)
        && let Some(path) = staging.claim(hash, size)?
    {
        return Ok(There::Part(path, hash, size));
    }
    Ok(There::Staged(staging.part_file(index, file.path.as_str())?))
}

/// Takes a file from Hugging Face's own cache, where it lies under its hash. It is checked like a download;
/// if anything goes wrong here, it is downloaded.
fn take_from_cache(caches: &[PathBuf], file: &PlannedFile, to: &Path) {
    let (Some(repo), Some(hash), Some(size)) = (&file.source.repo, file.sha256, file.size) else { return };
    if to.exists() {
        return;
    }
    let folder = format!("models--{}", repo.replace('/', "--"));
    for cache in caches {
        let blob = cache.join(&folder).join("blobs").join(hash.to_string());
        if !fs::metadata(&blob).is_ok_and(|is| is.is_file() && is.len() == size) {
            continue;
        }
        let linked = fs::hard_link(&blob, to);
        let copied = linked.or_else(|_| {
            // Beside it first: half a copy would look like a whole file.
            let beside = to.with_added_extension("copy");
            fs::copy(&blob, &beside)?;
            File::open(&beside)?.sync_all()?;
            fs::rename(&beside, to)
        });
        if copied.is_ok() {
            return;
        }
    }
}

/// Writes the manifest and makes the model one of the library's.
fn publish(
    plan: Plan,
    staging: Staging,
    wanted: Vec<Wanted>,
    downloaded: Vec<Downloaded>,
) -> Result<Manifest, ModelsError> {
    let mut downloaded = downloaded.into_iter();
    let (mut weights, mut components, mut parts) = (Vec::new(), Vec::<Component>::new(), Vec::new());
    for Wanted { file, there } in wanted {
        let PlannedFile { role, path, source, .. } = file;
        let stored = |place, size, hash| StoredFile { place, size, sha256: Some(hash), source: Some(source) };
        let stored = match there {
            There::Part(path, hash, size) => stored(Place::Parts { path }, size, hash),
            There::Staged(staged) => {
                let Some(Downloaded { length, sha256, .. }) = downloaded.next() else {
                    return Err(ModelsError::Cancelled);
                };
                let hash: Sha256 = sha256.to_string().parse()?;
                if role.is_some() {
                    // Its place among the parts is known once it is there.
                    parts.push((components.len(), staged, hash));
                }
                let place = if role.is_some() { Place::Parts { path } } else { Place::Model { path } };
                stored(place, length, hash)
            }
        };
        match role {
            Some(role) => components.push(Component { role, file: stored }),
            None => weights.push(stored),
        }
    }
    let mut manifest = Manifest {
        schema: SCHEMA,
        name: plan.name,
        kind: plan.kind,
        added: crate::now(),
        reference: Some(plan.reference),
        weights,
        components,
        facts: plan.facts,
        recommended: plan.recommended,
    };
    staging.publish(&mut manifest, &parts)?;
    staging.discard()?;
    Ok(manifest)
}

impl Puller {
    /// Forgets what pulls of this model that did not end have left. `false` if one is under way.
    pub fn discard(&self, plan: &Plan) -> Result<bool, ModelsError> {
        self.library.discard_staging(&key(plan))
    }
}
