//! `cargo xtask demo`: the product at work, in one command.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench::scene::{self, CHAT, Conversation, Parts, Studio, Timeline};
use crate::fixtures::Store;
use crate::workspace;

/// Short enough for a model of 135 million parameters, and everybody knows whether the answer is right.
const PROMPT: &str = "What is the capital of France? Answer in one short sentence.";

/// The second turn of the same conversation.
const SECOND: &str = "And which river flows through it?";

/// The most tokens of an answer.
const TOKENS: u64 = 32;

/// The image: small, and of few steps, so that nobody waits.
const SEED: u64 = 42;
const STEPS: u32 = 4;
const SIDE: u32 = 128;

/// How long the language model may take to come back.
const PATIENCE: Duration = Duration::from_mins(1);

/// Tells the whole story.
pub(crate) fn run() -> Result<ExitCode> {
    let store = Store::open()?;
    let parts = Parts::of(&store, workspace::build_command()?)?;
    let (studio, needs) = Studio::for_one_of_two(&parts)?;
    let budget = studio.budget.context("it was started with a budget")?;
    println!(
        "A budget of {} MiB. SmolLM2-135M needs {} MiB of it, a model with the shapes of Stable Diffusion 1.5 {} MiB:\n\
         one of them fits, and not both.\n",
        budget >> 20,
        needs.chat >> 20,
        needs.painter >> 20,
    );
    let timeline = Timeline::begin(studio.address(), Instant::now())?;

    let mut conversation = Conversation::default();
    let first = conversation.ask(studio.address(), PROMPT, TOKENS).context("the first question")?;
    println!("You:   {PROMPT}\nChat:  {}\n", first.text.trim());

    println!("You:   paint a lighthouse at the sea");
    let picture = scene::paint(studio.address(), SEED, STEPS, SIDE).context("the image")?;
    let file = keep(&picture.base64)?;
    println!(
        "Image: {}, after {:.1} s. The model's weights are random numbers, so it shows noise;\n       everything else \
         about it is real.\n",
        file.display(),
        picture.took.as_secs_f64(),
    );
    wait_for_the_chat(&studio)?;
    println!("The language model is back in memory. Nobody asked for it.\n");

    let second = conversation.ask(studio.address(), SECOND, TOKENS).context("the second question")?;
    println!("You:   {SECOND}\nChat:  {}", second.text.trim());
    println!(
        "       ({} of the {} tokens of the conversation were there already)\n",
        second.cached.min(second.had),
        second.had
    );
    ensure!(second.went_on(), "the conversation was read anew: {second:?}");

    println!("What was in memory, by the daemon's events:\n");
    for line in scene::lines(&timeline.so_far()) {
        println!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

fn wait_for_the_chat(studio: &Studio) -> Result<()> {
    let begun = Instant::now();
    while !studio.is_ready(CHAT)? {
        ensure!(begun.elapsed() < PATIENCE, "the language model did not come back");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Writes the image where the user can look at it.
fn keep(base64: &str) -> Result<PathBuf> {
    let folder = workspace::root().join("target").join("demo");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let file = folder.join("lighthouse.png");
    let bytes = scene::decoded(base64).context("the image is not in base64")?;
    std::fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}
