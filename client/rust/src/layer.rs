//! The layer and its filter.

use std::{
    cell::RefCell,
    ffi::{c_int, c_void},
    mem::size_of,
    ptr::{null, null_mut},
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        Mutex,
    },
    time::Instant,
};

use tracing_core::{
    callsite,
    dispatcher::{self, Dispatch, WeakDispatch},
    span,
    subscriber::{Interest, Subscriber},
    Event, Level, Metadata,
};
use tracing_subscriber::{
    filter::Filtered,
    layer::{Context, Filter},
    registry::LookupSpan,
    Layer,
};

use crate::{
    fields::{split_message, Fields},
    sys::{self, Attribute, Text},
    Options,
};

/// The dispatchers that a layer is part of.
static USED: Mutex<Vec<WeakDispatch>> = Mutex::new(Vec::new());
static LAYERS: AtomicU64 = AtomicU64::new(1);

extern "C" fn ask_again(_: *mut c_void) {
    let used = USED.lock().ok().and_then(|mut used| {
        used.retain(|dispatch| dispatch.upgrade().is_some());
        used.first()?.upgrade()
    });
    // Where there is one dispatcher alone, tracing asks that of the calling thread.
    if let Some(used) = used {
        dispatcher::with_default(&used, callsite::rebuild_interest_cache);
    }
}

/// The layer, which sees what the agent wants and leaves all else to other layers.
pub fn layer<S>() -> Filtered<SluiceLayer, Wanted, S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // The library reads its environment then, which says what is wanted as well. It is no matter where
    // the program did so before.
    Options::default().init();
    // SAFETY: the function lives for ever.
    unsafe { sys::sluice_on_wanted_change(Some(ask_again), null_mut()) };
    SluiceLayer { number: LAYERS.fetch_add(1, Relaxed) }.with_filter(Wanted(()))
}

