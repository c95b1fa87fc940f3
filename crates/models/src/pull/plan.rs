//! Finds what a pull is going to fetch.

use loadmaster_gguf::{
    Header,
    memory::{Load, predict},
};

use super::{
    PullOptions, Puller,
    head::Head,
    header,
    planned::{Plan, PlannedFile},
};
use crate::{
    catalog::{CatalogModel, HubPlace},
    choice::{self, Budget, Candidate, Choice, candidates, choose},
    error::ModelsError,
    hub::{HubFile, Repo, sha256_in},
    job::{Job, Step},
    manifest::{Kind, ModelName, RelativePath, Role, Source},
    nearest::nearest,
    quantisation::Quantisation,
    reference::{Pick, Reference},
};

/// What was found before any header was read.
struct Found {
    repo: Option<Repo>,
    weights: Vec<PlannedFile>,
    projector: Option<PlannedFile>,
    choice: Option<(Vec<Candidate>, Option<Quantisation>)>,
}

impl Puller {
    /// Finds a model and reads its header, and no weights.
    pub async fn plan(
        &self,
        reference: &Reference,
        options: PullOptions,
        job: &Job,
    ) -> Result<Plan, ModelsError> {
        job.tell_step(Step::Resolve, reference.to_string());
        let main = HubPlace { repo: String::new(), revision: None, file: None };
        match reference {
            Reference::Url(url) => {
                let found = of_url(url)?;
                self.with_header(found, None, reference, &options, job).await
            }
            Reference::Hub { repo, revision, pick } => {
                let place = HubPlace { repo: repo.clone(), revision: revision.clone(), ..main };
                let found = self.find(&place, pick).await?;
                self.with_header(found, None, reference, &options, job).await
            }
            Reference::Catalog { name, quantisation } => {
                let model = self.catalog.find(name)?;
                let pick = match (quantisation, &model.place.file) {
                    (Some(quantisation), _) => Pick::Quantisation(quantisation.clone()),
                    (None, Some(file)) => Pick::File(file.clone()),
                    (None, None) => Pick::Best,
                };
                let found = self.find(&model.place, &pick).await?;
                self.with_header(found, Some(model), reference, &options, job).await
            }
        }
    }

    /// What of a repository is meant.
    async fn find(&self, place: &HubPlace, pick: &Pick) -> Result<Found, ModelsError> {
        let revision = place.revision.as_deref().unwrap_or("main");
        let repo = self.hub.repo(&place.repo, revision).await?;
        let files = self.hub.files(&repo).await?;
        let planned = |file: &HubFile, role| self.planned(&repo, file, role);
        if let Pick::File(path) = pick {
            let weights = file_and_shards(&repo, &files, path.as_str())?;
            let weights = weights.iter().map(|file| planned(file, None)).collect::<Result<_, _>>()?;
            return Ok(Found { weights, projector: None, choice: None, repo: Some(repo) });
        }
        let wanted = pick.quantisation();
        let all = candidates(&files);
        if all.is_empty() {
            // A repository with a single checkpoint means that one.
            return match checkpoints(&files).as_slice() {
                [file] => Ok(Found {
                    weights: vec![planned(file, None)?],
                    projector: None,
                    choice: None,
                    repo: Some(repo),
                }),
                several => {
                    let names = if several.is_empty() { files.iter().collect() } else { several.to_vec() };
                    let have = names.iter().take(20).map(|file| file.path.to_string()).collect();
                    Err(ModelsError::NoModelInRepo { repo: repo.id, have })
                }
            };
        }
        let projector =
            choice::projector(&files).map(|file| planned(&file, Some(Role::Mmproj))).transpose()?;
        Ok(Found { weights: Vec::new(), projector, choice: Some((all, wanted)), repo: Some(repo) })
    }

    fn planned(&self, repo: &Repo, file: &HubFile, role: Option<Role>) -> Result<PlannedFile, ModelsError> {
        let url = self.hub.file_url(repo, file.path.as_str());
        // Folders of a repository are no folders of the model: quantisations often lie in their own.
        let path = RelativePath::new(file.path.file_name())?;
        let source = Source {
            url: Some(url.clone()),
            repo: Some(repo.id.clone()),
            revision: Some(repo.revision.clone()),
            commit: Some(repo.commit.clone()),
            path: Some(file.path.to_string()),
            licence: repo.licence.clone(),
            licence_url: repo.licence_url.clone(),
        };
        Ok(PlannedFile { role, path, url, size: Some(file.size), sha256: file.sha256, source })
    }

