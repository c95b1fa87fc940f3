//! `docs/benchmarks.md`: each benchmark owns what is between its two markers.

use std::fs;
use std::io;

use anyhow::{Context, Result, bail};

use crate::workspace;

const EMPTY_PAGE: &str = "# Benchmarks\n\nEvery figure is written by the command that stands above it.\n";

/// Writes `section` as the result of the benchmark `name`.
pub(super) fn write(name: &str, section: &str) -> Result<()> {
    let path = workspace::root().join("docs/benchmarks.md");
    let page = match fs::read_to_string(&path) {
        Ok(page) => page,
        Err(error) if error.kind() == io::ErrorKind::NotFound => EMPTY_PAGE.to_owned(),
        Err(error) => bail!("cannot read {}: {error}", path.display()),
    };
    let page = replace(&page, name, section).with_context(|| path.display().to_string())?;
    let written = fs::create_dir_all(workspace::root().join("docs")).and_then(|()| fs::write(&path, page));
    written.with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("written to {}", path.display());
    Ok(())
}

/// `page` with `section` between the markers of `name`, which are appended when it has none.
fn replace(page: &str, name: &str, section: &str) -> Result<String> {
    let start = format!("<!-- bench {name} -->");
    let end = format!("<!-- end bench {name} -->");
    let section = format!("{start}\n{}\n{end}", section.trim());
    let Some((before, rest)) = page.split_once(&start) else {
        return Ok(format!("{}\n\n{section}\n", page.trim_end()));
    };
    let (_, after) = rest.split_once(&end).with_context(|| format!("it has `{start}` and no `{end}`"))?;
    Ok(format!("{before}{section}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_appended_once_and_replaced_from_then_on() {
        let first = replace("# Page\n", "daemon", "old figures").unwrap();
        assert_eq!(first, "# Page\n\n<!-- bench daemon -->\nold figures\n<!-- end bench daemon -->\n");
        let page = format!("{first}\nwritten by hand\n");
        let second = replace(&page, "daemon", "new figures").unwrap();
        assert_eq!(second, page.replace("old", "new"));
    }

    #[test]
    fn a_page_with_half_a_section_is_not_written_over() {
        let error = replace("<!-- bench daemon -->\nfigures", "daemon", "new").unwrap_err();
        assert!(error.to_string().contains("end bench daemon"));
    }
}
