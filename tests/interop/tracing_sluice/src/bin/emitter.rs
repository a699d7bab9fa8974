//! What azure-init's recorded run did with tracing: tests/golden/azure_init has what its own layers wrote
//! of it, and the same program for libsluice.
use std::{
    error::Error,
    fmt,
    time::{Duration, Instant},
};
use tracing::{
    debug, error, event, info, info_span, instrument, span, trace, warn, Instrument, Level,
};
use tracing::{
    span::{Attributes, Id},
    Event, Subscriber,
};
use tracing_subscriber::{layer::Context, prelude::*, Layer};

#[derive(Debug)]
struct Inner;
impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("inner \"cause\"")
    }
}
impl Error for Inner {}
#[derive(Debug)]
struct Outer(Inner);
impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer failed")
    }
}
impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[instrument(err)]
fn fails(user: &str, n: u32) -> Result<(), anyhow::Error> {
    let _ = (user, n);
    Err(anyhow::anyhow!("useradd: exit {}", 9))
}
#[instrument(ret, skip(secret), fields(k = 7))]
fn returns(secret: &str, v: Vec<u8>) -> Option<u32> {
    let _ = (secret, v);
    Some(3)
}
#[instrument(level = "debug", name = "renamed é", target = "libazureinit::provision::user")]
fn renamed() {
    info!("inside renamed");
}
#[instrument]
async fn child(index: usize) {
    event!(Level::INFO, msg = format!("Event in child span for item {}", index));
    tokio::time::sleep(Duration::from_millis(20)).await;
}
#[instrument]
async fn mock_provision(vm_id: &str) {
    event!(Level::INFO, msg = "Provisioning started");
    child(0).await;
    let (a, b) = tokio::join!(child(1), child(2));
    let _ = (a, b);
    info!(target: "libazureinit::health::report", health_report = %"result=success|agent=Azure-Init/0.1.1|pps_type=None|vm_id=x|timestamp=2026-06-17T00:00:00+00:00", "Provisioning completed successfully");
}
fn group(name: &str) {
    info!(target: "group", parent: None, "GROUP {}", name);
}

