//! Memory that is held for a program which is not Loadmaster's.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Names one hold: `hold-7`. Never used twice within one orchestrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HoldId(u64);

impl HoldId {
    /// The hold of this number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for HoldId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("hold-{}", self.0))
    }
}

impl FromStr for HoldId {
    type Err = String;

    /// Reads what is shown, `hold-7`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix("hold-").and_then(|number| number.parse().ok());
        number.map(Self).ok_or_else(|| format!("'{text}' is not a hold; they are called like hold-7"))
    }
}

impl TryFrom<String> for HoldId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HoldId> for String {
    fn from(id: HoldId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read() {
        let id = HoldId::new(7);
        assert_eq!(serde_json::to_value(id).unwrap(), "hold-7");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["7", "hold-", "hold--1", "hold-x", "hold"] {
            assert!(bad.parse::<HoldId>().is_err(), "{bad} was accepted");
        }
    }
}
