//! The living instances: each is entered before anybody watches it, and forgotten once everybody was told of its end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, atomic::Ordering},
};

use loadmaster_core::{BackendError, ExitSender, Failure, FailureReason, Health, Instance, InstanceId};
use loadmaster_supervise::ExitStatus;
use loadmaster_upstream::Upstream;

use crate::{
    diagnose::diagnose,
    door::Door,
    one_shot::OneShot,
    resident::{Resident, was_killed},
    server,
    studio::Studio,
    work_folder::WorkFolder,
};

/// The living instances. Held for an instant at a time, never across an await.
#[derive(Debug, Clone, Default)]
pub(crate) struct Instances(Arc<Mutex<HashMap<InstanceId, Arc<Living>>>>);

/// A living instance.
#[derive(Debug)]
pub(crate) struct Living {
    pub(crate) door: Door,
    pub(crate) way: Way,
    /// Who is told when it has ended.
    pub(crate) tell: ExitSender,
    /// Why it is ended, where that is no secret of its own.
    pub(crate) ended_for: OnceLock<Failure>,
}

/// How it paints.
#[derive(Debug)]
pub(crate) enum Way {
    Resident { painter: Arc<Resident>, upstream: Upstream },
    OneShot { painter: Arc<OneShot> },
}

impl Instances {
    fn locked(&self) -> MutexGuard<'_, HashMap<InstanceId, Arc<Living>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, id: &InstanceId) -> Option<Arc<Living>> {
        self.locked().get(id).cloned()
    }

    /// Enters an instance, and watches the process that it has from now on: one that has died already is told of and
    /// forgotten like any other. `folder` is that process's.
    pub(crate) fn enter(&self, id: InstanceId, living: Living, folder: Option<WorkFolder>) {
        let living = Arc::new(living);
        self.locked().insert(id.clone(), Arc::clone(&living));
        if let Way::Resident { painter, .. } = &living.way {
            let exit = painter.child.exit();
            let instances = self.clone();
            tokio::spawn(async move {
                let exit = exit.wait().await;
                living.server_ended(&exit, folder).await;
                instances.forget(&id);
            });
        }
    }

    /// Forgets an instance that everybody was told of.
    pub(crate) fn forget(&self, id: &InstanceId) {
        self.locked().remove(id);
    }
}

impl Living {
    /// Closes the door, takes the folder away, and tells why the server ended.
    async fn server_ended(&self, exit: &loadmaster_supervise::Exit, folder: Option<WorkFolder>) {
        if was_killed(exit) {
            self.door.cut();
        } else {
            // It died of its work: whoever it worked for is told so.
            self.door.finish().await;
        }
        if let Some(folder) = folder {
            folder.delete().await;
        }
        self.tell.send(match self.ended_for.get() {
            Some(reason) => Failure { last_lines: exit.last_lines.clone(), ..reason.clone() },
            None => diagnose(exit),
        });
    }

    /// Ends it, and returns when its process is gone and everybody is told. May be called any number of times, also at
    /// once, and waits each time; what it has begun goes on when nobody waits any more.
    pub(crate) async fn stop(&self, instance: &Instance) -> Result<(), BackendError> {
        match &self.way {
            Way::Resident { painter, .. } => {
                // It has nothing to put in order, and no handler for a kind word.
                let exit = painter.child.stop(std::time::Duration::ZERO).await;
                instance.exit.wait().await;
                tracing::info!(instance = %instance.id, status = %exit.status, "stopped");
                if exit.status == ExitStatus::Unknown {
                    let cause = "the system still holds its process; a driver may hang";
                    return Err(BackendError::system("ending sd-server", cause));
                }
            }
            Way::OneShot { painter } => {
                // Whoever is being painted for is gone with the connection, and the process with them.
                self.door.cut();
                self.door.closed().await;
                painter.studio.quiet().await;
                // One that was only about to be started is ended where it is started.
                loadmaster_supervise::settled().await;
                let failure = self.ended_for.get().cloned();
                self.tell.send(failure.unwrap_or_else(|| Failure::new(FailureReason::Stopped)));
                tracing::info!(instance = %instance.id, "stopped");
            }
        }
        Ok(())
    }

    /// What both ways of painting share, and the process that paints, if there is one.
    fn studio(&self) -> (&Studio, Option<u32>) {
        match &self.way {
            Way::Resident { painter, .. } => (&painter.studio, Some(painter.child.pid())),
            Way::OneShot { painter } => {
                (&painter.studio, Some(painter.pid.load(Ordering::Relaxed)).filter(|pid| *pid > 0))
            }
        }
    }

    /// The process that paints now.
    pub(crate) fn at_work(&self) -> Option<u32> {
        let (studio, pid) = self.studio();
        pid.filter(|_| studio.is_busy())
    }

    /// How it is.
    pub(crate) async fn health(&self) -> Health {
        let (studio, pid) = self.studio();
        if let Some(progress) = studio.pulse(pid) {
            return Health::Working { progress };
        }
        match &self.way {
            Way::Resident { upstream, .. } if !server::answers(upstream).await => {
                Health::Failing { cause: "sd-server does not list its model".to_owned() }
            }
            _ => Health::Ready,
        }
    }
}
