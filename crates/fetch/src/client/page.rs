//! Answers of a hub's API: small, whole, and in pages.

use reqwest::{
    Response, Url,
    header::{ACCEPT, HeaderMap, LINK},
};

use super::{Client, MOST_REDIRECTS};
use crate::{
    credential::{Credential, parse, shown},
    error::{FetchError, printable},
    hub,
    retry::Tries,
};

/// A page of an API's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What it says.
    pub body: Vec<u8>,
    /// Where the next page is, on the same origin (`Link` with `rel="next"`, RFC 8288).
    pub next: Option<String>,
}

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageError {
    /// What went wrong.
    pub error: FetchError,
    /// What the hub calls it: its header `X-Error-Code`, as in `GatedRepo`.
    pub code: Option<String>,
}

impl Client {
    /// Asks an API for what is at `url`; an answer of more than `most` bytes is an error. What is worth
    /// another try is tried again.
    pub async fn page(&self, url: &str, most: u64) -> Result<Page, PageError> {
        let url = parse(url)?;
        let mut tries = Tries::new(self.retries);
        loop {
            match self.page_once(&url, most).await {
                Ok(page) => return Ok(page),
                Err(failed) => match tries.after(&failed.error) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(failed),
                },
            }
        }
    }

    async fn page_once(&self, url: &Url, most: u64) -> Result<Page, PageError> {
        let mut place = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let mut request = self.http.get(place.clone()).header(ACCEPT, "application/json");
            if let Some(token) = self.credential(&place).and_then(Credential::token) {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.map_err(|error| self.broken(&error, &place))?;
            if let Some(next) = hub::redirect(response.status(), response.headers(), &place)? {
                place = next;
                continue;
            }
            if !response.status().is_success() {
                let code =
                    response.headers().get("x-error-code").and_then(|code| printable(code.to_str().ok()?));
                return Err(PageError {
                    error: self.refused(response.status(), response.headers(), &place),
                    code,
                });
            }
            let next = next(response.headers(), &place)?;
            return Ok(Page { body: self.whole(response, &place, most).await?, next });
        }
        Err(FetchError::TooManyRedirects { url: shown(url), count: MOST_REDIRECTS }.into())
    }

    async fn whole(&self, mut response: Response, place: &Url, most: u64) -> Result<Vec<u8>, FetchError> {
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(|error| self.broken(&error, place))? {
            body.extend_from_slice(&bytes);
            let actual = body.len() as u64;
            if actual > most {
                return Err(FetchError::WrongLength { url: shown(place), said: most, actual });
            }
        }
        Ok(body)
    }
}

/// The address of the next page.
fn next(headers: &HeaderMap, place: &Url) -> Result<Option<String>, FetchError> {
    let links = headers.get_all(LINK).iter().filter_map(|links| links.to_str().ok());
    let Some(target) = links.flat_map(|links| links.split(", ")).find_map(next_target) else {
        return Ok(None);
    };
    let bad = |cause: &str| FetchError::BadRedirect { url: shown(place), cause: cause.to_owned() };
    let next = place.join(target).map_err(|_| bad("its next page has an address that is none"))?;
    if next.origin() != place.origin() {
        return Err(bad("its next page is on another server"));
    }
    Ok(Some(next.into()))
}

/// The target of a link to the next page: of `<https://...>; rel="next"`.
fn next_target(link: &str) -> Option<&str> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = |parameter: &str| matches!(parameter.trim(), "rel=\"next\"" | "rel=next");
    parameters.split(';').any(is_next).then_some(target)
}

impl From<FetchError> for PageError {
    fn from(error: FetchError) -> Self {
        Self { error, code: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_where_it_may_be() {
        let place = Url::parse("https://hub.example/api/tree?a=b").unwrap();
        let of = |links: &[&str]| {
            let mut headers = HeaderMap::new();
            for link in links {
                headers.append(LINK, link.parse().unwrap());
            }
            next(&headers, &place)
        };
        let url = "https://hub.example/api/tree?cursor=x";
        assert_eq!(
            of(&["<https://hub.example/api/tree?cursor=x>; rel=\"next\""]).unwrap().as_deref(),
            Some(url)
        );
        assert_eq!(
            of(&["</a>; rel=prev, </api/tree?cursor=x>; rel=\"next\""]).unwrap().as_deref(),
            Some(url)
        );
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(of(&["</a>; rel=\"last\"", "nonsense"]).unwrap(), None);
        assert!(of(&["<https://evil.example/>; rel=\"next\""]).is_err());
    }
}