fn number_of(level: &Level) -> c_int {
    match *level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// Takes what the agent, or what is printed here, wants. It is asked once for each place in the program,
/// and again when that changes. A report to the host is taken always.
#[derive(Debug)]
pub struct Wanted(());

impl Wanted {
    fn takes(metadata: &Metadata<'_>) -> bool {
        let is_report =
            || metadata.is_event() && metadata.fields().field("health_report").is_some();
        let (level, target) = (number_of(metadata.level()), Text::of(metadata.target()));
        // SAFETY: the text is looked at during the call.
        unsafe { sys::sluice_enabled(level, target) != 0 || is_report() }
    }
}

impl<S> Filter<S> for Wanted {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        Wanted::takes(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Wanted::takes(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }
}

/// What is kept of an open span.
#[derive(Clone, Copy, Default)]
struct Open {
    handle: u64,
    /// Of what is below it; its parent's, where sluice has no room for the span.
    context: sys::Context,
}

/// A span that a thread is in.
struct Entry {
    id: u64,
    open: Open,
    since: Instant,
}

/// What a thread keeps. Spans may be left in another order than they were entered: the newest that is
/// still entered counts.
#[derive(Default)]
struct Local {
    entries: Vec<Entry>,
    /// What was current before the first of them.
    outside: sys::Context,
    /// The span that the thread made last, by its layer and id, as most are entered at once. A registry
    /// gives no other thread this one's ids.
    newest: ((u64, u64), Open),
}

impl Local {
    fn enter(&mut self, id: u64, open: Open) {
        // SAFETY: it is copied.
        let before = unsafe { sys::sluice_context_attach(&open.context) };
        if self.entries.is_empty() {
            self.outside = before;
        }
        self.entries.push(Entry { id, open, since: Instant::now() });
    }

    fn leave(&mut self, id: u64) {
        let Some(place) = self.entries.iter().rposition(|entry| entry.id == id) else { return };
        let entry = self.entries.remove(place);
        let busy_ns = entry.since.elapsed().as_nanos().try_into().unwrap_or(u64::MAX);
        // SAFETY: takes numbers; a context is copied.
        unsafe {
            sys::sluice_span_add_busy(entry.open.handle, busy_ns);
            if place == self.entries.len() {
                let next = self.entries.last().map_or(&self.outside, |entry| &entry.open.context);
                sys::sluice_context_attach(next);
            }
        }
    }
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::default();
}

/// None where the thread is ending.
fn with_local<R>(use_it: impl FnOnce(&mut Local) -> R) -> Option<R> {
    LOCAL.try_with(|local| use_it(&mut local.borrow_mut())).ok()
}

/// Hands spans and events to the machine's agent. Of any thread; nothing waits.
#[derive(Debug)]
pub struct SluiceLayer {
    /// Another's registry may give the same ids.
    number: u64,
}

impl SluiceLayer {
    /// What is kept of a span, where the thread made it last.
    fn newest(&self, id: &span::Id) -> Option<Open> {
        let (key, open) = with_local(|local| local.newest)?;
        (key == (self.number, id.into_u64())).then_some(open)
    }
}

/// Where something belongs that names its parent; none: to the calling thread's current context, which
/// the layer, and C++ around it, keep.
fn named_parent<S>(
    ctx: &Context<'_, S>,
    parent: Option<&span::Id>,
    is_root: bool,
) -> Option<sys::Context>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if is_root {
        return Some(sys::Context::default());
    }
    let span = ctx.span(parent?)?;
    let context = span.extensions().get::<Open>().map(|open| open.context);
    context
}

fn pointer<T>(value: &Option<T>) -> *const T {
    value.as_ref().map_or(null(), |value| value as *const T)
}

fn start(metadata: &Metadata<'_>, parent: &Option<sys::Context>, attributes: &[Attribute]) -> Open {
    let options = sys::SpanOptions {
        size: size_of::<sys::SpanOptions>(),
        target: Text::of(metadata.target()),
        level: number_of(metadata.level()),
        kind: 0,
        parent: pointer(parent),
        is_detached: 1,
        attributes: attributes.as_ptr(),
        attribute_count: attributes.len(),
        start_unix_ns: 0,
        trace_id: null(),
        span_id: null(),
        source: null(),
        links: null(),
        link_count: 0,
        outcome: null_mut(),
    };
    // SAFETY: all that is pointed to lives until the call returns, which copies it.
    unsafe {
        let handle = sys::sluice_span_start(Text::of(metadata.name()), &options);
        let context = match (handle, parent) {
            (0, Some(parent)) => *parent,
            (0, None) => sys::sluice_context_current(),
            _ => sys::sluice_span_context(handle),
        };
        Open { handle, context }
    }
}

impl<S> Layer<S> for SluiceLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, used: &Dispatch) {
        if let Ok(mut all) = USED.lock() {
            all.push(used.downgrade());
        }
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let parent = named_parent(&ctx, attributes.parent(), attributes.is_root());
        let open = Fields::with(
            |fields| attributes.record(fields),
            |fields| start(attributes.metadata(), &parent, fields),
        );
        span.extensions_mut().insert(open);
        with_local(|local| local.newest = ((self.number, id.into_u64()), open));
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        with_open(&ctx, id, |open| {
            Fields::with(
                |fields| values.record(fields),
                // SAFETY: the attributes live until the call returns, which copies them.
                |fields| unsafe {
                    sys::sluice_span_set_attributes(open.handle, fields.as_ptr(), fields.len());
                },
            );
        });
    }

    fn on_follows_from(&self, id: &span::Id, follows: &span::Id, ctx: Context<'_, S>) {
        let mut link =
            sys::Link { context: sys::Context::default(), attributes: null(), attribute_count: 0 };
        with_open(&ctx, follows, |open| link.context = open.context);
        // SAFETY: the link is copied.
        with_open(&ctx, id, |open| unsafe { sys::sluice_span_add_link(open.handle, &link) });
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let metadata = event.metadata();
        let parent = named_parent(&ctx, event.parent(), event.is_root());
        Fields::with(
            |fields| event.record(fields),
            |fields| {
                let (message, attributes) = split_message(fields);
                let options = sys::EventOptions {
                    size: size_of::<sys::EventOptions>(),
                    target: Text::of(metadata.target()),
                    level: number_of(metadata.level()),
                    context: pointer(&parent),
                    attributes: attributes.as_ptr(),
                    attribute_count: attributes.len(),
                    unix_ns: 0,
                    source: null(),
                };
                // SAFETY: all that is pointed to lives until the call returns, which copies it.
                unsafe { sys::sluice_event(message, &options) };
            },
        );
    }

    fn on_enter(&self, id: &span::Id, ctx: Context<'_, S>) {
        let enter = |open: &Open| _ = with_local(|local| local.enter(id.into_u64(), *open));
        match self.newest(id) {
            Some(open) => enter(&open),
            None => with_open(&ctx, id, enter),
        }
    }

    fn on_exit(&self, id: &span::Id, _: Context<'_, S>) {
        with_local(|local| local.leave(id.into_u64()));
    }

    fn on_close(&self, id: span::Id, ctx: Context<'_, S>) {
        match self.newest(&id) {
            Some(open) => end(&open),
            None => with_open(&ctx, &id, end),
        }
    }
}

fn end(open: &Open) {
    // SAFETY: takes numbers.
    unsafe {
        // To one that was never entered it says that it was not busy; else it would be all the time.
        sys::sluice_span_add_busy(open.handle, 1);
        sys::sluice_span_end(open.handle);
    }
}

fn with_open<S>(ctx: &Context<'_, S>, id: &span::Id, use_it: impl FnOnce(&Open))
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = ctx.span(id) else { return };
    let extensions = span.extensions();
    if let Some(open) = extensions.get::<Open>() {
        use_it(open);
    }
}
