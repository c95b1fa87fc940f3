//! Asks the real llama-server what it would take, without letting it take anything.
//!
//! With `--fit on` it first loads model and context without allocating and prints the breakdown; explicit flags are
//! taken as they are in that first pass, whatever fitting decides later. `--verbosity 5` lets the pass print its buffers
//! too. The line after the breakdown ends the run: the server is killed before it loads the file for good.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::grid::{Accelerator, Settings};
use super::report::{self, Answer, Report};
use crate::command;
use crate::zoo::Written;

/// A server that prints nothing for this long never will.
const SILENCE: Duration = Duration::from_mins(1);
/// An RPC server whose clients are killed does not last for ever.
const RUNS_PER_DEVICE: u32 = 200;

/// A llama-server, and device servers of its own: one of these answers one client at a time.
pub(super) struct Engine {
    llama_server: PathBuf,
    /// Holds the socket that nobody ever connects to.
    folder: TempDir,
    devices: Vec<Device>,
}

/// A running `ggml-rpc-server`; it is killed when dropped.
struct Device {
    child: Child,
    port: u16,
    runs: u32,
}

impl Engine {
    pub(super) fn new(llama_server: &Path) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
        Ok(Self { llama_server: llama_server.to_owned(), folder, devices: Vec::new() })
    }

    /// What the server says about `model` with `settings`.
    pub(super) fn ask(&mut self, model: &Written, settings: &Settings) -> Result<Answer> {
        self.ask_in_a_way(model, settings, usize::from(settings.accelerator == Accelerator::Rpc), &[])
    }

    /// The same with `devices` device servers and further `flags`, in which `{0}` stands for the first device's
    /// buffer type, `{1}` for the second's.
    pub(super) fn ask_in_a_way(
        &mut self,
        model: &Written,
        settings: &Settings,
        devices: usize,
        flags: &[String],
    ) -> Result<Answer> {
        let answer = self.try_ask(model, settings, devices, flags)?;
        if devices > 0 && matches!(answer, Answer::Refused { .. }) {
            // A device server may have given up; new ones tell that from a real failure.
            self.devices.clear();
            return self.try_ask(model, settings, devices, flags);
        }
        Ok(answer)
    }

    fn try_ask(
        &mut self,
        model: &Written,
        settings: &Settings,
        devices: usize,
        flags: &[String],
    ) -> Result<Answer> {
        let socket = self.folder.path().join("server.sock");
        let _ = std::fs::remove_file(&socket);
        let mut server = command::new(&self.llama_server);
        server.args(["--fit", "on", "--verbosity", "5", "--no-warmup", "--host"]).arg(&socket);
        server.arg("--model").arg(&model.path).args(["--override-kv", &without_vocabulary(model)]);
        server.args(arguments(settings));
        let addresses = self.addresses(devices)?;
        if devices > 0 {
            server.args(["--rpc", &addresses.join(",")]);
        }
        server.args(flags.iter().map(|flag| {
            let named = addresses.iter().enumerate();
            named.fold(flag.clone(), |flag, (at, address)| {
                flag.replace(&format!("{{{at}}}"), &format!("RPC0[{address}]"))
            })
        }));
        // Software devices are left out by default, and in where they are named.
        let vulkan = if settings.accelerator == Accelerator::Vulkan { "0" } else { "" };
        server.env("GGML_VK_VISIBLE_DEVICES", vulkan);
        // Without this a failed assertion starts a debugger.
        server.env("GGML_NO_BACKTRACE", "1");
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = server.spawn().context("cannot start llama-server")?;
        let stderr = child.stderr.take().expect("it was piped a few lines above");
        let answer = read(&lines(stderr));
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
        Ok(answer)
    }

    fn addresses(&mut self, count: usize) -> Result<Vec<String>> {
        self.devices.retain(|device| device.runs < RUNS_PER_DEVICE);
        while self.devices.len() < count {
            self.devices.push(Device::start(&self.llama_server)?);
        }
        let taken = self.devices.iter_mut().take(count);
        Ok(taken
            .map(|device| {
                device.runs += 1;
                format!("127.0.0.1:{}", device.port)
            })
            .collect())
    }
}

/// Keeps the engine from reading the vocabulary, of which memory depends on the size alone: three times as fast.
fn without_vocabulary(model: &Written) -> String {
    let Written { architecture, tokens, .. } = model;
    format!("tokenizer.ggml.model=str:no_vocab,{architecture}.vocab_size=int:{tokens}")
}

/// The settings as llama-server's flags.
fn arguments(settings: &Settings) -> Vec<String> {
    let flags = [
        ("--ctx-size", settings.context.to_string()),
        ("--cache-type-k", settings.cache.name().into()),
        ("--cache-type-v", settings.cache.name().into()),
        ("--flash-attn", if settings.flash_attention { "on" } else { "off" }.into()),
        ("--gpu-layers", settings.gpu_layers.to_string()),
        ("--parallel", settings.slots.to_string()),
        ("--ubatch-size", settings.micro_batch.to_string()),
    ];
    let unified = if settings.unified { "--kv-unified" } else { "--no-kv-unified" };
    flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).chain([unified.to_owned()]).collect()
}

fn lines(stderr: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    receiver
}

fn read(lines: &Receiver<String>) -> Answer {
    let mut report = Report::default();
    let mut last = String::new();
    // The channel closes when the server ends.
    while let Ok(line) = lines.recv_timeout(SILENCE) {
        if report::is_complete(&line) {
            return Answer::Report(report);
        }
        report.read(&line);
        last = line;
        if report::is_failure(&last) {
            break;
        }
    }
    Answer::Refused { refused: last.trim().to_owned() }
}

impl Device {
    fn start(llama_server: &Path) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr())?.port();
        let program = llama_server.with_file_name("ggml-rpc-server");
        let child = command::new(&program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()].map(OsStr::new))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let device = Self { child, port, runs: 0 };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > deadline {
                bail!("{} does not listen on port {port}", program.display());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(device)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
