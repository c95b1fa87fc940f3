//! What both ways of painting share: what an instance can do, who is next, and how far it is.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use loadmaster_checkpoint::Family;
use loadmaster_core::LaunchPlan;
use loadmaster_images::{
    Capabilities, Defaults, ImageError, ImageEvent, ImageRequest, Limits, Painted, Painting, Partial,
    Progress, Size, Stage,
};
use loadmaster_supervise::{Child, Lines};
use tokio::{
    sync::{Mutex, OwnedMutexGuard, mpsc},
    time::Instant,
};

use crate::{
    buffers::Buffers,
    diagnose::{disk_full, failed},
    history::{History, Peak},
    log::{Mark, mark},
    loras::{self, Applied, LoraFile},
    mask::white_where_transparent,
    order::{GUIDANCE, Order, STRENGTH},
    process,
    programs::Build,
    progress::{Tracker, Work},
    settings::{MOST_STEPS, MOST_STEPS_OF_THE_SERVER, Mode, Settings},
    work_folder::off_thread,
};

/// How often it is told that it goes on, where nothing happens.
const TICK: Duration = Duration::from_millis(250);

/// How long the lines of a job may be behind its images.
const LAST_LINES: Duration = Duration::from_secs(2);

/// An instance, apart from how it paints.
#[derive(Debug)]
pub(crate) struct Studio {
    pub(crate) plan: Arc<LaunchPlan>,
    pub(crate) settings: Settings,
    family: Family,
    build: Build,
    pub(crate) history: History,
    key: String,
    /// One paints at a time.
    turn: Arc<Mutex<()>>,
    /// Requests that paint or wait.
    busy: AtomicU64,
    /// Changes whenever a line tells something.
    pulse: AtomicU64,
    /// What the process said of its weights when it started; nothing where one is started for each request.
    buffers: OnceLock<Buffers>,
}

/// Counts a request as long as it is there.
struct Busy<'a>(&'a AtomicU64);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Studio {
    pub(crate) fn new(
        plan: Arc<LaunchPlan>,
        settings: Settings,
        family: Family,
        build: Build,
        history: History,
        key: String,
    ) -> Self {
        Self {
            plan,
            settings,
            family,
            build,
            history,
            key,
            turn: Arc::default(),
            busy: AtomicU64::new(0),
            pulse: AtomicU64::new(0),
            buffers: OnceLock::new(),
        }
    }

    /// Takes in what the process printed until it was ready.
    pub(crate) fn loaded(&self, lines: &[String]) {
        let mut buffers = Buffers::default();
        for line in lines {
            buffers.take(line, mark(line));
        }
        // It is ready once.
        let _ = self.buffers.set(buffers);
    }

    /// What the instance can do.
    pub(crate) fn capabilities(&self) -> Capabilities {
        self.capabilities_with(&loras::found(&self.settings))
    }

    fn capabilities_with(&self, loras: &[LoraFile]) -> Capabilities {
        let one_shot = self.settings.mode == Mode::OneShot;
        let facts = self.family.defaults();
        let limits = Limits {
            max_pixels: self.settings.pixels,
            multiple: facts.multiple,
            max_steps: if one_shot { MOST_STEPS } else { MOST_STEPS_OF_THE_SERVER },
            ..Limits::default()
        };
        Capabilities {
            family: Some(self.settings.family.clone()),
            mode: self.settings.mode.name().to_owned(),
            samplers: self.build.samplers.clone(),
            schedulers: self.build.schedulers.clone(),
            loras: loras.iter().map(|lora| lora.name.clone()).collect(),
            edits: true,
            previews: self.previews(),
            limits,
            defaults: self.defaults(limits),
        }
    }

    /// The family's own size, or the largest square below it that memory is reserved for.
    fn defaults(&self, limits: Limits) -> Defaults {
        let facts = self.family.defaults();
        let side = u32::try_from(limits.max_pixels.isqrt()).unwrap_or(facts.side).min(facts.side);
        let side = (side / limits.multiple.max(1) * limits.multiple.max(1)).max(limits.min_side);
        Defaults {
            size: Some(Size::new(side, side)),
            steps: Some(self.settings.steps),
            cfg_scale: Some(self.settings.cfg_scale),
            guidance: Some(facts.guidance.unwrap_or(GUIDANCE)),
            sampler: self.settings.sampler.clone(),
            scheduler: None,
            clip_skip: None,
            strength: Some(STRENGTH),
        }
    }

