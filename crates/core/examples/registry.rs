//! Lists the backends that are linked into this program: here the one that it registers itself.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::sync::Arc;

use loadmaster_core::{Backend, BackendContext, BackendError, BackendFactory, Registry, submit_backend};

fn make(_: &BackendContext) -> Result<Arc<dyn Backend>, BackendError> {
    Err(BackendError::system("starting the example backend", "it only shows how to register"))
}

submit_backend!(BackendFactory { id: "example", description: "shows how to register", make });

fn main() {
    for factory in Registry::factories() {
        println!("{}: {}", factory.id, factory.description);
    }
}
