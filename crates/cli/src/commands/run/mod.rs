//! `loadmaster run`: a chat in the terminal, or one prompt.
//!
//! The same router as `loadmaster serve`, called without a socket: so a chat takes leases like any
//! other client, and there is one way from a request to a server.

mod answer;
mod input;
mod stats;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use axum::Router;
use loadmaster_binaries::Program;
use loadmaster_core::{BackendError, ModelKind};
use loadmaster_orchestrator::{Lease, Orchestrator, OrchestratorError, Wish};
use serde_json::{Value, json};

use self::{
    answer::{Answer, End},
    input::{Input, Line},
};
use super::pull;
use crate::{
    Failed,
    args::RunArgs,
    builds,
    config::Config,
    engine,
    failed::INTERRUPTED,
    library::{self, Found},
    offered::{self, Offer},
};

/// How often it is said anew what is waited for.
const TOLD_EVERY: Duration = Duration::from_millis(500);

pub(crate) async fn execute(args: RunArgs, config: &Config) -> Result<ExitCode, Failed> {
    let prompt = prompt(&args)?;
    let Some(offer) = chosen(&args, config).await? else { return Ok(ExitCode::from(INTERRUPTED)) };
    if offer.request.model.kind == ModelKind::Image {
        let name = &offer.request.model.id;
        let cause = format!("The model '{name}' makes images, and does not chat");
        return Err(Failed::usage(cause).remedy("`loadmaster image` makes some with it."));
    }
    // Held to the end, so that nobody removes it meanwhile.
    let _holds = library::hold([&offer], config).await?;
    tokio::select! {
        ready = ready(&offer, config) => ready?,
        () = answer::interrupted_outside() => return Ok(ExitCode::from(INTERRUPTED)),
    }
    let orchestrator = engine::start(config)?;
    let Offer { request, rules, .. } = offer;
    let model = request.model.id.clone();
    orchestrator.add_with(request, rules).await?;
    let outcome = tokio::select! {
        outcome = with_model(&args, prompt, &orchestrator, &model) => outcome,
        // While an answer streams, the first Ctrl-C is the answer's: see `answer`.
        () = answer::interrupted_outside() => Ok(ExitCode::from(INTERRUPTED)),
    };
    orchestrator.close().await;
    outcome.map_err(|failed| failed.with_logs_in(&config.folders.logs))
}

/// The model that was named: a file, one of the library, or one that is pulled first; `None` when that was
/// interrupted.
async fn chosen(args: &RunArgs, config: &Config) -> Result<Option<Offer>, Failed> {
    let flags = args.load.flags();
    if let Some(found) = library::find(&args.model, config).await? {
        return found.offer(&flags, config).map(Some);
    }
    if let Some(reference) = library::pullable(&args.model, config)? {
        eprintln!("{reference} is not in the library: pulling it");
        let wish = pull::Wish { name: None, anyway: false, quiet: false };
        let Some(manifest) = pull::pull(&reference, wish, config).await? else { return Ok(None) };
        return Found::of(manifest, &library::root(config)).offer(&flags, config).map(Some);
    }
    library::known(&args.model, config)?;
    Ok(Some(offered::named(&args.model, &flags, config)))
}

/// Sees that there is a server. Before one is installed, which takes minutes, it is looked whether the model can
/// be loaded at all.
async fn ready(offer: &Offer, config: &Config) -> Result<(), Failed> {
    if !builds::is_there(config, Program::Llama) {
        let orchestrator = engine::start(config)?;
        let found = orchestrator.check_of(offer.request.clone()).await;
        orchestrator.close().await;
        match found {
            // The last thing that is looked for.
            Ok(()) | Err(OrchestratorError::Backend(BackendError::ServerMissing { .. })) => {}
            Err(error) => return Err(error.into()),
        }
    }
    builds::ready(config, Program::Llama, true).await
}

/// What to ask, by argument or standard input; `None` begins a chat.
fn prompt(args: &RunArgs) -> Result<Option<String>, Failed> {
    if args.prompt.is_none() && !io::stdin().is_terminal() {
        let prompt = io::read_to_string(io::stdin())
            .map_err(|error| Failed::because(format!("Standard input cannot be read: {error}")))?;
        if prompt.trim().is_empty() {
            return Err(
                Failed::usage("There is no prompt").remedy("Give one as an argument or on standard input.")
            );
        }
        return Ok(Some(prompt));
    }
    if args.prompt.is_none() && args.json {
        return Err(Failed::usage("A chat cannot be printed as JSON").remedy("Give a prompt."));
    }
    Ok(args.prompt.clone())
}

