//! Every failure is told by one line of cause, one of remedy, and an exit code.

mod configuration;
mod files;
mod servers;
mod settings;

use std::{fs, io::Read, process::Command};

use tempfile::TempDir;

use super::{Ended, empty_folder, ended};
use crate::support::{llama_server, loadmaster, smollm2};

/// A folder with files that are no models, where the command runs.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = empty_folder();
        fs::write(folder.path().join("page.gguf"), "Please log in to go on.\n")
            .expect("the folder is writable");
        fs::create_dir(folder.path().join("folder.gguf")).expect("the folder is writable");
        Self(folder)
    }

    /// Puts the first `bytes` of a real model into `name`.
    fn cut_model(&self, name: &str, bytes: u64) {
        let mut start = Vec::new();
        let model = fs::File::open(smollm2()).expect("the model is there");
        model.take(bytes).read_to_end(&mut start).expect("it can be read");
        fs::write(self.0.path().join(name), start).expect("the folder is writable");
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = loadmaster(&self.0.path().join("home"));
        command.current_dir(self.0.path()).args(arguments);
        command
    }

    /// `run` and `serve` of `model`, with `options`.
    fn run_and_serve(&self, model: &str, options: &[&str]) -> [Ended; 2] {
        let server = llama_server();
        let with = |command: &mut Command| ended(command.arg("--llama-server").arg(&server).args(options));
        [
            with(&mut self.command(&["run", model, "Hi"])),
            with(&mut self.command(&["serve", "--listen", "127.0.0.1:0", "--model", model])),
        ]
    }

    /// Checks what `run` and `serve` say of a model that both must refuse.
    #[track_caller]
    fn refused(&self, model: &str, options: &[&str], code: i32, cause: &str, remedy: &str) {
        for ended in self.run_and_serve(model, options) {
            ended.failed(code, cause, remedy);
        }
    }
}

fn real_model() -> String {
    smollm2().display().to_string()
}

/// The name that Loadmaster gives the real model.
fn real_name() -> String {
    smollm2().file_stem().expect("it is a file").to_string_lossy().into_owned()
}
