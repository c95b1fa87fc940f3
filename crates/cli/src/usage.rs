//! A wrong command line, told like every other failure: a cause, a remedy, exit code 2.

use std::process::ExitCode;

use clap::{
    CommandFactory,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use crate::{Failed, args::Args};

/// Prints what clap has to say: help and version on stdout, what is wrong on stderr.
pub(crate) fn report(error: &Error) -> ExitCode {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    if matches!(error.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand) {
        // Whoever closed the pipe has read enough.
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    }
    Failed::usage(cause(&error.to_string())).remedy(remedy(error)).report()
}

/// The first paragraph of clap's text, on one line.
fn cause(text: &str) -> String {
    let paragraph = text.lines().take_while(|line| !line.is_empty());
    let line = paragraph.map(str::trim).collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

/// What was meant, if clap found something alike, or else where to read on.
fn remedy(error: &Error) -> String {
    let alike = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let meant = alike.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(name) => Some(name.clone()),
        ContextValue::Strings(names) => names.first().cloned(),
        _ => None,
    });
    match meant {
        Some(name) => format!("Did you mean '{name}'?"),
        None => format!("See `loadmaster{} --help`.", command_asked_for()),
    }
}

/// The command on this command line, after a space.
fn command_asked_for() -> String {
    let commands = Args::command();
    let known = |word: &String| commands.get_subcommands().any(|command| command.get_name() == word);
    let words = std::env::args_os().skip(1).filter_map(|word| word.into_string().ok());
    words.into_iter().find(known).map_or_else(String::new, |name| format!(" {name}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn told(line: &str) -> (String, String) {
        let error = Args::try_parse_from(line.split_whitespace()).expect_err(line);
        (cause(&error.to_string()), remedy(&error))
    }

    #[test]
    fn a_wrong_line_has_one_cause_and_one_remedy() {
        let see = "See `loadmaster --help`.";
        for (line, cause, remedy) in [
            ("loadmaster run m --ctz 1", "unexpected argument '--ctz' found", "Did you mean '--ctx'?"),
            ("loadmaster run m --xyz", "unexpected argument '--xyz' found", see),
            ("loadmaster serv", "unrecognized subcommand 'serv'", "Did you mean 'serve'?"),
            ("loadmaster run", "the following required arguments were not provided: <MODEL>", see),
            (
                "loadmaster completions bsh",
                "invalid value 'bsh' for '<SHELL>' [possible values: bash, elvish, fish, powershell, zsh]",
                "Did you mean 'bash'?",
            ),
        ] {
            assert_eq!(told(line), (cause.to_owned(), remedy.to_owned()), "{line}");
        }
    }
}
