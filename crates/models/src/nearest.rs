//! Names that somebody may have meant.

/// The names that are nearest to `wanted`, the nearest first, at most `count`; none that is far from it.
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>, count: usize) -> Vec<String> {
    const NEAR: f64 = 0.6;
    let wanted = wanted.to_lowercase();
    let mut found: Vec<(f64, &str)> = names
        .map(|name| {
            let lower = name.to_lowercase();
            // Part of a name is near to it, whatever else the name has.
            let part = if !wanted.is_empty() && lower.contains(&wanted) { 1.0 } else { 0.0 };
            (f64::max(part, strsim::jaro_winkler(&wanted, &lower)), name)
        })
        .filter(|(likeness, _)| *likeness >= NEAR)
        .collect();
    found.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
    found.into_iter().take(count).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_come_first_and_the_far_not_at_all() {
        let names = ["model-Q4_K_M.gguf", "model-Q8_0.gguf", "README.md"];
        assert_eq!(nearest("model-q4_k_s.gguf", names.into_iter(), 1), ["model-Q4_K_M.gguf"]);
        assert_eq!(nearest("q8_0", names.into_iter(), 1), ["model-Q8_0.gguf"]);
        assert!(nearest("zzz", names.into_iter(), 3).is_empty());
    }
}
