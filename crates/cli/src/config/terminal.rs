//! What the environment says of the terminal.

/// What the terminal can show, and should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Whether colours are wanted (<https://no-color.org>).
    pub(crate) colour: bool,
    /// Whether characters beyond ASCII can be shown.
    pub(crate) unicode: bool,
    /// Whether it can move its cursor, and go back to what it showed before.
    pub(crate) screen: bool,
}

impl Terminal {
    /// What the environment of this process says.
    #[expect(clippy::disallowed_methods, reason = "this is the configuration, where the environment is read")]
    pub(crate) fn of_environment() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = |name: &str| variable(name).filter(|value| !value.is_empty());
        // POSIX, "Internationalization Variables": the first of these that is set and not empty holds.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(said).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Self {
            colour: said("NO_COLOR").is_none(),
            // A console of Windows has no locale, and shows what it is sent.
            unicode: cfg!(windows) || locale.contains("utf-8") || locale.contains("utf8"),
            screen: said("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Terminal {
        let find = |name: &str| variables.iter().find(|(other, _)| *other == name);
        Terminal::of(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn colours_are_left_out_for_who_says_so() {
        assert!(of(&[("NO_COLOR", "")]).colour);
        assert!(!of(&[("NO_COLOR", "1")]).colour);
    }

    #[cfg(not(windows))]
    #[test]
    fn the_locale_says_what_can_be_shown() {
        assert!(!of(&[]).unicode);
        assert!(of(&[("LANG", "de_DE.UTF-8")]).unicode);
        assert!(of(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8"), ("LANG", "C")]).unicode);
        assert!(!of(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).unicode);
    }

    #[test]
    fn a_dumb_terminal_has_no_screen() {
        assert!(of(&[]).screen && of(&[("TERM", "xterm")]).screen);
        assert!(!of(&[("TERM", "dumb")]).screen);
    }
}
