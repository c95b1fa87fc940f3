//! Models that come from a hub.

use std::{fs, path::PathBuf};

use loadmaster_fetch::{Client, Credential, Options};
use loadmaster_models::{
    Budget, Catalog, Fit, Hub, Import, Job, Kind, Library, ModelName, ModelsError, Outcome, Place, Plan,
    PullOptions, Puller, Reference, Role, Sha256, Step, Strategy,
};
use tempfile::TempDir;

use crate::{
    hub::{COMMIT, Faults, TestHub},
    maker,
};

const MIB: usize = 1 << 20;

/// A hub and a library.
struct World {
    hub: TestHub,
    library: Library,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("the test's world works");
        let library = Library::open(folder.path().join("models")).expect("the test's world works");
        Self { hub: TestHub::start().await, library, folder }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn puller_with(&self, token: Option<&str>, catalog: Catalog) -> Puller {
        let credential = Credential::new(&self.hub.endpoint(), token.map(str::to_owned), "Get a token.")
            .expect("the test's world works");
        let client = Client::new(Options { credentials: vec![credential], ..Options::default() })
            .expect("the test's world works");
        let hub = Hub::new(client, &self.hub.endpoint(), token.is_some());
        Puller::new(self.library.clone(), hub, catalog, vec![self.cache()])
    }

    fn puller(&self) -> Puller {
        self.puller_with(None, Catalog::embedded().expect("the test's world works"))
    }

    fn reference(&self, text: &str) -> Reference {
        Reference::parse(text, &self.hub.endpoint()).expect("the test's world works")
    }

    async fn pull(&self, text: &str) -> Result<loadmaster_models::Manifest, ModelsError> {
        let options = PullOptions { budget: rich(), ..PullOptions::default() };
        self.puller().pull(&self.reference(text), options, |_| Ok(()), &Job::default()).await
    }

    fn is_intact(&self, name: &str) -> bool {
        let manifest = self.library.get(name).expect("the test's world works");
        let report = self.library.verify(&[manifest], &Job::default()).expect("the test's world works");
        report.files.iter().all(|file| file.outcome == Outcome::Intact)
    }

    /// Whether anything can be seen of a model, or of what is left of one.
    fn is_empty(&self) -> bool {
        let listing = self.library.list().expect("the test's world works");
        listing.models.is_empty() && listing.damaged.is_empty()
    }
}

fn rich() -> Budget {
    Budget { accelerators: 0, host: 64 << 30 }
}

fn file(name: &str, bytes: Vec<u8>) -> (String, Vec<u8>) {
    (name.to_owned(), bytes)
}

/// Connections that break again and again.
fn cuts() -> Faults {
    Faults { cut_every: Some(3), cut_after: 1_500_000, wrong: false, slow: false, ..Faults::default() }
}

fn total(files: &[(String, Vec<u8>)]) -> u64 {
    files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
}

