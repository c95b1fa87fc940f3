//! Prints the `OpenAPI` document: `cargo run -p loadmaster-control --example openapi > docs/openapi.json`
#![expect(clippy::print_stdout, reason = "an example prints")]

fn main() {
    print!("{}", loadmaster_control::openapi());
}
