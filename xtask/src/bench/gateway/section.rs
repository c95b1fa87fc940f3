//! The page's section of this benchmark.

use std::fmt::Write as _;

use super::{Arguments, Case, Road, Work};

pub(super) fn section(arguments: &Arguments, machine: &str, cases: &[Case]) -> String {
    let Arguments { date, rounds, requests } = arguments;
    let mut text = format!(
        "## Latency of the gateway\n\n\
         `cargo xtask bench gateway --date {date} --rounds {rounds} --requests {requests}`, on {machine}. `POST /v1/completions` over \
         connections that are kept, from the request's first byte to the answer's last: to llama-server's own Unix socket, to the \
         same process through the release build of loadmaster, and to llama-server's router; in turn in one run, in {rounds} rounds. \
         The server has 4 slots. An empty prompt is answered without computing. llama-server serves 8 kept connections at once, \
         and the others wait until one of those is closed: of 32, the requests per second tell more than the median.\n\n\
         | request | connections | | p50 | p99 | p50 added | p99 added | requests/s |\n|---|---|---|---|---|---|---|---|\n",
    );
    for case in cases {
        let direct = cases.iter().find(|other| {
            other.road == Road::Direct && other.work == case.work && other.connections == case.connections
        });
        let added = |value: fn(&Case) -> f64| match direct {
            Some(direct) if case.road != Road::Direct => format!("{:+.2} ms", value(case) - value(direct)),
            _ => String::new(),
        };
        writeln!(
            text,
            "| {} | {} | {} | {:.2} ms | {:.2} ms | {} | {} | {:.0} |",
            match case.work {
                Work::Nothing => "empty prompt",
                Work::OneToken => "one token",
            },
            case.connections,
            match case.road {
                Road::Direct => "llama-server",
                Road::Gateway => "loadmaster",
                Road::Router => "llama-server router",
            },
            case.p50(),
            case.p99(),
            added(Case::p50),
            added(Case::p99),
            case.per_second(),
        )
        .expect("writing to a String cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::asking::Asked;
    use super::*;

    #[test]
    fn what_is_added_is_told_against_the_same_request_to_the_server_itself() {
        let case = |work, road, latencies: &[f64]| Case {
            work,
            connections: 1,
            road,
            asked: Asked { latencies: latencies.to_vec(), took: Duration::from_secs(1) },
        };
        let cases = [
            case(Work::OneToken, Road::Direct, &[9.0]),
            case(Work::Nothing, Road::Direct, &[1.0, 2.0, 3.0]),
            case(Work::Nothing, Road::Gateway, &[1.0, 2.25, 3.5]),
        ];
        let arguments = Arguments { date: "2026-01-02".to_owned(), rounds: 2, requests: 3 };
        let text = section(&arguments, "a machine", &cases);
        assert!(
            text.contains("| empty prompt | 1 | loadmaster | 2.25 ms | 3.50 ms | +0.25 ms | +0.50 ms | 3 |"),
            "{text}"
        );
        assert!(text.contains("| empty prompt | 1 | llama-server | 2.00 ms | 3.00 ms |  |  | 3 |"), "{text}");
    }
}