    /// Whether images are shown while they are painted: `sd-server` has no way to.
    pub(crate) fn previews(&self) -> bool {
        self.settings.mode == Mode::OneShot && self.build.previews
    }

    /// The request with everything resolved.
    pub(crate) async fn order(&self, request: ImageRequest) -> Result<Order, ImageError> {
        let mut random = [0_u8; 4];
        // Without randomness one seed is as good as another.
        let _ = getrandom::fill(&mut random);
        let settings = self.settings.clone();
        let found = off_thread(move || Ok(loras::found(&settings))).await;
        let loras = found.unwrap_or_default();
        let capabilities = self.capabilities_with(&loras);
        // What the plan says is checked like the rest: `sd-server` would silently take something else.
        let request = ImageRequest {
            steps: request.steps.or(Some(self.settings.steps)),
            sampler: request.sampler.or_else(|| self.settings.sampler.clone()),
            ..request
        };
        capabilities.check(&request)?;
        let seed = u64::from(u32::from_ne_bytes(random));
        let mut order = Order::of(request, &self.settings, &capabilities, &loras, seed)?;
        capabilities.limits.check_size(order.size)?;
        if let Some(mask) = order.mask.take() {
            let whiter = off_thread(move || Ok(white_where_transparent(mask))).await;
            order.mask =
                Some(whiter.map_err(|error| failed(&error.to_string(), "Send the request again."))??);
        }
        Ok(order)
    }

    /// Waits for its turn, and says so.
    pub(crate) async fn turn(&self, order: &Order, events: &mpsc::Sender<ImageEvent>) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(&self.turn);
        if let Ok(turn) = Arc::clone(&turn).try_lock_owned() {
            return turn;
        }
        let queued = Progress { stage: Stage::Queued, images: order.images, ..Progress::default() };
        let _ = events.try_send(ImageEvent::Progress(queued));
        turn.lock_owned().await
    }

    /// Waits until nothing paints any more.
    pub(crate) async fn quiet(&self) {
        drop(self.turn.lock().await);
    }

    /// Whether something is painted.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    /// A number that changes while work gets on, if there is work: of the process `pid` too, for much of the work
    /// prints nothing.
    pub(crate) fn pulse(&self, pid: Option<u32>) -> Option<u64> {
        let work = pid.and_then(process::work).unwrap_or_default();
        self.is_busy().then(|| self.pulse.load(Ordering::Relaxed).wrapping_add(work))
    }

    /// Follows `child` at the work on `order`. Lines that it printed before do not count.
    pub(crate) async fn follow<'a>(
        &'a self,
        child: &Child,
        work: Work,
        events: &'a mpsc::Sender<ImageEvent>,
        fresh: bool,
    ) -> Follower<'a> {
        let mut lines = child.lines();
        if !fresh {
            skip(&mut lines).await;
        }
        self.busy.fetch_add(1, Ordering::Relaxed);
        let tracker = Tracker::new(work, self.history.rates(&self.key));
        let began = Instant::now();
        Follower {
            studio: self,
            _busy: Busy(&self.busy),
            pid: child.pid(),
            lines,
            tracker,
            events,
            began,
            work,
            peak: None,
            buffers: self.buffers.get().copied().unwrap_or_default(),
            said: Vec::new(),
            applied: Applied::default(),
            done: false,
        }
    }

    /// The painting of whole files, with what they were made with in them.
    pub(crate) fn painting(
        &self,
        order: &Order,
        files: Vec<Vec<u8>>,
        follower: &mut Follower<'_>,
        counts: bool,
    ) -> Result<Painting, ImageError> {
        let timings = follower.tracker.finish(follower.began.elapsed());
        if files.iter().any(|file| !order.format.is_whole(file)) {
            return Err(disk_full());
        }
        follower.applied.check(&order.loras)?;
        let pixels = order.size.pixels();
        // What LoRAs take is added to what an image took without; and where the encoder is reserved for pictures to
        // begin with, an image that begins with none says nothing of it.
        let all_of_it = order.init.is_some() || !self.settings.edits;
        let peak = follower.peak().filter(|_| counts && all_of_it && order.loras.is_empty());
        drop(self.history.remember(&self.key, follower.work, timings, pixels, peak));
        let images = (order.seed..).zip(files).map(|(seed, bytes)| {
            let parameters = order.parameters(&self.plan.model.id, &self.settings.family, seed);
            Painted { bytes: order.signed(bytes, &parameters), format: order.format, seed }
        });
        Ok(Painting {
            images: images.collect(),
            size: Some(order.size),
            parameters: order.parameters(&self.plan.model.id, &self.settings.family, order.seed),
            timings,
        })
    }
}

