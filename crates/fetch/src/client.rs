//! What concerns every request.

mod page;

use std::{ops::Range, sync::Arc, time::Duration};

use reqwest::{
    Certificate, Response, StatusCode, Url,
    header::{ACCEPT_ENCODING, HeaderMap, IF_RANGE, RANGE},
    redirect::Policy,
};

use crate::{
    credential::{Credential, shown},
    error::{FetchError, printable},
    hub::{self, Linked},
    limit::Limit,
    retry,
};

pub use self::page::{Page, PageError};

/// More redirects than any hub has.
const MOST_REDIRECTS: u32 = 10;

/// What a client is made with.
#[derive(Debug, Clone)]
pub struct Options {
    /// What it calls itself.
    pub user_agent: String,
    /// Certificates in PEM form that are trusted beside the system's own.
    pub certificates: Option<Vec<u8>>,
    /// Servers that may ask who is asking.
    pub credentials: Vec<Credential>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a server may send nothing. There is no limit to a transfer as a whole.
    pub stall_timeout: Duration,
    /// How often a connection that breaks is made again, for one request or body.
    pub retries: u32,
    /// How many bytes may come per second, over all downloads of the client together. See
    /// [`Client::limit_downloads`].
    pub bytes_per_second: Option<u64>,
}

impl Default for Options {
    /// 10 seconds to connect, 30 seconds of silence, 2 retries; no token, no certificates of one's own.
    fn default() -> Self {
        Self {
            user_agent: concat!("loadmaster-fetch/", env!("CARGO_PKG_VERSION")).to_owned(),
            certificates: None,
            credentials: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            retries: 2,
            bytes_per_second: None,
        }
    }
}

/// A client for many files. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    credentials: Arc<[Credential]>,
    stall_timeout: Duration,
    retries: u32,
    limit: Limit,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) range: &'a Range<u64>,
    /// Only of this version of the file: all of it, if that is another one by now (`If-Range`).
    pub(crate) version: Option<&'a str>,
}

/// The head of an answer, at the end of all redirects.
pub(crate) struct Found {
    pub(crate) response: Response,
    /// Where the file was found.
    pub(crate) place: Url,
    pub(crate) linked: Linked,
}

impl Client {
    /// Makes a client. Reads the system's certificates and its proxies, which takes some milliseconds.
    pub fn new(options: Options) -> Result<Self, FetchError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(options.user_agent)
            // They are followed here, where a token can be kept to its origin.
            .redirect(Policy::none())
            .connect_timeout(options.connect_timeout)
            .read_timeout(options.stall_timeout);
        if let Some(pem) = options.certificates {
            builder = builder.tls_certs_merge(certificates(&pem)?);
        }
        let limit = Limit::default();
        limit.set(options.bytes_per_second);
        let http = builder.build().map_err(|error| FetchError::NoTls { cause: words(&error) })?;
        Ok(Self {
            http,
            credentials: options.credentials.into(),
            stall_timeout: options.stall_timeout,
            retries: options.retries,
            limit,
        })
    }

    /// Changes how many bytes may come per second from now on, over all downloads of this client and its
    /// clones together; `None` is as many as there are. [`Body`](crate::Body)s are not limited.
    pub fn limit_downloads(&self, bytes_per_second: Option<u64>) {
        self.limit.set(bytes_per_second);
    }

    pub(crate) fn limit(&self) -> &Limit {
        &self.limit
    }

    /// How often a connection that breaks is made again.
    pub(crate) fn retries(&self) -> u32 {
        self.retries
    }

    /// Asks for a range of what is at `url`, and follows redirects. An answer of status 200, 206 or 416;
    /// everything else is an error.
    pub(crate) async fn get(&self, url: &Url, wish: Wish<'_>) -> Result<Found, FetchError> {
        let mut place = url.clone();
        let mut linked = Linked::default();
        for _ in 0..=MOST_REDIRECTS {
            let response = self.ask(&place, wish).await?;
            let (status, headers) = (response.status(), response.headers());
            if let Some(next) = hub::redirect(status, headers, &place)? {
                linked.take(headers);
                place = next;
                continue;
            }
            if matches!(status.as_u16(), 200 | 206 | 416) {
                return Ok(Found { response, place, linked });
            }
            return Err(self.refused(status, headers, &place));
        }
        Err(FetchError::TooManyRedirects { url: shown(url), count: MOST_REDIRECTS })
    }

    async fn ask(&self, place: &Url, wish: Wish<'_>) -> Result<Response, FetchError> {
        let Wish { range, version } = wish;
        let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1).max(range.start));
        let mut request = self.http.get(place.clone()).header(RANGE, bytes);
        // Bytes are counted: they must be the file's own.
        request = request.header(ACCEPT_ENCODING, "identity");
        if let Some(version) = version {
            request = request.header(IF_RANGE, version);
        }
        if let Some(token) = self.credential(place).and_then(Credential::token) {
            request = request.bearer_auth(token);
        }
        request.send().await.map_err(|error| self.broken(&error, place))
    }

    /// What broke a request to `place`, or its answer.
    pub(crate) fn broken(&self, error: &reqwest::Error, place: &Url) -> FetchError {
        FetchError::of_request(error, place, self.stall_timeout)
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap, place: &Url) -> FetchError {
        let credential = self.credential(place);
        let sent = credential.is_some_and(|credential| credential.token().is_some());
        // Hugging Face tells in this header why.
        let reason = headers.get("x-error-message").and_then(|reason| printable(reason.to_str().ok()?));
        FetchError::of_status(
            status,
            reason,
            place,
            sent,
            credential.map(Credential::help),
            retry::retry_after(status, headers),
        )
    }

    fn credential(&self, url: &Url) -> Option<&Credential> {
        self.credentials.iter().find(|credential| credential.is_for(url))
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, FetchError> {
    let bad = |cause: String| FetchError::BadCertificates { cause };
    let certificates = Certificate::from_pem_bundle(pem).map_err(|error| bad(words(&error)))?;
    if certificates.is_empty() {
        return Err(bad("there are none in PEM form".to_owned()));
    }
    Ok(certificates)
}

/// An error and its causes on one line.
fn words(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
