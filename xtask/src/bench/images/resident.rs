//! The peak of `sd-server` over each of its images: its high water mark, which can be lowered to what is there.

use std::fs::{self, File};
use std::io::{self, Seek};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::case::{Case, Options};
use super::{Bench, Row, Way, log, picture, prepare};
use crate::bench::http::{Address, Connection, get_json};
use crate::bench::machine::kibibytes;
use crate::bench::server::Server;
use crate::command;

/// How often it is asked whether the image is there.
const POLL: Duration = Duration::from_millis(100);

/// Written to `clear_refs`, this makes the high water mark what is resident (proc(5)).
const RESET_PEAK: &str = "5";

/// A running server with its model loaded.
pub(super) struct Resident {
    server: Server,
    address: Address,
    log: File,
    /// Its working folder, where it looks for low-rank changes; it goes when the server has ended.
    _folder: TempDir,
}

impl Resident {
    pub(super) fn start(case: &Case, bench: &Bench) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
        let path = folder.path().join("log");
        let log = File::create_new(&path).context("cannot create a log")?;
        let port =
            TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).context("no free port")?;
        let mut server = command::new(&bench.server);
        prepare(&mut server, case, &bench.folders);
        server.args(["--listen-port", &port.port().to_string(), "--lora-model-dir"]).arg(folder.path());
        server.current_dir(folder.path()).stdin(Stdio::null());
        server.stdout(log.try_clone()?).stderr(log.try_clone()?);
        let mut server = Server::start(&mut server)?;
        let address: SocketAddr = ([127, 0, 0, 1], port.port()).into();
        server.wait_until_it_answers(address, "/v1/models")?;
        Ok(Self { server, address: Address::Tcp(address), log: File::open(path)?, _folder: folder })
    }

    /// Lets it paint one image and measures what that took.
    pub(super) fn measure(&mut self, case: &Case, size: (u32, u32)) -> Result<Row> {
        let process = format!("/proc/{}", self.server.id());
        fs::write(format!("{process}/clear_refs"), RESET_PEAK).context("cannot lower the high water mark")?;
        let before = self.log.seek(io::SeekFrom::End(0))?;
        self.paint(case.options, size)?;
        let status = fs::read_to_string(format!("{process}/status")).context("the server is gone")?;
        let peak = kibibytes(&status, "VmHWM").context("its status has no VmHWM")? * 1024;
        // The weights were printed when they were loaded, the other buffers since.
        self.log.seek(io::SeekFrom::Start(before))?;
        let (_, compute) = log::buffers(&io::read_to_string(&self.log).context("the log is no text")?);
        self.log.rewind()?;
        let (weights, _) = log::buffers(&io::read_to_string(&self.log)?);
        Ok(Row::of(case, size, Way::Resident, peak, weights, compute))
    }

    /// Submits a job and waits for its end.
    fn paint(&self, options: Options, size: (u32, u32)) -> Result<()> {
        let mut job = json!({
            "prompt": "a cat", "width": size.0, "height": size.1, "seed": 1, "batch_count": options.batch(),
            "sample_params": { "sample_steps": 1 },
        });
        if options == Options::Picture {
            job["init_image"] = json!(picture::base64(&picture::ppm(size)));
            job["strength"] = json!(1.0);
        }
        let mut connection = Connection::open(&self.address)?;
        connection.post("/sdcpp/v1/img_gen", &job.to_string())?;
        let mut head = connection.head()?;
        let answer: Value = serde_json::from_slice(&connection.rest(&mut head)?)?;
        let id = answer["id"].as_str().with_context(|| format!("no job but {answer}"))?;
        loop {
            thread::sleep(POLL);
            let state = get_json(&self.address, &format!("/sdcpp/v1/jobs/{id}"))?;
            match state["status"].as_str() {
                Some("queued" | "generating") => {}
                Some("completed") => return Ok(()),
                _ => bail!("the job ended with {state}"),
            }
        }
    }
}