    /// Reads the header, and with it chooses among candidates if there is a choice.
    async fn with_header(
        &self,
        found: Found,
        model: Option<&CatalogModel>,
        reference: &Reference,
        options: &PullOptions,
        job: &Job,
    ) -> Result<Plan, ModelsError> {
        let Found { repo, mut weights, projector, choice } = found;
        let mut repos: Vec<Repo> = repo.iter().cloned().collect();
        let (told, choice) = match (choice, &repo) {
            (Some((all, wanted)), Some(repo)) => {
                let (told, choice) = self.best(repo, &all, wanted.as_ref(), options.budget, job).await?;
                let chosen = all.get(choice.index).map(|candidate| candidate.files.as_slice());
                let chosen = chosen.unwrap_or_default();
                weights =
                    chosen.iter().map(|file| self.planned(repo, file, None)).collect::<Result<_, _>>()?;
                (told, Some(choice))
            }
            _ => (self.read_header(&weights, repo.as_ref(), job).await?, None),
        };
        if let ([only], None) = (weights.as_mut_slice(), &repo) {
            let (length, etag) = told.heads.first().map(Head::says).unwrap_or_default();
            only.size = length;
            only.sha256 = etag.as_deref().and_then(sha256_in);
        }
        let name = name_of(options, model, &weights)?;
        let mut files = weights;
        // A projector is for language models alone.
        files.extend(projector.filter(|_| told.kind == Kind::Llm));
        if let Some(model) = model {
            licence_of(model, &mut files);
            for component in &model.components {
                let (repo, file) = self.component(&component.place, component.role).await?;
                files.push(file);
                repos.push(repo);
            }
        }
        Ok(Plan {
            name,
            kind: model.map_or(told.kind, |model| model.kind),
            reference: reference.to_string(),
            bytes: files.iter().filter_map(|file| file.size).sum(),
            files,
            facts: told.facts,
            choice,
            recommended: model.map(|model| model.recommended.clone()).unwrap_or_default(),
            header: told.header,
            heads: told.heads,
            repos,
        })
    }

    /// Chooses by sizes, reads the header of what was chosen, and chooses again with what it tells.
    async fn best(
        &self,
        repo: &Repo,
        all: &[Candidate],
        wanted: Option<&Quantisation>,
        budget: Budget,
        job: &Job,
    ) -> Result<(header::Told, Choice), ModelsError> {
        let no_such = || {
            let any = Quantisation::named("any");
            choice::no_such(&repo.id, wanted.unwrap_or(&any), all)
        };
        let first = choose(all, wanted, budget, None).ok_or_else(no_such)?;
        let told = self.header_of(repo, all, &first, job).await?;
        let beyond = told.header.as_ref().map(beyond_weights);
        let choice = choose(all, wanted, budget, beyond).ok_or_else(no_such)?;
        let told =
            if choice.index == first.index { told } else { self.header_of(repo, all, &choice, job).await? };
        Ok((told, choice))
    }

    async fn header_of(
        &self,
        repo: &Repo,
        all: &[Candidate],
        choice: &Choice,
        job: &Job,
    ) -> Result<header::Told, ModelsError> {
        let files = all.get(choice.index).map(|candidate| candidate.files.as_slice()).unwrap_or_default();
        let files = files.iter().map(|file| self.planned(repo, file, None)).collect::<Result<Vec<_>, _>>()?;
        self.read_header(&files, Some(repo), job).await
    }

    /// Reads the header of a model, of a split one those of all its files.
    pub(super) async fn read_header(
        &self,
        weights: &[PlannedFile],
        repo: Option<&Repo>,
        job: &Job,
    ) -> Result<header::Told, ModelsError> {
        let client = self.hub.client();
        let failed = |error| match error {
            ModelsError::Fetch(error) => self.hub.file_failed(error, repo),
            other => other,
        };
        let Some((first, others)) = weights.split_first() else {
            return Err(ModelsError::BadReference { text: String::new(), cause: "it has no file" });
        };
        job.check()?;
        job.tell_step(Step::Header, first.path.to_string());
        let mut told = header::read(client, &first.url, first.path.as_str()).await.map_err(failed)?;
        let Some(header) = told.header.take() else { return Ok(told) };
        if others.is_empty() {
            told.header = Some(header);
            return Ok(told);
        }
        let mut headers = vec![header];
        for file in others {
            job.check()?;
            let (header, head) = header::gguf_header(client, &file.url).await.map_err(failed)?;
            headers.push(header);
            told.heads.extend(head);
        }
        let merged = Header::merged(headers).map_err(|error| header::gguf_failed(&first.url, error))?;
        (told.kind, told.facts) = crate::inspect::of_gguf(&merged);
        told.header = Some(merged);
        Ok(told)
    }

