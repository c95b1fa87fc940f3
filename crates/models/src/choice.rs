//! Which of a repository's models to take.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{error::ModelsError, hub::HubFile, quantisation::Quantisation};

/// What this machine has for a model, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Budget {
    /// Memory of accelerators, all together.
    pub accelerators: u64,
    /// Memory of the host.
    pub host: u64,
}

/// A model that could be taken: one file, or all files of a split model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Its quantisation, as its name says it.
    pub quantisation: Option<Quantisation>,
    /// Its files in order.
    pub files: Vec<HubFile>,
}

/// Where a model fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// On the accelerators, all of it.
    Accelerators,
    /// On host and accelerators together.
    Host,
    /// Nowhere.
    Nowhere,
}

/// Which candidate is taken, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Its place among the candidates.
    pub index: usize,
    /// Bytes of its files.
    pub bytes: u64,
    /// Bytes of memory that it takes, roughly.
    pub needs: u64,
    /// Where it fits.
    pub fits: Fit,
    /// Why, in a sentence.
    pub reason: String,
}

/// Above this nobody has shown a difference; below it every bit saved is memory and speed.
const ENOUGH_BITS: f64 = 8.6;

/// Below this, models get worse fast.
const GOOD_BITS: f64 = 4.0;

/// On a processor the speed of answers goes with the bytes that are read for each token: this is the usual
/// balance (`Q4_K_M` and its like).
const FAST_BITS: f64 = 5.0;

/// Models up to this many bytes are fast on any processor, and small ones suffer most from few bits.
const SMALL: u64 = 2 << 30;

impl Candidate {
    /// Bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    fn bits(&self) -> f64 {
        // Without a name it is what its makers made, mostly 16 bits.
        self.quantisation.as_ref().map_or(16.0, Quantisation::bits)
    }

    fn label(&self) -> String {
        let name = || self.files.first().map_or_else(String::new, |file| file.path.file_name().to_owned());
        self.quantisation.as_ref().map_or_else(name, ToString::to_string)
    }
}

/// The models among GGUF files: split ones whole, without projectors, importance matrices and parts that
/// are not all there. In order of size.
pub fn candidates(files: &[HubFile]) -> Vec<Candidate> {
    let by_path: BTreeMap<&str, &HubFile> = files.iter().map(|file| (file.path.as_str(), file)).collect();
    let mut found: Vec<Candidate> = files.iter().filter_map(|file| candidate(file, &by_path)).collect();
    found.sort_by(|a, b| a.bytes().cmp(&b.bytes()).then_with(|| a.files[0].path.cmp(&b.files[0].path)));
    found
}

fn candidate(file: &HubFile, by_path: &BTreeMap<&str, &HubFile>) -> Option<Candidate> {
    let name = file.path.file_name().to_ascii_lowercase();
    if file.extension() != "gguf" || name.contains("mmproj") || name.contains("imatrix") {
        return None;
    }
    let quantisation = Quantisation::of_path(file.path.as_str());
    let Some(names) = loadmaster_gguf::shard_names(file.path.as_str()) else {
        return Some(Candidate { quantisation, files: vec![file.clone()] });
    };
    if names.first().map(String::as_str) != Some(file.path.as_str()) {
        return None;
    }
    let files: Option<Vec<HubFile>> =
        names.iter().map(|name| by_path.get(name.as_str()).copied().cloned()).collect();
    Some(Candidate { quantisation, files: files? })
}

/// The projector that belongs to a repository's models: with 16 bits, or else the smallest.
pub(crate) fn projector(files: &[HubFile]) -> Option<HubFile> {
    let is_projector = |file: &&HubFile| {
        file.extension() == "gguf" && file.path.file_name().to_ascii_lowercase().contains("mmproj")
    };
    let all: Vec<&HubFile> = files.iter().filter(is_projector).collect();
    let f16 =
        |file: &&&HubFile| Quantisation::of_path(file.path.as_str()).is_some_and(|q| q.as_str() == "F16");
    all.iter().find(f16).or_else(|| all.iter().min_by_key(|file| file.size)).map(|file| (*file).clone())
}

