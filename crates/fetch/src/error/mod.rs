//! Everything that can go wrong between here and a file on a server, each with its remedy.

mod remedy;

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{StatusCode, Url};

use crate::{credential::shown, sha256::Sha256Hash};

/// Why a file could not be read. `Display` is the cause on one line, [`FetchError::remedy`] what to do
/// about it. Addresses are without their queries, which may be secrets. Lengths are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The address is none, or not one of HTTP.
    #[error("{url} is not an address to fetch: {cause}")]
    BadUrl {
        /// The address as given.
        url: String,
        /// Why.
        cause: String,
    },
    /// The token has characters that no token has.
    #[error("the token for {url} is none: it has spaces or characters outside of ASCII")]
    BadToken {
        /// What it is for.
        url: String,
    },
    /// The certificates that were given cannot be used.
    #[error("the certificates to trust cannot be used: {cause}")]
    BadCertificates {
        /// Why.
        cause: String,
    },
    /// The HTTP client could not be set up: mostly because the system has no certificates.
    #[error("no secure connection can be made: {cause}")]
    NoTls {
        /// Why.
        cause: String,
    },
    /// There is no such file.
    #[error("there is no file {url}")]
    NotFound {
        /// The address.
        url: String,
    },
    /// The server wants to know who asks, or does not let those who ask have the file.
    #[error("{url} may not be read ({status}{})", said(reason.as_deref()))]
    Denied {
        /// The address.
        url: String,
        /// 401 or 403.
        status: u16,
        /// What the server says about it.
        reason: Option<String>,
        /// Whether it was given a token.
        token_sent: bool,
        /// How to get a token for it, if that is known.
        help: Option<String>,
    },
    /// The server answers with a status that is no answer.
    #[error("{url} was answered with {status}{}", said(reason.as_deref()))]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// What the server says about it.
        reason: Option<String>,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// No connection came about.
    #[error("{host} cannot be reached: {cause}")]
    Unreachable {
        /// The host, and the port if it is not the usual one.
        host: String,
        /// Why.
        cause: String,
    },
    /// The server's certificate is not one that this system trusts.
    #[error("{host} cannot be trusted: {cause}")]
    Untrusted {
        /// The host, and the port if it is not the usual one.
        host: String,
        /// Why.
        cause: String,
    },
    /// Redirects without end.
    #[error("{url} leads on and on: {count} redirects were followed")]
    TooManyRedirects {
        /// The address.
        url: String,
        /// How many were followed.
        count: u32,
    },
    /// A redirect that must not be followed.
    #[error("the redirect from {url} cannot be followed: {cause}")]
    BadRedirect {
        /// Where it comes from.
        url: String,
        /// Why.
        cause: String,
    },
    /// The server fell silent.
    #[error("{url} sent nothing for {seconds} s")]
    Stalled {
        /// The address.
        url: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The connection broke, again and again.
    #[error("the connection to {url} broke after {received} bytes{}", of(*expected))]
    Cut {
        /// The address.
        url: String,
        /// Offset in the file of the first byte that did not come.
        received: u64,
        /// Offset behind the last byte that was to come.
        expected: Option<u64>,
    },
    /// The server answers with other bytes than those that were asked for.
    #[error("{url} was asked for bytes from {wanted} on and answered with a range {got}")]
    WrongRange {
        /// The address.
        url: String,
        /// The first byte that was asked for.
        wanted: u64,
        /// What came, in words.
        got: String,
    },
    /// The server contradicts itself about a length.
    #[error("{url} says two lengths that differ: {said} and {actual} bytes")]
    WrongLength {
        /// The address.
        url: String,
        /// The length that was said first.
        said: u64,
        /// The other.
        actual: u64,
    },
    /// The file is another one than at the start.
    #[error("{url} changed while it was read")]
    Changed {
        /// The address.
        url: String,
    },
    /// What was given as a SHA-256 is none.
    #[error("'{text}' is no SHA-256: that is 64 hexadecimal digits")]
    BadHash {
        /// What was given.
        text: String,
    },
    /// The file on the server is of another length than was expected.
    #[error("{url} has {actual} bytes, and {expected} were expected")]
    WrongSize {
        /// The address.
        url: String,
        /// The length that was expected.
        expected: u64,
        /// The length that it has.
        actual: u64,
    },
    /// The bytes that came are not those that were expected. What was downloaded is removed.
    #[error("{url} has the SHA-256 {actual}, and {expected} was expected")]
    WrongHash {
        /// The address.
        url: String,
        /// The hash that was expected.
        expected: Sha256Hash,
        /// The hash of what came.
        actual: Sha256Hash,
    },
    /// A file on the disk is not what it was.
    #[error("{} has the SHA-256 {actual}, and {expected} was expected", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The hash that was expected.
        expected: Sha256Hash,
        /// The hash that it has.
        actual: Sha256Hash,
    },
    /// There is not enough room for the file.
    #[error("{} needs {needed} bytes more and {free} are free", path.display())]
    DiskFull {
        /// The file that was to be written.
        path: PathBuf,
        /// What is missing of the file and 5 % of it, or what was still to come when the disk was full.
        needed: u64,
        /// What is free there for this user.
        free: u64,
    },
    /// The system does not let a file be used.
    #[error("{} cannot be {doing}: {cause}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What was to be done with it: read, written, ...
        doing: &'static str,
        /// Why not.
        cause: String,
    },
}

