//! Runs a plan: changes the mesh, waits until all proxies have taken the change, measures, checks. It tells everything as
//! events and decides by nothing that its listeners do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use xdslab_mesh::object::kubernetes::Pod;

use super::checks::{Situation, checks};
use super::choice::Choice;
use super::event::{Environment, Event, Opening, Outcome, StepResult};
use super::figure::Figures;
use super::file::Purge;
use super::lab::{ControlPlane, Fleet, LabError, Traffic, proxy_name};
use super::measure;
use super::mesh::MeshFolder;
use super::plan::{Plan, PlannedStep};
use super::sampler;
use super::teller::{Teller, since};

/// A run of a plan, with the control plane and the fleet that it uses up.
#[derive(Debug)]
pub struct Runner<C, F> {
    /// What is done.
    pub plan: Plan,
    /// Where it runs.
    pub environment: Environment,
    /// Serves the mesh.
    pub control: C,
    /// Takes it.
    pub fleet: F,
    /// The mesh, still empty.
    pub mesh: MeshFolder,
    /// Who listens. A listener that has gone is no reason to stop.
    pub events: mpsc::Sender<Event>,
    /// Ends the run early.
    pub stop: CancellationToken,
}

impl<C: ControlPlane, F: Fleet> Runner<C, F> {
    /// Runs all steps, ends the fleet and the control plane, and says how it went.
    pub async fn run(self) -> Outcome {
        let choice = Choice::new(self.plan.watch.clone(), self.plan.envoys.clone());
        let run = Run {
            plan: Arc::new(self.plan),
            control: self.control,
            fleet: self.fleet,
            mesh: Some(self.mesh),
            teller: Teller::new(self.events),
            choice,
        };
        run.run(self.environment, self.stop).await
    }
}

/// Between two looks whether all still run.
const LOOK: Duration = Duration::from_millis(100);

struct Run<C, F> {
    plan: Arc<Plan>,
    control: C,
    fleet: F,
    /// Absent while it is being read.
    mesh: Option<MeshFolder>,
    teller: Teller,
    choice: Choice,
}

impl<C: ControlPlane, F: Fleet> Run<C, F> {
    async fn run(mut self, environment: Environment, stop: CancellationToken) -> Outcome {
        let plan = self.plan.clone();
        self.teller.tell(Event::RunStarted(Box::new(opening(&plan, environment)))).await;
        let sampler = sampler::start(self.fleet.probe(), self.choice.watched(), self.teller.clone());
        let mut outcome = Outcome::Passed;
        for (index, step) in plan.steps.iter().enumerate() {
            let result = tokio::select! {
                biased;
                () = stop.cancelled() => {
                    outcome = Outcome::Interrupted;
                    break;
                }
                result = self.step(index, step) => result,
            };
            match result {
                Ok(result) => {
                    if result.missed().next().is_some() {
                        outcome = Outcome::Missed;
                    }
                    self.teller.tell(Event::StepEnded(Box::new(result))).await;
                }
                Err(error) => {
                    outcome = Outcome::Broken { reason: error.0 };
                    break;
                }
            }
        }
        sampler.stop().await;
        self.fleet.stop().await;
        self.control.stop().await;
        let at = self.teller.now();
        self.teller.tell(Event::RunEnded { at, outcome: outcome.clone() }).await;
        outcome
    }

