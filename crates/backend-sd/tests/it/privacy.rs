//! What users ask for is theirs: it is in no log, and in nothing that is told of a server.

use serde_json::json;

use crate::place::{Place, cat_with, micro};

/// Words that no program says of itself.
const WORDS: [&str; 4] = ["quagga", "zanzibar", "wombat", "axolotl"];

#[tokio::test]
async fn no_word_of_a_prompt_is_kept() {
    let place = Place::new();
    // Several lines, and more than the programs have room for in one line of theirs.
    let prompt = format!("a quagga\nin zanzibar, [DEBUG] it says\n{}", "wombat, ".repeat(800));
    let wish = cat_with(&json!({"prompt": prompt, "negative_prompt": "axolotl\naxolotl"}));
    let mut told = String::new();
    for mode in ["resident", "one-shot"] {
        let running = place.start(&micro(mode)).await;
        running.paint(&wish).await.unwrap();
        if mode == "resident" {
            #[cfg(target_os = "linux")]
            {
                crate::left::killed(&place).await;
                told = running.instance.exit.wait().await.last_lines.join("\n");
                assert!(told.contains("compute buffer size"), "{told}");
            }
        }
        running.stop().await;
    }
    for log in std::fs::read_dir(place.logs()).unwrap().flatten() {
        let log = std::fs::read_to_string(log.path()).unwrap();
        assert!(log.contains("compute buffer size") && log.contains("generate_image 64x64"), "{log}");
        told.push_str(&log);
    }
    for word in WORDS {
        let lines: Vec<&str> = told.lines().filter(|line| line.contains(word)).collect();
        assert!(lines.is_empty(), "{lines:?}");
    }
}