fn said(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

fn of(expected: Option<u64>) -> String {
    expected.map_or_else(String::new, |expected| format!(" of {expected}"))
}

impl FetchError {
    /// What a request that got no answer failed of.
    pub(crate) fn of_request(error: &reqwest::Error, url: &Url, stall: Duration) -> Self {
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        let host = || format!("{}{port}", url.host_str().unwrap_or_default());
        if let Some(cause) = untrusted(error) {
            return Self::Untrusted { host: host(), cause };
        }
        if error.is_connect() {
            let cause = if error.is_timeout() { "it does not answer".to_owned() } else { root(error) };
            return Self::Unreachable { host: host(), cause };
        }
        if error.is_timeout() {
            return Self::Stalled { url: shown(url), seconds: stall.as_secs() };
        }
        Self::Cut { url: shown(url), received: 0, expected: None }
    }

    /// What an answer without the file means.
    pub(crate) fn of_status(
        status: StatusCode,
        reason: Option<String>,
        url: &Url,
        token_sent: bool,
        help: Option<&str>,
        retry_after: Option<Duration>,
    ) -> Self {
        let url = shown(url);
        match status.as_u16() {
            404 | 410 => Self::NotFound { url },
            status @ (401 | 403) => {
                Self::Denied { url, status, reason, token_sent, help: help.map(str::to_owned) }
            }
            status => Self::Status { url, status, reason, retry_after },
        }
    }
}

/// What it means that `path` could not be used: `doing` says for what.
pub(crate) fn of_disk(path: &Path, doing: &'static str, error: &io::Error) -> FetchError {
    FetchError::Disk { path: path.to_owned(), doing, cause: error.to_string() }
}

/// Whether there was no room left: on the disk, in the user's share of it, or in a file of this process.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Why a certificate was refused, if that is what went wrong.
fn untrusted(error: &reqwest::Error) -> Option<String> {
    let tls = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>())?;
    match tls {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            Some("its certificate comes from an authority that this system does not know".to_owned())
        }
        rustls::Error::InvalidCertificate(cause) => Some(format!("its certificate is refused ({cause})")),
        _ => None,
    }
}

/// An error and its causes, the innermost last.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        // The operating system's errors can carry others, and name as their source what is behind those.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// The innermost cause: the ones around it only say that a request failed.
fn root(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

/// A server's own words, fit for one line of a terminal.
pub(crate) fn printable(text: &str) -> Option<String> {
    const LONGEST: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    Some(line.trim_end_matches('.').to_owned()).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_fit_one_line() {
        assert_eq!(
            printable("Access is\r\n \u{1b}[31mrestricted.").as_deref(),
            Some("Access is [31mrestricted")
        );
        assert_eq!(printable(" \n"), None);
        assert_eq!(printable(&"x".repeat(1000)).map(|line| line.len()), Some(200));
    }

    #[test]
    fn denials_say_how_to_be_let_in() {
        let url = Url::parse("https://hub.example/a.gguf").unwrap();
        let denied =
            |sent, help| FetchError::of_status(StatusCode::UNAUTHORIZED, None, &url, sent, help, None);
        let help = "Set TOKEN.";
        assert_eq!(denied(false, Some(help)).remedy(), help);
        assert_eq!(
            denied(true, Some(help)).remedy(),
            "The token that was sent does not give access to it. Set TOKEN."
        );
        assert!(denied(false, None).remedy().starts_with("Ask whoever"));
        assert_eq!(denied(false, None).to_string(), "https://hub.example/a.gguf may not be read (401)");
    }
}