    async fn step(&mut self, index: usize, step: &PlannedStep) -> Result<StepResult, LabError> {
        let started = self.teller.now();
        self.teller.tell(Event::StepStarted { at: started, step: index }).await;
        let traffic = self.control.traffic();
        let deadline = Instant::now() + step.deadline;
        let (pods, begun) = self.change(index, step).await?;
        let chosen = self.choice.choose(&pods);
        let names: BTreeSet<_> = chosen.iter().map(|pod| proxy_name(pod)).collect();
        let before = self.fleet.running();
        let kept: BTreeSet<_> = before.intersection(&names).cloned().collect();
        let mut pushed = None;
        if !kept.is_empty() && changes_mesh(index, step) {
            pushed = self.wait(&kept, deadline, false).await.map(since(begun));
        }
        let gone: BTreeSet<_> = before.difference(&names).cloned().collect();
        self.fleet.remove(&gone).await;
        let new: Vec<_> = chosen.into_iter().filter(|pod| !kept.contains(&proxy_name(pod))).collect();
        if !new.is_empty() {
            self.start(new, deadline).await;
        }
        if step.purge == Some(Purge::Restart) {
            self.restart(deadline).await;
        }
        let running = self.fleet.running();
        let converged = self.wait(&running, deadline, true).await.map(since(begun));
        let failed = self.tell_failures().await;
        let running = self.fleet.running();

        let (watched, proxies) = self.measure(&running, traffic.as_ref()).await;
        let mesh = self.mesh.as_ref();
        let mut result = StepResult {
            step: index,
            name: step.name.clone(),
            about: step.about.clone(),
            started,
            ended: self.teller.now(),
            pushed,
            converged,
            proxy: watched.clone(),
            watched: watched.and_then(|name| proxies.get(&name).copied()).unwrap_or_default(),
            total: Figures::sum(proxies.values()),
            envoys: running.len(),
            services: mesh.map_or(0, MeshFolder::services),
            injected: pods.len(),
            checks: Vec::new(),
        };
        let late = if converged.is_some() { Vec::new() } else { self.control.late(&running) };
        let watch = &self.plan.watch;
        let fleet = Situation { wanted: names.len(), failed, late, watch, variables: self.plan.variables };
        result.checks = checks(step, &result, &fleet);
        sleep(step.hold).await;
        Ok(result)
    }

    /// Changes the mesh as the step says. The pods that have a sidecar now, and when the control plane was told.
    async fn change(
        &mut self,
        index: usize,
        step: &PlannedStep,
    ) -> Result<(Vec<Arc<Pod>>, Instant), LabError> {
        let Some(mut mesh) = self.mesh.take() else {
            return Err(LabError("the mesh could not be read".to_owned()));
        };
        let (plan, delete, scale) = (self.plan.clone(), step.delete.clone(), step.scale.clone());
        let work = tokio::task::spawn_blocking(move || {
            let first = if index == 0 { &plan.mesh[..] } else { &[] };
            let layers: Vec<_> = first.iter().chain(&plan.steps[index].apply).cloned().collect();
            let batch = mesh.change(&delete, &layers, &scale);
            let pods = mesh.injected();
            (mesh, batch, pods)
        });
        let (mesh, batch, pods) =
            work.await.map_err(|e| LabError(format!("reading the mesh failed: {e}")))?;
        let batch = batch.map_err(|e| LabError(e.to_string()))?;
        for mut problem in batch.new_problems {
            problem.file = mesh.shown(&problem.file);
            self.teller.tell(Event::Problem { text: problem.to_string() }).await;
        }
        self.mesh = Some(mesh);
        let is_delete = |change: &&xdslab_mesh::Change| matches!(change, xdslab_mesh::Change::Delete(_));
        let deleted = batch.changes.changes.iter().filter(is_delete).count();
        let applied = batch.changes.changes.len() - deleted;
        let begun = Instant::now();
        if !batch.changes.is_empty() {
            self.control.apply(batch.changes).await?;
        }
        self.teller.tell(Event::Applied { at: self.teller.now(), applied, deleted }).await;
        Ok((pods, begun))
    }

    async fn start(&mut self, pods: Vec<Arc<Pod>>, deadline: Instant) {
        let wanted = pods.len();
        let fleet = &mut self.fleet;
        let work = async |progress: &watch::Sender<usize>| fleet.start(pods, progress).await;
        told(work, deadline, |ready| Event::Starting { ready, wanted }, &self.teller).await;
    }

    async fn restart(&mut self, deadline: Instant) {
        let names = self.fleet.running();
        let wanted = names.len();
        let fleet = &mut self.fleet;
        let work = async |progress: &watch::Sender<usize>| fleet.restart(&names, progress).await;
        told(work, deadline, |ready| Event::Starting { ready, wanted }, &self.teller).await;
    }

