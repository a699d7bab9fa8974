//! Nanoseconds a decision, in the same cases as tests/bench/filter_bench.cc.
use crate::case::{callsite_of, is_enabled};
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;
use tracing_core::callsite::{Callsite, DefaultCallsite};
use tracing_core::{dispatcher, span, Dispatch};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

const ROUNDS: u32 = 2_000_000;

fn measure(what: &str, mut decide: impl FnMut(usize) -> bool) {
    for i in 0..ROUNDS as usize / 10 {
        black_box(decide(i));
    }
    let begin = Instant::now();
    for i in 0..ROUNDS as usize {
        black_box(decide(i));
    }
    let nanos = begin.elapsed().as_nanos() as f64 / f64::from(ROUNDS);
    println!("{what:<60} {nanos:8.1} ns");
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
            measure(&format!("event by target, callsite's memory, {count} directives"), |i| {
                is_enabled(dispatch, events[i % 16])
            });
            measure(&format!("event by target, filter asked, {count} directives"), |i| {
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
        measure("event inside a span", |_| is_enabled(dispatch, inside));
    });
}
