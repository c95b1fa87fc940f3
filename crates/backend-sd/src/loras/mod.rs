//! `LoRAs`: which ones requests can name, and how they are handed to the programs.
//!
//! A program is never given the folder that they lie in, nor a name that a client wrote: for each request, links to the
//! files that it uses are made in the folder of the process, and these are what it is told. So no prompt reaches any
//! other file, and both programs see the same paths: with several `LoRAs` the order in which they are added up, and so
//! the image's last bits, depends on them.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "other.rs")]
mod link;

use std::{
    io,
    path::{Path, PathBuf},
};

use loadmaster_images::{ErrorCode, ImageError};

use crate::{settings::Settings, work_folder::off_thread};

/// The folder of links, within that of the process, which works there.
pub(crate) const FOLDER: &str = "loras";

/// A `LoRA` that requests can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoraFile {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// Its size in bytes; what it takes of memory is about as much.
    pub(crate) bytes: u64,
}

/// A `LoRA` that a request uses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UsedLora {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// How much of it: 1 is all, 0 is nothing.
    pub(crate) scale: f32,
}

/// Whether a file is one that both programs read: that of `PyTorch` is not, since reading it can run code.
fn is_lora(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "safetensors" || kind == "gguf")
}

/// The name that a file has in requests: the file's own, without the extension.
pub(crate) fn name_of(path: &Path) -> Option<&str> {
    path.file_stem()?.to_str().filter(|name| !name.is_empty())
}

/// The `LoRAs` of a plan, by name: those that it names, and what lies in its folder now.
pub(crate) fn found(settings: &Settings) -> Vec<LoraFile> {
    all(&settings.loras, settings.lora_dir.as_deref())
}

