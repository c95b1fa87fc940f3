//! `loadmaster inspect`

mod contents;
mod image;

use std::{io::ErrorKind, process::ExitCode};

use loadmaster_checkpoint::{CheckpointError, Parts};
use loadmaster_core::Bytes;
use loadmaster_gguf::{ArrayMode, Facts, Header, PerLayer, ReadOptions, WeightSizes};
use serde_json::{Value, json};

use crate::{Failed, args::InspectArgs, config::Config, library, printed::print, source::Source, table};

pub(crate) async fn execute(args: &InspectArgs, config: &Config) -> Result<ExitCode, Failed> {
    let found = library::find(&args.file, config).await?;
    if found.is_none() {
        library::known(&args.file, config)?;
    }
    let source = Source::of(found.as_ref().map_or(&args.file, |found| &found.path));
    if let Some(parts) = image(source)? {
        return print(&if args.json {
            format!("{:#}\n", image::as_json(&parts))
        } else {
            table::lined_up_left(&image::rows(&parts))
        })
        .map(|()| ExitCode::SUCCESS);
    }
    let arrays = if args.all { ArrayMode::Read } else { ArrayMode::Skip };
    let header = source.header(ReadOptions { arrays }, &config.network).await?;
    let complete = header.check_whole();
    let facts = Facts::of(&header);
    if args.json {
        let cause = complete.as_ref().err().map(ToString::to_string);
        print(&format!("{:#}\n", as_json(args, &header, &facts, cause.as_deref())))?;
    } else {
        let mut tables = vec![table::lined_up_left(&rows(&header, &facts))];
        if args.all {
            tables.push(table::lined_up_left(&contents::metadata(&header)));
        }
        if args.tensors {
            tables.push(table::lined_up(&contents::tensors(&header)));
        }
        print(&tables.join("\n"))?;
    }
    // The header was shown; a file that cannot be loaded is a failure all the same.
    complete.map_err(|error| source.unusable(&error))?;
    Ok(ExitCode::SUCCESS)
}

/// The image model that a safetensors file on this disk is.
fn image(source: Source<'_>) -> Result<Option<Parts>, Failed> {
    let Source::File(path) = source else { return Ok(None) };
    let named = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"));
    if !named {
        return Ok(None);
    }
    let failed = |error: CheckpointError| {
        let failed = match &error {
            CheckpointError::Read { source, .. } if source.kind() == ErrorKind::NotFound => {
                Failed::not_found(error.to_string())
            }
            _ => Failed::because(error.to_string()),
        };
        failed.remedy(error.remedy())
    };
    Parts::open(path).map(Some).map_err(failed)
}

fn as_json(args: &InspectArgs, header: &Header, facts: &Facts, cause: Option<&str>) -> Value {
    let weights = WeightSizes::of(header);
    let mut json = json!({ "facts": facts, "weights": weights, "complete": cause.is_none(), "cause": cause });
    if args.all {
        json["metadata"] = contents::metadata_json(header);
    }
    if args.tensors {
        json["tensors"] = contents::tensors_json(header);
    }
    json
}

fn rows(header: &Header, facts: &Facts) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            rows.push([name.to_owned(), contents::printable(&value)]);
        }
    };
    put("name", facts.name.clone());
    put("kind", shown(&facts.kind));
    put("architecture", facts.architecture.clone());
    put("parameters", facts.parameter_count.map(millions));
    put("quantisation", facts.quantisation.clone());
    put("bits per weight", facts.bits_per_weight.map(|bits| format!("{bits:.2}")));
    put("context length", facts.context_length.map(|tokens| format!("{tokens} tokens")));
    put("layers", facts.block_count.map(|count| count.to_string()));
    put("embedding length", facts.embedding_length.map(|length| length.to_string()));
    put("attention heads", heads(facts.head_count.as_ref(), facts.head_count_kv.as_ref()));
    let experts = facts.expert_count.filter(|count| *count > 0);
    put("experts", experts.map(|count| format!("{count}, {} used", facts.expert_used_count.unwrap_or(0))));
    put("vocabulary", facts.vocab_size.map(|size| format!("{size} tokens")));
    put("tokenizer", facts.tokenizer.clone());
    put("chat template", Some(yes_or_no(facts.has_chat_template)));
    // Only a template says so: without one nothing is known.
    put("tool use", facts.has_chat_template.then(|| yes_or_no(facts.tool_use)));
    put("reasoning", facts.has_chat_template.then(|| yes_or_no(facts.reasoning)));
    put("shard", facts.shard.map(|shard| format!("{} of {}", shard.index + 1, shard.count)));
    let tensors = facts.tensor_bytes.map_or_else(String::new, |bytes| format!(", {}", Bytes(bytes)));
    put("tensors", Some(format!("{}{tensors}", facts.tensor_count)));
    put("header", Some(Bytes(header.header_bytes()).to_string()));
    put("file", facts.file_bytes.map(|bytes| Bytes(bytes).to_string()));
    put("GGUF version", Some(facts.gguf_version.to_string()));
    rows
}

fn yes_or_no(holds: bool) -> String {
    if holds { "yes" } else { "no" }.to_owned()
}

/// The name that a value has in JSON.
fn shown(value: &impl serde::Serialize) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => Some(name),
        _ => None,
    }
}

fn heads(all: Option<&PerLayer>, kv: Option<&PerLayer>) -> Option<String> {
    let number = |heads: &PerLayer| match heads {
        PerLayer::Same(count) => count.to_string(),
        PerLayer::Each(_) => format!("up to {}", heads.max().unwrap_or(0)),
    };
    let kv = kv.map_or_else(String::new, |kv| format!(", {} of keys and values", number(kv)));
    // A model without attention has none.
    let all = all.filter(|all| all.max() != Some(0))?;
    Some(format!("{}{kv}", number(all)))
}

fn millions(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a display with one decimal")]
    let count = count as f64;
    if count >= 1e9 { format!("{:.2} billion", count / 1e9) } else { format!("{:.1} million", count / 1e6) }
}
