//! What this machine took before for the images of a plan: times by stage, and the most memory.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use loadmaster_core::LaunchPlan;
use loadmaster_images::Timings;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::progress::Work;

/// How many of the last times count: the median of them is what is expected.
const TIMES: usize = 9;

/// How many plans are remembered.
const MOST_PLANS: usize = 64;

/// Expected times; `None` where nothing is known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rates {
    /// Reading the model, in milliseconds.
    pub(crate) load_ms: Option<f64>,
    /// Encoding the prompt, in milliseconds.
    pub(crate) text_ms: Option<f64>,
    /// A step, in milliseconds for each million pixels.
    pub(crate) step_ms: Option<f64>,
    /// Decoding an image, in milliseconds for each million pixels.
    pub(crate) decode_ms: Option<f64>,
}

/// What is remembered of one plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Record {
    load_ms: Vec<f64>,
    text_ms: Vec<f64>,
    step_ms: Vec<f64>,
    decode_ms: Vec<f64>,
    /// The most bytes of host memory that its process had, by pixels of the image.
    peaks: BTreeMap<u64, u64>,
    /// When it was written last: the oldest is forgotten.
    used: u64,
}

/// All that is remembered, and where. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct History {
    file: PathBuf,
    records: Arc<Mutex<BTreeMap<String, Record>>>,
}

impl History {
    /// Reads the file; one that cannot be read costs what it knew and no more.
    pub(crate) fn open(file: PathBuf) -> Self {
        let records = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self { file, records: Arc::new(Mutex::new(records.unwrap_or_default())) }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to expect of `key`.
    pub(crate) fn rates(&self, key: &str) -> Rates {
        let records = self.locked();
        let Some(record) = records.get(key) else { return Rates::default() };
        Rates {
            load_ms: median(&record.load_ms),
            text_ms: median(&record.text_ms),
            step_ms: median(&record.step_ms),
            decode_ms: median(&record.decode_ms),
        }
    }

    /// The most memory that an image of so many pixels took, in bytes.
    pub(crate) fn peak(&self, key: &str, pixels: u64) -> Option<u64> {
        self.locked().get(key)?.peaks.get(&pixels).copied()
    }

    /// Remembers a request that came to its end. Writes the file off the async threads.
    pub(crate) fn remember(&self, key: &str, work: Work, timings: Timings, pixels: u64, peak: Option<u64>) {
        let mut records = self.locked();
        let record = records.entry(key.to_owned()).or_default();
        let images = f64::from(work.images.max(1));
        let pixel_images = images * work.megapixels.max(0.001);
        if work.loads {
            add(&mut record.load_ms, precise(timings.load_ms));
        }
        add(&mut record.text_ms, precise(timings.text_ms));
        add(&mut record.step_ms, precise(timings.sampling_ms) / (pixel_images * f64::from(work.steps.max(1))));
        add(&mut record.decode_ms, precise(timings.decoding_ms) / pixel_images);
        if let Some(peak) = peak {
            let most = record.peaks.entry(pixels).or_default();
            *most = peak.max(*most);
        }
        record.used = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        while records.len() > MOST_PLANS {
            let oldest = records.iter().min_by_key(|(_, record)| record.used).map(|(key, _)| key.clone());
            oldest.map(|key| records.remove(&key));
        }
        let (written, file) = (records.clone(), self.file.clone());
        drop(records);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = write(&file, &written) {
                tracing::warn!(%error, file = %file.display(), "what images took was not written down");
            }
        });
    }
}

fn write(file: &Path, records: &BTreeMap<String, Record>) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let partial = file.with_extension("partial");
    fs::write(&partial, serde_json::to_vec(records)?)?;
    fs::rename(partial, file)
}

/// The name of all plans that differ in nothing but `pixels` and what requests may say themselves: the settings, the
/// program and the files with their sizes and times.
pub(crate) fn key(plan: &LaunchPlan) -> String {
    let mut settings = plan.settings.clone();
    for free in ["pixels", "steps", "cfg_scale", "sampler", "start_timeout"] {
        settings.remove(free);
    }
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(&settings).unwrap_or_default());
    let components = settings.get("components").and_then(serde_json::Value::as_object).into_iter().flatten();
    let components = components.filter_map(|(_, path)| path.as_str()).map(PathBuf::from);
    for file in plan.server.iter().cloned().chain([plan.model.path.clone()]).chain(components) {
        hash.update(file.as_os_str().as_encoded_bytes());
        if let Ok(known) = fs::metadata(&file) {
            hash.update(known.len().to_le_bytes());
            let time = known.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
            hash.update(time.unwrap_or_default().as_nanos().to_le_bytes());
        }
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn add(times: &mut Vec<f64>, time: f64) {
    if times.len() == TIMES {
        times.remove(0);
    }
    times.push(time);
}

fn median(times: &[f64]) -> Option<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[expect(clippy::cast_precision_loss, reason = "times are far below 2^52 ms")]
fn precise(millis: u64) -> f64 {
    millis as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn medians_and_peaks_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sd/history.json");
        let history = History::open(file.clone());
        let work = Work { loads: false, steps: 10, images: 2, megapixels: 0.5 };
        for (ms, peak) in [(100, Some(7)), (5000, Some(9)), (110, None)] {
            let timings = Timings { sampling_ms: ms, ..Timings::default() };
            history.remember("a", work, timings, 500_000, peak);
        }
        let check = |history: &History| {
            assert_eq!(history.rates("a").step_ms, Some(11.0));
            assert_eq!(history.rates("a").load_ms, None);
            assert_eq!((history.peak("a", 500_000), history.peak("a", 1), history.peak("b", 500_000)), (Some(9), None, None));
        };
        check(&history);
        for _ in 0..MOST_PLANS {
            assert!(history.locked().len() <= MOST_PLANS);
        }
        write(&file, &history.locked().clone()).unwrap();
        check(&History::open(file.clone()));
        fs::write(&file, "{").unwrap();
        assert_eq!(History::open(file).rates("a"), Rates::default());
    }
}
