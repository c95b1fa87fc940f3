//! `cargo xtask bench overhead`: images in a row, by loadmaster, by `sd-server` itself, and by one `sd-cli` for each.

mod direct;
mod one_shot;
mod pixels;
mod section;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use super::http::{Address, get_json};
use super::scene::{PAINTER, PROMPT, Parts, Studio, paint};
use super::{machine, page};
use crate::fixtures::Store;
use crate::workspace;
use direct::Direct;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The date to write beside the figures, such as 2026-02-28
    #[arg(long)]
    date: String,
    /// How many images each way makes of each size, in turn
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    images: u32,
}

/// The model's scale of guidance, the same for all three.
const CFG_SCALE: f64 = 7.0;

/// What is painted.
#[derive(Clone, Copy, Debug)]
struct Picture {
    side: u32,
    steps: u32,
    seed: u64,
}

/// Squares of these sides, with so many steps: two to four seconds on two cores, so that what does not belong to
/// painting is small beside it, and a disturbance of the machine meets few images.
const SIZES: [(u32, u32); 2] = [(64, 4), (128, 2)];

/// Who paints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Road {
    /// `sd-server` itself, by the API that answers with the image.
    Direct,
    /// `POST /v1/images/generations` of the release build, around an `sd-server` of its own.
    Loadmaster,
    /// A new `sd-cli` for each image, as genai-electron does it.
    OneShot,
}

impl Road {
    const ALL: [Self; 3] = [Self::Direct, Self::Loadmaster, Self::OneShot];
}

/// All images of one size, in milliseconds from the request to the whole image.
struct Case {
    side: u32,
    steps: u32,
    /// The same image by each road, in the order of [`Road::ALL`].
    took: Vec<[f64; 3]>,
}

impl Case {
    fn by(&self, road: Road) -> Vec<f64> {
        self.took.iter().map(|took| took[road as usize]).collect()
    }

    /// How long `road` took for each image beside `other`.
    fn beside(&self, road: Road, other: Road) -> Vec<f64> {
        self.took.iter().map(|took| took[road as usize] / took[other as usize]).collect()
    }
}

/// Measures, and writes the page.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this benchmark reads /proc: it runs on Linux only");
    let store = Store::open()?;
    let mut parts = Parts::of(&store, workspace::build_release()?)?;
    "resident".clone_into(&mut parts.mode);
    let studio = Studio::start(&parts, None)?;
    // Loads the model; the other server is then started as this one was.
    paint(studio.address(), 0, 1, SIZES[0].0)?;
    let direct = Direct::like(server_of(studio.address())?)?;
    let mut cases = Vec::new();
    for (side, steps) in SIZES {
        cases.push(in_turn(arguments.images, side, steps, |road, picture| match road {
            Road::Direct => direct.paint(picture),
            Road::Loadmaster => {
                let painted = paint(studio.address(), picture.seed, picture.steps, picture.side)?;
                loadmaster_images::decode_base64(&painted.base64).context("the image is not base64")
            }
            Road::OneShot => one_shot::paint(&parts.sd_cli, &parts.painter, picture),
        })?);
    }
    let section = section::section(arguments, &machine::describe()?, &cases);
    println!("{section}");
    page::write("overhead", &section)
}

/// Has each road paint the same image before any paints the next: what else the machine does meets all alike. Each
/// image begins with another road, and the first image of a size, for which memory grows, does not count.
///
/// # Errors
/// An image is no PNG, or has not the pixels of the other roads'.
fn in_turn(
    images: u32,
    side: u32,
    steps: u32,
    paint: impl Fn(Road, Picture) -> Result<Vec<u8>>,
) -> Result<Case> {
    let mut case = Case { side, steps, took: Vec::new() };
    for seed in 0..=images {
        let picture = Picture { side, steps, seed: seed.into() };
        let (mut took, mut first) = ([0.0; 3], None);
        let mut roads = Road::ALL;
        roads.rotate_left(seed as usize % Road::ALL.len());
        for road in roads {
            let begun = Instant::now();
            let image = paint(road, picture).with_context(|| format!("{picture:?} by {road:?}"))?;
            took[road as usize] = milliseconds(begun.elapsed());
            let pixels = pixels::compressed(&image).with_context(|| format!("{road:?} made no PNG"))?;
            let same = *first.get_or_insert_with(|| pixels.clone()) == pixels;
            ensure!(same, "{road:?} made other pixels of {picture:?} than {:?}", roads[0]);
        }
        if seed > 0 {
            case.took.push(took);
        }
        eprintln!("{side} x {side}: {seed} of {images}");
    }
    Ok(case)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The process of the server that paints for loadmaster.
fn server_of(daemon: &Address) -> Result<u32> {
    let status = get_json(daemon, "/api/v1/instances").context("asking for the instances")?;
    pid(&status).context("no server of images is ready")
}

fn pid(status: &Value) -> Option<u32> {
    let mut models = status["models"].as_array()?.iter();
    let instance = &models.find(|model| model["id"] == PAINTER)?["instance"];
    instance["pid"].as_u64()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_process_is_that_of_the_painter() {
        let status = json!({ "models": [
            { "id": "chat", "instance": { "pid": 7 } },
            { "id": PAINTER, "instance": { "pid": 9 } },
        ]});
        assert_eq!((pid(&status), pid(&json!({}))), (Some(9), None));
    }

    #[test]
    fn a_road_that_paints_something_else_is_found_out() {
        let paint = |odd: Option<Road>| {
            in_turn(4, 8, 1, move |road, picture| {
                let odd = odd == Some(road) && picture.seed == 2;
                Ok(pixels::tests::png(&[u8::from(odd), 1]))
            })
        };
        assert_eq!(paint(None).unwrap().took.len(), 4);
        for road in Road::ALL {
            assert!(paint(Some(road)).is_err(), "{road:?}");
        }
    }

    #[test]
    fn every_road_begins_as_often_as_the_others() {
        let order = std::sync::Mutex::new(Vec::new());
        in_turn(5, 8, 1, |road, _| {
            order.lock().unwrap().push(road);
            Ok(pixels::tests::png(&[1]))
        })
        .unwrap();
        let order = order.into_inner().unwrap();
        let begin = |road| order.chunks(3).filter(|image| image[0] == road).count();
        assert_eq!(Road::ALL.map(begin), [2, 2, 2]);
    }
}