/// Chooses among candidates. `beyond` is what a model takes of memory beyond its weights, in bytes, where a
/// header told it; else an eighth of the weights and 256 MiB are assumed.
pub fn choose(
    candidates: &[Candidate],
    wanted: Option<&Quantisation>,
    budget: Budget,
    beyond: Option<u64>,
) -> Option<Choice> {
    let needs = |candidate: &Candidate| {
        let bytes = candidate.bytes();
        bytes.saturating_add(beyond.unwrap_or_else(|| bytes / 8 + (256 << 20)))
    };
    let total = budget.host.saturating_add(budget.accelerators);
    let fit = |candidate: &Candidate| match needs(candidate) {
        bytes if bytes <= budget.accelerators => Fit::Accelerators,
        bytes if bytes <= total => Fit::Host,
        _ => Fit::Nowhere,
    };
    let choice = |index: usize, reason: String| {
        let chosen = &candidates[index];
        Choice { index, bytes: chosen.bytes(), needs: needs(chosen), fits: fit(chosen), reason }
    };
    let largest = |allowed: &dyn Fn(&Candidate) -> bool| {
        candidates
            .iter()
            .enumerate()
            .filter(|(_, candidate)| allowed(candidate))
            .max_by_key(|(_, c)| c.bytes())
            .map(|(i, _)| i)
    };
    let smallest =
        candidates.iter().enumerate().min_by_key(|(_, candidate)| candidate.bytes()).map(|(i, _)| i)?;

    if let Some(wanted) = wanted {
        let exact = candidates.iter().position(|candidate| candidate.quantisation.as_ref() == Some(wanted));
        let meant =
            || candidates.iter().position(|c| c.quantisation.as_ref().is_some_and(|q| q.is_meant_by(wanted)));
        return exact.or_else(meant).map(|index| choice(index, format!("{wanted} was asked for")));
    }
    if candidates.len() == 1 {
        return Some(choice(0, "there is no other".to_owned()));
    }
    let enough = |c: &Candidate| c.bits() <= ENOUGH_BITS;
    if let Some(index) = largest(&|c| enough(c) && c.bits() >= GOOD_BITS && fit(c) == Fit::Accelerators) {
        let chosen = &candidates[index];
        let why = format!(
            "{} is the best that fits on the accelerator with its context: {} of {}",
            chosen.label(),
            size(needs(chosen)),
            size(budget.accelerators)
        );
        return Some(choice(index, why));
    }
    let fast = |c: &Candidate| c.bits() <= FAST_BITS || (enough(c) && c.bytes() <= SMALL);
    if let Some(index) = largest(&|c| fast(c) && c.bits() >= GOOD_BITS && fit(c) != Fit::Nowhere) {
        let chosen = &candidates[index];
        let why = format!(
            "{} balances quality and the speed of a processor, and fits: {} of {}",
            chosen.label(),
            size(needs(chosen)),
            size(total)
        );
        return Some(choice(index, why));
    }
    if let Some(index) = largest(&|c| fit(c) != Fit::Nowhere) {
        let chosen = &candidates[index];
        let why = format!("{} is what fits: {} of {}", chosen.label(), size(needs(chosen)), size(total));
        return Some(choice(index, why));
    }
    let chosen = &candidates[smallest];
    let why = format!(
        "{} is the smallest, and does not fit either: {} of {}",
        chosen.label(),
        size(needs(chosen)),
        size(total)
    );
    Some(choice(smallest, why))
}

/// Bytes for a person.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(crate) fn size(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    if bytes >= GIB {
        format!("{:.1} GiB", bytes as f64 / GIB as f64)
    } else {
        format!("{} MiB", bytes.div_ceil(1 << 20))
    }
}

/// What to say where a quantisation is not there.
pub(crate) fn no_such(repo: &str, wanted: &Quantisation, candidates: &[Candidate]) -> ModelsError {
    let have = candidates.iter().map(Candidate::label).collect();
    ModelsError::NoSuchQuantisation { repo: repo.to_owned(), wanted: wanted.to_string(), have }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::RelativePath;

    const GIB: u64 = 1 << 30;

    fn file(path: &str, mib: u64) -> HubFile {
        HubFile { path: RelativePath::new(path).unwrap(), size: mib << 20, sha256: None }
    }

    /// As of a model with 8 billion weights.
    fn eight_billion() -> Vec<Candidate> {
        candidates(&[
            file("README.md", 1),
            file("m-Q2_K.gguf", 3000),
            file("m-Q4_K_M.gguf", 4700),
            file("m-Q4_0.gguf", 4400),
            file("m-Q6_K.gguf", 6300),
            file("m-Q8_0.gguf", 8100),
            file("BF16/m-BF16-00001-of-00002.gguf", 8000),
            file("BF16/m-BF16-00002-of-00002.gguf", 7300),
            file("IQ1_S/m-IQ1_S-00001-of-00002.gguf", 900),
            file("mmproj-F16.gguf", 800),
            file("mmproj-BF16.gguf", 800),
            file("imatrix.gguf", 5),
        ])
    }

    fn label(accelerators: u64, host: u64) -> (String, Fit) {
        let all = eight_billion();
        let budget = Budget { accelerators: accelerators * GIB, host: host * GIB };
        let choice = choose(&all, None, budget, Some(GIB)).unwrap();
        assert!(choice.reason.contains(&all[choice.index].label()), "{}", choice.reason);
        (all[choice.index].label(), choice.fits)
    }

    #[test]
    fn only_whole_models_are_candidates() {
        let labels: Vec<String> = eight_billion().iter().map(Candidate::label).collect();
        assert_eq!(labels, ["Q2_K", "Q4_0", "Q4_K_M", "Q6_K", "Q8_0", "BF16"]);
        assert_eq!(eight_billion()[5].files.len(), 2);
        assert_eq!(
            projector(&[file("mmproj-BF16.gguf", 1), file("mmproj-F16.gguf", 2)]),
            Some(file("mmproj-F16.gguf", 2))
        );
    }

    #[test]
    fn the_machine_decides() {
        let is = |name: &str, fit| (name.to_owned(), fit);
        assert_eq!(label(24, 64), is("Q8_0", Fit::Accelerators));
        assert_eq!(label(8, 64), is("Q6_K", Fit::Accelerators));
        // A processor alone: the usual balance, however much memory there is.
        assert_eq!(label(0, 64), is("Q4_K_M", Fit::Host));
        // Four good bits on both rather than two on the accelerator.
        assert_eq!(label(4, 8), is("Q4_K_M", Fit::Host));
        assert_eq!(label(0, 4), is("Q2_K", Fit::Host));
        assert_eq!(label(0, 1), is("Q2_K", Fit::Nowhere));
    }

    #[test]
    fn a_wish_is_a_wish() {
        let all = eight_billion();
        let choice = |name: &str| choose(&all, Some(&Quantisation::named(name)), Budget::default(), None);
        assert_eq!(choice("q8_0").map(|choice| (choice.index, choice.fits)), Some((4, Fit::Nowhere)));
        assert_eq!(choice("Q5_K_M"), None);
        let error = no_such("a/b", &Quantisation::named("Q5_K_M"), &all);
        assert!(error.remedy().contains("Q4_K_M"), "{}", error.remedy());
        assert_eq!(choose(&[], None, Budget::default(), None), None);
        assert_eq!(size(GIB + GIB / 2), "1.5 GiB");
    }
}
