//! The buffers that stable-diffusion.cpp prints when it is told to say much (`-v`).

use std::collections::BTreeMap;

/// The buffers of `log` in bytes, by the names of their owners: those of weights, and the largest of computing.
pub(super) fn buffers(log: &str) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let (mut weights, mut compute) = (BTreeMap::new(), BTreeMap::new());
    for line in log.lines() {
        if let Some((owner, bytes)) = buffer(line, " params backend buffer size =") {
            weights.insert(owner.to_owned(), bytes);
        } else if let Some((owner, bytes)) = buffer(line, " compute buffer size:") {
            let largest = compute.entry(owner.to_owned()).or_insert(0);
            *largest = bytes.max(*largest);
        }
    }
    (weights, compute)
}

/// Owner and bytes of a line such as `[DEBUG] ggml_extend.hpp:1921 - vae compute buffer size: 1664.06 MB(RAM)`, whose
/// MB are MiB.
fn buffer<'line>(line: &'line str, what: &str) -> Option<(&'line str, u64)> {
    let (before, after) = line.split_once(what)?;
    let size: f64 = after.trim_start().split(' ').next()?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size of memory, in MiB")]
    let bytes = (size * f64::from(1 << 20)) as u64;
    Some((before.rsplit(' ').next()?, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_told_apart_and_the_largest_counts() {
        let log = "\
[DEBUG] ggml_extend.hpp:2580 - unet params backend buffer size =  1640.25 MB(RAM) (686 tensors)
[DEBUG] ggml_extend.hpp:1921 - vae compute buffer size: 1664.50 MB(RAM)
[DEBUG] ggml_extend.hpp:1921 - vae compute buffer size: 416.00 MB(RAM)
[INFO ] stable-diffusion.cpp:1 - generating image: 1/1 - seed 1
";
        let (weights, compute) = buffers(log);
        assert_eq!(weights, BTreeMap::from([("unet".into(), 1640 * 1024 * 1024 + 256 * 1024)]));
        assert_eq!(compute, BTreeMap::from([("vae".into(), 1664 * 1024 * 1024 + 512 * 1024)]));
    }
}
