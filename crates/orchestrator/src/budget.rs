//! What of each device the user lets Loadmaster have.

use std::{collections::BTreeMap, fmt, str::FromStr};

use loadmaster_core::{Bytes, Device, Machine};
use serde::{Deserialize, Serialize};

/// How much of one device Loadmaster may take. In JSON it is what people write: `"12 GiB"`, `"80 %"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Budget {
    /// So many bytes.
    Bytes(u64),
    /// A share of the device's memory, in percent.
    Percent(u8),
}

impl Budget {
    /// The budget in bytes, on a device of `total` bytes.
    fn of(self, total: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => total / 100 * u64::from(percent),
        }
    }
}

impl FromStr for Budget {
    type Err = String;

    /// Reads `12 GiB`, `800 MiB` or `80 %`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().strip_suffix('%') {
            Some(number) => match number.trim().parse() {
                Ok(percent @ 0..=100) => Ok(Self::Percent(percent)),
                _ => Err(format!("'{text}' is not a share of a device; write it like 80 %")),
            },
            None => Ok(Self::Bytes(text.parse::<Bytes>()?.0)),
        }
    }
}

impl TryFrom<String> for Budget {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Budget> for String {
    /// To the byte, in the largest unit of which it is a whole number: what is read back is the same.
    fn from(budget: Budget) -> Self {
        let Budget::Bytes(bytes) = budget else { return budget.to_string() };
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        let whole = units.into_iter().find(|(_, size)| bytes >= *size && bytes % size == 0);
        let (unit, size) = whole.unwrap_or(("B", 1));
        format!("{} {unit}", bytes / size)
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => Bytes(*bytes).fmt(formatter),
            Self::Percent(percent) => write!(formatter, "{percent} %"),
        }
    }
}

/// Budgets by device id or alias. A device without one may be filled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Budgets(
    /// The budgets, by the name that the user gave the device.
    pub BTreeMap<String, Budget>,
);

impl Budgets {
    /// The names that no device of `machine` has: budgets that limit nothing.
    pub(crate) fn unmatched<'a>(&'a self, machine: &Machine) -> Vec<&'a str> {
        let unknown = |name: &&str| machine.device(name).is_none();
        self.0.keys().map(String::as_str).filter(unknown).collect()
    }

    /// The budget of `device` in bytes, if it has one.
    pub fn of(&self, device: &Device) -> Option<u64> {
        self.0
            .iter()
            .filter(|(name, _)| device.is_called(name))
            .map(|(_, budget)| budget.of(device.total))
            .min()
    }
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{DeviceId, DeviceKind};

    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn budgets_for_nothing_are_found() {
        let budgets = ["hots", "gpu0", "alias:gpu1"].map(|name| (name.to_owned(), Budget::Percent(50)));
        let device = |id: &str, alias: &str| Device {
            id: DeviceId::from(id),
            name: id.to_owned(),
            kind: DeviceKind::Discrete,
            aliases: vec![alias.to_owned()],
            total: GIB,
            free: None,
        };
        let devices = vec![device("gpu0", "alias:gpu0"), device("gpu1", "alias:gpu1")];
        let machine = Machine { physical_cores: 1, usable_threads: 1, hypothetical: false, devices };
        assert_eq!(Budgets(budgets.into()).unmatched(&machine), ["hots"]);
    }

    #[test]
    fn json_has_them_to_the_byte() {
        for (budget, text) in [
            (Budget::Bytes(12 * GIB), "12 GiB"),
            (Budget::Bytes(3 * GIB / 2), "1536 MiB"),
            (Budget::Bytes(GIB + 1), "1073741825 B"),
            (Budget::Bytes(0), "0 B"),
            (Budget::Percent(80), "80 %"),
        ] {
            assert_eq!(serde_json::to_value(budget).unwrap(), text);
            assert_eq!(serde_json::from_value::<Budget>(text.into()).unwrap(), budget);
        }
        assert!(serde_json::from_str::<Budgets>(r#"{"host": "lots"}"#).is_err());
    }

    #[test]
    fn budgets_are_written_as_people_do() {
        assert_eq!("80 %".parse(), Ok(Budget::Percent(80)));
        assert_eq!("1.5 GiB".parse(), Ok(Budget::Bytes(3 * GIB / 2)));
        assert!("120 %".parse::<Budget>().is_err());
        assert!("lots".parse::<Budget>().is_err());
    }
}
