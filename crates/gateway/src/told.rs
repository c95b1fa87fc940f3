//! What a stream that waits is told in a comment: `waiting, place 1 of 2: sd15 is painting`.

use std::fmt;

use loadmaster_orchestrator::QueuePlace;

/// A place in the queue as it is written, and read again by the jobs, whose road is the same stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// 1 is next.
    pub(crate) place: usize,
    /// How many wait.
    pub(crate) of: usize,
    /// Why they wait, in words.
    pub(crate) why: Option<String>,
}

impl Told {
    pub(crate) fn of(place: &QueuePlace) -> Self {
        // A comment is one line, whatever a model is called.
        let one_line = |why: String| why.replace(char::is_control, " ");
        let why = place.why.as_ref().map(|why| one_line(why.to_string()));
        Self { place: place.place, of: place.of, why }
    }

    /// The place that a comment tells of, if it is such a one.
    pub(crate) fn read(comment: &str) -> Option<Self> {
        let told = comment.trim_end().strip_prefix("waiting, place ")?;
        let (place, why) = told.split_once(": ").map_or((told, None), |(place, why)| (place, Some(why)));
        let (place, of) = place.split_once(" of ")?;
        Some(Self { place: place.parse().ok()?, of: of.parse().ok()?, why: why.map(str::to_owned) })
    }
}

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "waiting, place {} of {}", self.place, self.of)?;
        match &self.why {
            Some(why) => write!(formatter, ": {why}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use loadmaster_core::ModelKind;
    use loadmaster_orchestrator::{WaitsFor, Why};

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for why in [None, Some("sd15 is painting"), Some("a: b is being loaded, and 2 of 3 more")] {
            let told = Told { place: 2, of: 15, why: why.map(str::to_owned) };
            assert_eq!(Told::read(&told.to_string()), Some(told));
        }
        let plain = Told { place: 1, of: 1, why: None };
        assert_eq!(plain.to_string(), "waiting, place 1 of 1");
        for other in
            ["", "waiting", "working", "waiting, place 1", "waiting, place x of 2", "waiting, place 1 of"]
        {
            assert_eq!(Told::read(other), None, "{other}");
        }
    }

    #[test]
    fn a_name_with_line_breaks_does_not_end_the_comment() {
        let why = Why {
            model: "a\n\ndata: b".to_owned(),
            kind: ModelKind::Text,
            waits_for: WaitsFor::Start,
            others: Vec::new(),
        };
        let told = Told::of(&QueuePlace { place: 1, of: 1, why: Some(why) });
        assert_eq!(told.to_string(), "waiting, place 1 of 1: a  data: b is being loaded");
    }
}
