//! The backend with the real `llama-server` and a real model.

mod estimates;
mod files;
