use clap::{CommandFactory, Parser};
use loadmaster_core::ModelKind::{Embedding, Image, Text};
use serde_json::json;

use super::*;
use crate::args::{Args, Command};

fn object(json: Value) -> Settings {
    match json {
        Value::Object(settings) => settings,
        other => panic!("{other} is no object"),
    }
}

/// One flag for each kind, and one for both.
fn flags() -> LoadFlags {
    let mut flags = LoadFlags::default();
    flags.language("--ctx", "context_length", Some(512.into()));
    flags.image("--mode", "mode", Some("one-shot".into()));
    flags.both("--flash-attn", "flash_attention", Some(("on", true)));
    flags.image("--steps", "steps", None);
    flags
}

fn one(flag: &'static str, image: Value) -> LoadFlags {
    let mut flags = LoadFlags::default();
    flags.image(flag, if flag == "--component" { COMPONENTS } else { EXTRA }, Some(image));
    flags
}

fn laid_over(flags: &LoadFlags, settings: Value, kind: ModelKind) -> Value {
    let mut settings = object(settings);
    flags.lay_over(&mut settings, kind);
    settings.into()
}

#[test]
fn each_kind_gets_its_own_and_what_is_for_both() {
    let below = json!({ "context_length": 1, "mode": "resident", "steps": 9, "flash_attention": null });
    let text = json!({ "context_length": 512, "mode": "resident", "steps": 9, "flash_attention": "on" });
    assert_eq!(laid_over(&flags(), below.clone(), Text), text);
    assert_eq!(laid_over(&flags(), below.clone(), Embedding), text);
    let image = json!({ "context_length": 1, "mode": "one-shot", "steps": 9, "flash_attention": true });
    assert_eq!(laid_over(&flags(), below, Image), image);
}

#[test]
fn what_is_automatic_takes_a_setting_away() {
    let mut flags = LoadFlags::default();
    flags.both("--flash-attn", "flash_attention", Some((json!("auto"), Value::Null)));
    assert_eq!(
        laid_over(&flags, json!({ "flash_attention": true, "steps": 4 }), Image),
        json!({ "steps": 4 })
    );
    // A program elsewhere takes it away when it is told null.
    assert_eq!(Value::from(flags.settings(Image, &Settings::new())), json!({ "flash_attention": null }));
    assert_eq!(Value::from(flags.settings(Text, &Settings::new())), json!({ "flash_attention": "auto" }));
}

#[test]
fn files_are_laid_over_by_their_roles_and_flags_of_servers_by_their_names() {
    let files = one("--component", json!({ "vae": "/new", "taesd": null }));
    let known = json!({ COMPONENTS: { "vae": "/old", "taesd": "/t", "clip_l": "/c" }, "steps": 1 });
    let all = json!({ COMPONENTS: { "vae": "/new", "clip_l": "/c" }, "steps": 1 });
    assert_eq!(laid_over(&files, known.clone(), Image), all);
    assert_eq!(laid_over(&files, json!({}), Image), json!({ COMPONENTS: { "vae": "/new" } }));
    let extra = one("--sd-extra", json!({ "mmap": null }));
    let below = json!({ EXTRA: { "--rng": "cpu" } });
    let both = json!({ EXTRA: { "--rng": "cpu", "mmap": null } });
    assert_eq!(laid_over(&extra, below.clone(), Image), both);
    // The same, whole and without the rest, for a program that knows nothing of parts.
    assert!(files.have_parts(Image) && extra.have_parts(Image) && !files.have_parts(Text));
    assert_eq!(Value::from(files.settings(Image, &object(known))), json!({ COMPONENTS: all[COMPONENTS] }));
    assert_eq!(Value::from(extra.settings(Image, &object(below))), both);
}

#[test]
fn flags_of_the_other_kind_are_refused_with_what_to_take_instead() {
    let told = |flags: &LoadFlags, models: &[(&str, ModelKind)]| {
        let failed = flags.check(models.iter().copied()).map_err(|failed| {
            let (cause, remedy) = failed.told();
            format!("{cause} / {remedy}")
        });
        failed.err().unwrap_or_default()
    };
    assert_eq!(
        told(&flags(), &[("micro", Image)]),
        "--ctx is for language models, and the model 'micro' makes images / Leave it out. An image takes memory by \
         its size: --pixels reserves it."
    );
    assert_eq!(
        told(&flags(), &[("a", Text), ("b", Embedding)]),
        "--mode is for image models, and the models 'a' and 'b' make none / Leave it out."
    );
    // Of several models each gets what is for it.
    assert_eq!(told(&flags(), &[("a", Text), ("micro", Image)]), "");
    assert_eq!(told(&flags(), &[]), "");
    let mut both = one("--sd-extra", json!({ "mmap": null }));
    both.image("--pixels", "pixels", Some(1.into()));
    assert_eq!(
        told(&both, &[("a", Text)]),
        "--sd-extra and --pixels are for image models, and the model 'a' makes none / Leave them out. A language \
         model takes memory by its context: --ctx. --extra hands a flag to llama-server."
    );
    assert_eq!(flags().of_no_use(&[]), ["--ctx", "--mode", "--flash-attn"]);
    assert_eq!(flags().of_no_use(&[Image]), ["--ctx"]);
}

/// The flags of `serve` for how models are loaded.
fn load_flags() -> Vec<clap::Arg> {
    const HEADINGS: [&str; 3] = ["How the model is loaded", "Language models", "Image models"];
    let command = Args::command();
    let serve = command.find_subcommand("serve").unwrap();
    let is_of_models =
        |flag: &&clap::Arg| flag.get_help_heading().is_some_and(|heading| HEADINGS.contains(&heading));
    serve.get_arguments().filter(is_of_models).cloned().collect()
}

fn name(flag: &clap::Arg) -> String {
    format!("--{}", flag.get_long().unwrap())
}

#[test]
fn what_is_named_instead_is_there() {
    let known: Vec<String> = load_flags().iter().map(name).collect();
    let instead = INSTEAD.iter().flat_map(|(_, instead)| instead.split([' ', ',', '.', ':']));
    let words = INSTEAD.iter().flat_map(|(flags, _)| flags.iter().copied()).chain(instead);
    for flag in words.filter(|word| word.starts_with("--")) {
        assert!(known.iter().any(|name| name == flag), "there is no {flag}");
    }
}

#[test]
fn no_flag_is_dropped_and_the_readme_has_all() {
    let readme = include_str!("../../README.md");
    let flags = load_flags();
    assert!(flags.len() > 40, "the headings are others: {flags:?}");
    for flag in flags {
        let name = name(&flag);
        assert!(readme.contains(&format!("`{name}")), "{name} is missing in the README");
        // What a draft model has is told by its own flag.
        let (needed, told) = if name.starts_with("--draft-") {
            (vec!["--draft=d"], "--draft")
        } else {
            (Vec::new(), name.as_str())
        };
        let value_name =
            flag.get_value_names().and_then(|names| names.first()).map(clap::builder::Str::as_str);
        let value = match value_name.filter(|_| flag.get_action().takes_values()) {
            None => "",
            Some("WHEN" | "MODE") => "=auto",
            Some("true|false") => "=true",
            Some("ROLE=FILE" | "PATTERN=DEVICE") => "=vae=f",
            Some(_) => "=1",
        };
        let given = format!("{name}{value}");
        let line = ["loadmaster", "serve", given.as_str()].into_iter().chain(needed);
        let Command::Serve(serve) = Args::try_parse_from(line).unwrap().command else { panic!("serve") };
        assert_eq!(serve.load.flags().of_no_use(&[]), [told], "{given}");
    }
}
