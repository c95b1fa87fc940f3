//! What clients must know where Loadmaster listens beyond this machine.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::{Failed, args::ListenArgs};

/// How many characters a token has at least: as many as 80 random bits take in hexadecimal digits.
const SHORTEST: usize = 20;

/// How many random bytes a token is made of.
const RANDOM_BYTES: usize = 24;

/// Where the token is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// It was given itself.
    Given(String),
    /// It is in a file.
    File(PathBuf),
}

impl Token {
    /// The one that the command line or the environment names, or else the configuration file.
    pub(super) fn find(given: &ListenArgs, by_file: Option<PathBuf>) -> Option<Self> {
        let token = given.token.clone().map(Self::Given);
        let file = || given.token_file.clone().or(by_file).map(Self::File);
        token.or_else(file)
    }

    /// What clients send.
    pub(crate) fn read(&self) -> Result<String, Failed> {
        match self {
            Self::Given(token) => checked(token, "LOADMASTER_TOKEN"),
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
                checked(&text, &path.display().to_string())
            }
        }
    }

    /// The same; a file that is missing is made, for the user alone to read.
    pub(crate) fn read_or_make(&self) -> Result<String, Failed> {
        if let Self::File(path) = self
            && !path.exists()
        {
            write(path, &random()?).map_err(|error| unreadable(path, &error))?;
        }
        self.read()
    }
}

impl fmt::Debug for Token {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Given"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// A token that can be sent in a header, in an address and in a cookie, and is not easily guessed.
fn checked(token: &str, place: &str) -> Result<String, Failed> {
    let token = token.trim();
    let plain = token.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c));
    if plain && token.len() >= SHORTEST {
        return Ok(token.to_owned());
    }
    let cause = format!(
        "The token in {place} is no good one: it has {SHORTEST} characters at least, letters, digits and -._~ alone"
    );
    Err(Failed::usage(cause)
        .remedy("Name a file that does not exist with --token-file, and a good one is made there."))
}

fn random() -> Result<String, Failed> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failed::because(format!("The system gives no random numbers: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
}

/// Writes a file that nobody else may read.
fn write(path: &Path, token: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // Such a file is made for the user alone, and appears whole.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, format!("{token}\n").as_bytes())?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

fn unreadable(path: &Path, error: &io::Error) -> Failed {
    Failed::because(format!("The token in {} cannot be used: {error}", path.display()))
        .remedy("Name another file with --token-file, or set LOADMASTER_TOKEN.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let token = Token::File(folder.path().join("made/token"));
        assert!(token.read().is_err());
        let made = token.read_or_make().unwrap();
        assert_eq!(made.len(), RANDOM_BYTES * 2);
        assert_eq!(token.read_or_make().unwrap(), made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let metadata = folder.path().join("made/token").metadata().unwrap();
            assert_eq!(metadata.permissions().mode() & 0o077, 0);
        }
    }

    #[test]
    fn weak_tokens_are_refused_and_none_is_shown() {
        for token in ["", "secret", "with spaces and more than twenty", "semicolon;semicolon;semicolon"] {
            assert!(Token::Given(token.to_owned()).read().is_err(), "{token}");
        }
        let good = Token::Given("0123456789abcdefghij".to_owned());
        assert!(good.read().is_ok());
        assert_eq!(format!("{good:?}"), "Given");
    }
}
