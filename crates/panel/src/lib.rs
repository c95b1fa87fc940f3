//! Loadmaster's control panel: a web page without a build step, and the router that serves it.
//!
//! [`routes`] answers at `/` with the page and at `/assets/...` with its modules, style sheets and pictures.
//! They are embedded; builds with debug assertions read them from the source folder at each request, so that an
//! edit is seen after a reload of the page.
//!
//! Every answer forbids scripts, styles and pictures of other hosts, scripts within the page, and being framed.
//! It names its content's hash as its `ETag`, so that a page that was seen before costs a few hundred bytes.
//!
//! The page asks the program that serves it and nobody else: `/api/v1` and `/v1` of the same origin.

mod answer;
mod media_type;
mod packed;

use axum::{Router, extract::Path, http::HeaderMap, response::Response, routing::get};
use rust_embed::RustEmbed;

/// The files of the page.
#[derive(RustEmbed)]
#[folder = "ui/"]
struct Files;

/// The page and all that belongs to it.
pub fn routes() -> Router {
    Router::new().route("/", get(|headers: HeaderMap| async move { file("index.html", &headers) })).route(
        "/assets/{*path}",
        get(|Path(path): Path<String>, headers: HeaderMap| async move { file(&path, &headers) }),
    )
}

/// The answer with the file of that name. In debug builds `rust-embed` refuses names that lead out of the folder.
fn file(name: &str, headers: &HeaderMap) -> Response {
    match Files::get(name) {
        Some(file) => answer::found(name, &file, headers),
        None => answer::missing(name),
    }
}
