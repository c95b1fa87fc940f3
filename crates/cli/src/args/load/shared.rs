//! Flags that mean models of every kind.

use clap::{Args, builder::PossibleValuesParser};
use serde_json::Value;

use crate::load_flags::LoadFlags;

/// What models of every kind have.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "How the model is loaded")]
pub(super) struct SharedArgs {
    /// CPU threads
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
    /// Flash attention: on, off, auto
    #[arg(long, value_name = "WHEN", value_parser = PossibleValuesParser::new(["on", "off", "auto"]),
          hide_possible_values = true)]
    flash_attn: Option<String>,
    /// Seconds that loading may take
    #[arg(long, value_name = "SECONDS", hide_short_help = true)]
    start_timeout: Option<u64>,
}

impl SharedArgs {
    pub(super) fn add_to(&self, flags: &mut LoadFlags) {
        flags.both("--threads", "threads", self.threads.map(|threads| (threads, threads)));
        let attention = self.flash_attn.as_deref().map(|when| (when, of_images(when)));
        flags.both("--flash-attn", "flash_attention", attention);
        let seconds = self.start_timeout.map(|seconds| (seconds, seconds));
        flags.both("--start-timeout", "start_timeout", seconds);
    }
}

/// Image models know flash attention as a switch; what is automatic is the planner's.
fn of_images(when: &str) -> Value {
    match when {
        "on" => true.into(),
        "off" => false.into(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use loadmaster_core::ModelKind::{Image, Text};
    use serde_json::json;

    use crate::args::load::settings;

    #[test]
    fn they_reach_both_kinds_in_their_own_words() {
        let line = "loadmaster serve --threads 4 --flash-attn on --start-timeout 9";
        let of_text = json!({ "threads": 4, "flash_attention": "on", "start_timeout": 9 });
        assert_eq!(settings(line, Text), of_text);
        let of_images = json!({ "threads": 4, "flash_attention": true, "start_timeout": 9 });
        assert_eq!(settings(line, Image), of_images);
        for (when, switch) in [("off", json!(false)), ("auto", json!(null))] {
            let line = format!("loadmaster image m cat --flash-attn {when}");
            assert_eq!(settings(&line, Image), json!({ "flash_attention": switch }));
            assert_eq!(settings(&line, Text), json!({ "flash_attention": when }));
        }
    }
}
