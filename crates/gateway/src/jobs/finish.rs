//! The end of a job.

use std::io;

use loadmaster_images::{Completed, ErrorCode, ImageError};

use super::{ImageFile, Job, JobState, Jobs};

impl Jobs {
    /// Writes down how a job ended: its images first, and then the record that names them. Blocks on the disk.
    pub(super) fn finish(&self, job: &Job, outcome: Result<Vec<Completed>, ImageError>) {
        let written = outcome.and_then(|images| {
            let files = self.write_images(job, &images).map_err(|error| unwritten(&error))?;
            Ok((images, files))
        });
        let changed = job.change(|record| match written {
            Ok((images, files)) => {
                if let Some(last) = images.into_iter().next_back() {
                    (record.size, record.format) = (last.size, last.format);
                    (record.parameters, record.timings) = (last.parameters, last.timings);
                }
                record.images = files;
                record.complete();
            }
            Err(error) => record.fail(ended_with_the_program(error)),
        });
        let record = job.record();
        if !changed && record.state != JobState::Cancelled {
            return;
        }
        if let Err(error) = self.store.write(&record) {
            // After a restart it is told as interrupted.
            tracing::warn!(job = record.id, %error, "the end of a job could not be written down");
        }
    }

    fn write_images(&self, job: &Job, images: &[Completed]) -> io::Result<Vec<ImageFile>> {
        let id = job.id();
        let write = |(index, image): (usize, &Completed)| {
            let name = format!("{index}.{}", image.format);
            self.store.write_image(&id, &name, &image.bytes)?;
            Ok(ImageFile { name, seed: image.seed, bytes: image.bytes.len() as u64 })
        };
        images.iter().enumerate().map(write).collect()
    }
}

/// What the disk said, as an error of the API.
pub(super) fn unwritten(error: &io::Error) -> ImageError {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    if full {
        let message = format!("The disk is full: the job could not be written down ({error})");
        return ImageError::new(ErrorCode::DiskFull, message, "Make room on the disk of the jobs' folder.");
    }
    let code = ErrorCode::Other("jobs_unwritable".to_owned());
    let remedy = "Make the folder of the jobs one that Loadmaster may write to.";
    ImageError::new(code, format!("The job could not be written down: {error}"), remedy)
}

/// What had not ended when the program did.
pub(super) fn interrupted() -> ImageError {
    let code = ErrorCode::Other("interrupted".to_owned());
    ImageError::new(code, "Loadmaster ended before the job did", "Submit it again.")
}

/// Who was turned away by the program's end is told the same as who was in the middle.
fn ended_with_the_program(error: ImageError) -> ImageError {
    if error.code.name() == "shutting_down" { interrupted() } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_as_such() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            assert_eq!(unwritten(&io::Error::from(kind)).code, ErrorCode::DiskFull);
        }
        let other = unwritten(&io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!((other.code.name(), other.status()), ("jobs_unwritable", 500));
    }
}