async fn with_model(
    args: &RunArgs,
    prompt: Option<String>,
    orchestrator: &Orchestrator,
    model: &str,
) -> Result<ExitCode, Failed> {
    if args.stats {
        let preview = orchestrator.preview(model).await?;
        eprintln!("{}", stats::before(&preview));
    }
    // Held to the end, so that nothing takes the model away between two questions.
    let lease = load(orchestrator, model).await?;
    if args.stats {
        eprintln!("{}", stats::after(&orchestrator.status().await?));
    }
    let mut chat = Chat::new(args, orchestrator, &lease);
    match prompt {
        Some(prompt) => chat.once(prompt).await,
        None => chat.talk().await,
    }
}

/// Loads the model, with a sign of life on a terminal that says what is waited for.
async fn load(orchestrator: &Orchestrator, model: &str) -> Result<Lease, Failed> {
    let spinner = indicatif::ProgressBar::new_spinner().with_message(format!("loading {model}"));
    spinner.enable_steady_tick(Duration::from_millis(100));
    let mut waiting = orchestrator.queue(model, Wish { keep: true, ..Wish::default() });
    let lease = loop {
        if let Ok(lease) = tokio::time::timeout(TOLD_EVERY, &mut waiting).await {
            break lease;
        }
        if let Some(why) = waiting.place().await.and_then(|place| place.why) {
            spinner.set_message(why.to_string());
        }
    };
    spinner.finish_and_clear();
    Ok(lease?)
}

/// A conversation.
struct Chat<'a> {
    args: &'a RunArgs,
    router: Router,
    lease: &'a Lease,
    messages: Vec<Value>,
}

impl<'a> Chat<'a> {
    fn new(args: &'a RunArgs, orchestrator: &Orchestrator, lease: &'a Lease) -> Self {
        let router = loadmaster_gateway::router(orchestrator.clone());
        let mut chat = Self { args, router, lease, messages: Vec::new() };
        chat.forget();
        chat
    }

    /// Begins anew, with the system's instructions alone.
    fn forget(&mut self) {
        let system = self.args.system.iter().map(|text| json!({ "role": "system", "content": text }));
        self.messages = system.collect();
    }

    /// Answers one prompt.
    async fn once(&mut self, prompt: String) -> Result<ExitCode, Failed> {
        let answer = self.ask(prompt).await?;
        if self.args.json {
            println!("{:#}", stats::json(&answer, self.lease.instance()));
        }
        Ok(match answer.end {
            End::Whole => ExitCode::SUCCESS,
            End::Interrupted => ExitCode::from(INTERRUPTED),
        })
    }

    /// Answers until there is nothing more to read.
    async fn talk(&mut self) -> Result<ExitCode, Failed> {
        eprintln!("/clear forgets, /exit or Ctrl-D ends; Ctrl-C stops an answer");
        let mut input = Input::new();
        loop {
            match input.next().await {
                Line::Text(text) if text.trim().is_empty() => {}
                Line::Text(text) if text.trim() == "/clear" => self.forget(),
                Line::Text(text) if matches!(text.trim(), "/exit" | "/bye") => return Ok(ExitCode::SUCCESS),
                Line::Text(text) => drop(self.ask(text).await?),
                Line::End => {
                    eprintln!();
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
    }

    /// Asks, streams the answer to standard output, and remembers both.
    async fn ask(&mut self, prompt: String) -> Result<Answer, Failed> {
        self.messages.push(json!({ "role": "user", "content": prompt }));
        let mut body = json!({
            "model": self.lease.instance().plan.model.id,
            "messages": self.messages,
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        let options = [
            ("max_tokens", self.args.max_tokens.map(Value::from)),
            ("temperature", self.args.temperature.map(Value::from)),
            ("seed", self.args.seed.map(Value::from)),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        let quiet = self.args.json;
        let show = |text: &str| if quiet { Ok(()) } else { print(text) };
        let answer = answer::stream(self.router.clone(), &body, show).await?;
        if !quiet {
            println!();
            eprintln!("{}", stats::speed(&answer));
        }
        self.messages.push(json!({ "role": "assistant", "content": answer.text }));
        Ok(answer)
    }
}

fn print(text: &str) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failed::because(format!("The answer cannot be written: {error}")))
}
