//! What a hub has: a client of Hugging Face's API.

mod api;
mod files;
pub(crate) mod url;

use loadmaster_fetch::{Client, FetchError, PageError};
use serde::Serialize;

pub use self::files::HubFile;
use self::{
    api::{Info, TreeEntry},
    url::encoded,
};
use crate::{error::ModelsError, sha256::Sha256};

/// Where Hugging Face is.
pub const HUGGING_FACE: &str = "https://huggingface.co";

/// Largest answer about a model, in bytes: those with thousands of files take some hundred KiB.
const MOST_INFO: u64 = 16 * 1024 * 1024;

/// Most pages of files; a page has 1000.
const MOST_PAGES: usize = 200;

/// A hub. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    client: Client,
    endpoint: String,
    has_token: bool,
}

/// A repository at one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repo {
    /// Its name: `owner/name`, as the hub spells it.
    pub id: String,
    /// The branch, tag or commit that was asked for.
    pub revision: String,
    /// The commit that this is.
    pub commit: String,
    /// Whether its owner asks for terms to be accepted first.
    pub gated: bool,
    /// Its licence, as in `apache-2.0`.
    pub licence: Option<String>,
    /// Where the licence can be read.
    pub licence_url: Option<String>,
}

impl Hub {
    /// A hub at `endpoint` (of Hugging Face: [`HUGGING_FACE`]). The client's credentials say who asks;
    /// `has_token` whether there is a token for this hub among them, which makes for better advice.
    pub fn new(client: Client, endpoint: &str, has_token: bool) -> Self {
        Self { client, endpoint: endpoint.trim_end_matches('/').to_owned(), has_token }
    }

    /// The hub's address.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The client that it is asked with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Finds a repository, and which commit `revision` is: a branch, a tag or a commit.
    pub async fn repo(&self, repo: &str, revision: &str) -> Result<Repo, ModelsError> {
        let url = format!("{}/api/models/{}/revision/{}", self.endpoint, url::path(repo), encoded(revision));
        let page = self.client.page(&url, MOST_INFO).await;
        let page = page.map_err(|error| self.failed(error, repo, revision))?;
        let info: Info =
            serde_json::from_slice(&page.body).map_err(|error| bad_answer(&url, &error.to_string()))?;
        let commit = info.sha.filter(|sha| is_commit(sha));
        let commit = commit.ok_or_else(|| bad_answer(&url, "it names no commit"))?;
        let (licence, licence_url) = api::licence(info.card, &info.tags);
        Ok(Repo {
            id: info.id.filter(|id| url::is_repo(id)).unwrap_or_else(|| repo.to_owned()),
            revision: revision.to_owned(),
            commit,
            gated: api::is_gated(&info.gated),
            licence,
            licence_url,
        })
    }

    /// All files of a repository.
    pub async fn files(&self, repo: &Repo) -> Result<Vec<HubFile>, ModelsError> {
        let path = url::path(&repo.id);
        let mut url = format!("{}/api/models/{path}/tree/{}?recursive=true", self.endpoint, repo.commit);
        let mut files = Vec::new();
        for _ in 0..MOST_PAGES {
            let page = self.client.page(&url, MOST_INFO).await;
            let page = page.map_err(|error| self.failed(error, &repo.id, &repo.commit))?;
            let entries: Vec<TreeEntry> =
                serde_json::from_slice(&page.body).map_err(|error| bad_answer(&url, &error.to_string()))?;
            files.extend(entries.into_iter().filter_map(HubFile::of));
            match page.next {
                Some(next) => url = next,
                None => return Ok(files),
            }
        }
        Err(bad_answer(&url, "its list of files does not end"))
    }

    /// The address of a file.
    pub fn file_url(&self, repo: &Repo, path: &str) -> String {
        format!("{}/{}/resolve/{}/{}", self.endpoint, url::path(&repo.id), repo.commit, url::path(path))
    }

    /// What a file of `repo` that could not be fetched failed of.
    pub(crate) fn file_failed(&self, error: FetchError, repo: Option<&Repo>) -> ModelsError {
        match (error, repo) {
            (FetchError::Denied { status, ref reason, .. }, Some(repo))
                if repo.gated
                    || status == 403
                    || reason.as_ref().is_some_and(|reason| reason.contains("gated")) =>
            {
                self.gated(&repo.id)
            }
            (error, _) => error.into(),
        }
    }

    fn failed(&self, failed: PageError, repo: &str, revision: &str) -> ModelsError {
        let PageError { error, code } = failed;
        let (repo, revision) = (repo.to_owned(), revision.to_owned());
        let no_repo = |repo| ModelsError::NoSuchRepo { repo, token_sent: self.has_token };
        match (code.as_deref(), &error) {
            (Some("RepoNotFound"), _) => no_repo(repo),
            (Some("RevisionNotFound" | "EntryNotFound"), _) => ModelsError::NoSuchRevision { repo, revision },
            (Some("GatedRepo"), _) | (_, FetchError::Denied { status: 403, .. }) => self.gated(&repo),
            // Hugging Face does not tell strangers what is private and what is not there.
            (_, FetchError::Denied { .. } | FetchError::NotFound { .. }) => no_repo(repo),
            _ => error.into(),
        }
    }

    fn gated(&self, repo: &str) -> ModelsError {
        let page = format!("{}/{}", self.endpoint, url::path(repo));
        ModelsError::Gated { repo: repo.to_owned(), page, token_sent: self.has_token }
    }
}

/// Whether text is a commit: 40 hexadecimal digits.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn bad_answer(url: &str, cause: &str) -> ModelsError {
    let url = loadmaster_fetch::without_secrets(url);
    ModelsError::BadAnswer { url, cause: cause.chars().take(200).collect() }
}

/// The SHA-256 in an `ETag` or an object id, if it is one.
pub(crate) fn sha256_in(etag: &str) -> Option<Sha256> {
    etag.trim_start_matches("W/").trim_matches('"').parse().ok()
}
