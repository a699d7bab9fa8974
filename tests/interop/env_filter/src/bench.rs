//! Nanoseconds a decision, in the same cases as tests/bench/filter_bench.cc.
use crate::case::{callsite_of, is_enabled};
use serde_json::json;
use std::hint::black_box;
use tracing_core::callsite::{Callsite, DefaultCallsite};
use tracing_core::{dispatcher, span, Dispatch};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

const ROUNDS: u32 = 20_000_000;

/// CPU time of this thread, which others on the machine do not lengthen.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|word| word.parse().ok()).expect("nanoseconds first")
}

fn measure(what: &str, mut decide: impl FnMut(usize) -> bool) {
    for i in 0..ROUNDS as usize / 10 {
        black_box(decide(i));
    }
    let begin = cpu_nanos();
    for i in 0..ROUNDS as usize {
        black_box(decide(i));
    }
    let nanos = (cpu_nanos() - begin) as f64 / f64::from(ROUNDS);
    println!("{what}\t{nanos:.1}");
}

fn many_directives(count: usize) -> String {
    let modules = (1..count).map(|i| format!(",app::module{i}=info"));
    std::iter::once("warn".to_owned()).chain(modules).collect()
}

fn events() -> Vec<&'static DefaultCallsite> {
    let event = |i| {
        let target = format!("app::module{i}::part{i}");
        callsite_of(&json!({"kind": "event", "level": "INFO", "target": target}))
    };
    (0..16).map(event).collect()
}

fn with_filter(text: &str, run: impl FnOnce(&Dispatch)) {
    let filter = EnvFilter::builder().parse(text).expect("a filter");
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(filter));
    dispatcher::with_default(&dispatch, || run(&dispatch));
}

pub fn run() {
    let events = events();
    for count in [2, 17, 65] {
        with_filter(&many_directives(count), |dispatch| {
            measure(&format!("BM_EventByTarget/{count} remembered"), |i| {
                is_enabled(dispatch, events[i % 16])
            });
            measure(&format!("BM_EventByTarget/{count}"), |i| {
                dispatch.enabled(events[i % 16].metadata())
            });
        });
    }
    let job = callsite_of(&json!({"kind": "span", "name": "job", "level": "INFO", "target": "app"}));
    let inside = callsite_of(&json!({"kind": "event", "level": "DEBUG", "target": "app::db"}));
    with_filter("warn,[job]=debug", |dispatch| {
        let metadata = job.metadata();
        let none = metadata.fields().value_set_all(&[]);
        let id = dispatch.new_span(&span::Attributes::new(metadata, &none));
        dispatch.enter(&id);
        measure("BM_EventAmongOpenSpans", |_| is_enabled(dispatch, inside));
    });
}
