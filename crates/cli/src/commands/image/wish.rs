//! From the command line to a request for images.

use std::path::Path;

use loadmaster_images::{ImageFormat, ImageRequest, Task};

use super::files;
use crate::{Failed, args::ImageArgs};

/// What is asked for. Reads the images that it begins with.
pub(super) fn request(args: &ImageArgs) -> Result<ImageRequest, Failed> {
    let painting = &args.painting;
    let named = args.output.as_deref().and_then(files::format_of);
    let file = |path: Option<&Path>| path.map(read).transpose();
    let request = ImageRequest {
        task: if painting.image.is_some() { Task::Edit } else { Task::Generate },
        negative_prompt: painting.negative.clone().unwrap_or_default(),
        n: painting.batch,
        size: painting.size,
        format: painting.format.or(named).unwrap_or(ImageFormat::Png),
        stream: true,
        steps: painting.steps,
        cfg_scale: painting.cfg_scale,
        guidance: painting.guidance,
        sampler: painting.sampler.clone(),
        scheduler: painting.scheduler.clone(),
        seed: painting.seed,
        clip_skip: painting.clip_skip,
        strength: painting.strength,
        loras: painting.loras.clone(),
        images: file(painting.image.as_deref())?.into_iter().collect(),
        mask: file(painting.mask.as_deref())?,
        ..ImageRequest::new(&args.prompt)
    };
    // The same checks as for everybody's requests.
    let checked = ImageRequest::of_json(request.task, request.to_json());
    checked.map_err(|error| Failed::usage(error.message).remedy(error.remedy))
}

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    std::fs::read(path).map_err(|error| {
        let cause = format!("The image {} cannot be read: {error}", path.display());
        let failed = if error.kind() == std::io::ErrorKind::NotFound {
            Failed::not_found(cause)
        } else {
            Failed::because(cause)
        };
        failed.remedy("Name a PNG, JPEG or WebP file.")
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    fn asked(line: &str) -> Result<ImageRequest, String> {
        let Command::Image(args) = Args::parse_from(line.split_whitespace()).command else {
            panic!("{line}")
        };
        request(&args).map_err(|failed| failed.told().0.to_owned())
    }

    #[test]
    fn flags_become_a_request() {
        let line = "loadmaster image m cat -o out.jpg --negative dog --steps 4 --size 64x128 --seed 7 --batch 2 \
                    --sampler euler --scheduler karras --cfg-scale 2 --lora style:0.5";
        let request = asked(line).unwrap();
        assert_eq!((request.prompt.as_str(), request.negative_prompt.as_str()), ("cat", "dog"));
        assert_eq!((request.n, request.steps, request.seed), (2, Some(4), Some(7)));
        assert_eq!((request.format, request.task, request.stream), (ImageFormat::Jpeg, Task::Generate, true));
        assert_eq!(request.size.unwrap().to_string(), "64x128");
        assert_eq!((request.loras[0].name.as_str(), request.loras[0].scale), ("style", 0.5));
        assert_eq!(asked("loadmaster image m cat --format webp").unwrap().format, ImageFormat::Webp);
    }

    #[test]
    fn what_no_model_can_make_is_refused_before_anything_starts() {
        assert_eq!(asked("loadmaster image m cat --steps 0").unwrap_err(), "steps cannot be 0");
        let gone = asked("loadmaster image m cat --image /nowhere.png").unwrap_err();
        assert!(gone.starts_with("The image /nowhere.png cannot be read"), "{gone}");
        let text = asked(&format!("loadmaster image m cat --image {}", file!().replace("crates/cli/", "")))
            .unwrap_err();
        assert!(text.contains("image"), "{text}");
    }
}
