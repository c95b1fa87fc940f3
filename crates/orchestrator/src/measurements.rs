//! What models took when they were last started, kept for the next start.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::UNIX_EPOCH,
};

use loadmaster_core::{DeviceEstimate, Estimate, EstimateSource, LaunchPlan, Machine};
use serde::{Deserialize, Serialize};

/// More plans than this are not remembered; the oldest are forgotten first.
const MOST_RECORDS: usize = 256;

/// How far a second start may lie above the first, in percent: drivers round and allocate in blocks.
const MARGIN_PERCENT: u8 = 1;

/// The file's form. Another one is not read.
const VERSION: u32 = 1;

/// All that is remembered. The lock is held for an instant, never across an await.
#[derive(Debug, Default)]
pub(crate) struct Measurements {
    /// `None`: forgotten with this process.
    file: Option<PathBuf>,
    records: Mutex<Vec<Record>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    start: Start,
    took: Estimate,
}

/// What must be the same for a measurement to hold again: the plan with all its settings, the very
/// program and model, and the devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Start {
    plan: LaunchPlan,
    server: Option<FileIdentity>,
    model: FileIdentity,
    /// Name and bytes of each device that the measurement is about.
    devices: Vec<(String, u64)>,
}

/// Tells a file from another one that takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct FileIdentity {
    bytes: u64,
    modified_nanoseconds: u64,
}

#[derive(Deserialize, Serialize)]
struct Contents {
    version: u32,
    records: Vec<Record>,
}

impl Measurements {
    /// Reads what was remembered. A file that cannot be read is told of and begun anew: what it had is
    /// measured again.
    pub(crate) fn open(file: Option<PathBuf>) -> Self {
        let records = file.as_deref().map(read).unwrap_or_default();
        Self { file, records: Mutex::new(records) }
    }

    /// What `plan` took the last time, if nothing has changed since.
    pub(crate) fn find(&self, plan: &LaunchPlan, machine: &Machine) -> Option<Estimate> {
        if machine.hypothetical {
            return None;
        }
        let records = self.locked();
        let mut of_plan = records.iter().filter(|record| record.start.plan == *plan).peekable();
        of_plan.peek()?;
        of_plan
            .find(|record| Start::of(plan, machine, &record.took).as_ref() == Some(&record.start))
            .map(|record| record.took.clone())
    }

    /// Remembers what `plan` took. Blocks while the file is written; a failure to write is told of and
    /// costs the next program a measurement.
    pub(crate) fn remember(&self, plan: &LaunchPlan, machine: &Machine, took: Estimate) {
        let Some(start) = Start::of(plan, machine, &took) else {
            return;
        };
        let took = Estimate { source: EstimateSource::Measured, margin_percent: MARGIN_PERCENT, ..took };
        let record = Record { start, took };
        let mut records = self.locked();
        if records.last() == Some(&record) {
            return;
        }
        // Another program of ours may have measured something meanwhile.
        if let Some(file) = &self.file {
            let theirs = read(file).into_iter().filter(|theirs| !has(&records, &theirs.start));
            let theirs: Vec<Record> = theirs.collect();
            records.splice(..0, theirs);
        }
        records.retain(|earlier| earlier.start != record.start);
        records.push(record);
        let surplus = records.len().saturating_sub(MOST_RECORDS);
        records.drain(..surplus);
        let written = self.file.as_deref().map_or(Ok(()), |file| write(file, &records));
        drop(records);
        if let Err(error) = written {
            tracing::warn!(%error, file = ?self.file, "what the model took could not be written down");
        }
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has(records: &[Record], start: &Start) -> bool {
    records.iter().any(|record| record.start == *start)
}

impl Start {
    /// `None` when a file or a device is not there.
    fn of(plan: &LaunchPlan, machine: &Machine, took: &Estimate) -> Option<Self> {
        let device = |part: &DeviceEstimate| {
            let device = machine.device(part.device.as_str())?;
            Some((device.name.clone(), device.total))
        };
        Some(Self {
            server: match &plan.server {
                Some(server) => Some(FileIdentity::of(server).ok()?),
                None => None,
            },
            model: FileIdentity::of(&plan.model.path).ok()?,
            devices: took.devices.iter().map(device).collect::<Option<_>>()?,
            plan: plan.clone(),
        })
    }
}

impl FileIdentity {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified_nanoseconds = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        Ok(Self { bytes: metadata.len(), modified_nanoseconds })
    }
}

fn read(file: &Path) -> Vec<Record> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(%error, file = %file.display(), "earlier measurements could not be read");
            return Vec::new();
        }
    };
    match serde_json::from_str::<Contents>(&text) {
        Ok(contents) if contents.version == VERSION => contents.records,
        Ok(_) => Vec::new(),
        Err(error) => {
            tracing::warn!(%error, file = %file.display(), "earlier measurements are damaged, and begun anew");
            Vec::new()
        }
    }
}

