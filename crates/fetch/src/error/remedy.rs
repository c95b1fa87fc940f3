//! What the user can do about it.

use super::FetchError;

impl FetchError {
    /// What the user can do, in whole sentences.
    #[must_use]
    pub fn remedy(&self) -> String {
        let text = match self {
            Self::BadUrl { .. } => "Write the address like https://host/path/model.gguf.",
            Self::BadToken { .. } => "Copy the token again.",
            Self::BadCertificates { .. } => "Name a file with certificates in PEM form.",
            Self::NoTls { .. } => {
                "Install the system's certificates (on Debian: the package ca-certificates)."
            }
            Self::NotFound { .. } => {
                "Check the address: the name of the file and of its branch must be right."
            }
            Self::Denied { token_sent: true, help, .. } => {
                let help = help.as_deref().unwrap_or_default();
                return format!("The token that was sent does not give access to it. {help}")
                    .trim_end()
                    .into();
            }
            Self::Denied { help: Some(help), .. } => return help.clone(),
            Self::Denied { .. } => "Ask whoever runs the server for an address that you may read.",
            Self::Status { retry_after: Some(pause), .. } => {
                return format!("The server asks for patience: try again in {} s.", pause.as_secs());
            }
            Self::Status { status: 429, .. } => "The server asks for patience: try again later.",
            Self::Status { status: 500.., .. } => "The trouble is the server's: try again later.",
            Self::Status { .. } => "Check the address.",
            Self::Unreachable { .. } => {
                "Check the address, the network, and the proxy (HTTPS_PROXY, NO_PROXY) if there is one."
            }
            Self::Untrusted { .. } => {
                "If the network has its own certificate authority, add its certificate (a PEM file) to the \
                 trusted ones; otherwise do not go on."
            }
            Self::TooManyRedirects { .. } | Self::BadRedirect { .. } => {
                "Look in a browser where the address leads, and name the file's own address."
            }
            Self::Stalled { .. } | Self::Cut { .. } => "Check the network, then try again.",
            Self::WrongRange { .. } | Self::WrongLength { .. } => {
                "The server, or a proxy on the way, is at fault: download the file as a whole and name the copy."
            }
            Self::BadHash { .. } => "Copy the hash again.",
            Self::WrongSize { .. } | Self::WrongHash { .. } => {
                "The file is another one than was expected, or a proxy on the way changes it: check the address \
                 and the version, and do not use the file."
            }
            Self::Damaged { .. } => "Remove the file and download it again.",
            Self::DiskFull { path, needed, free } => {
                let folder = path.parent().unwrap_or(path);
                return format!(
                    "Free {} on the disk of {}, or choose another folder; what came is kept, and the download \
                     goes on from there.",
                    mebibytes(needed.saturating_sub(*free)),
                    folder.display()
                );
            }
            Self::Disk { .. } => {
                "Check that the folder exists, that you may write there, and that it is on a local disk."
            }
            Self::Changed { .. } => "Try again; the file may have been replaced just now.",
        };
        text.to_owned()
    }
}

/// A number of bytes in MiB, rounded up.
fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
