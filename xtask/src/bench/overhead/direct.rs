//! An `sd-server` that is asked without anybody between.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::json;
use tempfile::TempDir;

use super::{CFG_SCALE, Picture};
use crate::bench::http::Address;
use crate::bench::scene::post;
use crate::bench::server::Server;
use crate::command;

/// A running server with its model loaded.
pub(super) struct Direct {
    address: Address,
    _server: Server,
    /// Its working folder, where it looks for low-rank changes; it goes when the server has ended.
    _folder: TempDir,
}

impl Direct {
    /// Starts it with the command line and the environment of the process `pid`, an `sd-server`.
    pub(super) fn like(pid: u32) -> Result<Self> {
        let read = |name: &str| {
            let path = format!("/proc/{pid}/{name}");
            fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
        };
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
        let port = free.context("no free port")?.port();
        let line = read("cmdline")?;
        let arguments = at_port(&line, port).with_context(|| format!("{line:?}"))?;
        let (program, arguments) = arguments.split_first().context("an empty command line")?;
        let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
        let mut server = command::new(program);
        server.args(arguments).env_clear().current_dir(folder.path());
        server.envs(read("environ")?.split_terminator('\0').filter_map(|pair| pair.split_once('=')));
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Server::start(&mut server)?;
        let address: SocketAddr = ([127, 0, 0, 1], port).into();
        server.wait_until_it_answers(address, "/v1/models")?;
        Ok(Self { address: Address::Tcp(address), _server: server, _folder: folder })
    }

    /// An image, by the API that answers with it.
    pub(super) fn paint(&self, picture: Picture) -> Result<Vec<u8>> {
        let body = json!({
            "prompt": super::PROMPT,
            "width": picture.side,
            "height": picture.side,
            "steps": picture.steps,
            "seed": picture.seed,
            "cfg_scale": CFG_SCALE,
        });
        let answer = post(&self.address, "/sdapi/v1/txt2img", &body)?;
        let image = answer["images"][0].as_str().and_then(loadmaster_images::decode_base64);
        image.context("no image came")
    }
}

/// The arguments of a command line as the kernel shows it, with another port.
fn at_port(line: &str, port: u16) -> Result<Vec<String>> {
    let mut arguments: Vec<String> = line.split_terminator('\0').map(str::to_owned).collect();
    let at = arguments.iter().position(|argument| argument == "--listen-port");
    let value = at.and_then(|at| arguments.get_mut(at + 1)).context("it names no port")?;
    *value = port.to_string();
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_alone_is_changed() {
        let line = at_port("/bin/sd-server\0-m\0/a b\0--listen-port\x0011\0--seed\x0012\0", 4711).unwrap();
        assert_eq!(line, ["/bin/sd-server", "-m", "/a b", "--listen-port", "4711", "--seed", "12"]);
        assert!(at_port("sd-server\0--seed\x001\0", 1).is_err());
    }
}
