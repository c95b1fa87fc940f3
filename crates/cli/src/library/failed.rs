//! What goes wrong with the library, as the command tells it.

use std::io::ErrorKind;

use loadmaster_models::ModelsError;

use crate::{Failed, source};

impl From<ModelsError> for Failed {
    fn from(error: ModelsError) -> Self {
        use ModelsError as E;
        let cause = sentence(error.to_string());
        let failed = match &error {
            E::Fetch(error) => return source::failed(error),
            E::Refused { .. } => Self::memory(cause),
            E::NoSuchModel { .. }
            | E::NoSuchRepo { .. }
            | E::NoSuchRevision { .. }
            | E::NoSuchFile { .. }
            | E::NoSuchQuantisation { .. }
            | E::NoModelInRepo { .. }
            | E::NotInCatalog { .. } => Self::not_found(cause),
            E::Disk { source, .. } if source.kind() == ErrorKind::NotFound => Self::not_found(cause),
            E::BadName { .. } | E::BadReference { .. } | E::UnknownRole { .. } | E::UnknownOrigin { .. } => {
                Self::usage(cause)
            }
            _ => Self::because(cause),
        };
        failed.remedy(match &error {
            E::NoSuchModel { near, .. } if near.is_empty() => {
                "See `loadmaster list`, or get it with `loadmaster pull`.".to_owned()
            }
            E::InUse { .. } => "Stop what uses it first: `loadmaster run` or `loadmaster serve`.".to_owned(),
            E::Exists { .. } => {
                "Choose another --name, or remove that model first with `loadmaster rm`.".to_owned()
            }
            _ => error.remedy(),
        })
    }
}

/// Causes that begin with a word begin with a capital; others begin with a name.
fn sentence(mut cause: String) -> String {
    if ["there ", "it ", "the ", "nothing "].iter().any(|word| cause.starts_with(word)) {
        cause[..1].make_ascii_uppercase();
    }
    cause
}
