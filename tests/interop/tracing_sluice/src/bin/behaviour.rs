//! What the layer promises, one mode a promise. What it asserts itself ends the program.
use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::{Duration, Instant},
};

use tracing::{debug, debug_span, error, info, info_span, span, Level};
use tracing_sluice::Context;
use tracing_subscriber::{fmt::format::FmtSpan, prelude::*};

fn spin(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {}
}

/// Printed by the fmt layer as well, which measures how long a span was entered.
fn times() {
    let fmt = tracing_subscriber::fmt::layer().with_ansi(false).with_span_events(FmtSpan::CLOSE);
    tracing_subscriber::registry().with(fmt).with(tracing_sluice::layer()).init();
    let span = info_span!("thrice");
    for _ in 0..3 {
        span.in_scope(|| spin(Duration::from_millis(20)));
        std::thread::sleep(Duration::from_millis(30));
    }
    drop(span);
    let (outer, inner) = (info_span!("outer"), info_span!("inner"));
    let entered = outer.enter();
    let within = inner.enter();
    spin(Duration::from_millis(20));
    drop(entered);
    spin(Duration::from_millis(20));
    drop(within);
    std::thread::sleep(Duration::from_millis(20));
    drop((outer, inner));
    drop(info_span!("never_entered"));
    info!(costly = ?Costly(&AtomicUsize::new(0)), "written");
}

struct Costly<'a>(&'a AtomicUsize);
impl std::fmt::Debug for Costly<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fetch_add(1, SeqCst);
        info!("said while another is written");
        f.write_str("costly")
    }
}

/// The agent wants INFO: what is below is not made, and what changes is heard.
fn wanted() {
    // Of this thread alone, while changes come on another.
    let layered = tracing_subscriber::registry().with(tracing_sluice::layer());
    let _default = tracing::subscriber::set_default(layered);
    let made = AtomicUsize::new(0);
    info!(costly = ?Costly(&made), "wanted");
    assert!(tracing_sluice::flush(Duration::from_secs(10)));
    let deadline = Instant::now() + Duration::from_secs(10);
    while tracing::enabled!(Level::DEBUG) && Instant::now() < deadline {}
    assert!(!tracing::enabled!(Level::DEBUG));
    debug!(costly = ?Costly(&made), "unwanted");
    assert_eq!(made.load(SeqCst), 1);
    let outer = info_span!("outer").entered();
    let middle = debug_span!("middle").entered();
    error!("below");
    let inner = info_span!("inner").entered();
    debug!(health_report = "in silence");
    drop((inner, middle, outer));
    assert!(tracing_sluice::flush(Duration::from_secs(10)));
}

/// Contexts go out and come in, and C++ around is seen.
fn contexts() {
    tracing_subscriber::registry().with(tracing_sluice::layer()).init();
    let far =
        Context::extract("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", "a=b", "run=7");
    assert_eq!(far.baggage("run").as_deref(), Some("7"));
    assert_eq!(far.without_baggage("run").baggage("run"), None);
    {
        let _attached = far.attach();
        let span = span!(Level::WARN, "of_request").entered();
        let current = Context::current();
        assert!(current.traceparent().unwrap().starts_with("00-0123456789abcdef0123456789abcdef-"));
        assert_eq!(
            (current.tracestate().as_str(), current.baggage_header().as_str()),
            ("a=b", "run=7")
        );
        drop(span);
        assert_eq!(Context::current().traceparent(), far.traceparent());
    }
    assert_eq!(Context::current().traceparent(), None);
    let (one, two) = (info_span!("one"), info_span!("two"));
    two.follows_from(&one);
    let root = info_span!(parent: None, "root");
    root.in_scope(|| drop(info_span!("below_root")));
}

/// As many spans at once as threads can make, some of them each other's.
fn threads() {
    tracing_subscriber::registry().with(tracing_sluice::layer()).init();
    let shared = info_span!("shared", late = tracing::field::Empty);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let shared = &shared;
            scope.spawn(move || {
                for i in 0..200 {
                    let _in = shared.enter();
                    let own = info_span!("own", number, i).entered();
                    shared.record("late", i);
                    info!("told");
                    drop(own);
                }
            });
        }
    });
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("times") => times(),
        Some("wanted") => wanted(),
        Some("contexts") => contexts(),
        Some("threads") => threads(),
        _ => panic!("times, wanted, contexts or threads"),
    }
}