    /// Waits until `proxies` have ACKed, by the control plane's account, and, if `settled`, until their own figures
    /// agree. When the last one ACKed; nothing if not all of this was so before the deadline. One that ends meanwhile is
    /// waited for no longer.
    async fn wait(&self, proxies: &BTreeSet<String>, deadline: Instant, settled: bool) -> Option<Instant> {
        let wanted = proxies.len();
        let work = async |progress: &watch::Sender<usize>| {
            let mut alive = proxies.clone();
            loop {
                tokio::select! {
                    at = self.taken(&alive, settled, progress) => return at,
                    running = self.fewer(&alive) => alive = running,
                }
            }
        };
        told(work, deadline, |acked| Event::Acked { acked, wanted }, &self.teller).await
    }

    async fn taken(
        &self,
        proxies: &BTreeSet<String>,
        settled: bool,
        progress: &watch::Sender<usize>,
    ) -> Instant {
        let at = self.control.acked(proxies, progress).await;
        if settled {
            measure::settled(&self.fleet.probe(), proxies, || self.control.traffic()).await;
        }
        at
    }

    /// Waits until some of `proxies` no longer run; those that still do.
    async fn fewer(&self, proxies: &BTreeSet<String>) -> BTreeSet<String> {
        loop {
            sleep(LOOK).await;
            let running: BTreeSet<_> = proxies.intersection(&self.fleet.running()).cloned().collect();
            if running.len() < proxies.len() {
                return running;
            }
        }
    }

    async fn tell_failures(&mut self) -> usize {
        let failures = self.fleet.failures();
        let count = failures.len();
        for (proxy, reason) in failures {
            self.teller.tell(Event::Failed { proxy, reason }).await;
        }
        count
    }

    /// The watched proxy's name, and the figures of every one: memory first, then what costs memory to ask.
    async fn measure(
        &self,
        running: &BTreeSet<String>,
        before: Option<&BTreeMap<String, Traffic>>,
    ) -> (Option<String>, BTreeMap<String, Figures>) {
        let probe = self.fleet.probe();
        let watched = self.choice.find(running);
        measure::quiet(&probe, watched.as_deref()).await;
        let mut proxies = measure::figures(&probe, running, |name| self.control.endpoints(name)).await;
        if let Some(now) = self.control.traffic() {
            for (name, figures) in &mut proxies {
                let now = now.get(name).copied().unwrap_or_default();
                let before = before.and_then(|all| all.get(name)).copied().unwrap_or_default();
                figures.pushes = Some(now.pushes.saturating_sub(before.pushes));
                figures.bytes = Some(now.bytes.saturating_sub(before.bytes));
            }
        }
        (watched, proxies)
    }
}

fn opening(plan: &Plan, environment: Environment) -> Opening {
    Opening {
        scenario: plan.name.clone(),
        title: plan.title.clone(),
        about: plan.about.clone(),
        side: plan.side,
        watch: plan.watch.to_string(),
        services: plan.variables.services,
        steps: plan.steps.iter().map(|step| step.name.clone()).collect(),
        notes: plan.notes.clone(),
        environment,
    }
}

fn changes_mesh(index: usize, step: &PlannedStep) -> bool {
    index == 0 || !(step.apply.is_empty() && step.delete.is_empty() && step.scale.is_empty())
}

/// Does `work` and tells its progress as events; its result, if it came to its end before the deadline.
async fn told<T>(
    work: impl AsyncFnOnce(&watch::Sender<usize>) -> T,
    deadline: Instant,
    event: impl Fn(usize) -> Event,
    teller: &Teller,
) -> Option<T> {
    let (progress, mut seen) = watch::channel(0);
    let work = async move {
        let done = timeout_at(deadline, work(&progress)).await.ok();
        drop(progress); // which ends those who tell it
        done
    };
    let telling = async {
        while seen.changed().await.is_ok() {
            let number = *seen.borrow_and_update();
            teller.tell(event(number)).await;
        }
    };
    tokio::join!(work, telling).0
}

#[cfg(test)]
mod tests;
