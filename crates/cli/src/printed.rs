//! What a command prints, for a reader that may have had enough of it.

use std::io::{self, ErrorKind, Write};

use crate::Failed;

/// Prints on stdout. A reader that closes early, as `head` does, wanted no more: that is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failed> {
    write(&mut io::stdout().lock(), text)
}

fn write(out: &mut impl Write, text: &str) -> Result<(), Failed> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failed::because(format!("The output could not be written: {error}"))
                .remedy("Check where the output goes, and whether there is room."))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_enough_is_no_failure() {
        assert!(write(&mut Fails(ErrorKind::BrokenPipe), "x").is_ok());
        assert!(write(&mut Fails(ErrorKind::StorageFull), "x").is_err());
    }
}
