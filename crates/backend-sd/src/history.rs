//! What this machine took before for the images of a plan: times by stage, and the most memory.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use loadmaster_core::LaunchPlan;
use loadmaster_images::Timings;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use crate::{progress::Work, stamp::Stamp, work_folder::off_thread};

/// How many of the last times count: the median of them is what is expected.
const TIMES: usize = 9;

/// How many plans are remembered.
const MOST_PLANS: usize = 64;

/// How many sizes of images are remembered of a plan: those that were asked for last.
const MOST_SIZES: usize = 64;

/// Expected times; `None` where nothing is known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rates {
    /// Reading the model, in milliseconds.
    pub(crate) load: Option<f64>,
    /// Encoding the prompt, in milliseconds.
    pub(crate) text: Option<f64>,
    /// A step, in milliseconds for each million pixels.
    pub(crate) step: Option<f64>,
    /// Decoding an image, in milliseconds for each million pixels.
    pub(crate) decode: Option<f64>,
}

/// What is remembered of one plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Record {
    load_ms: Vec<f64>,
    text_ms: Vec<f64>,
    step_ms: Vec<f64>,
    decode_ms: Vec<f64>,
    /// The most that its process had, by pixels of the image.
    sizes: BTreeMap<u64, Size>,
    /// Grows with each use: the oldest is forgotten.
    used: u64,
}

/// What images of one size took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Size {
    peak: Peak,
    /// Grows with each use: the oldest is forgotten.
    used: u64,
}

/// The most memory that a process had, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peak {
    /// Of the host.
    pub(crate) host: u64,
    /// Of the GPU's memory, in buffers that the program told of; `None` where there are none, or not all were told.
    pub(crate) device: Option<u64>,
}

impl Peak {
    /// The larger of both in each place.
    pub(crate) fn most(self, other: Self) -> Self {
        Self { host: self.host.max(other.host), device: self.device.max(other.device) }
    }
}

/// All that is remembered, and where. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct History {
    file: PathBuf,
    records: Arc<Mutex<BTreeMap<String, Record>>>,
    /// Held by whoever writes the file.
    writing: Arc<Mutex<()>>,
}

impl History {
    /// Reads the file; one that cannot be read costs what it knew and no more.
    pub(crate) fn open(file: PathBuf) -> Self {
        let records = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self { file, records: Arc::new(Mutex::new(records.unwrap_or_default())), writing: Arc::default() }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to expect of `key`.
    pub(crate) fn rates(&self, key: &str) -> Rates {
        let records = self.locked();
        let Some(record) = records.get(key) else { return Rates::default() };
        Rates {
            load: median(&record.load_ms),
            text: median(&record.text_ms),
            step: median(&record.step_ms),
            decode: median(&record.decode_ms),
        }
    }

    /// The most memory that an image of so many pixels took.
    pub(crate) fn peak(&self, key: &str, pixels: u64) -> Option<Peak> {
        self.locked().get(key)?.sizes.get(&pixels).map(|size| size.peak)
    }

    /// Remembers a request that came to its end. The file is written off the async threads, and nobody need wait for it.
    pub(crate) fn remember(
        &self,
        key: &str,
        work: Work,
        timings: Timings,
        pixels: u64,
        peak: Option<Peak>,
    ) -> JoinHandle<()> {
        let mut records = self.locked();
        let used = 1 + records.values().map(|record| record.used).max().unwrap_or_default();
        let record = records.entry(key.to_owned()).or_default();
        let images = f64::from(work.images.max(1));
        let pixel_images = images * work.megapixels.max(0.001);
        if work.loads {
            add(&mut record.load_ms, precise(timings.load_ms));
        }
        add(&mut record.text_ms, precise(timings.text_ms));
        add(
            &mut record.step_ms,
            precise(timings.sampling_ms) / (pixel_images * f64::from(work.steps.max(1))),
        );
        add(&mut record.decode_ms, precise(timings.decoding_ms) / pixel_images);
        if let Some(peak) = peak {
            let size = record.sizes.entry(pixels).or_default();
            *size = Size { peak: peak.most(size.peak), used };
            forget_oldest(&mut record.sizes, MOST_SIZES, |size| size.used);
        }
        record.used = used;
        forget_oldest(&mut records, MOST_PLANS, |record| record.used);
        drop(records);
        let history = self.clone();
        tokio::task::spawn_blocking(move || history.write())
    }

    fn write(&self) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let records = self.locked().clone();
        if let Err(error) = write(&self.file, &records) {
            tracing::warn!(%error, file = %self.file.display(), "what images took was not written down");
        }
    }
}

/// Leaves the `most` entries that were used last.
fn forget_oldest<K: Ord + Clone, V>(entries: &mut BTreeMap<K, V>, most: usize, used: impl Fn(&V) -> u64) {
    while entries.len() > most {
        let oldest = entries.iter().min_by_key(|(_, entry)| used(entry)).map(|(key, _)| key.clone());
        oldest.map(|key| entries.remove(&key));
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
pub(crate) async fn key(plan: &LaunchPlan) -> String {
    let plan = plan.clone();
    // It looks at files, which may lie on a slow disk.
    off_thread(move || Ok(key_of(&plan))).await.unwrap_or_default()
}

fn key_of(plan: &LaunchPlan) -> String {
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
        if let Some(stamp) = Stamp::of(&file) {
            hash.update(stamp.to_bytes());
        }
    }
    let hash = hash.finalize();
    let first = hash.iter().take(16).fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    format!("{first:032x}")
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
        let peak = |host| Some(Peak { host, device: None });
        for (ms, peak) in [(100, peak(7)), (5000, peak(9)), (110, peak(8)), (120, None)] {
            let timings = Timings { sampling_ms: ms, ..Timings::default() };
            history.remember("a", work, timings, 500_000, peak).await.unwrap();
        }
        let check = |history: &History| {
            assert_eq!(history.rates("a").step, Some(12.0));
            assert_eq!(history.rates("a").load, None);
            assert_eq!(
                (history.peak("a", 500_000), history.peak("a", 1), history.peak("b", 500_000)),
                (peak(9), None, None)
            );
        };
        check(&history);
        check(&History::open(file.clone()));
        fs::write(&file, "{").unwrap();
        assert_eq!(History::open(file).rates("a"), Rates::default());
    }

    #[tokio::test]
    async fn what_was_not_asked_for_lately_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path().join("history.json"));
        let work = Work { loads: false, steps: 1, images: 1, megapixels: 1.0 };
        let peak = Some(Peak { host: 1, device: None });
        let asked = |key: &str, pixels: u64| {
            drop(history.remember(key, work, Timings::default(), pixels, peak));
        };
        for pixels in 1..=100 {
            asked("a", pixels);
            // Asked for all the time.
            asked("a", 0);
        }
        assert_eq!(history.locked()["a"].sizes.len(), MOST_SIZES);
        assert_eq!((history.peak("a", 0), history.peak("a", 100), history.peak("a", 1)), (peak, peak, None));
        for plan in 0..100 {
            asked(&plan.to_string(), 1);
            asked("a", 0);
        }
        assert_eq!(history.locked().len(), MOST_PLANS);
        assert_eq!((history.peak("a", 0), history.peak("99", 1), history.peak("0", 1)), (peak, peak, None));
    }
}
