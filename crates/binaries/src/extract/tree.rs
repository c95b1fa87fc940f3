//! What of an archive has been unpacked so far, and whether more may be.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use super::{
    Limits, Unpacked,
    fault::ArchiveFault,
    files,
    name::{folded, parts_of, printable},
};

/// More links on the way to a file than any build has.
const MOST_HOPS: usize = 16;

/// A folder that is being filled. Links are made last, so that nothing is ever written through one.
pub(super) struct Tree<'a> {
    root: PathBuf,
    only: Vec<Vec<String>>,
    limits: Limits,
    archive_bytes: u64,
    /// All names there have been, folded, those that are not unpacked among them.
    nodes: BTreeMap<String, Node>,
    links: Vec<Link>,
    entries: usize,
    written: u64,
    files: u64,
    progress: &'a mut dyn FnMut(u64),
}

enum Node {
    /// With its spelling.
    Folder(String),
    /// With its path below the root, if it is unpacked.
    File(Option<PathBuf>),
    /// Folded name of what it leads to, one hop on.
    Link(String),
}

struct Link {
    name: String,
    parts: Vec<String>,
    key: String,
    /// As the archive has it.
    target: String,
    kind: LinkKind,
}

/// How a link names its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkKind {
    /// From the link's own folder.
    Symbolic,
    /// From the archive's root.
    Hard,
}

impl<'a> Tree<'a> {
    pub(super) fn new(
        root: &Path,
        only: Vec<Vec<String>>,
        limits: Limits,
        archive_bytes: u64,
        progress: &'a mut dyn FnMut(u64),
    ) -> Self {
        Self {
            root: root.to_owned(),
            only,
            limits,
            archive_bytes,
            nodes: BTreeMap::new(),
            links: Vec::new(),
            entries: 0,
            written: 0,
            files: 0,
            progress,
        }
    }

    /// Most bytes that an archive of this size may become.
    pub(super) fn most_bytes(&self) -> u64 {
        let by_ratio = self.archive_bytes.saturating_mul(self.limits.ratio).max(self.limits.ratio_from);
        by_ratio.min(self.limits.bytes)
    }

    /// What it means that an archive becomes more.
    pub(super) fn too_much(&self) -> ArchiveFault {
        if self.most_bytes() == self.limits.bytes {
            ArchiveFault::TooBig { limit: self.limits.bytes }
        } else {
            ArchiveFault::Bomb { ratio: self.limits.ratio }
        }
    }

    /// Takes in a folder.
    pub(super) fn folder(&mut self, name: &[u8]) -> Result<(), ArchiveFault> {
        self.count()?;
        // An archive may name its own root.
        if matches!(name, b"." | b"./") {
            return Ok(());
        }
        let parts = parts(name)?;
        self.folders(name, &parts)?;
        Ok(())
    }

    /// Takes in a file with the contents that `read` gives.
    pub(super) fn file(
        &mut self,
        name: &[u8],
        can_run: bool,
        read: &mut dyn Read,
    ) -> Result<(), ArchiveFault> {
        self.count()?;
        let parts = parts(name)?;
        let wanted = self.is_wanted(&parts);
        let path: PathBuf = parts.iter().collect();
        self.claim(name, &parts, Node::File(wanted.then_some(path)))?;
        if wanted {
            self.write(name, &parts, can_run, read)?;
        }
        Ok(())
    }

    /// Takes in a link.
    pub(super) fn link(&mut self, name: &[u8], target: &[u8], kind: LinkKind) -> Result<(), ArchiveFault> {
        self.count()?;
        let parts = parts(name)?;
        let text = std::str::from_utf8(target).ok();
        let resolved = text.and_then(|text| Some((text.to_owned(), resolve(&parts, text, kind)?)));
        let Some((target, resolved)) = resolved else {
            return Err(ArchiveFault::LinkLeaves { name: printable(name), target: printable(target) });
        };
        let wanted = self.is_wanted(&parts);
        self.claim(name, &parts, Node::Link(folded(&resolved)))?;
        if wanted {
            let (key, name) = (folded(&parts), printable(name));
            self.links.push(Link { name, parts, key, target, kind });
        }
        Ok(())
    }

    /// Makes the links, when all files are there.
    pub(super) fn finish(mut self) -> Result<Unpacked, ArchiveFault> {
        let links = std::mem::take(&mut self.links);
        for link in &links {
            let file = self.behind(&link.key).ok_or_else(|| ArchiveFault::LinkNowhere {
                name: link.name.clone(),
                target: link.target.clone(),
            })?;
            let path = self.parent_of(&link.parts)?;
            let file = self.root.join(file);
            match link.kind {
                LinkKind::Hard => fs::hard_link(file, &path)?,
                LinkKind::Symbolic => {
                    let copied = files::link(&path, &link.target, &file)?;
                    self.grow(copied)?;
                }
            }
            self.files += 1;
        }
        (self.progress)(self.written);
        Ok(Unpacked { files: self.files, bytes: self.written })
    }

