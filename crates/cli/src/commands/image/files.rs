//! Where the images go. Each is written beside its place and then moved there, so that nobody sees half of one.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use loadmaster_images::{Completed, ImageFormat};

use crate::{Failed, args::ImageArgs};

/// Stands for the number of the image in a file's name.
const NUMBER: &str = "%d";

/// Where the images go.
#[derive(Debug)]
pub(super) struct Files {
    target: Target,
    /// How many images there will be.
    images: u32,
    no_clobber: bool,
}

#[derive(Debug)]
enum Target {
    /// Files that are called after the model and the seed, here.
    Here,
    /// As the user said.
    File(PathBuf),
    /// Standard output, one image.
    Stdout,
}

impl Files {
    /// As the command line says; a failure if it cannot be.
    pub(super) fn of(args: &ImageArgs) -> Result<Self, Failed> {
        let images = args.painting.batch;
        let target = match &args.output {
            None => Target::Here,
            Some(path) if path.as_os_str() == "-" => Target::Stdout,
            Some(path) => Target::File(path.clone()),
        };
        let files = Self { target, images, no_clobber: args.no_clobber };
        files.check(args.json)?;
        Ok(files)
    }

    /// Refuses what could only fail once the images are made.
    fn check(&self, json: bool) -> Result<(), Failed> {
        let path = match &self.target {
            Target::Stdout if self.images > 1 || json => {
                let cause = "Standard output takes one image, and nothing else";
                return Err(Failed::usage(cause).remedy("Name a file with --output."));
            }
            Target::Stdout if io::stdout().is_terminal() => {
                return Err(Failed::usage("An image is nothing for a terminal")
                    .remedy("Name a file with --output, or pipe it to another program."));
            }
            Target::Here | Target::Stdout => return Ok(()),
            Target::File(path) => path,
        };
        if path.is_dir() || path.file_name().is_none() {
            let cause = format!("{} is a folder", path.display());
            return Err(Failed::usage(cause).remedy("Name a file in it with --output."));
        }
        let folder = folder_of(path);
        if !folder.is_dir() {
            let cause = format!("There is no folder {}", folder.display());
            return Err(Failed::not_found(cause).remedy("Make it, or name another place with --output."));
        }
        let taken =
            (0..self.images).map(|image| numbered(path, image, self.images)).find(|path| path.exists());
        match taken.filter(|_| self.no_clobber) {
            Some(taken) => Err(exists(&taken)),
            None => Ok(()),
        }
    }

    /// Writes one image; says where, if it is a file.
    pub(super) fn keep(&self, model: &str, image: &Completed) -> Result<Option<PathBuf>, Failed> {
        let path = match &self.target {
            Target::Stdout => {
                let mut out = io::stdout().lock();
                let written = out.write_all(&image.bytes).and_then(|()| out.flush());
                return written
                    .map(|()| None)
                    .map_err(|error| unwritten(Path::new("standard output"), &error));
            }
            Target::Here => PathBuf::from(own_name(model, image)),
            Target::File(path) => numbered(path, image.image, self.images),
        };
        write(&path, &image.bytes, self.no_clobber)?;
        Ok(Some(path))
    }
}

/// The format that a file's name says it has.
pub(super) fn format_of(path: &Path) -> Option<ImageFormat> {
    ImageFormat::from_name(path.extension()?.to_str()?)
}

/// `MODEL-SEED.png`, with nothing in it that a file's name cannot have.
fn own_name(model: &str, image: &Completed) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let model: String = model.chars().map(plain).collect();
    let extension = if image.format == ImageFormat::Jpeg { "jpg" } else { image.format.name() };
    format!("{}-{}.{extension}", model.trim_start_matches('.'), image.seed)
}

/// The file of one of `images` images, counted from 0: `%d` becomes its number from 1 on. Where there is none, several
/// images are numbered before the extension.
fn numbered(path: &Path, image: u32, images: u32) -> PathBuf {
    let number = image + 1;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.contains(NUMBER) {
        return path.with_file_name(name.replace(NUMBER, &number.to_string()));
    }
    if images < 2 {
        return path.to_owned();
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
    path.with_file_name(format!("{stem}-{number}{}", extension.unwrap_or_default()))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Writes beside `path`, and moves it there: whole or not at all.
fn write(path: &Path, bytes: &[u8], no_clobber: bool) -> Result<(), Failed> {
    let failed = |error: io::Error| unwritten(path, &error);
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(usual_permissions());
    let mut beside = builder.prefix(".loadmaster-").tempfile_in(folder_of(path)).map_err(failed)?;
    beside.write_all(bytes).map_err(failed)?;
    let moved = if no_clobber { beside.persist_noclobber(path) } else { beside.persist(path) };
    match moved {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(error) => Err(failed(error.error)),
    }
}

/// As other programs make files, and not as temporary ones are: for the user alone.
#[cfg(unix)]
fn usual_permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

fn exists(path: &Path) -> Failed {
    Failed::because(format!("{} is there already", path.display()))
        .remedy("Name another file with --output, or leave --no-clobber out.")
}

fn unwritten(path: &Path, error: &io::Error) -> Failed {
    Failed::because(format!("The image could not be written to {}: {error}", path.display()))
        .remedy("Check that the folder may be written to, and that there is room.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_images_have_numbers() {
        let name = |path: &str, image, images| numbered(Path::new(path), image, images).display().to_string();
        assert_eq!(name("a/out.png", 0, 1), "a/out.png");
        assert_eq!(name("a/out.png", 1, 2), "a/out-2.png");
        assert_eq!(name("out_%d.png", 0, 1), "out_1.png");
        assert_eq!(name("out_%d.png", 7, 8), "out_8.png");
        assert_eq!(name("out", 0, 2), "out-1");
    }

    #[test]
    fn a_file_of_our_own_is_called_after_model_and_seed() {
        let image = Completed { seed: 7, format: ImageFormat::Jpeg, ..Completed::default() };
        assert_eq!(own_name("a/b:c", &image), "a-b-c-7.jpg");
        assert_eq!(own_name("..x", &Completed::default()), "x-0.png");
    }

    #[test]
    fn files_are_whole_and_others_are_left_alone_on_wish() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.png");
        write(&path, b"first", false).unwrap();
        write(&path, b"second", false).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert!(format!("{:?}", write(&path, b"third", true).unwrap_err()).contains("is there already"));
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        write(&folder.path().join("gone/out.png"), b"x", false).unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half is left");
    }
}
