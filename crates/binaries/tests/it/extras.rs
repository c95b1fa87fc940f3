//! Archives that go beside a program, and mirrors they come from.

use std::fs;

use loadmaster_binaries::{BinariesError, Catalog, Library, Program, Request, Stage};

use crate::{
    archives::{Entry, file},
    builds::{Setup, real},
};

/// What the addresses in the catalog begin with: nobody is there.
const OFFICIAL: &str = "https://official.invalid/releases/";

/// A build at an official address and a runtime beside it, both at the mirror alone.
fn with_runtime(setup: &Setup, runtime: &[Entry]) -> Library {
    let (_, program) = setup.put("build.tar.gz", &real("one"));
    let (_, beside) = setup.put("runtime.tar.gz", runtime);
    let catalog = format!(
        "schema = 1\n[[build]]\nid = \"one\"\nprogram = \"llama\"\nversion = \"1\"\nvariants = [\"cpu\"]\n\
         [build.from.archive]\nurl = \"{OFFICIAL}build.tar.gz\"\nsha256 = \"{program}\"\n\
         [[build.also]]\nwhat = \"a runtime\"\nurl = \"{OFFICIAL}runtime.tar.gz\"\nsha256 = \"{beside}\"\n"
    );
    let catalog = Catalog::empty().extended(&catalog, "the test's catalog").unwrap();
    setup.library_of(catalog.mirrored(OFFICIAL, &setup.web.url("")), &[])
}

#[tokio::test]
async fn a_runtime_lies_beside_the_program_and_both_come_from_the_mirror() {
    let setup = Setup::new();
    // As the runtimes of CUDA come: in a folder of their own.
    let library = with_runtime(&setup, &[file("cudart-llama-b1/libcudart.so.12", "runtime")]);
    let found = library.install(&Request::new(Program::Llama), &setup.host, &setup.observer()).await.unwrap();
    assert_eq!(fs::read(found.program.with_file_name("libcudart.so.12")).unwrap(), b"runtime");
    assert_eq!(setup.web.requests(), 2);
    assert_eq!(setup.leftovers(), Vec::<String>::new());
    // It is one of the build's files from then on.
    fs::write(found.program.with_file_name("libcudart.so.12"), "another").unwrap();
    let verified = library.verify(Program::Llama, None, false, &setup.host, &setup.observer()).await.unwrap();
    assert_eq!(verified[0].damaged, ["libcudart.so.12"]);
}

#[tokio::test]
async fn a_runtime_replaces_nothing_of_the_program() {
    let setup = Setup::new();
    let library = with_runtime(&setup, &[file("llama-server", "evil"), file("other", "a")]);
    let error =
        library.install(&Request::new(Program::Llama), &setup.host, &setup.observer()).await.unwrap_err();
    let BinariesError::NoneWorks { attempts, .. } = &error else { panic!("{error}") };
    assert_eq!(attempts[0].stage, Stage::Unpack);
    assert!(attempts[0].cause.contains("`llama-server` more than once"), "{error}");
    assert_eq!(setup.leftovers(), Vec::<String>::new());
}
