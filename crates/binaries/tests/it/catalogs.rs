//! What users hear of catalogs that are none.

use loadmaster_binaries::{BinariesError, Catalog};

#[test]
fn a_bad_catalog_is_named_with_its_line() {
    let text = "schema = 1\n\n[[build]]\nid = \"mine\"\nprogram = \"lama\"\n";
    let error = Catalog::embedded().extended(text, "builds.toml").unwrap_err();
    assert!(matches!(&error, BinariesError::Catalog { line: 5, .. }), "{error}");
    let shown = error.to_string();
    assert!(shown.starts_with("builds.toml, line 5: unknown variant `lama`"), "{shown}");
}

#[test]
fn a_build_is_what_it_was_as_json() {
    for build in Catalog::embedded().builds() {
        let json = serde_json::to_string(build).unwrap();
        assert_eq!(serde_json::from_str::<loadmaster_binaries::Build>(&json).unwrap(), *build);
    }
}
