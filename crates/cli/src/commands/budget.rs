//! `loadmaster budget`

use std::process::ExitCode;

use loadmaster_orchestrator::Budgets;
use reqwest::Method;
use serde_json::json;

use crate::{Failed, args::BudgetArgs, config::Config, daemon, printed::print, table};

const PATH: &str = "/api/v1/budgets";

pub(crate) async fn execute(args: BudgetArgs, config: &Config) -> Result<ExitCode, Failed> {
    let mut body = daemon::ask(config, Method::GET, PATH).await?;
    let mut budgets: Budgets = daemon::read(&body)?;
    if !args.changes.is_empty() {
        for (device, budget) in args.changes {
            if let Some(budget) = budget {
                budgets.0.insert(device, budget);
            } else if budgets.0.remove(&device).is_none() {
                return Err(Failed::not_found(format!("There is no budget for '{device}'"))
                    .remedy("`loadmaster budget` shows those that there are."));
            }
        }
        body = daemon::tell(config, Method::PUT, PATH, &json!(budgets)).await?;
    }
    print(&if args.json { format!("{body}\n") } else { shown(&budgets) })?;
    Ok(ExitCode::SUCCESS)
}

fn shown(budgets: &Budgets) -> String {
    if budgets.0.is_empty() {
        return "there are no budgets: every device may be filled\n".to_owned();
    }
    let header = ["DEVICE", "BUDGET"].map(str::to_owned).to_vec();
    let rows = budgets.0.iter().map(|(device, budget)| vec![device.clone(), budget.to_string()]);
    table::lined_up(&std::iter::once(header).chain(rows).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_shown_as_people_write_them() {
        let budgets = serde_json::from_str(r#"{"host": "1536 MiB", "gpu0": "80 %"}"#).unwrap();
        assert_eq!(shown(&budgets), "DEVICE    BUDGET\ngpu0        80 %\nhost    1.50 GiB\n");
        assert_eq!(shown(&Budgets::default()), "there are no budgets: every device may be filled\n");
    }
}
