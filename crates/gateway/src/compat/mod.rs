//! APIs of other programs, for their clients.

pub(crate) mod genai_electron;
