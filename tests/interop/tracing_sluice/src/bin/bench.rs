//! Nanoseconds a span takes, with one field, entered once: by libsluice's C interface, by tracing with a
//! layer that does nothing, and by ours. Prints `NAME NS`, the best of several rounds each.
use std::{hint::black_box, mem, ptr, time::Instant};

use tracing::{info_span, subscriber::with_default, Subscriber};
use tracing_subscriber::{filter::LevelFilter, prelude::*, Layer};

#[path = "../../../../../client/rust/src/sys.rs"]
#[allow(dead_code)]
mod sys;

// Few at a time: a round is to lie within one turn of the scheduler.
const SPANS: u32 = 1_000;
const ROUNDS: u32 = 200;

fn c_interface(i: i64, use_options: fn(&mut sys::SpanOptions)) {
    let field = sys::Attribute {
        key: sys::Text::of("i"),
        kind: sys::INT,
        value: sys::Value { integer: i },
    };
    // SAFETY: of zeros it is as good as not given, which the interface promises.
    let mut options: sys::SpanOptions = unsafe { mem::zeroed() };
    options.size = mem::size_of::<sys::SpanOptions>();
    options.target = sys::Text::of("bench");
    options.attributes = &field;
    options.attribute_count = 1;
    options.parent = ptr::null();
    use_options(&mut options);
}

fn current(options: &mut sys::SpanOptions) {
    // SAFETY: all that is pointed to lives until the call returns, which copies it.
    unsafe { sys::sluice_span_end(sys::sluice_span_start(sys::Text::of("span"), options)) };
}

/// What tracing has of a span: it may be entered elsewhere, and it knows how long it was.
fn entered(options: &mut sys::SpanOptions) {
    options.is_detached = 1;
    // SAFETY: all that is pointed to lives until the call returns, which copies it.
    unsafe {
        let span = sys::sluice_span_start(sys::Text::of("span"), options);
        let context = sys::sluice_span_context(span);
        let before = sys::sluice_context_attach(&context);
        let since = Instant::now();
        sys::sluice_span_add_busy(span, since.elapsed().as_nanos() as u64);
        sys::sluice_context_attach(&before);
        sys::sluice_span_end(span);
    }
}

fn tracing(i: i64) {
    info_span!(target: "bench", "span", i).in_scope(|| black_box(i));
}

/// A layer that does nothing, behind a filter as ours is.
struct Nothing;
impl<S: Subscriber> Layer<S> for Nothing {}

fn measure(name: &str, span: fn(i64)) {
    if std::env::args().nth(1).is_some_and(|only| only != name) {
        return;
    }
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for i in 0..SPANS {
            span(black_box(i64::from(i)));
        }
        best = best.min(began.elapsed().as_nanos() as f64 / f64::from(SPANS));
        // What waits for an agent is not to fill the room.
        tracing_sluice::flush(std::time::Duration::from_secs(10));
    }
    println!("{name} {best:.0}");
}

fn main() {
    measure("c", |i| c_interface(i, current));
    measure("c_entered", |i| c_interface(i, entered));
    let filtered = tracing_subscriber::registry().with(Nothing.with_filter(LevelFilter::INFO));
    with_default(filtered, || measure("tracing", tracing));
    let layered = tracing_subscriber::registry().with(tracing_sluice::layer());
    with_default(layered, || measure("layer", tracing));
}
