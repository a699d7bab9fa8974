//! Answers, with tracing-subscriber's own EnvFilter, what one JSON line each asks: does this filter
//! let this record through? Prints `yes`, `no`, or `bad` where the filter does not parse.
//! With `--bench` it prints nanoseconds a decision instead.
mod bench;
mod case;

use std::io::{BufRead, Write};

fn main() {
    if std::env::args().nth(1).as_deref() == Some("--bench") {
        return bench::run();
    }
    // A filter that makes the crate panic is answered, not reported.
    std::panic::set_hook(Box::new(|_| ()));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let question: serde_json::Value =
            serde_json::from_str(&line.expect("a line of UTF-8")).expect("a line of JSON");
        let answer = std::panic::catch_unwind(|| case::answer(&question)).unwrap_or("bad");
        writeln!(out, "{answer}").expect("stdout takes the answer");
    }
}
