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
         as genai-electron does it. Each image is made by all three, who take turns in being the first, before the next \
         one is; from the request to the whole image. All have the same pixels, or there were no figures. A ratio is the \
         median of the ratios for the same image; half of them lie between the two in brackets.\n\n\
         | image | | median | fastest | slowest | beside sd-server | beside sd-cli |\n|---|---|---|---|---|---|---|\n",
    );
    for case in cases {
        for road in Road::ALL {
            let took = case.by(road);
            writeln!(
                text,
                "| {side} x {side}, {} steps | {} | {} ms | {} ms | {} ms | {} | {} |",
                case.steps,
                name(road),
                whole(median(took.clone())),
                whole(percentile(took.clone(), 0)),
                whole(percentile(took, 100)),
                ratio(case, road, Road::Direct),
                ratio(case, road, Road::OneShot),
                side = case.side,
            )
            .expect("writing to a String cannot fail");
        }
    }
    text
}

fn name(road: Road) -> &'static str {
    match road {
        Road::Direct => "sd-server",
        Road::Loadmaster => "loadmaster",
        Road::OneShot => "sd-cli each time",
    }
}

fn whole(milliseconds: Option<f64>) -> String {
    milliseconds.map_or_else(|| "?".to_owned(), |milliseconds| format!("{milliseconds:.0}"))
}

/// The median of the ratios for the same image, and their quartiles.
fn ratio(case: &Case, road: Road, other: Road) -> String {
    let ratios = case.beside(road, other);
    let quartile = |percent| percentile(ratios.clone(), percent);
    match (median(ratios.clone()), quartile(25), quartile(75)) {
        _ if road == other => "1 x".to_owned(),
        (Some(middle), Some(low), Some(high)) => format!("{middle:.3} x ({low:.3} to {high:.3})"),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_the_same_image() {
        // A machine that is busy while the second image is made: all are slow then.
        let took = vec![[100.0, 101.0, 200.0], [300.0, 306.0, 600.0], [100.0, 103.0, 200.0]];
        let cases = [Case { side: 64, steps: 4, took }];
        let text = section(&Arguments { date: "2026-01-02".to_owned(), images: 3 }, "a machine", &cases);
        let row = "| 64 x 64, 4 steps | loadmaster | 103 ms | 101 ms | 306 ms | 1.020 x (1.010 to 1.030) | \
                   0.510 x (0.505 to 0.515) |";
        assert!(text.contains(row), "{text}");
        assert!(
            text.contains("| sd-cli each time | 200 ms | 200 ms | 600 ms | 2.000 x (2.000 to 2.000) | 1 x |"),
            "{text}"
        );
    }
}
