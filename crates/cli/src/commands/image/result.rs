//! What was made, for `--json`.

use std::path::Path;

use loadmaster_images::Completed;
use serde_json::{Value, json};

use crate::{Failed, printed::print};

/// The images that are there so far.
pub(super) struct Made {
    model: String,
    images: Vec<Value>,
    parameters: Value,
    timings: Value,
}

impl Made {
    pub(super) fn new(model: &str) -> Self {
        Self { model: model.to_owned(), images: Vec::new(), parameters: Value::Null, timings: Value::Null }
    }

    /// One more, in that file.
    pub(super) fn add(&mut self, image: &Completed, path: Option<&Path>) {
        self.images.push(json!({
            "file": path,
            "seed": image.seed,
            "size": image.size,
            "format": image.format,
            "bytes": image.bytes.len(),
        }));
        self.parameters = image.parameters.clone().into();
        self.timings = json!(image.timings);
    }

    /// Prints all of it as JSON, if that was asked for; fails if there are fewer images than were asked for.
    pub(super) fn finish(self, wanted: u32, as_json: bool) -> Result<(), Failed> {
        let made = self.images.len();
        if u32::try_from(made).unwrap_or(u32::MAX) < wanted {
            let cause = format!("The answer ended after {made} of {wanted} images");
            return Err(Failed::because(cause).remedy("Make them again; the log of the server may say more."));
        }
        if !as_json {
            return Ok(());
        }
        let Self { model, images, parameters, timings } = self;
        let result =
            json!({ "model": model, "images": images, "parameters": parameters, "timings": timings });
        print(&format!("{result:#}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_ends_early_is_a_failure() {
        let mut made = Made::new("m");
        made.add(&Completed::default(), Some(Path::new("out.png")));
        let failed = made.finish(2, false).unwrap_err();
        assert_eq!(failed.told().0, "The answer ended after 1 of 2 images");
    }
}
