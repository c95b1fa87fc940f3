//! Servers that do what they should, each in its own way.

use super::{
    command, empty_folder, ended,
    fake_hub::{FakeHub, Reply},
    folder_with, inspect, smollm2, smollm2_header, smollm2_inspected,
};

fn hub() -> FakeHub {
    FakeHub::start(|request| Reply::range(&smollm2(), request))
}

#[test]
fn a_url_is_inspected_like_the_file_at_the_cost_of_its_header() {
    let hub = hub();
    let told = inspect(hub.url("/smollm2.gguf"), &["--json"]).json();
    assert_eq!(told, smollm2_inspected());
    let (sent, header) = (hub.body_bytes(), smollm2_header());
    assert!(sent * 10 <= header * 12, "{sent} bytes for a header of {header}");
    assert!(hub.requests().len() <= 6, "{} requests", hub.requests().len());
    assert_eq!(hub.requests()[0].headers["accept-encoding"], "identity");
}

#[test]
fn all_metadata_and_tensors_come_over_the_network_too() {
    let arguments = ["--all", "--tensors", "--json"];
    let told = inspect(hub().url("/smollm2.gguf?download=true"), &arguments).json();
    assert_eq!(told, inspect(smollm2(), &arguments).json());
}

#[test]
fn the_scheme_may_be_written_in_capitals() {
    let url = hub().url("/smollm2.gguf").replacen("http", "HTTP", 1);
    assert_eq!(inspect(url, &["--json"]).json(), smollm2_inspected());
}

#[test]
fn a_url_is_estimated_like_the_file() {
    let hub = hub();
    let (home, temporary) = (empty_folder(), empty_folder());
    let name = smollm2().file_name().expect("it is a file").to_string_lossy().into_owned();
    let url = hub.url(&format!("/{name}"));
    let estimate = |place: &std::ffi::OsStr| {
        let mut estimate = command(home.path(), "estimate", place);
        estimate.args(["--device", "CUDA0=24 GiB", "--ctx", "4096", "--json"]);
        ended(estimate.env("TMPDIR", temporary.path())).json()
    };
    assert_eq!(estimate(url.as_ref()), estimate(smollm2().as_os_str()));
    assert!(hub.body_bytes() * 10 <= smollm2_header() * 12, "{} bytes", hub.body_bytes());
    let left = std::fs::read_dir(temporary.path()).expect("it is a folder").count();
    assert_eq!(left, 0, "what was fetched is deleted");
}

#[test]
fn a_server_without_ranges_is_read_no_further_than_the_header() {
    let hub = FakeHub::start(|_| Reply::whole(&smollm2()));
    assert_eq!(inspect(hub.url("/a.gguf"), &["--json"]).json(), smollm2_inspected());
    assert_eq!(hub.requests().len(), 1);
    // The system takes some more than the client reads.
    let length = smollm2().metadata().expect("it is there").len();
    assert!(hub.body_bytes() < length / 4, "{} of {length} bytes", hub.body_bytes());
}

#[test]
fn a_server_that_does_not_say_the_length_gives_the_header() {
    let hub = FakeHub::start(|request| {
        let (first, last) = request.range().expect("a range is asked for");
        Reply::range(&smollm2(), request).header("content-range", &format!("bytes {first}-{last}/*"))
    });
    let told = inspect(hub.url("/a.gguf"), &["--json"]).json();
    let mut expected = smollm2_inspected();
    expected["facts"]["file_bytes"] = serde_json::Value::Null;
    assert_eq!(told, expected);
}

const PAGE: &str = "Name the address of the file itself. On Hugging Face it has /resolve/ where that of its page \
                    has /blob/.";

#[test]
fn what_is_no_model_is_told() {
    let folder = folder_with("empty.gguf", b"");
    let empty = folder.path().join("empty.gguf");
    let hub = FakeHub::start(move |request| match request.path.as_str() {
        "/page?secret" | "/page" => {
            Reply::text(200, "<!DOCTYPE html><html>A model</html>").header("content-type", "text/html")
        }
        "/zip" => Reply::text(200, "PK\x03\x04 and so on"),
        _ => Reply::range(&empty, request),
    });
    let cause = |path: &str, why: &str| format!("{} cannot be used: not a GGUF file: {why}", hub.url(path));
    inspect(hub.url("/page?secret"), &[]).failed(1, &cause("/page", "it is a web page"), PAGE);
    let zip = "Look for a GGUF conversion of the model; if it is an archive, unpack it first.";
    inspect(hub.url("/zip"), &[]).failed(
        1,
        &cause("/zip", "it is a zip archive or a PyTorch checkpoint"),
        zip,
    );
    let incomplete =
        "The file on the server is incomplete, or the server says a wrong length: look for another copy.";
    // The file has no byte to begin with: the server answers 416.
    inspect(hub.url("/empty"), &[]).failed(1, &cause("/empty", "it is empty"), incomplete);
    let home = empty_folder();
    let estimated = ended(&mut command(home.path(), "estimate", hub.url("/page")));
    estimated.failed(1, &cause("/page", "it is a web page"), PAGE);
}