fn types() {
    group("types");
    let s = info_span!("types", a = 1u8, b = -1i64, c = true, d = "text", e = 1.5f32);
    let _e = s.enter();
    info!(i8min = i8::MIN, i64min = i64::MIN, i64max = i64::MAX, u64max = u64::MAX, "ints");
    info!(
        i128 = i128::MIN,
        u128 = u128::MAX,
        usize = 7usize,
        nz = std::num::NonZeroU32::new(5).unwrap(),
        "wide ints"
    );
    info!(
        f = 1.0,
        g = 1e21,
        h = 1e-7,
        i = 0.1f32,
        j = f64::NAN,
        k = f64::INFINITY,
        l = -0.0,
        m = f64::MIN_POSITIVE,
        n = 123456789.125,
        o = 1e16,
        p = 1e15,
        q = f64::NEG_INFINITY,
        r = 5e-324,
        "floats"
    );
    info!(t = true, f = false, "bools");
    info!(
        plain = "a b",
        quote = "say \"hi\"",
        back = "a\\b",
        nl = "a\nb",
        tab = "a\tb",
        esc = "\u{1b}[31m",
        nul = "a\0b",
        del = "\u{7f}",
        zwj = "\u{200d}",
        comb = "e\u{301}",
        uni = "é漢😀",
        rtl = "\u{202e}x",
        nel = "\u{85}",
        bom = "\u{feff}",
        apos = "it's",
        empty = "",
        "strings"
    );
    info!(plain = %"a b", quote = %"say \"hi\"", nl = %"a\nb", esc = %"\u{1b}[31m", nul = %"a\0b", empty = %"", "display");
    info!(plain = ?"a b", quote = ?"say \"hi\"", nl = ?"a\nb", opt = ?Some(1), none = ?None::<u8>, vec = ?vec![1, 2], path = ?std::path::Path::new("/a b"), tuple = ?(1, "x"), unit = ?(), "debug");
    let string = String::from("owned");
    info!(string, other = &string, "strings owned");
    let (o1, o2): (Option<u32>, Option<u32>) = (Some(4), None);
    info!(o1, o2, after = 1, "options");
    info!(bytes = &b"\x00\xffab"[..], "bytes");
    info!(c = %'c', d = ?'d', boxed = Box::new(3u8), wr = std::num::Wrapping(9), "chars");
    let e = Outer(Inner);
    info!(error = &e as &(dyn Error + 'static), "dyn error");
    error!(error = %e, "display error");
    error!(error = ?e, "debug error");
    info!(a.b.c = 1, "quoted key" = 2, "type" = 3, "a=b" = 4, "a|b" = 5, "" = 6, "é" = 7, "keys");
    info!(x = 1, x2 = tracing::field::Empty, x3 = 3, "empty field");
    info!(r#type = "raw", r#fn = 2, "raw idents");
    info!(
        a = 1,
        b = 2,
        c = 3,
        d = 4,
        e = 5,
        f = 6,
        g = 7,
        h = 8,
        i = 9,
        j = 10,
        k = 11,
        l = 12,
        m = 13,
        n = 14,
        o = 15,
        p = 16,
        "sixteen"
    );
}
fn messages() {
    group("messages");
    let _e = info_span!("messages").entered();
    info!("simple");
    info!("fmt {} {:?} {:>5}", 1, "q", 2);
    info!("");
    info!(" lead and trail ");
    info!("two\nlines");
    info!("tab\tesc\u{1b}[0m nul\0 quote\" back\\ é漢😀 \u{202e}");
    event!(Level::INFO, a = 1);
    event!(Level::INFO, msg = "Event message");
    event!(Level::INFO, a = 1, message = "late message");
    event!(Level::INFO, message = "str message", a = 1);
    event!(Level::INFO, message = %"disp", a = 2);
    event!(Level::INFO, message = ?"dbg", a = 3);
    event!(Level::INFO, message = 5, a = 4);
    event!(Level::INFO, message = true);
    info!(a = 1, b = "x", "fields then message");
    info!({ a = 1, b = "x" }, "braces {}", 1);
    info!(a = 1, a2 = 1, a = 2, "double field");
    info!(name: "named_event", "with a name");
    event!(name: "n2", target: "other::target", Level::INFO, k = 1, "named and targeted");
    info!("a=1, b=2 | Event: x");
    info!(k = "v, x=y", "comma value");
    let tmp = String::from("dynamic");
    info!(%tmp, ?tmp, tmp, "three forms");
}
fn long() {
    group("long");
    let _e = span!(target: "azure_init", Level::INFO, "provision").entered();
    for n in [973usize, 974, 975, 982, 1022, 1996, 1997, 2000, 3000, 5000] {
        info!("{}", "x".repeat(n));
    }
    for pad in 0..4 {
        info!("{}{}", "x".repeat(970 + pad), "é".repeat(40));
    }
    for pad in 0..4 {
        info!("{}{}", "x".repeat(968 + pad), "😀".repeat(300));
    }
    info!(k = "v".repeat(1500), "long value");
    info!(k = "\"".repeat(600), "many quotes");
    info!("{}", "\n".repeat(1100));
    info!("{}", "y".repeat(20000));
    info!("{}", "z".repeat(60000));
}
fn names() {
    group("names");
    macro_rules! s { ($t:literal, $n:literal) => {{ let _e = span!(target: $t, Level::INFO, $n).entered(); info!(target: $t, "in"); }}; }
    s!("azure_init", "provision");
    s!("libazureinit::provision::user", "create_user");
    s!("azure_init::media", "get");
    s!("libazureinit", "x");
    s!("libazureinit::", "z");
    s!("foo", "foo");
    s!("foo", "bar");
    s!("my_crate::a", "b");
    s!("azure_init", "azure_init");
    s!("azure_init::libazureinit::x", "y");
    s!("libazureinit::azure_init::x", "y");
    s!("", "n");
    s!("", "");
    s!("t", "");
    s!("a|b", "c|d");
    s!("sp ace", "na me");
    s!("q\"t", "n\"n");
    s!("t\nt", "n\nn");
    s!("é漢", "😀");
    s!("x::y", "a:b{c}");
    s!("azure_initx", "p");
    s!("LIBAZUREINIT::x", "p");
    {
        let _e = span!(target: "a_very_long_target_name_that_goes_on::and_on_and_on_and_on_and_on_and_on::and_on_and_on_and_on_and_on_and_on::end", Level::INFO, "and_a_very_long_span_name_that_goes_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on").entered();
        info!("long key");
    }
    {
        let _e = span!(target: "ééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé", Level::INFO, "éééééééééééééééééééééééééééééééé").entered();
        info!("long é key");
    }
    for l in 0..5 {
        let _e = match l {
            0 => span!(Level::ERROR, "lv"),
            1 => span!(Level::WARN, "lv"),
            2 => span!(Level::INFO, "lv"),
            3 => span!(Level::DEBUG, "lv"),
            _ => span!(Level::TRACE, "lv"),
        }
        .entered();
        error!("e");
        warn!("w");
        info!("i");
        debug!("d");
        trace!("t");
    }
}
fn reports() {
    group("reports");
    info!(health_report = %"outside any span", "Provisioning report");
    let _e = info_span!("reports").entered();
    info!(health_report = "str form", "m");
    info!(health_report = ?"dbg form", "m");
    info!(health_report = %"\"quoted\"", "m");
    info!(health_report = %"result=error|reason=x|\"k=a|b\"", "m");
    info!(health_report = "with \"inner\" quotes", "m");
    info!(health_report = "", "empty");
    info!(health_report = 5, "int");
    info!(health_report = true, "bool");
    debug!(health_report = %"at debug", "m");
    error!(health_report = %"at error", "m");
    info!(target: "quiet::x", health_report = %"other target", "m");
    info!(a = 1, health_report = %"with other fields", b = 2, "m");
    info!(health_report = %"line1\nline2", "m");
    info!(health_report = %"é漢😀", "m");
    info!(health_report = %"r".repeat(1022), "m");
    info!(health_report = %"s".repeat(1023), "m");
    info!(health_report = %"t".repeat(3000), "m");
    info!(health_report = %"nul\0x", "m");
    info!(health_report = ?Some("opt"), "m");
    let vm = "vm";
    info!(target: "libazureinit::health::report", health_report = %format!("Provisioning is still in progress for vm_id={vm}."), "Provisioning report: {}", vm);
}
fn tree() {
    group("tree");
    let a = info_span!("a", late = tracing::field::Empty, twice = 1);
    let ga = a.enter();
    info!("in a");
    a.record("late", "now");
    info!("after late");
    a.record("twice", 2);
    info!("after twice");
    a.record("late", "again");
    info!("late again");
    a.record("nosuch", 1);
    let b = info_span!("b");
    let gb = b.enter();
    info!("in b");
    let c = info_span!(parent: &a, "c");
    c.in_scope(|| info!("in c (parent a)"));
    let d = info_span!(parent: None, "d_root");
    d.in_scope(|| info!("in d (root)"));
    info!(parent: &a, "explicit parent a");
    info!(parent: None, "explicit root event");
    info!(parent: a.id(), "explicit id parent");
    drop(gb);
    info!("back in a");
    b.in_scope(|| info!("b again"));
    drop(b);
    info!("b dropped");
    d.follows_from(&a);
    drop(d);
    drop(c);
    drop(ga);
    info!("outside");
    info!(parent: &a, "a not entered");
    let a2 = a.clone();
    drop(a);
    info!(parent: &a2, "clone keeps a");
    drop(a2);
    // exits out of order
    let x = info_span!("x");
    let y = info_span!("y");
    let gx = x.enter();
    let gy = y.enter();
    info!("x then y");
    drop(gx);
    info!("x left, y in");
    drop(gy);
    info!("none");
    drop(y);
    drop(x);
    // re-entered
    let r = info_span!("r");
    for i in 0..3 {
        r.in_scope(|| info!(i, "again"));
    }
    drop(r);
    // recursion: the same span twice on the stack
    let q = info_span!("q");
    q.in_scope(|| q.in_scope(|| info!("q in q")));
    drop(q);
    let n = info_span!("never_entered");
    drop(n);
    // a disabled span between
    let o = info_span!(target: "keep", "outer_kept");
    let _o = o.enter();
    let m = span!(target: "drop::me", Level::DEBUG, "middle_debug");
    let _m = m.enter();
    info!(target: "keep", "info in debug span");
    warn!(target: "keep", "warn in debug span");
    let z = info_span!(target: "keep", "below_debug");
    let _z = z.enter();
    info!(target: "keep", "info below");
    debug!(target: "keep", "debug event");
    trace!(target: "keep", "trace event");
    info!(target: "drop::me", "info of dropped target");
    error!(target: "drop::me", "error of dropped target");
}
fn threads() {
    group("threads");
    let s = info_span!("crossing", from = "main");
    s.in_scope(|| info!("on main"));
    let t = s.clone();
    std::thread::Builder::new()
        .name("worker".into())
        .spawn(move || {
            let _e = t.enter();
            info!("on worker");
            let k = info_span!("worker_child");
            k.in_scope(|| info!("in child"));
        })
        .unwrap()
        .join()
        .unwrap();
    let u = info_span!("ends_elsewhere");
    u.in_scope(|| info!("begin"));
    std::thread::spawn(move || drop(u)).join().unwrap();
    drop(s);
    std::thread::spawn(|| info!("no context on a new thread")).join().unwrap();
}
async fn asyncs() {
    group("asyncs");
    mock_provision("00000000-0000-0000-0000-000000000001").await;
    let s = info_span!("idle_mostly");
    async {
        info!("before");
        tokio::time::sleep(Duration::from_millis(100)).await;
        info!("after");
    }
    .instrument(s)
    .await;
    let s = info_span!("two_tasks");
    let (a, b) = tokio::join!(
        async {
            info!("a1");
            tokio::task::yield_now().await;
            info!("a2");
        }
        .instrument(info_span!(parent: &s, "ta")),
        async {
            info!("b1");
            tokio::task::yield_now().await;
            info!("b2");
        }
        .instrument(info_span!(parent: &s, "tb"))
    );
    let _ = (a, b);
    drop(s);
    let f = async {
        info!("never polled");
    }
    .instrument(info_span!("unpolled"));
    drop(f);
}
fn macros() {
    group("macros");
    let _e = info_span!("macros").entered();
    let _ = fails("a\"b", 3);
    let _ = returns("x", vec![1, 2]);
    renamed();
}

/// Lines of a log have times of microseconds: no two calls share one.
struct Tick;
fn tick() {
    let began = Instant::now();
    while began.elapsed() < Duration::from_micros(3) {}
}
impl<S: Subscriber> Layer<S> for Tick {
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        tick();
    }
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        tick();
    }
    fn on_close(&self, _: Id, _: Context<'_, S>) {
        tick();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let options = tracing_sluice::Options {
        service_name: Some("azure-init".into()),
        service_version: Some("0.1.1".into()),
        ..Default::default()
    };
    assert!(options.init());
    tracing_subscriber::registry().with(Tick).with(tracing_sluice::layer()).init();
    types();
    messages();
    long();
    names();
    macros();
    tree();
    threads();
    asyncs().await;
    reports();
    group("end");
    assert!(tracing_sluice::flush(Duration::from_secs(5)));
}
