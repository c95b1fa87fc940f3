//! The state of a generation, in its words.

use loadmaster_images::{ErrorCode, ImageError, Progress, Stage, encode_base64};
use serde_json::{Value, json};

use super::Refused;
use crate::{
    Gateway,
    jobs::{self, JobState, Record},
};

/// A generation as it is told, with its result where it has one.
pub(super) async fn told(gateway: &Gateway, record: &Record) -> Result<Value, Refused> {
    let mut state = json!({
        "id": record.id,
        "status": status(record.state),
        "createdAt": record.created_ms,
        "updatedAt": record.updated_ms,
    });
    match record.state {
        JobState::Running => state["progress"] = shown(&record.progress.clone().unwrap_or_default()),
        JobState::Completed => state["result"] = result(gateway, record).await?,
        JobState::Failed => {
            let error = record.error.as_ref();
            let message = error.map(|error| error.message.as_str());
            state["error"] = json!({ "message": message, "code": error.map(code) });
        }
        JobState::Queued | JobState::Cancelled => {}
    }
    Ok(state)
}

pub(super) fn status(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "pending",
        JobState::Running => "in_progress",
        JobState::Completed => "complete",
        JobState::Failed => "error",
        JobState::Cancelled => "cancelled",
    }
}

fn shown(progress: &Progress) -> Value {
    let stage = match progress.stage {
        Stage::Queued | Stage::Loading | Stage::Text => "loading",
        Stage::Sampling => "diffusion",
        Stage::Decoding => "decoding",
    };
    let mut shown = json!({
        "currentStep": progress.step,
        "totalSteps": progress.steps,
        "stage": stage,
        "percentage": percent(progress.fraction),
    });
    if progress.images > 1 {
        // From 1; of the last image's end too, where one more than there are was told there.
        shown["currentImage"] = json!(progress.image.saturating_add(1).min(progress.images));
        shown["totalImages"] = json!(progress.images);
    }
    shown
}

/// Whole percent, as there.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is kept within 0 and 100")]
fn percent(fraction: f64) -> u8 {
    (fraction * 100.0).round().clamp(0.0, 100.0) as u8
}

async fn result(gateway: &Gateway, record: &Record) -> Result<Value, Refused> {
    let jobs = gateway.jobs().map_err(|error| Refused::of(&error))?;
    let files = jobs::images(jobs, record).await.map_err(|error| Refused::of(&error))?;
    let image = |(file, kept): (&Vec<u8>, &jobs::ImageFile)| {
        json!({
            "image": encode_base64(file),
            "seed": kept.seed,
            "width": record.size.map(|size| size.width),
            "height": record.size.map(|size| size.height),
        })
    };
    let images: Vec<Value> = files.iter().zip(&record.images).map(image).collect();
    Ok(json!({ "images": images, "format": record.format, "timeTaken": time_taken(record) }))
}

/// How long its images took, in milliseconds, as their server measured it: with loading where each request loads the
/// model, as there. The time that it waited for others is not part of it: there it was refused instead.
fn time_taken(record: &Record) -> u64 {
    match record.timings.total_ms {
        // Nobody measured it.
        0 => record.ended_ms.unwrap_or(record.updated_ms).saturating_sub(record.created_ms),
        measured => measured,
    }
}

/// Which of its five codes an error has.
fn code(error: &ImageError) -> &'static str {
    match &error.code {
        // There sd-cli found out, and exited with an error, what is refused by its server here.
        ErrorCode::InvalidRequest
        | ErrorCode::ImageTooLarge
        | ErrorCode::OutOfMemory
        | ErrorCode::GenerationFailed
        | ErrorCode::ServerCrashed => "BACKEND_ERROR",
        ErrorCode::DiskFull => "IO_ERROR",
        ErrorCode::Other(code) => match code.as_str() {
            "queue_full" | "waited_too_long" | "too_many_jobs" => "SERVER_BUSY",
            "shutting_down" | "stopped" | "called_off" | "interrupted" | "model_not_found"
            | "model_removed" => "SERVER_NOT_RUNNING",
            "insufficient_memory"
            | "start_failed"
            | "crash_loop"
            | "server_missing"
            | "model_unreadable"
            | "connection_broken" => "BACKEND_ERROR",
            "jobs_unwritable" => "IO_ERROR",
            _ => "UNKNOWN_ERROR",
        },
        _ => "UNKNOWN_ERROR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stage: Stage, image: u32, images: u32, fraction: f64) -> Value {
        shown(&Progress { stage, step: 3, steps: 8, image, images, fraction, eta_ms: Some(7) })
    }

    #[test]
    fn there_are_three_stages_and_whole_percent() {
        for (stage, told) in [
            (Stage::Queued, "loading"),
            (Stage::Loading, "loading"),
            (Stage::Text, "loading"),
            (Stage::Sampling, "diffusion"),
            (Stage::Decoding, "decoding"),
        ] {
            let progress = json!({ "currentStep": 3, "totalSteps": 8, "stage": told, "percentage": 13 });
            assert_eq!(at(stage, 0, 1, 0.127), progress);
        }
        for (fraction, percentage) in
            [(0.0, 0), (0.004, 0), (0.996, 100), (1.0, 100), (7.0, 100), (f64::NAN, 0)]
        {
            assert_eq!(at(Stage::Sampling, 0, 1, fraction)["percentage"], percentage, "{fraction}");
        }
    }

    #[test]
    fn of_several_images_the_one_that_is_made_is_told_from_1() {
        let told = |image| {
            let progress = at(Stage::Decoding, image, 2, 0.5);
            (progress["currentImage"].clone(), progress["totalImages"].clone())
        };
        for (image, shown) in [(0, 1), (1, 2), (2, 2)] {
            assert_eq!(told(image), (json!(shown), json!(2)));
        }
    }

    #[test]
    fn each_error_has_one_of_its_codes() {
        let other = |name: &str| ErrorCode::Other(name.to_owned());
        for (error, told) in [
            (ErrorCode::InvalidRequest, "BACKEND_ERROR"),
            (ErrorCode::ImageTooLarge, "BACKEND_ERROR"),
            (ErrorCode::OutOfMemory, "BACKEND_ERROR"),
            (ErrorCode::ServerCrashed, "BACKEND_ERROR"),
            (ErrorCode::DiskFull, "IO_ERROR"),
            (other("queue_full"), "SERVER_BUSY"),
            (other("interrupted"), "SERVER_NOT_RUNNING"),
            (other("model_removed"), "SERVER_NOT_RUNNING"),
            (other("insufficient_memory"), "BACKEND_ERROR"),
            (other("jobs_unwritable"), "IO_ERROR"),
            (other("something"), "UNKNOWN_ERROR"),
        ] {
            assert_eq!(code(&ImageError::new(error.clone(), "m", "r")), told, "{error:?}");
        }
    }
}
