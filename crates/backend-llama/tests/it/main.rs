//! The backend with the real `llama-server` and a real model.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod estimates;
mod files;
