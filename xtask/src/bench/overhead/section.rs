//! The page's section of this benchmark.

use std::fmt::Write as _;

use super::{Arguments, Case, Road};
use crate::bench::median::{median, percentile};

pub(super) fn section(arguments: &Arguments, machine: &str, cases: &[Case]) -> String {
    let Arguments { date, images } = arguments;
    let mut text = format!(
        "## Images in a row\n\n\
         `cargo xtask bench overhead --date {date} --images {images}`, on {machine}. {images} images of each size, one \
         behind the other, of a model with the shapes of Stable Diffusion 1.5 and random weights (they show noise): by \
         sd-server itself, asked for each image in one request; by the release build of loadmaster around an sd-server \
         with the same arguments and environment, as `POST /v1/images/generations`; and by a new sd-cli for each image, \
         as genai-electron does it. In turn with the same seeds, from the request to the whole image; pixels are \
         compared with sd-server's own.\n\n\
         | image | | median | fastest | slowest | median beside sd-server | same pixels |\n|---|---|---|---|---|---|---|\n",
    );
    for case in cases {
        let direct = cases.iter().find(|other| other.road == Road::Direct && other.side == case.side);
        let ratio = direct.map_or(f64::NAN, |direct| middle(case) / middle(direct));
        writeln!(
            text,
            "| {side} x {side}, {} steps | {} | {:.0} ms | {:.0} ms | {:.0} ms | {ratio:.3} x | {} of {images} |",
            case.steps,
            match case.road {
                Road::Direct => "sd-server",
                Road::Loadmaster => "loadmaster",
                Road::OneShot => "sd-cli each time",
            },
            middle(case),
            percentile(case.took.clone(), 0).unwrap_or(f64::NAN),
            percentile(case.took.clone(), 100).unwrap_or(f64::NAN),
            case.identical,
            side = case.side,
        )
        .expect("writing to a String cannot fail");
    }
    text
}

fn middle(case: &Case) -> f64 {
    median(case.took.clone()).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_beside_the_server_for_the_same_image() {
        let case =
            |side, road, took: &[f64]| Case { side, steps: 4, road, took: took.to_vec(), identical: 3 };
        let cases = [
            case(64, Road::Direct, &[100.0, 200.0, 300.0]),
            case(64, Road::Loadmaster, &[101.0, 202.0, 303.0]),
            case(128, Road::Direct, &[400.0]),
            case(128, Road::OneShot, &[800.0]),
        ];
        let text = section(&Arguments { date: "2026-01-02".to_owned(), images: 3 }, "a machine", &cases);
        let row = "| 64 x 64, 4 steps | loadmaster | 202 ms | 101 ms | 303 ms | 1.010 x | 3 of 3 |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("| sd-cli each time | 800 ms | 800 ms | 800 ms | 2.000 x |"), "{text}");
    }
}
