//! One file on a server.

use std::{ops::Range, time::Duration};

use reqwest::{Response, Url};

use crate::{
    body::Body,
    client::{Client, Found, Wish},
    credential::{parse, shown},
    error::FetchError,
    hub,
    served::{Lie, Served, served},
    version::{Version, differ},
};

/// How long is waited before a broken connection is made again for the first time; then twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// A file on a server: what is known of it, and its bytes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RemoteFile {
    client: Client,
    /// Where the file was said to be.
    url: Url,
    /// Where redirects led to: asked directly, until it answers no more.
    place: Url,
    length: Option<u64>,
    version: Version,
    ranges: bool,
}

impl RemoteFile {
    /// Opens what is at `url` by asking for a range of it, whose body comes with it.
    ///
    /// There is no way to open a file without asking for bytes: signed addresses allow nothing else, and
    /// it saves a round trip. Whoever wants no more than the facts drops the body.
    pub async fn open(client: &Client, url: &str, range: Range<u64>) -> Result<(Self, Body), FetchError> {
        let mut file = Self::unknown(client, parse(url)?);
        let body = file.stream(range).await?;
        Ok((file, body))
    }

    /// A file of which nothing is known.
    pub(crate) fn unknown(client: &Client, url: Url) -> Self {
        Self {
            client: client.clone(),
            place: url.clone(),
            url,
            length: None,
            version: Version::default(),
            ranges: false,
        }
    }

    /// The address, without its query.
    pub fn url(&self) -> String {
        shown(&self.url)
    }

    /// Length of the file in bytes, if the server says it.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// What tells this version of the file from others, in quotes, as the hub or the server names it. On
    /// Hugging Face it is the file's SHA-256.
    pub fn etag(&self) -> Option<&str> {
        self.version.linked_etag.as_deref().or(self.version.etag.as_deref())
    }

    /// What tells this version of the file from others.
    pub(crate) fn version(&self) -> &Version {
        &self.version
    }

    /// Whether the server heeds ranges; one that does not sends the file from its start each time.
    pub fn has_ranges(&self) -> bool {
        self.ranges
    }

    /// The bytes of a range, no more; fewer if the file ends before it does.
    pub async fn read(&mut self, range: Range<u64>) -> Result<Vec<u8>, FetchError> {
        let mut bytes = Vec::new();
        let mut body = self.stream(range.clone()).await?;
        while body.position() < range.end {
            let Some(chunk) = body.chunk().await? else { break };
            let first = body.position() - chunk.len() as u64;
            let within =
                |at: u64| usize::try_from(at.saturating_sub(first)).unwrap_or(usize::MAX).min(chunk.len());
            bytes.extend_from_slice(&chunk[within(range.start)..within(range.end)]);
        }
        Ok(bytes)
    }

    /// Asks for a range. The body may begin earlier and end later: see [`Body::position`].
    pub async fn stream(&mut self, range: Range<u64>) -> Result<Body, FetchError> {
        let (response, served) = self.request(&range).await?;
        Ok(Body::new(self.clone(), range, response, served))
    }

    /// Asks for a range; connections that break are made again.
    pub(crate) async fn request(&mut self, range: &Range<u64>) -> Result<(Response, Served), FetchError> {
        let mut tries = 0;
        loop {
            match self.request_once(range, None).await {
                Err(FetchError::Cut { .. }) if tries < self.client.retries() => self.pause(tries).await,
                other => return other,
            }
            tries += 1;
        }
    }

    /// Waits before try number `tries`, counted from 0.
    pub(crate) async fn pause(&self, tries: u32) {
        tokio::time::sleep(FIRST_PAUSE * 2_u32.saturating_pow(tries)).await;
    }

    /// Asks for a range, of `version` alone if the place heeds that. Follows the hub anew where the signed
    /// address has ended; does not try again.
    pub(crate) async fn request_once(
        &mut self,
        range: &Range<u64>,
        version: Option<&str>,
    ) -> Result<(Response, Served), FetchError> {
        let wish = Wish { range, version };
        let found = match self.client.get(&self.place, wish).await {
            // The signed address has ended: the hub gives another.
            Err(FetchError::Denied { .. } | FetchError::NotFound { .. }) if self.place != self.url => {
                self.client.get(&self.url, wish).await?
            }
            other => other?,
        };
        let Found { response, place, linked } = found;
        let served =
            served(response.status(), response.headers(), range).map_err(|lie| self.lie(lie, range))?;
        let version = Version {
            linked_etag: linked.etag,
            etag: hub::etag(response.headers()),
            modified: hub::modified(response.headers()),
        };
        self.learn(place, linked.size, version, served)?;
        Ok((response, served))
    }

    /// Takes in what an answer says of the file, which must not contradict what was said before.
    fn learn(
        &mut self,
        place: Url,
        linked_size: Option<u64>,
        version: Version,
        served: Served,
    ) -> Result<(), FetchError> {
        if let (Some(said), Some(actual)) = (linked_size, served.total)
            && said != actual
        {
            return Err(FetchError::WrongLength { url: self.url(), said, actual });
        }
        let length = served.total.or(linked_size);
        // Servers of one network may name the same file differently: only what one place says counts.
        let at_one_place = place == self.place;
        if self.version.contradicts(&version, at_one_place) || differ(self.length.as_ref(), length.as_ref()) {
            return Err(FetchError::Changed { url: self.url() });
        }
        self.length = self.length.or(length);
        self.version.learn(version, at_one_place);
        self.ranges = served.ranges;
        self.place = place;
        Ok(())
    }

    fn lie(&self, lie: Lie, range: &Range<u64>) -> FetchError {
        let url = self.url();
        match lie {
            Lie::Range(got) => FetchError::WrongRange { url, wanted: range.start, got },
            Lie::Length { said, sent } => FetchError::WrongLength { url, said, actual: sent },
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn place(&self) -> &Url {
        &self.place
    }
}
