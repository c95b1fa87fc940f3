//! All models: those of the library, and those that the configuration names.

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::http::StatusCode;
use loadmaster_core::LoadRequest;
use loadmaster_models::{Listed, Listing, ModelName, nearest};
use loadmaster_orchestrator::{ModelStatus, Status};

use super::shown::Model;
use crate::{ApiError, ControlState, failed, fit::Fit, logs::ended};

/// How long a list waits for forecasts that it lacks.
const PATIENCE: Duration = Duration::from_millis(500);

/// The library and the orchestrator at one moment.
pub(super) struct Models<'a> {
    state: &'a ControlState,
    listing: Listing,
    status: Status,
}

impl<'a> Models<'a> {
    pub(super) async fn read(state: &'a ControlState) -> Result<Self, ApiError> {
        let library = state.library.clone();
        let listing = tokio::task::spawn_blocking(move || library.list());
        let listing =
            listing.await.map_err(|error| ended(&error))?.map_err(|error| failed::models(&error))?;
        Ok(Self { state, listing, status: state.orchestrator.status().await? })
    }

    /// All of them, by name.
    pub(super) async fn all(&self) -> Result<Vec<Model>, ApiError> {
        let mut all = Vec::new();
        for listed in &self.listing.models {
            all.push(self.of_library(listed).await?);
        }
        for model in &self.status.models {
            if !all.iter().any(|(known, _)| known.name == model.id) {
                all.push(self.of_configuration(model).await?);
            }
        }
        self.weigh(all.iter().filter_map(|(_, request)| request.clone()).collect()).await;
        let mut models: Vec<_> = self.listing.damaged.iter().map(Model::of_damaged).collect();
        for (mut model, request) in all {
            if let Some(request) = request {
                let latest = self.state.shelf().latest(&request, &self.status);
                model.fit = latest.map_or_else(|| Fit::unknown("It is being weighed."), |(fit, _)| fit);
            }
            models.push(model);
        }
        models.sort_by_cached_key(|model| model.name.to_lowercase());
        Ok(models)
    }

    /// One of them. Of models of the library the name's case does not count.
    pub(super) async fn one(&self, name: &str) -> Result<Model, ApiError> {
        let is_it = |known: &str| known.eq_ignore_ascii_case(name);
        if let Some(listed) = self.listing.models.iter().find(|listed| is_it(listed.manifest.name.as_str())) {
            return Ok(self.weighed(self.of_library(listed).await?).await);
        }
        if let Some(damaged) = self.listing.damaged.iter().find(|damaged| is_it(&damaged.name)) {
            return Ok(Model::of_damaged(damaged));
        }
        match self.status.models.iter().find(|model| model.id == name) {
            Some(model) => Ok(self.weighed(self.of_configuration(model).await?).await),
            None => Err(self.unknown(name)),
        }
    }

    /// With a forecast of this moment.
    async fn weighed(&self, (mut model, request): (Model, Option<LoadRequest>)) -> Model {
        if let Some(request) = request {
            model.fit = self.state.shelf().fit(request, &self.state.orchestrator, &self.status).await;
        }
        model
    }

    /// Sees to it that there are forecasts. Those that take their time are told by the topic when all are there.
    async fn weigh(&self, requests: Vec<LoadRequest>) {
        let (state, status) = (self.state.clone(), self.status.clone());
        let mut work = tokio::spawn(async move {
            let left = state.shelf().weigh(requests, &state.orchestrator, &status).await;
            if let Some(left) = left
                && state.shelf().is_first_to_look_again()
            {
                tokio::spawn(async move {
                    tokio::time::sleep(left).await;
                    state.shelf().looks_again();
                    state.library_changed();
                });
            }
        });
        if tokio::time::timeout(PATIENCE, &mut work).await.is_err() {
            let state = self.state.clone();
            tokio::spawn(async move {
                // Whatever became of it, there is nothing more to wait for.
                let _ = work.await;
                state.library_changed();
            });
        }
    }

