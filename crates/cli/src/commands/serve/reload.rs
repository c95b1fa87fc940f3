//! The configuration while `serve` runs: read again when it changed and when somebody asks for it.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, PoisonError},
};

use loadmaster_core::{Event, Programs};
use loadmaster_gateway::{ReloadCall, ReloadRefused, Reloaded};
use loadmaster_models::Hold;
use loadmaster_orchestrator::Orchestrator;
use tokio::sync::{mpsc, oneshot};

use super::{
    control::{Current, LetGo},
    watch::FileWatch,
};
use crate::{
    Failed, builds,
    commands::{Hangup, hangups::Hangups},
    config::Config,
    engine, library,
    load_flags::LoadFlags,
    offered::{self, Difference, Offered},
};

/// Keeps a running orchestrator to the configuration.
pub(super) struct Reloader {
    pub(super) orchestrator: Orchestrator,
    /// Where backends look for their programs.
    pub(super) programs: Programs,
    /// As the program was begun with it: what needs a restart is compared with this.
    pub(super) begun: Config,
    /// As it holds now.
    pub(super) config: Config,
    /// The same for whoever shows and changes it.
    pub(super) current: Current,
    /// Models of the library that are about to be deleted.
    pub(super) let_go: Arc<LetGo>,
    /// The models that hold now.
    pub(super) offered: Offered,
    /// Keep those of the library from being removed.
    pub(super) holds: Vec<Hold>,
    /// What the command line says of models.
    pub(super) files: Vec<PathBuf>,
    pub(super) flags: LoadFlags,
}

impl Reloader {
    /// Reads the configuration again whenever there is a reason to; ends when nobody can ask any more, or
    /// when the terminal is gone, which it says.
    pub(super) async fn run(
        mut self,
        mut calls: mpsc::UnboundedReceiver<ReloadCall>,
        mut hangups: Hangups,
        terminal_gone: oneshot::Sender<()>,
    ) {
        let mut changes = FileWatch::begin(&self.config.file);
        let mut seen = self.content();
        loop {
            tokio::select! {
                call = calls.recv() => {
                    let Some(call) = call else { return };
                    seen = self.content();
                    // Who asked may have gone.
                    let _ = call.send(self.reload().await);
                }
                hangup = hangups.next() => {
                    if hangup == Hangup::TerminalGone {
                        // Whoever ends the program has heard of another reason when this fails.
                        let _ = terminal_gone.send(());
                        return;
                    }
                    seen = self.content();
                    // It is told by an event and in the log.
                    let _ = self.reload().await;
                }
                () = changes.next() => {
                    let content = self.content();
                    if content != seen {
                        seen = content;
                        let _ = self.reload().await;
                    }
                }
            }
        }
    }

    /// What the file has; `None` when it cannot be read.
    fn content(&self) -> Option<Vec<u8>> {
        std::fs::read(&self.config.file).ok()
    }

    /// Reads the configuration, checks all of it, and then lets what changed hold.
    async fn reload(&mut self) -> Result<Reloaded, ReloadRefused> {
        match self.try_reload().await {
            Ok(reloaded) => {
                let Reloaded { added, removed, changed, kept, needs_restart } = reloaded.clone();
                if !needs_restart.is_empty() {
                    tracing::warn!("these hold only after a restart: {}", needs_restart.join(", "));
                }
                self.orchestrator.tell(Event::Reloaded { added, removed, changed, kept });
                Ok(reloaded)
            }
            Err(failed) => {
                let (cause, remedy) = failed.told();
                tracing::error!("the configuration was not taken over: {cause} {remedy}");
                self.orchestrator.tell(Event::ReloadFailed { cause: cause.to_owned() });
                Err(ReloadRefused { cause: cause.to_owned(), remedy: remedy.to_owned() })
            }
        }
    }

    async fn try_reload(&mut self) -> Result<Reloaded, Failed> {
        let config = self.config.again()?;
        engine::check_sections(&config)?;
        // Another build may be used by now. Which sections name a program holds as it was at the start.
        self.programs.replace(builds::programs(&self.begun));
        let mut offered = offered(&self.files, &self.flags, &config).await?;
        let gone = self.let_go.names();
        offered.retain(|name, offer| offer.library.is_none() || !gone.contains(name));
        let offered = checked(&self.orchestrator, offered, &self.offered).await?;
        let difference = Difference::between(&self.offered, &offered);
        // Before those that go are let go of: most are the same.
        let holds = library::hold(offered.values(), &config).await?;
        self.apply(&config, &offered, &difference).await?;
        let Difference { added, removed, changed, kept } = difference;
        let names = |names: BTreeSet<String>| names.into_iter().collect();
        let reloaded = Reloaded {
            added: names(added),
            removed: names(removed),
            changed: names(changed),
            kept: names(kept),
            needs_restart: needs_restart(&self.begun, &config),
        };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = config.clone();
        (self.config, self.offered, self.holds) = (config, offered, holds);
        Ok(reloaded)
    }

    async fn apply(&self, config: &Config, offered: &Offered, difference: &Difference) -> Result<(), Failed> {
        let orchestrator = &self.orchestrator;
        // The one that can fail comes first: nothing has changed then.
        if config.policy.budgets != self.config.policy.budgets {
            orchestrator.set_budgets(config.policy.budgets.clone()).await?;
        }
        // Whether what was loaded comes back is decided when the program begins.
        let mut policy = engine::policy(config);
        policy.resume = self.begun.policy.resume;
        orchestrator.set_policy(policy).await?;
        for name in &difference.removed {
            orchestrator.remove(name).await?;
        }
        let offers = |names: &BTreeSet<String>| -> Vec<_> {
            names.iter().filter_map(|name| offered.get(name).cloned()).collect()
        };
        for offer in offers(&difference.changed) {
            orchestrator.update(offer.request, offer.rules).await?;
        }
        for offer in offers(&difference.added) {
            orchestrator.add_with(offer.request, offer.rules).await?;
        }
        Ok(())
    }
}

/// The models that are offered. Manifests are read on a thread that may block.
pub(super) async fn offered(
    files: &[PathBuf],
    flags: &LoadFlags,
    config: &Config,
) -> Result<Offered, Failed> {
    let (files, flags, config) = (files.to_vec(), flags.clone(), config.clone());
    library::blocking(move || offered::offered(&files, &flags, &config)).await
}

/// Checks the models that are others than `before`. One that nobody named and that cannot be loaded is left
/// out, which the log tells; any other one is a failure.
pub(super) async fn checked(
    orchestrator: &Orchestrator,
    offered: Offered,
    before: &Offered,
) -> Result<Offered, Failed> {
    let mut good = Offered::new();
    for (name, offer) in offered {
        if before.get(&name) != Some(&offer)
            && let Err(error) = orchestrator.check_of(offer.request.clone()).await
        {
            if !offer.unasked {
                return Err(error.into());
            }
            tracing::warn!(%error, "the library's model '{name}' is not served");
            continue;
        }
        good.insert(name, offer);
    }
    Ok(good)
}

/// The keys that hold only after a restart, and are others now than when the program began.
fn needs_restart(begun: &Config, now: &Config) -> Vec<String> {
    [
        ("listen", begun.listen != now.listen),
        ("token_file", begun.token != now.token),
        ("allow_origins", begun.origins != now.origins),
        ("log", begun.log != now.log),
        ("resume", begun.policy.resume != now.policy.resume),
        ("[backends]", begun.backends != now.backends),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(key, _)| key.to_owned())
    .collect()
}