    /// A component of a model of the catalog.
    async fn component(&self, place: &HubPlace, role: Role) -> Result<(Repo, PlannedFile), ModelsError> {
        let repo = self.hub.repo(&place.repo, place.revision.as_deref().unwrap_or("main")).await?;
        let files = self.hub.files(&repo).await?;
        let path = place.file.as_ref().map_or("", RelativePath::as_str);
        let file = files.iter().find(|file| file.path.as_str() == path);
        let file = file.ok_or_else(|| no_such_file(&repo, path, &files))?;
        let planned = self.planned(&repo, file, Some(role))?;
        Ok((repo, planned))
    }
}

/// What a model takes of memory beyond its weights, in bytes, with the settings that servers have by default.
fn beyond_weights(header: &Header) -> u64 {
    let usage = predict(header, &Load::default());
    usage.total().saturating_sub(usage.host.weights)
}

fn name_of(
    options: &PullOptions,
    model: Option<&CatalogModel>,
    weights: &[PlannedFile],
) -> Result<ModelName, ModelsError> {
    match (&options.name, model, weights.first()) {
        (Some(name), _, _) => Ok(name.clone()),
        (None, Some(model), _) => Ok(model.name.clone()),
        (None, None, first) => ModelName::of_file(first.map_or("", |file| file.path.as_str())),
    }
}

/// The catalog's licence where the repository names none.
fn licence_of(model: &CatalogModel, weights: &mut [PlannedFile]) {
    for file in weights {
        file.source.licence = file.source.licence.take().or_else(|| model.licence.clone());
        file.source.licence_url = file.source.licence_url.take().or_else(|| model.licence_url.clone());
    }
}

/// A file of a repository, and if it is a part, all others.
fn file_and_shards<'a>(
    repo: &Repo,
    files: &'a [HubFile],
    path: &str,
) -> Result<Vec<&'a HubFile>, ModelsError> {
    let find = |path: &str| {
        let found = files.iter().find(|file| file.path.as_str() == path);
        found.ok_or_else(|| no_such_file(repo, path, files))
    };
    match loadmaster_gguf::shard_names(path) {
        Some(names) => names.iter().map(|name| find(name)).collect(),
        None => Ok(vec![find(path)?]),
    }
}

/// Checkpoints of diffusion models: files at the top of a repository. Those in folders are parts of other
/// programs' layouts.
fn checkpoints(files: &[HubFile]) -> Vec<&HubFile> {
    let is_checkpoint = |file: &&HubFile| {
        matches!(file.extension().as_str(), "safetensors" | "ckpt") && !file.path.as_str().contains('/')
    };
    files.iter().filter(is_checkpoint).collect()
}

fn no_such_file(repo: &Repo, path: &str, files: &[HubFile]) -> ModelsError {
    let near = nearest(path, files.iter().map(|file| file.path.as_str()), 3);
    ModelsError::NoSuchFile { repo: repo.id.clone(), path: path.to_owned(), near }
}

/// The file at an address, and if it is a part, all others beside it.
fn of_url(url: &str) -> Result<Found, ModelsError> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (address, query) = url.split_at(end);
    let (folder, name) = address.rsplit_once('/').unwrap_or(("", address));
    let decoded = crate::hub::url::decoded(name).unwrap_or_else(|| name.to_owned());
    let decoded = if decoded.is_empty() { "model".to_owned() } else { decoded };
    let planned = |name: &str, url: String| {
        let source = Source { url: Some(loadmaster_fetch::without_secrets(&url)), ..Source::default() };
        Ok(PlannedFile { role: None, path: RelativePath::new(name)?, url, size: None, sha256: None, source })
    };
    let weights = match loadmaster_gguf::shard_names(&decoded) {
        Some(names) => {
            let at =
                |name: &String| planned(name, format!("{folder}/{}{query}", crate::hub::url::encoded(name)));
            names.iter().map(at).collect::<Result<Vec<_>, ModelsError>>()?
        }
        None => vec![planned(&decoded, url.to_owned())?],
    };
    Ok(Found { repo: None, weights, projector: None, choice: None })
}