/// Follows one request by its lines, and tells of it.
pub(crate) struct Follower<'a> {
    studio: &'a Studio,
    _busy: Busy<'a>,
    pid: u32,
    lines: Lines,
    tracker: Tracker,
    events: &'a mpsc::Sender<ImageEvent>,
    began: Instant,
    work: Work,
    /// The most host memory of the process so far, in bytes.
    peak: Option<u64>,
    buffers: Buffers,
    /// What it printed that is not progress: why it failed, if it fails.
    pub(crate) said: Vec<String>,
    /// What it said of `LoRAs`.
    applied: Applied,
    /// Whether it said that it is done.
    done: bool,
}

impl Follower<'_> {
    /// Waits for the next line that tells something, or for some time. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Mark> {
        let told = tokio::time::timeout(TICK, async {
            match self.lines.next().await {
                Some(line) => line,
                // Its end is waited for elsewhere.
                None => std::future::pending().await,
            }
        });
        let mark = told.await.ok().and_then(|line| {
            let mark = self.hear(&line.text);
            if mark.is_none() && self.said.len() < 200 {
                self.said.push(line.text.to_string());
            }
            mark
        });
        self.peak = process::peak(self.pid).max(self.peak);
        if let Some(mark) = mark {
            self.studio.pulse.fetch_add(1, Ordering::Relaxed);
            self.tracker.take(mark, self.began.elapsed());
        }
        self.tell();
        mark
    }

    /// Takes in what it printed before it ended.
    pub(crate) async fn rest(&mut self) {
        while let Some(line) = self.lines.next().await {
            if let Some(mark) = self.hear(&line.text) {
                self.tracker.take(mark, self.began.elapsed());
            }
        }
    }

    /// Takes in the lines up to the one that says that the work is done: a server that is asked may say so sooner.
    pub(crate) async fn end(&mut self) {
        let deadline = Instant::now() + LAST_LINES;
        while !self.done && Instant::now() < deadline {
            self.next().await;
        }
    }

    fn hear(&mut self, line: &str) -> Option<Mark> {
        let mark = mark(line);
        self.buffers.take(line, mark);
        self.applied.take(line);
        self.done |= mark == Some(Mark::Done);
        mark
    }

    /// The most memory so far, where the system tells.
    fn peak(&self) -> Option<Peak> {
        let settings = &self.studio.settings;
        // Weights that are copied to the GPU when they are needed are not told of.
        let told = settings.device.is_some() && !settings.savings.offload_to_cpu;
        let device = told.then(|| self.buffers.peak(settings.mode)).flatten();
        self.peak.map(|host| Peak { host, device })
    }

    fn tell(&mut self) {
        if !self.events.is_closed() {
            let progress = self.tracker.progress(self.began.elapsed());
            // Lost where nobody takes it.
            let _ = self.events.try_send(ImageEvent::Progress(progress));
        }
    }

    /// Shows what an image looks like so far.
    pub(crate) fn show(&self, partial: Partial) {
        let _ = self.events.try_send(ImageEvent::Partial(partial));
    }
}

/// Skips the lines that are there already.
async fn skip(lines: &mut Lines) {
    loop {
        tokio::select! {
            biased;
            line = lines.next() => if line.is_none() { return },
            () = std::future::ready(()) => return,
        }
    }
}
