//! Too little memory, in figures.

use std::fmt;

use loadmaster_core::{Bytes, DeviceId};
use serde::{Deserialize, Serialize};

/// A device that has too little for a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// The device.
    pub device: DeviceId,
    /// What the plan needs there, in bytes, its margin included.
    pub needed: u64,
    /// What is left there, in bytes.
    pub available: u64,
    /// The user's budget, in bytes, when it is what limits.
    pub budget: Option<u64>,
}

impl fmt::Display for Shortage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, needed, available, budget } = self;
        let (needs, has) = (Bytes(*needed).to_string(), Bytes(*available).to_string());
        if needs == has {
            // As people read them, the two are the same: the difference is said.
            let more = Bytes(needed.saturating_sub(*available));
            write!(formatter, "{device} needs {needs}, which is {more} more than is left")?;
        } else {
            write!(formatter, "{device} needs {needs} and has {has} left")?;
        }
        match budget {
            Some(budget) => write!(formatter, " of a budget of {}", Bytes(*budget)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(needed: u64, available: u64, budget: Option<u64>) -> String {
        Shortage { device: DeviceId::host(), needed, available, budget }.to_string()
    }

    #[test]
    fn the_difference_is_always_visible() {
        const GIB: u64 = 1 << 30;
        assert_eq!(told(2 * GIB, GIB, None), "host needs 2.00 GiB and has 1.00 GiB left");
        let budget = told(8 * GIB + (3 << 20), 8 * GIB, Some(8 * GIB));
        assert_eq!(
            budget,
            "host needs 8.00 GiB, which is 3.00 MiB more than is left of a budget of 8.00 GiB"
        );
        assert_eq!(told(GIB + 1, GIB, None), "host needs 1.00 GiB, which is 1 B more than is left");
    }
}
