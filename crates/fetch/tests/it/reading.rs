//! Ranges of files on a server that answers as the test says.

use std::time::Duration;

use loadmaster_fetch::{Client, Credential, FetchError, Options, RemoteFile};

use crate::scripted::{Script, partial, whole};

const TEXT: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

fn client(options: Options) -> Client {
    Client::new(options).expect("this system can make a client")
}

fn patient() -> Client {
    client(Options::default())
}

#[tokio::test]
async fn a_range_is_read_and_the_file_is_known() {
    let server = Script::start(vec![partial(TEXT, 0, 10), partial(TEXT, 20, 30)]).await;
    let (mut file, mut body) =
        RemoteFile::open(&patient(), &server.url("/a?sig=secret"), 0..10).await.unwrap();
    assert_eq!((file.length(), file.etag(), file.has_ranges()), (Some(36), Some("\"v1\""), true));
    assert_eq!(file.url(), server.url("/a"));
    assert_eq!((body.position(), body.chunk().await.unwrap().as_deref()), (0, Some(&TEXT.as_bytes()[..10])));
    assert_eq!((body.position(), body.chunk().await.unwrap()), (10, None));
    assert_eq!(file.read(20..30).await.unwrap(), &TEXT.as_bytes()[20..30]);
    let heads = server.heads();
    assert!(heads[0].starts_with("GET /a?sig=secret HTTP/1.1\r\n"), "{}", heads[0]);
    assert!(heads[1].contains("\r\nrange: bytes=20-29\r\n"), "{}", heads[1]);
}

#[tokio::test]
async fn a_server_without_ranges_gives_the_same_bytes() {
    let server = Script::start(vec![whole(TEXT), whole(TEXT)]).await;
    let (mut file, body) = RemoteFile::open(&patient(), &server.url("/a"), 5..10).await.unwrap();
    assert_eq!((body.position(), file.has_ranges(), file.length()), (0, false, Some(36)));
    drop(body);
    assert_eq!(file.read(5..10).await.unwrap(), b"56789");
}

#[tokio::test]
async fn what_lies_behind_the_end_is_nothing() {
    let nothing = "HTTP/1.1 416 X\r\ncontent-range: bytes */36\r\ncontent-length: 3\r\n\r\nno!".to_owned();
    let server = Script::start(vec![partial(TEXT, 30, 36), nothing.clone(), nothing]).await;
    let (mut file, _) = RemoteFile::open(&patient(), &server.url("/a"), 30..50).await.unwrap();
    assert_eq!(file.read(36..50).await.unwrap(), b"");
    let error = file.read(35..50).await.expect_err("byte 35 is there");
    assert!(matches!(error, FetchError::WrongRange { wanted: 35, .. }), "{error}");
}

#[tokio::test]
async fn a_cut_is_mended_with_and_without_ranges() {
    let cut = |answer: String, bytes: usize| answer[..answer.len() - bytes].to_owned();
    // Cut after 10 bytes; then before the head of the answer; then whole.
    let server =
        Script::start(vec![cut(partial(TEXT, 0, 36), 26), String::new(), partial(TEXT, 10, 36)]).await;
    let (_, mut body) = RemoteFile::open(&patient(), &server.url("/a"), 0..36).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(bytes, TEXT.as_bytes());
    assert!(server.heads()[2].contains("range: bytes=10-35\r\n"), "{}", server.heads()[2]);

    let server = Script::start(vec![cut(whole(TEXT), 20), whole(TEXT)]).await;
    let (_, mut body) = RemoteFile::open(&patient(), &server.url("/a"), 0..36).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(bytes, TEXT.as_bytes());
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_an_error() {
    let changed = partial(TEXT, 10, 36).replace("\"v1\"", "\"v2\"");
    let first = partial(TEXT, 0, 36);
    let server = Script::start(vec![first[..first.len() - 26].to_owned(), changed]).await;
    let (_, mut body) = RemoteFile::open(&patient(), &server.url("/a"), 0..36).await.unwrap();
    let first = body.chunk().await.unwrap();
    assert_eq!(first.as_deref(), Some(&TEXT.as_bytes()[..10]));
    let error = body.chunk().await.expect_err("the ETag is another");
    assert_eq!(error, FetchError::Changed { url: server.url("/a") });
}

#[tokio::test]
async fn a_token_stays_with_its_origin_and_hubs_are_heard() {
    let network = Script::start(vec![partial(TEXT, 0, 10), partial(TEXT, 10, 20)]).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\nx-linked-size: 36\r\nx-linked-etag: \"sha\"\r\ncontent-length: 0\r\n\r\n",
        network.url("/blob?sig=secret")
    );
    let hub = Script::start(vec![redirect]).await;
    let credential = Credential::new(&hub.url("/"), Some("secret-token".to_owned()), "").unwrap();
    let client = client(Options { credentials: vec![credential], ..Options::default() });
    let (mut file, _) = RemoteFile::open(&client, &hub.url("/a"), 0..10).await.unwrap();
    assert_eq!((file.length(), file.etag()), (Some(36), Some("\"sha\"")));
    file.read(10..20).await.unwrap();
    assert!(hub.heads()[0].contains("authorization: Bearer secret-token\r\n"));
    assert_eq!((hub.heads().len(), network.heads().len()), (1, 2));
    assert!(network.heads().iter().all(|head| !head.contains("authorization")));
}

#[tokio::test]
async fn silence_is_given_up() {
    let server = Script::start(vec![partial(TEXT, 0, 36)[..30].to_owned() + Script::SILENCE]).await;
    let stall_timeout = Duration::from_millis(300);
    let client = client(Options { stall_timeout, ..Options::default() });
    let error = RemoteFile::open(&client, &server.url("/a"), 0..36).await.expect_err("the head never ends");
    assert!(matches!(error, FetchError::Stalled { .. }), "{error}");
}

#[tokio::test]
async fn statuses_are_told_apart() {
    let answers = |statuses: &[u16]| {
        statuses.iter().map(|status| format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")).collect()
    };
    let server = Script::start(answers(&[404, 410, 401, 403, 429, 500, 204, 304])).await;
    let mut told = Vec::new();
    for _ in 0..8 {
        let error = RemoteFile::open(&patient(), &server.url("/a"), 0..1).await.expect_err("no file");
        assert!(error.remedy().ends_with('.') && !error.to_string().contains('\n'), "{error}");
        told.push(match error {
            FetchError::NotFound { .. } => 404,
            FetchError::Denied { status, token_sent: false, .. } | FetchError::Status { status, .. } => {
                status
            }
            other => panic!("{other}"),
        });
    }
    assert_eq!(told, [404, 404, 401, 403, 429, 500, 204, 304]);
}
