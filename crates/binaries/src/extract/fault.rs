//! Why an archive is refused.

use std::io;

use super::name::NameFault;

/// Why an archive was not unpacked. `Display` is one line; nothing is left behind in any case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveFault {
    /// It is neither a zip nor a tar.gz.
    #[error("it is neither a zip nor a tar.gz; a server may have sent a page with an error instead")]
    NoArchive,
    /// There are no files in it, or none in the folders that were asked for.
    #[error("it has no files where they were looked for")]
    Empty,
    /// A name that would lead out of the folder, or means something else on some system.
    #[error("its entry `{name}` is refused: {why}")]
    UnsafeName {
        /// The name, fit to print.
        name: String,
        /// What is wrong with it.
        why: NameFault,
    },
    /// A link whose target is not inside, or absolute.
    #[error("its link `{name}` leads outside, to `{target}`")]
    LinkLeaves {
        /// The link.
        name: String,
        /// Where to.
        target: String,
    },
    /// A link to something that is no file of the archive, or to itself.
    #[error("its link `{name}` leads to `{target}`, which is no file of the archive")]
    LinkNowhere {
        /// The link.
        name: String,
        /// Where to.
        target: String,
    },
    /// A device, a pipe or anything else that is no file, folder or link.
    #[error("its entry `{name}` is {what}: only files, folders and links are unpacked")]
    NotAFile {
        /// The entry.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// The same name twice, as the most forgetful file system sees it.
    #[error("it has `{name}` more than once, or in two spellings that some systems take for the same")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// It becomes more than anything could be.
    #[error("it unpacks to more than {limit} bytes")]
    TooBig {
        /// [`Limits::bytes`](super::Limits::bytes).
        limit: u64,
    },
    /// It becomes much more than it is: an archive made to fill a disk.
    #[error("it unpacks to more than {ratio} times its size: it is made to fill the disk")]
    Bomb {
        /// [`Limits::ratio`](super::Limits::ratio).
        ratio: u64,
    },
    /// Several entries are made of the same bytes: an archive made to fill a disk.
    #[error("its entries overlap: it is made to fill the disk")]
    Overlap,
    /// It has more entries than anything could have.
    #[error("it has more than {limit} entries")]
    TooManyEntries {
        /// [`Limits::entries`](super::Limits::entries).
        limit: usize,
    },
    /// It takes a password.
    #[error("its entry `{name}` takes a password")]
    Encrypted {
        /// The entry.
        name: String,
    },
    /// It is cut off, garbled, or made in a way that is not supported.
    #[error("it cannot be read: {cause}")]
    Damaged {
        /// Why.
        cause: String,
    },
    /// The file system did not do what was asked, for want of room or permission.
    #[error("it cannot be unpacked here: {0}")]
    Io(#[from] io::Error),
}