fn all(named: &[PathBuf], folder: Option<&Path>) -> Vec<LoraFile> {
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut in_folder: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| is_lora(path)).collect();
    in_folder.sort();
    let mut files: Vec<LoraFile> = Vec::new();
    for path in named.iter().cloned().chain(in_folder) {
        let Some(name) = name_of(&path).map(str::to_owned) else { continue };
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        // What the plan names comes before a file of the same name in the folder.
        if metadata.is_file() && !files.iter().any(|known| known.name == name) {
            files.push(LoraFile { name, path, bytes: metadata.len() });
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files
}

/// What memory is reserved for where nobody says: all that the plan names, or else the largest one of its folder.
pub(crate) fn usual_bytes(named: &[PathBuf], folder: Option<&Path>) -> u64 {
    let of_named = all(named, None).iter().map(|lora| lora.bytes).sum();
    let largest = all(&[], folder).iter().map(|lora| lora.bytes).max().unwrap_or_default();
    largest.max(of_named)
}

/// The `LoRAs` that a request names, each once, by name; a name that comes twice counts twice.
///
/// # Errors
/// `invalid_request`: a name that there is not, or more than `reserved` bytes of files together.
pub(crate) fn used(
    named: impl Iterator<Item = (String, f32)>,
    known: &[LoraFile],
    reserved: u64,
) -> Result<Vec<UsedLora>, ImageError> {
    let mut used: Vec<UsedLora> = Vec::new();
    for (name, scale) in named {
        if let Some(twice) = used.iter_mut().find(|lora| lora.name == name) {
            twice.scale += scale;
            continue;
        }
        let lora = known.iter().find(|lora| lora.name == name).ok_or_else(|| unknown(&name, known))?;
        used.push(UsedLora { name, path: lora.path.clone(), bytes: lora.bytes, scale });
    }
    used.sort_by(|one, other| one.name.cmp(&other.name));
    let bytes: u64 = used.iter().map(|lora| lora.bytes).sum();
    if bytes > reserved {
        let message =
            format!("The request's LoRAs have {bytes} bytes, and memory is reserved for {reserved} of them");
        let remedy = "Name fewer or smaller ones, or raise the model's setting `lora_bytes`.";
        return Err(ImageError::invalid("loras", message, remedy));
    }
    Ok(used)
}

fn unknown(name: &str, known: &[LoraFile]) -> ImageError {
    let names: Vec<&str> = known.iter().map(|lora| lora.name.as_str()).collect();
    let remedy = match names.as_slice() {
        [] => "There are none: set the model's loras or lora_dir, or leave it out.".to_owned(),
        names => format!("Take one of: {}.", names.join(", ")),
    };
    ImageError::invalid("loras", format!("There is no LoRA '{name}'"), remedy)
}

/// The link of the `LoRA` of that index, within [`FOLDER`].
pub(crate) fn link_name(index: usize, lora: &UsedLora) -> String {
    let kind = lora.path.extension().and_then(|kind| kind.to_str()).unwrap_or("safetensors");
    format!("lora{index}.{kind}")
}

/// Puts links to what a request uses into the folder of its process, in place of those of the request before it.
pub(crate) async fn lay_out(folder: &Path, used: &[UsedLora]) -> io::Result<()> {
    if used.is_empty() {
        return Ok(());
    }
    let folder = folder.join(FOLDER);
    let links: Vec<(PathBuf, PathBuf)> = used
        .iter()
        .enumerate()
        .map(|(index, lora)| (lora.path.clone(), folder.join(link_name(index, lora))))
        .collect();
    off_thread(move || {
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir(&folder)?;
        links.iter().try_for_each(|(file, place)| link::link(file, place))
    })
    .await
}

/// What a program said of the `LoRAs` of a request: it paints without those that do not fit, and says so in passing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Applied(Vec<(String, u64)>);

impl Applied {
    /// Takes in `[INFO ] lora.hpp:830  - (24 / 24) LoRA tensors have been applied, lora_file_path = loras/lora0.gguf`;
    /// where some were not, the line begins with `Only`.
    pub(crate) fn take(&mut self, line: &str) {
        let Some((told, path)) = line.split_once(" LoRA tensors have been applied, lora_file_path = ") else {
            return;
        };
        let count = told.rsplit_once('(').and_then(|(_, counts)| counts.split_once(" / "));
        let Some(count) = count.and_then(|(applied, _)| applied.trim().parse().ok()) else { return };
        let file = path.trim().rsplit(['/', '\\']).next().unwrap_or_default();
        self.0.push((file.to_owned(), count));
    }

    /// Refuses to call it done where one of `used` was not applied at all.
    ///
    /// # Errors
    /// `invalid_request`: it belongs to a model of another family, or is none.
    pub(crate) fn check(&self, used: &[UsedLora]) -> Result<(), ImageError> {
        for (index, lora) in used.iter().enumerate() {
            let link = link_name(index, lora);
            if !self.0.iter().any(|(file, count)| *file == link && *count > 0) {
                let message =
                    format!("The LoRA '{}' does not fit this model: nothing of it was applied", lora.name);
                return Err(ImageError::invalid("loras", message, MISFIT));
            }
        }
        Ok(())
    }
}

const MISFIT: &str = "Take a LoRA that was made for this model's family and size.";

/// A crash with a `LoRA`, which is most likely its fault: of one whose shapes are not the model's, the programs die.
pub(crate) fn blamed(error: ImageError, used: &[UsedLora]) -> ImageError {
    if used.is_empty() || error.code != ErrorCode::ServerCrashed {
        return error;
    }
    let names: Vec<&str> = used.iter().map(|lora| lora.name.as_str()).collect();
    let message = format!("{}; it used the LoRAs: {}", error.message, names.join(", "));
    ImageError { message, remedy: MISFIT.to_owned(), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<LoraFile> {
        ["ink", "style"]
            .map(|name| LoraFile { name: name.into(), path: format!("/l/{name}.gguf").into(), bytes: 10 })
            .into()
    }

    fn named(list: &[(&str, f32)]) -> impl Iterator<Item = (String, f32)> {
        let list: Vec<_> = list.iter().map(|(name, scale)| ((*name).to_owned(), *scale)).collect();
        list.into_iter()
    }

    #[test]
    fn names_are_added_up_and_sorted() {
        let used = used(named(&[("style", 1.0), ("ink", 0.5), ("style", -0.25)]), &known(), 20).unwrap();
        let told: Vec<_> = used.iter().map(|lora| (lora.name.as_str(), lora.scale)).collect();
        assert_eq!(told, [("ink", 0.5), ("style", 0.75)]);
        assert_eq!(link_name(1, &used[1]), "lora1.gguf");
    }

    #[test]
    fn what_is_not_there_or_not_reserved_is_refused() {
        let error = used(named(&[("oil", 1.0)]), &known(), 20).unwrap_err();
        assert!(error.remedy.contains("ink, style"), "{}", error.remedy);
        let error = used(named(&[("ink", 1.0), ("style", 1.0)]), &known(), 19).unwrap_err();
        assert!(error.message.contains("20 bytes") && error.remedy.contains("lora_bytes"), "{error}");
    }

    #[test]
    fn files_are_found_by_name_and_what_is_named_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        for (name, bytes) in [("a.safetensors", 3), ("b.gguf", 5), ("c.pt", 7), ("d", 1)] {
            std::fs::write(folder.path().join(name), vec![0; bytes]).unwrap();
        }
        std::fs::create_dir(folder.path().join("e.gguf")).unwrap();
        let own = other.path().join("a.gguf");
        std::fs::write(&own, [0; 2]).unwrap();
        let files = all(std::slice::from_ref(&own), Some(folder.path()));
        let told: Vec<_> = files.iter().map(|lora| (lora.name.as_str(), lora.bytes)).collect();
        assert_eq!(told, [("a", 2), ("b", 5)]);
        assert_eq!((usual_bytes(&[own], None), usual_bytes(&[], Some(folder.path()))), (2, 5));
    }

    #[test]
    fn what_was_not_applied_is_told() {
        let used = used(named(&[("ink", 1.0)]), &known(), 20).unwrap();
        let line = |counts: &str| {
            let mut applied = Applied::default();
            applied.take(&format!(
                "[INFO ] lora.hpp:830  - {counts} LoRA tensors have been applied, lora_file_path = loras/lora0.gguf"
            ));
            applied.check(&used)
        };
        assert!(line("(24 / 24)").is_ok() && line("Only (3 / 24)").is_ok());
        assert!(line("Only (0 / 24)").unwrap_err().message.contains("'ink' does not fit"));
        assert!(Applied::default().check(&used).is_err() && Applied::default().check(&[]).is_ok());
    }

    #[tokio::test]
    async fn links_are_those_of_the_last_request() {
        let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let lora = |name: &str| {
            let path = files.path().join(format!("{name}.gguf"));
            std::fs::write(&path, name).unwrap();
            UsedLora { name: name.into(), path, bytes: 1, scale: 1.0 }
        };
        lay_out(folder.path(), &[lora("a"), lora("b")]).await.unwrap();
        lay_out(folder.path(), &[lora("b")]).await.unwrap();
        let links = folder.path().join(FOLDER);
        assert_eq!(std::fs::read_to_string(links.join("lora0.gguf")).unwrap(), "b");
        assert!(!links.join("lora1.gguf").exists());
    }
}