/// Whole or not at all, whenever the power goes.
fn write(file: &Path, records: &[Record]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut temporary, &Contents { version: VERSION, records: records.to_vec() })?;
    temporary.as_file().sync_all()?;
    temporary.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{Device, DeviceId, DeviceKind, Model, ModelKind};
    use tempfile::TempDir;

    use super::*;

    /// A folder with a model, a server, and the file of measurements.
    struct Place(TempDir);

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("model.gguf"), "model").unwrap();
            fs::write(folder.path().join("server"), "server").unwrap();
            Self(folder)
        }

        fn open(&self) -> Measurements {
            Measurements::open(Some(self.file()))
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("state/measured.json")
        }

        fn plan(&self, context: u32) -> LaunchPlan {
            let model = Model::from_file(ModelKind::Text, self.0.path().join("model.gguf"));
            let mut plan = LaunchPlan::new("toy", model);
            plan.server = Some(self.0.path().join("server"));
            plan.settings.insert("context_length".to_owned(), context.into());
            plan
        }
    }

    fn machine(total: u64) -> Machine {
        let host = Device {
            id: DeviceId::host(),
            name: "RAM".to_owned(),
            kind: DeviceKind::Host,
            aliases: Vec::new(),
            total,
            free: Some(total / 2),
        };
        Machine { physical_cores: 1, usable_threads: 1, devices: vec![host], hypothetical: false }
    }

    fn took(weights: u64) -> Estimate {
        let host = DeviceEstimate { weights, ..DeviceEstimate::on(DeviceId::host()) };
        Estimate { source: EstimateSource::Measured, margin_percent: 0, devices: vec![host] }
    }

    fn found(measurements: &Measurements, plan: &LaunchPlan, machine: &Machine) -> Option<u64> {
        let estimate = measurements.find(plan, machine)?;
        assert_eq!((estimate.source, estimate.margin_percent), (EstimateSource::Measured, MARGIN_PERCENT));
        Some(estimate.devices[0].weights)
    }

    #[test]
    fn the_next_program_knows_what_the_last_one_measured() {
        let place = Place::new();
        let first = place.open();
        assert_eq!(found(&first, &place.plan(1), &machine(100)), None);
        first.remember(&place.plan(1), &machine(100), took(7));
        first.remember(&place.plan(2), &machine(100), took(8));
        first.remember(&place.plan(1), &machine(100), took(9));
        let next = place.open();
        assert_eq!(found(&next, &place.plan(1), &machine(100)), Some(9));
        assert_eq!(found(&next, &place.plan(2), &machine(100)), Some(8));
        assert_eq!(found(&next, &place.plan(3), &machine(100)), None);
    }

    #[test]
    fn what_has_changed_is_measured_again() {
        let place = Place::new();
        let measurements = place.open();
        measurements.remember(&place.plan(1), &machine(100), took(7));
        let find = |machine: &Machine| found(&measurements, &place.plan(1), machine);
        assert_eq!(find(&machine(100)), Some(7));
        // Memory that was added, and a machine that somebody made up.
        assert_eq!(find(&machine(200)), None);
        assert_eq!(find(&Machine { hypothetical: true, ..machine(100) }), None);
        for file in ["server", "model.gguf"] {
            let path = place.0.path().join(file);
            let before = fs::metadata(&path).unwrap().modified().unwrap();
            let touch =
                |time| fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            touch(before + std::time::Duration::from_secs(1));
            assert_eq!(find(&machine(100)), None, "{file}");
            touch(before);
            assert_eq!(find(&machine(100)), Some(7), "{file}");
        }
        fs::remove_file(place.0.path().join("server")).unwrap();
        assert_eq!(find(&machine(100)), None);
    }

    #[test]
    fn two_programs_keep_each_others_measurements() {
        let place = Place::new();
        let (one, other) = (place.open(), place.open());
        one.remember(&place.plan(1), &machine(100), took(1));
        other.remember(&place.plan(2), &machine(100), took(2));
        let both = place.open();
        assert_eq!(found(&both, &place.plan(1), &machine(100)), Some(1));
        assert_eq!(found(&both, &place.plan(2), &machine(100)), Some(2));
    }

    #[test]
    fn a_damaged_file_costs_a_measurement_and_no_more() {
        let place = Place::new();
        fs::create_dir_all(place.file().parent().unwrap()).unwrap();
        for text in ["", "{", "[1]", r#"{"version": 9, "records": []}"#] {
            fs::write(place.file(), text).unwrap();
            let measurements = place.open();
            assert_eq!(found(&measurements, &place.plan(1), &machine(100)), None, "{text}");
            measurements.remember(&place.plan(1), &machine(100), took(7));
            assert_eq!(found(&place.open(), &place.plan(1), &machine(100)), Some(7), "{text}");
        }
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let place = Place::new();
        let measurements = Measurements::open(None);
        for context in 0..300 {
            measurements.remember(&place.plan(context), &machine(100), took(context.into()));
        }
        assert_eq!(found(&measurements, &place.plan(0), &machine(100)), None);
        assert_eq!(found(&measurements, &place.plan(299), &machine(100)), Some(299));
        assert_eq!(measurements.locked().len(), MOST_RECORDS);
    }
}