    async fn of_library(&self, listed: &Listed) -> Result<(Model, Option<LoadRequest>), ApiError> {
        let mut model = Model::of_library(listed, self.state.library.root());
        let status = self.status.models.iter().find(|status| status.id == model.name);
        let request = match status {
            Some(status) => Some(self.request(status).await?),
            None => self.state.program.request(&listed.manifest).await?,
        };
        let request = stand(&mut model, status, request);
        Ok((model, request))
    }

    async fn of_configuration(&self, status: &ModelStatus) -> Result<(Model, Option<LoadRequest>), ApiError> {
        let request = self.request(status).await?;
        let (known, path) = (Arc::clone(self.state.shelf()), request.model.path.clone());
        let read = tokio::task::spawn_blocking(move || known.header(&path));
        let read = read.await.map_err(|error| ended(&error))?;
        let of = &request.model;
        let mut model = Model::of_configuration(&status.id, of.kind, &of.path, &read);
        let request = stand(&mut model, Some(status), Some(request));
        Ok((model, request))
    }

    async fn request(&self, status: &ModelStatus) -> Result<LoadRequest, ApiError> {
        Ok(self.state.orchestrator.configured(&status.id).await?.request)
    }

    fn unknown(&self, name: &str) -> ApiError {
        let own = self.listing.models.iter().map(|listed| listed.manifest.name.as_str());
        let known = own.chain(self.status.models.iter().map(|model| model.id.as_str()));
        let mut near = nearest(name, known, 6);
        near.dedup();
        near.truncate(3);
        let shown: String = name.chars().take(80).collect();
        let remedy = if near.is_empty() {
            "GET /api/v1/models lists them.".to_owned()
        } else {
            format!("Did you mean {}?", near.join(" or "))
        };
        let message = format!("There is no model '{shown}' on this machine");
        ApiError::new(StatusCode::NOT_FOUND, "model_not_found", message, remedy).with("near", near)
    }
}

/// How it stands with it now, and what is to be weighed to tell whether it fits.
fn stand(
    model: &mut Model,
    status: Option<&ModelStatus>,
    request: Option<LoadRequest>,
) -> Option<LoadRequest> {
    let instance = status.and_then(|status| status.instance.as_ref());
    if status.is_some() {
        model.configured = true;
        model.state = instance.map_or("unloaded", |instance| instance.state.name());
    }
    if let Some(instance) = instance.filter(|instance| instance.state.is_alive()) {
        model.fit = Fit::loaded(instance.taken());
        return None;
    }
    if !model.is_whole() {
        model.fit = Fit::unknown("It cannot be used as it is.");
        return None;
    }
    request
}

/// Why what concerns the library alone cannot be done with a model that is not of it.
pub(super) async fn not_of_the_library(state: &ControlState, name: &str) -> Result<ApiError, ApiError> {
    let models = Models::read(state).await?;
    if !models.status.models.iter().any(|model| model.id == name) {
        return Ok(models.unknown(name));
    }
    let message =
        format!("'{name}' is not of the library: the configuration or the command line names its file");
    let remedy = "Import its file first, or take the model out of the configuration.";
    Ok(ApiError::new(StatusCode::CONFLICT, "not_in_library", message, remedy))
}

/// The file of a model, by the model's name; of a split one the first.
pub(crate) async fn file_of(state: &ControlState, name: &str) -> Result<PathBuf, ApiError> {
    let models = Models::read(state).await?;
    if ModelName::new(name).is_ok() {
        let root = state.library.root();
        let is_it = |listed: &&Listed| listed.manifest.name.as_str().eq_ignore_ascii_case(name);
        if let Some(listed) = models.listing.models.iter().find(is_it) {
            let first = listed.manifest.files().next().map(|file| listed.manifest.path(root, file));
            return first.ok_or_else(|| models.unknown(name));
        }
    }
    match models.status.models.iter().find(|model| model.id == name) {
        Some(status) => Ok(models.request(status).await?.model.path),
        None => Err(models.unknown(name)),
    }
}