fn at_most_two_percent_more(sent: u64, total: u64) {
    assert!(sent * 100 <= total * 102, "{sent} bytes were sent for {total}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_model_comes_over_connections_that_break() {
    let world = World::new().await;
    let files = maker::split_llm("big-Q4_K_M", 3, 12 * MIB as u64);
    world.hub.add("owner/big", &files);
    world.hub.break_by(cuts());
    let (job, mut stream) = Job::stream();
    let puller = world.puller();
    let options = PullOptions { budget: rich(), ..PullOptions::default() };
    let manifest = puller.pull(&world.reference("owner/big"), options, |_| Ok(()), &job).await.unwrap();
    drop(job);
    let last = stream.next().await.unwrap();
    assert_eq!((last.done, last.total), (total(&files), Some(total(&files))));
    at_most_two_percent_more(world.hub.sent(), total(&files));
    assert!(world.hub.cuts() > 2);

    assert_eq!((manifest.name.as_str(), manifest.weights.len(), manifest.kind), ("big-Q4_K_M", 3, Kind::Llm));
    assert_eq!(manifest.reference.as_deref(), Some("owner/big"));
    let source = manifest.weights[2].source.clone().unwrap();
    assert_eq!((source.repo.as_deref(), source.revision.as_deref()), (Some("owner/big"), Some("main")));
    assert_eq!((source.commit.as_deref(), source.licence.as_deref()), (Some(COMMIT), Some("apache-2.0")));
    assert!(world.is_intact("big-Q4_K_M"));
    assert_eq!(world.library.disk_usage().unwrap().unfinished, 0);
    // Once more costs the questions alone: what they answer is there.
    world.pull("owner/big").await.unwrap();
    assert!(world.hub.sent() < 1_000_000);
    let freed = world.library.remove("big-q4_k_m").unwrap().freed;
    assert!(freed >= total(&files) && world.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_components_shares_what_others_have() {
    let world = World::new().await;
    let (one, two) = (maker::diffusion(9 * MIB, 1), maker::diffusion(5 * MIB, 2));
    let (encoder, vae) = (maker::llm(6 * MIB as u64, 3), maker::vae(4 * MIB));
    world.hub.add("owner/one", &[file("one.safetensors", one.clone())]);
    world.hub.add("owner/two", &[file("two.safetensors", two.clone())]);
    world.hub.add(
        "owner/parts",
        &[file("llm/enc-Q4_0.gguf", encoder.clone()), file("vae/ae.safetensors", vae.clone())],
    );
    world.hub.break_by(cuts());
    let model = |name: &str| {
        format!(
            "[[model]]\nname = \"{name}\"\ntitle = \"T\"\nkind = \"diffusion\"\nrepo = \"owner/{name}\"\n\
             licence = \"mit\"\nrecommended = {{ steps = 4 }}\n\
             [[model.component]]\nrole = \"llm\"\nrepo = \"owner/parts\"\nfile = \"llm/enc-Q4_0.gguf\"\n\
             [[model.component]]\nrole = \"vae\"\nrepo = \"owner/parts\"\nfile = \"vae/ae.safetensors\"\n"
        )
    };
    let catalog = Catalog::parse(&(model("one") + &model("two"))).unwrap();
    let puller = world.puller_with(None, catalog);
    let pull = async |name: &str| {
        let options = PullOptions { budget: rich(), ..PullOptions::default() };
        puller.pull(&world.reference(name), options, |_| Ok(()), &Job::default()).await.unwrap()
    };
    let first = pull("one").await;
    at_most_two_percent_more(world.hub.sent(), (one.len() + encoder.len() + vae.len()) as u64);
    assert_eq!((first.kind, &first.recommended["steps"]), (Kind::Diffusion, &4.into()));
    let roles: Vec<Role> = first.components.iter().map(|component| component.role).collect();
    assert_eq!(roles, [Role::Llm, Role::Vae]);
    assert!(world.is_intact("one"));
    let second = pull("two").await;
    // The parts are there.
    at_most_two_percent_more(world.hub.sent(), two.len() as u64);
    assert_eq!(first.components, second.components);
    let report = world.library.remove("one").unwrap();
    assert_eq!((report.kept.len(), world.is_intact("two")), (2, true));
    assert!(world.library.remove("two").unwrap().freed >= (two.len() + encoder.len() + vae.len()) as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_comes_from_any_address() {
    let world = World::new().await;
    let bytes = maker::safetensors(&[("model.diffusion_model.x", 8 * MIB), ("first_stage_model.y", MIB)], 4);
    world
        .hub
        .add("owner/sd", &[file("sd v1.safetensors", bytes.clone()), file("README.md", b"# A".to_vec())]);
    world.hub.break_by(cuts());
    // By its repository, which has just one; by its file; by an address that is no hub's for us.
    let manifest = world.pull("owner/sd").await.unwrap();
    at_most_two_percent_more(world.hub.sent(), bytes.len() as u64);
    assert_eq!((manifest.kind, manifest.name.as_str()), (Kind::Diffusion, "sd-v1"));
    assert!(world.is_intact("sd-v1"));
    let url = format!("{}/owner/sd/resolve/main/sd%20v1.safetensors", world.hub.endpoint());
    assert_eq!(world.pull(&url).await.unwrap(), manifest);
    let url = Reference::Url(format!("{url}?token=secret"));
    let options = PullOptions { name: Some(ModelName::new("by-url").unwrap()), ..PullOptions::default() };
    let by_url = world.puller().pull(&url, options, |_| Ok(()), &Job::default()).await.unwrap();
    assert_eq!(by_url.weights[0].sha256, Some(Sha256::of(&bytes)));
    let text = fs::read_to_string(world.library.root().join("by-url/manifest.json")).unwrap();
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quantisation_is_chosen_by_the_machine_and_by_wish() {
    let world = World::new().await;
    let quantised = |name: &str, mib: u64| file(&format!("m-{name}.gguf"), maker::llm(mib << 20, mib));
    let files = [
        quantised("Q2_K", 1),
        quantised("Q4_K_M", 2),
        quantised("Q8_0", 4),
        quantised("F16", 8),
        file("mmproj-F16.gguf", maker::vae(10)),
    ];
    world.hub.add("owner/m", &files);
    let puller = world.puller();
    let plan = async |text: &str, budget: Budget| -> Result<Plan, ModelsError> {
        let options = PullOptions { budget, ..PullOptions::default() };
        puller.plan(&world.reference(text), options, &Job::default()).await
    };
    let of = |plan: &Plan| (plan.name.to_string(), plan.choice.as_ref().unwrap().fits);
    let on_gpu = Budget { accelerators: 8 << 30, host: 8 << 30 };
    let plan_for_gpu = plan("owner/m", on_gpu).await.unwrap();
    assert_eq!(of(&plan_for_gpu), ("m-Q8_0".into(), Fit::Accelerators));
    assert!(plan_for_gpu.header().is_some() && plan_for_gpu.files[1].role == Some(Role::Mmproj));
    assert_eq!(of(&plan("owner/m:q4_k_m", on_gpu).await.unwrap()).0, "m-Q4_K_M");
    assert_eq!(
        of(&plan("owner/m", Budget { accelerators: 0, host: 1 }).await.unwrap()),
        ("m-Q2_K".into(), Fit::Nowhere)
    );
    let error = plan("owner/m:Q5_K_M", on_gpu).await.expect_err("there is none");
    assert!(
        matches!(&error, ModelsError::NoSuchQuantisation { have, .. } if have.contains(&"Q8_0".to_owned())),
        "{error}"
    );
    // Of the projector nothing was read: a plan of memory can only be made of the weights.
    let folder = world.folder.path();
    assert_eq!(plan_for_gpu.save_outline(folder).unwrap(), None);
    let alone = plan("owner/m:m-Q8_0.gguf", on_gpu).await.unwrap();
    let outline = alone.save_outline(folder).unwrap().unwrap();
    assert_eq!(outline.metadata().unwrap().len(), alone.bytes);
    let header = loadmaster_gguf::Header::open_model(&outline).unwrap();
    assert_eq!((header.check_whole().is_ok(), header.architecture()), (true, Some("llama")));
    // Only headers were read.
    assert!(world.hub.sent() < 1_000_000);
    serde_json::to_string(&plan_for_gpu).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_is_refused_before_a_byte_of_weights() {
    let world = World::new().await;
    world.hub.add("owner/m", &[file("m.gguf", maker::llm(4 << 20, 1))]);
    let check = |plan: &Plan| {
        assert_eq!(plan.header().unwrap().architecture(), Some("llama"));
        let reason = format!("{} takes {} bytes and there is 1", plan.name, plan.bytes);
        Err(ModelsError::Refused { reason, remedy: "Buy memory.".into() })
    };
    let reference = world.reference("owner/m");
    let puller = world.puller();
    let refused = puller.pull(&reference, PullOptions::default(), check, &Job::default()).await;
    assert!(matches!(refused, Err(ModelsError::Refused { .. })) && world.is_empty());
    assert!(world.hub.sent() < 500_000);
    let anyway = PullOptions { anyway: true, ..PullOptions::default() };
    puller.pull(&reference, anyway, check, &Job::default()).await.unwrap();
    assert!(world.is_intact("m"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hubs_say_no_in_words_that_help() {
    let world = World::new().await;
    world.hub.add("owner/m", &[file("Q4/m-Q4_K_M.gguf", maker::llm(1000, 1)), file("README.md", vec![b'a'])]);
    world.hub.add("owner/none", &[file("README.md", vec![b'a'])]);
    world.hub.add("owner/gated", &[file("g.gguf", maker::llm(1000, 1))]);
    world.hub.change("owner/gated", |repository| repository.gate = Some("let-me-in".into()));
    let error = async |text: &str| {
        let error = world.pull(text).await.expect_err(text);
        assert!(
            !error.to_string().contains('\n') && error.remedy().ends_with(['.', '?']),
            "{error}: {}",
            error.remedy()
        );
        error
    };
    assert!(matches!(error("owner/nobody").await, ModelsError::NoSuchRepo { token_sent: false, .. }));
    assert!(matches!(error("owner/m@v9").await, ModelsError::NoSuchRevision { .. }));
    let near = error("owner/m:Q4/m-Q4_K_S.gguf").await;
    assert!(matches!(&near, ModelsError::NoSuchFile { near, .. } if near == &["Q4/m-Q4_K_M.gguf"]), "{near}");
    assert!(matches!(error("owner/none").await, ModelsError::NoModelInRepo { .. }));
    assert!(matches!(error("llama-9").await, ModelsError::NotInCatalog { .. }));
    assert!(matches!(error("http://127.0.0.1:1/m.gguf").await, ModelsError::Fetch(_)));
    let gated = error("owner/gated").await;
    let page = format!("{}/owner/gated", world.hub.endpoint());
    assert!(matches!(gated, ModelsError::Gated { .. }) && gated.remedy().contains(&page), "{gated}");
    assert!(world.is_empty());

    let puller = world.puller_with(Some("let-me-in"), Catalog::embedded().unwrap());
    let options = PullOptions { budget: rich(), ..PullOptions::default() };
    puller.pull(&world.reference("owner/gated"), options, |_| Ok(()), &Job::default()).await.unwrap();
    let (hub, network) = world.hub.heads();
    assert!(hub.iter().any(|head| head.contains("let-me-in")));
    assert!(!network.is_empty() && network.iter().all(|head| !head.contains("let-me-in")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_the_wrong_hash_never_becomes_a_model() {
    let world = World::new().await;
    world.hub.add("owner/m", &[file("m.gguf", maker::llm(9 << 20, 1))]);
    world.hub.break_by(Faults { wrong: true, ..Faults::default() });
    let error = world.pull("owner/m").await.expect_err("its bytes are wrong");
    assert!(error.to_string().contains("SHA-256") || error.to_string().contains("hash"), "{error}");
    assert!(world.is_empty());
    world.hub.break_by(Faults::default());
    world.pull("owner/m").await.unwrap();
    assert!(world.is_intact("m"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hugging_faces_cache_has_is_not_fetched_and_checked() {
    let world = World::new().await;
    let bytes = maker::llm(6 << 20, 1);
    world.hub.add("owner/m", &[file("m.gguf", bytes.clone())]);
    let blobs = world.cache().join("models--owner--m/blobs");
    let blob = maker::put(&blobs, &Sha256::of(&bytes).to_string(), &bytes);
    world.pull("owner/m").await.unwrap();
    assert!(world.hub.sent() < 500_000 && world.is_intact("m"));
    world.library.remove("m").unwrap();
    // A cache that is damaged is no reason to fail, and is left as it is.
    let mut damaged = bytes.clone();
    damaged[5 << 20] ^= 1;
    fs::write(&blob, &damaged).unwrap();
    world.pull("owner/m").await.unwrap();
    assert!(world.is_intact("m") && fs::read(&blob).unwrap() == damaged);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_off_is_gone_on_with() {
    let world = World::new().await;
    let files = maker::split_llm("big", 2, 24 * MIB as u64);
    world.hub.add("owner/big", &files);
    world.hub.break_by(Faults { slow: true, ..Faults::default() });
    let (job, mut stream) = Job::stream();
    let stop = job.clone();
    tokio::spawn(async move {
        while let Some(progress) = stream.next().await {
            if progress.step == Step::Download && progress.done > 4 * MIB as u64 {
                stop.cancel();
                return;
            }
        }
    });
    let options = PullOptions { budget: rich(), ..PullOptions::default() };
    let called_off = world.puller().pull(&world.reference("owner/big"), options, |_| Ok(()), &job).await;
    assert!(matches!(called_off, Err(ModelsError::Cancelled)), "{called_off:?}");
    assert!(world.is_empty() && world.library.disk_usage().unwrap().unfinished > 4 * MIB as u64);
    // What an earlier try left beside its files does not become a part of the model.
    let staging = fs::read_dir(world.library.root().join(".staging")).unwrap();
    let staging = staging.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
    maker::put(&staging.join("model"), "big-00001-of-00002.gguf.copy", b"half of it");
    world.hub.break_by(Faults::default());
    let manifest = world.pull("owner/big").await.unwrap();
    let files = fs::read_dir(world.library.root().join("big")).unwrap().count();
    assert_eq!(files, manifest.weights.len() + 1);
    // What was on its way when it ended is all that came twice.
    assert!(world.hub.sent() < manifest.size() + 8 * MIB as u64);
    assert!(world.is_intact("big"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_pull_the_same_fetch_it_once() {
    let world = World::new().await;
    let files = maker::split_llm("big", 2, 8 * MIB as u64);
    world.hub.add("owner/big", &files);
    let (one, two) = tokio::join!(world.pull("owner/big"), world.pull("owner/big"));
    assert_eq!(one.unwrap().weights, two.unwrap().weights);
    at_most_two_percent_more(world.hub.sent(), total(&files) + 500_000);
    let other = Import {
        name: Some(ModelName::new("other").unwrap()),
        ..Import::of(maker::put(world.folder.path(), "x.gguf", &maker::llm(100, 1)))
    };
    world.library.import(other, &Job::default()).unwrap();
    let taken = PullOptions { name: Some(ModelName::new("other").unwrap()), ..PullOptions::default() };
    let error = world.puller().pull(&world.reference("owner/big"), taken, |_| Ok(()), &Job::default()).await;
    assert!(matches!(error, Err(ModelsError::Exists { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_read_where_they_are_asked_for() {
    let world = World::new().await;
    world.hub.add("owner/m", &[file("m.gguf", maker::llm(1000, 1))]);
    let manifest = world.pull("owner/m").await.unwrap();
    let puller = world.puller();
    let path = manifest.main_file(world.library.root()).unwrap();
    // Local and remote differ: which was read shows.
    fs::write(&path, maker::gguf(&[("general.architecture", maker::V::Str("local"))], &[("a", 8)], 1))
        .unwrap();
    let read = async |strategy| {
        let facts = puller.refresh("m", strategy, &Job::default()).await?.facts;
        Ok::<_, ModelsError>(facts.architecture.unwrap())
    };
    assert_eq!(read(Strategy::LocalRemote).await.unwrap(), "local");
    assert_eq!(read(Strategy::RemoteLocal).await.unwrap(), "llama");
    assert_eq!(world.library.get("m").unwrap().facts.architecture.as_deref(), Some("llama"));
    fs::write(&path, b"no model").unwrap();
    assert!(read(Strategy::LocalOnly).await.is_err());
    assert_eq!(read(Strategy::LocalRemote).await.unwrap(), "llama");
    world.hub.change("owner/m", |repository| repository.files.clear());
    assert!(read(Strategy::RemoteOnly).await.is_err() && read(Strategy::RemoteLocal).await.is_err());
    assert!(matches!(&manifest.weights[0].place, Place::Model { .. }));
}
