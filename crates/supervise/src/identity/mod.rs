//! Telling a process from the next one that gets its number.
//!
//! Two siblings with the same functions: Linux reads `/proc`, exactly; elsewhere the `sysinfo`
//! crate gives start times in whole seconds.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use self::linux::{carriers, look};

#[cfg(any(not(target_os = "linux"), test))]
mod portable;
#[cfg(not(target_os = "linux"))]
pub(crate) use self::portable::{carriers, look};

/// What can be seen of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// When it started, in a form that is only good for comparing.
    pub(crate) start: String,
    /// It has ended and only waits to be reaped.
    pub(crate) ended: bool,
}

/// Whether the process `pid` that started at `start` still runs.
pub(crate) fn lives(pid: u32, start: &str) -> bool {
    look(pid).is_some_and(|seen| !seen.ended && seen.start == start)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{carriers, lives, look, portable};
    use crate::{NONCE_VARIABLE, Spec, Supervisor};

    #[test]
    fn we_are_alive_and_our_number_at_another_time_is_not_us() {
        let me = std::process::id();
        let seen = look(me).expect("this process runs");
        assert!(!seen.ended);
        assert!(lives(me, &seen.start));
        assert!(!lives(me, "some other time"));
    }

    #[test]
    fn nobody_has_the_highest_number() {
        assert_eq!(look(u32::MAX), None);
        assert_eq!(portable::look(u32::MAX), None);
    }

    #[test]
    fn the_portable_sibling_sees_us_too_and_always_the_same() {
        let me = std::process::id();
        let first = portable::look(me).expect("this process runs");
        assert!(!first.ended);
        assert!(first.start.parse::<u64>().unwrap() > 1_600_000_000);
        assert_eq!(portable::look(me), Some(first));
    }

    #[tokio::test]
    async fn both_siblings_find_a_child_by_its_mark() {
        let script = format!("echo ${NONCE_VARIABLE}; kill -STOP $$");
        let child = Supervisor::new(None).spawn(Spec::new("sh").args(["-c", &script])).await.unwrap();
        let nonce = child.lines().next().await.unwrap().text;
        assert_eq!(carriers(NONCE_VARIABLE, &nonce), [child.pid()]);
        assert_eq!(portable::carriers(NONCE_VARIABLE, &nonce), [child.pid()]);
        assert!(carriers(NONCE_VARIABLE, "another").is_empty());
        assert!(portable::carriers(NONCE_VARIABLE, "another").is_empty());
    }
}
