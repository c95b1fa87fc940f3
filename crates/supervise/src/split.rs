//! Cuts a stream of bytes into lines.

/// The longest line that is kept, in bytes; the rest of it is dropped.
///
/// Model servers print whole chat templates on one line; 8 KiB shows enough of them.
pub(crate) const MAX_LINE_BYTES: usize = 8 * 1024;

/// What stands at the end of a line that was longer than [`MAX_LINE_BYTES`].
pub(crate) const CUT: &str = " [cut]";

/// Collects bytes until a line is complete.
///
/// A line ends with LF, CR LF or CR alone: progress bars use the last. Holds at most
/// [`MAX_LINE_BYTES`], whatever is fed.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    partial: Vec<u8>,
    /// The current line was too long: its head has been handed on, and the rest is skipped.
    skipping: bool,
    /// The last byte was CR, so an LF that follows belongs to it.
    after_cr: bool,
}

impl LineSplitter {
    /// Takes the next bytes and hands on each line that they complete.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(String)) {
        if std::mem::take(&mut self.after_cr) && bytes.first() == Some(&b'\n') {
            bytes = &bytes[1..];
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend(&bytes[..end], &mut line);
            let carriage_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            let whole_crlf = carriage_return && bytes.first() == Some(&b'\n');
            if whole_crlf {
                bytes = &bytes[1..];
            }
            self.after_cr = carriage_return && bytes.is_empty() && !whole_crlf;
            // A progress bar starts with CR to return to the margin: that is not an empty line.
            let returned = carriage_return && !whole_crlf && self.partial.is_empty();
            let head_handed_on = std::mem::take(&mut self.skipping);
            if !returned && !head_handed_on {
                line(self.take());
            }
        }
        self.extend(bytes, &mut line);
    }

    /// The stream has ended: hands on what was left without a line end.
    pub(crate) fn finish(&mut self, line: impl FnOnce(String)) {
        if !self.partial.is_empty() {
            line(self.take());
        }
    }

    fn extend(&mut self, bytes: &[u8], line: &mut impl FnMut(String)) {
        if self.skipping {
            return;
        }
        let room = MAX_LINE_BYTES - self.partial.len();
        if bytes.len() <= room {
            self.partial.extend_from_slice(bytes);
            return;
        }
        self.partial.extend_from_slice(&bytes[..room]);
        self.skipping = true;
        line(self.take() + CUT);
    }

    fn take(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial.clear();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{CUT, LineSplitter, MAX_LINE_BYTES};

    /// What comes out when `input` arrives in pieces of `size` bytes.
    fn split(input: &[u8], size: usize) -> Vec<String> {
        let mut splitter = LineSplitter::default();
        let mut lines = Vec::new();
        for piece in input.chunks(size) {
            splitter.feed(piece, |line| lines.push(line));
            assert!(splitter.partial.len() <= MAX_LINE_BYTES);
        }
        splitter.finish(|line| lines.push(line));
        lines
    }

    #[test]
    fn lines_do_not_depend_on_how_the_bytes_arrive() {
        let input = b"one\ntwo\r\n\nthree\rfour\r\r\nlast";
        for size in 1..=input.len() {
            let lines = split(input, size);
            let words: Vec<&str> = lines.iter().map(String::as_str).collect();
            // How CR CR LF is read may depend on where it is cut; what was said must not.
            let said: Vec<&str> = words.iter().copied().filter(|w| !w.is_empty()).collect();
            assert_eq!(said, ["one", "two", "three", "four", "last"], "{size}");
        }
    }

    #[test]
    fn an_empty_line_is_a_line_but_a_returned_carriage_is_not() {
        assert_eq!(split(b"a\n\nb\n", 64), ["a", "", "b"]);
        assert_eq!(split(b"a\r\n\r\nb\r\n", 64), ["a", "", "b"]);
        assert_eq!(split(b"\r1/2\r2/2\n", 64), ["1/2", "2/2"]);
    }

    #[test]
    fn a_line_too_long_is_cut_and_the_next_one_is_whole() {
        let mut input = vec![b'x'; 3 * MAX_LINE_BYTES + 5];
        input.extend_from_slice(b"\nnext\n");
        for size in [1, 7, 4096, MAX_LINE_BYTES, input.len()] {
            let lines = split(&input, size);
            assert_eq!(lines.len(), 2, "{size}");
            assert_eq!(lines[0].len(), MAX_LINE_BYTES + CUT.len());
            assert!(lines[0].ends_with(CUT));
            assert_eq!(lines[1], "next");
        }
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_not_cut() {
        let mut input = vec![b'x'; MAX_LINE_BYTES];
        input.push(b'\n');
        let lines = split(&input, 1000);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].len(), MAX_LINE_BYTES);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced() {
        assert_eq!(split(b"caf\xe9 \xff\n", 3), ["caf\u{fffd} \u{fffd}"]);
    }
}