    fn count(&mut self) -> Result<(), ArchiveFault> {
        self.entries += 1;
        let limit = self.limits.entries;
        if self.entries > limit { Err(ArchiveFault::TooManyEntries { limit }) } else { Ok(()) }
    }

    fn is_wanted(&self, parts: &[String]) -> bool {
        self.only.is_empty()
            || self.only.iter().any(|folder| parts.starts_with(folder) && parts.len() > folder.len())
    }

    /// Enters a name that must be new, and the folders above it.
    fn claim(&mut self, name: &[u8], parts: &[String], node: Node) -> Result<(), ArchiveFault> {
        self.folders(name, &parts[..parts.len() - 1])?;
        match self.nodes.insert(folded(parts), node) {
            None => Ok(()),
            Some(_) => Err(ArchiveFault::Duplicate { name: printable(name) }),
        }
    }

    /// Enters folders, which may be there already in the same spelling.
    fn folders(&mut self, name: &[u8], parts: &[String]) -> Result<(), ArchiveFault> {
        for end in 1..=parts.len() {
            let spelled = parts[..end].join("/");
            let key = folded(&parts[..end]);
            match self.nodes.get(&key) {
                None => drop(self.nodes.insert(key, Node::Folder(spelled))),
                Some(Node::Folder(other)) if *other == spelled => {}
                Some(_) => return Err(ArchiveFault::Duplicate { name: printable(name) }),
            }
        }
        Ok(())
    }

    /// The path of an entry, whose folder is made.
    fn parent_of(&self, parts: &[String]) -> Result<PathBuf, ArchiveFault> {
        let path = parts.iter().fold(self.root.clone(), |path, part| path.join(part));
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        Ok(path)
    }

    fn write(
        &mut self,
        name: &[u8],
        parts: &[String],
        can_run: bool,
        read: &mut dyn Read,
    ) -> Result<(), ArchiveFault> {
        const STEP: usize = 256 << 10;
        let path = self.parent_of(parts)?;
        // The file system has the last word on which names are the same.
        let mut file = match File::create_new(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(ArchiveFault::Duplicate { name: printable(name) });
            }
            file => file?,
        };
        let mut buffer = vec![0; STEP];
        loop {
            let bytes = read.read(&mut buffer).map_err(|error| damaged(&error))?;
            if bytes == 0 {
                break;
            }
            self.grow(bytes as u64)?;
            file.write_all(&buffer[..bytes])?;
            (self.progress)(self.written);
        }
        if can_run {
            files::let_run(&file)?;
        }
        self.files += 1;
        Ok(())
    }

    /// Counts bytes that are, or will be, on the disk.
    fn grow(&mut self, bytes: u64) -> Result<(), ArchiveFault> {
        self.written = self.written.saturating_add(bytes);
        if self.written > self.most_bytes() { Err(self.too_much()) } else { Ok(()) }
    }

    /// Path below the root of the file that a link leads to in the end.
    fn behind(&self, link: &str) -> Option<&Path> {
        let mut key = link;
        for _ in 0..MOST_HOPS {
            match self.nodes.get(key)? {
                Node::Link(next) => key = next,
                Node::File(path) => return path.as_deref(),
                Node::Folder(_) => return None,
            }
        }
        None
    }
}

/// What it means that contents cannot be read: the archive's fault, and not the disk's.
pub(super) fn damaged(error: &std::io::Error) -> ArchiveFault {
    ArchiveFault::Damaged { cause: error.to_string() }
}

fn parts(name: &[u8]) -> Result<Vec<String>, ArchiveFault> {
    let unsafe_name = |why| ArchiveFault::UnsafeName { name: printable(name), why };
    let text = std::str::from_utf8(name).map_err(|_| unsafe_name(super::NameFault::Characters))?;
    parts_of(text).map_err(unsafe_name)
}

/// Where a link leads, by its text alone: no link leads to a folder, so none can be on the way.
fn resolve(link: &[String], target: &str, kind: LinkKind) -> Option<Vec<String>> {
    if target.starts_with('/') || target.contains(['\\', ':']) || target.chars().any(char::is_control) {
        return None;
    }
    let mut at = match kind {
        LinkKind::Symbolic => link[..link.len() - 1].to_vec(),
        LinkKind::Hard => Vec::new(),
    };
    for part in target.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            at.pop()?;
        } else {
            at.push(part.to_owned());
        }
    }
    Some(at)
}
