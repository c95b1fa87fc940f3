//! `cargo xtask bench scene`: chats and images under a budget that holds one of the two models.

mod asking;
mod clients;
mod memory;
mod section;
mod studio;
mod timeline;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;

pub(crate) use self::{
    asking::{Conversation, PROMPT, paint, post},
    studio::{CHAT, PAINTER, Parts, Studio},
    timeline::{Timeline, lines},
};
use self::{
    clients::{SEEDS, SIDE, STEPS, Tally},
    studio::Needs,
    timeline::Moment,
};
use super::{machine, page};
use crate::fixtures::Store;
use crate::workspace;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The date to write beside the figures, such as 2026-02-28
    #[arg(long)]
    date: String,
    /// How long clients ask
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How many clients chat
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    chats: u32,
    /// How many clients ask for images
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    painters: u32,
    /// How images are made: auto, resident or one-shot
    #[arg(long, default_value = "auto")]
    mode: String,
}

/// How long the language model may take to come back at the end.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was measured.
struct Results {
    tally: Tally,
    /// In bytes, like what is needed and what was resident.
    budget: u64,
    needs: Needs,
    most: u64,
    samples: u32,
    /// How often the images' model was in memory, and how often the language model followed.
    batches: usize,
    back: usize,
    /// Whether the language model came back at the end without anybody asking.
    returned: bool,
}

/// Measures, and writes the page.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this benchmark reads /proc: it runs on Linux only");
    let store = Store::open()?;
    let parts = Parts {
        slots: arguments.chats,
        context: 1024,
        mode: arguments.mode.clone(),
        ..Parts::of(&store, workspace::build_release()?)?
    };
    let results = measure(arguments, &parts)?;
    let section = section::section(arguments, &machine::describe()?, &results);
    println!("{section}");
    page::write("scene", &section)
}

fn measure(arguments: &Arguments, parts: &Parts) -> Result<Results> {
    let (studio, needs) = Studio::for_one_of_two(parts)?;
    let address = studio.address();
    // Alone: nobody else asks for anything.
    let alone: Vec<String> =
        SEEDS.iter().map(|seed| Ok(paint(address, *seed, STEPS, SIDE)?.base64)).collect::<Result<_>>()?;
    let timeline = Timeline::begin(address, Instant::now())?;
    let (over, end) = (AtomicBool::new(false), Instant::now() + Duration::from_secs(arguments.seconds));
    let (tally, (most, samples)) = thread::scope(|scope| {
        let memory = scope.spawn(|| memory::most(studio.pid(), &over));
        let chats =
            (0..arguments.chats).map(|client| scope.spawn(move || clients::chat(address, client, end)));
        let mut clients: Vec<_> = chats.collect();
        for client in 0..arguments.painters as usize {
            let alone = &alone;
            clients.push(scope.spawn(move || clients::paints(address, client, alone, end)));
        }
        let mut tally = Tally::default();
        for client in clients {
            tally.add(client.join().expect("a client has nothing to panic at"));
        }
        over.store(true, Ordering::Relaxed);
        (tally, memory.join().expect("the sampler has nothing to panic at"))
    });
    let asked = Instant::now();
    let mut returned = studio.is_ready(CHAT)?;
    while !returned && asked.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(100));
        returned = studio.is_ready(CHAT)?;
    }
    let (batches, back) = batches(&timeline.so_far());
    let budget = studio.budget.unwrap_or_default();
    Ok(Results { tally, budget, needs, most, samples, batches, back, returned })
}

/// How often the images' model was ready, and how often the language model was the next one.
fn batches(moments: &[Moment]) -> (usize, usize) {
    let ready = moments.iter().filter(|moment| moment.event["state"] == "ready");
    let models: Vec<&str> =
        ready.filter_map(|moment| Some(moment.event["instance"].as_str()?.rsplit_once('#')?.0)).collect();
    let batches = models.iter().filter(|model| **model == PAINTER).count();
    let back = models.windows(2).filter(|two| *two == [PAINTER, CHAT]).count();
    (batches, back)
}

/// The bytes of an image that came in base64; `None` if it is none.
pub(crate) fn decoded(base64: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        Some(u32::from(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        }))
    };
    let mut bytes = Vec::with_capacity(base64.len() / 4 * 3);
    for group in base64.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = group.iter().try_fold(0, |bits, byte| Some(bits << 6 | digit(*byte)?))?;
        let bits = bits << (6 * (4 - group.len()));
        bytes.extend(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn base64_is_decoded_whatever_its_length() {
        for (text, bytes) in [("", ""), ("TQ==", "M"), ("TWE=", "Ma"), ("TWFu", "Man"), ("TWFuTQ==", "ManM")]
        {
            assert_eq!(decoded(text).unwrap(), bytes.as_bytes(), "{text}");
        }
        assert_eq!(decoded("T?=="), None);
    }

    #[test]
    fn a_batch_is_over_when_the_language_model_is_next() {
        let ready = |instance: &str| Moment {
            at: Duration::ZERO,
            event: json!({ "event": "state", "instance": instance, "state": "ready" }),
        };
        let moments = [ready("painter#2"), ready("chat#3"), ready("painter#4")];
        assert_eq!(batches(&moments), (2, 1));
    }
}
