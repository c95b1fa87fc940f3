//! Where a model's header comes from: a file here, or one on a server.

mod remote;

use std::{
    io,
    path::{Path, PathBuf},
};

use loadmaster_gguf::{GgufError, Header, ReadOptions};
use tempfile::TempDir;

use self::remote::Remote;
pub(crate) use self::remote::{client, failed};
use crate::{Failed, config::Network};

/// A model as it was named on the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    /// A file, by its path.
    File(&'a Path),
    /// A file on a server, by its address.
    Url(&'a str),
}

impl<'a> Source<'a> {
    /// What begins with `http://` or `https://` is an address, everything else a path.
    pub(crate) fn of(named: &'a Path) -> Self {
        let scheme = |text: &&str| {
            let begins =
                |with: &str| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
            begins("http://") || begins("https://")
        };
        named.to_str().filter(scheme).map_or(Self::File(named), Self::Url)
    }

    /// Reads the header of the whole model, however many files it has. Of an address, the headers are
    /// all that is fetched.
    pub(crate) async fn header(self, options: ReadOptions, network: &Network) -> Result<Header, Failed> {
        match self {
            Self::File(path) => Header::open_model_with(path, options).map_err(|error| self.unusable(&error)),
            Self::Url(url) => Remote::fetch(url, options, network).await?.header(),
        }
    }

    /// The model as a file of this machine, for those who read its header and no more.
    pub(crate) async fn local(self, network: &Network) -> Result<Local, Failed> {
        let options = ReadOptions::default();
        let (header, local) = match self {
            Self::File(path) => {
                let local = Local { path: path.to_owned(), fetched: None };
                (self.header(options, network).await?, local)
            }
            Self::Url(url) => {
                let remote = Remote::fetch(url, options, network).await?;
                let (path, folder) = remote.save()?;
                (remote.header()?, Local { path, fetched: Some((folder, url.to_owned())) })
            }
        };
        header.check_whole().map_err(|error| self.unusable(&error))?;
        Ok(local)
    }

    /// The failure that a wrong header is.
    pub(crate) fn unusable(self, error: &GgufError) -> Failed {
        match self {
            Self::File(path) => Failed::gguf(path, error),
            Self::Url(url) => remote::unusable(url, error),
        }
    }
}

/// A folder for headers that were fetched, deleted with what this returns.
pub(crate) fn folder_of_headers() -> Result<TempDir, Failed> {
    tempfile::Builder::new().prefix("loadmaster-").tempdir().map_err(|error| unkept(&error))
}

/// What it means that a header could not be written.
fn unkept(error: &io::Error) -> Failed {
    Failed::because(format!("The header cannot be kept in a temporary file: {error}"))
        .remedy("Make room on the disk of temporary files.")
}

/// A file of this machine that has the header of a model.
#[derive(Debug)]
pub(crate) struct Local {
    path: PathBuf,
    /// The folder of a header that was fetched, deleted with this, and where it came from.
    fetched: Option<(TempDir, String)>,
}

impl Local {
    /// The file. Of a model on a server it holds the header and no data.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the data is elsewhere.
    pub(crate) fn is_fetched(&self) -> bool {
        self.fetched.is_some()
    }

    /// A failure about the file, told of where it came from.
    pub(crate) fn named(&self, failed: Failed) -> Failed {
        match &self.fetched {
            Some((_, url)) => failed.renamed(&self.path.display().to_string(), url),
            None => failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_paths() {
        let is_url = |text: &str| matches!(Source::of(Path::new(text)), Source::Url(_));
        assert!(is_url("https://host/a.gguf") && is_url("HTTP://host/a.gguf"));
        for path in
            ["a.gguf", "/m/a.gguf", "https:/a.gguf", "http", "C:\\a.gguf", "ftp://host/a", "h\u{e9}ttp://"]
        {
            assert!(!is_url(path), "{path}");
        }
    }
}
