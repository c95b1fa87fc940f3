//! What a planner may count on: what is free, and what could be made free.

use loadmaster_core::Machine;

use crate::{
    Budgets,
    ledger::{Gone, Ledger},
};

/// The ledger at the moment a plan is asked for, and who may be moved out of the way for it.
///
/// A model that is planned for what happens to be free beside an idle one would be squeezed into the
/// rest of a GPU that it could have had to itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outlook {
    pub(crate) ledger: Ledger,
    pub(crate) may_go: Gone,
    pub(crate) budgets: Budgets,
    /// Percent of it that the plan shall do without: it ran out of memory a moment ago.
    pub(crate) spare_percent: u64,
}

impl Outlook {
    /// The machine as it would be for the plan: `free` is what it may have of each device.
    pub(crate) fn machine(&self, real: &Machine) -> Machine {
        let mut machine = real.clone();
        for device in &mut machine.devices {
            let room = self.ledger.room(device, real, &self.budgets, &self.may_go);
            let spared = room.map(|room| room - room / 100 * self.spare_percent.min(100));
            device.free = spared.or(device.free);
        }
        machine
    }
}
