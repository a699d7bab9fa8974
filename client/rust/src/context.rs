//! Places in a trace, which programs hand on.

use std::{fmt, marker::PhantomData};

use crate::sys::{self, Text};

/// A place in a trace, with its baggage. A plain value.
#[derive(Clone, Copy, Default)]
pub struct Context(pub(crate) sys::Context);

impl Context {
    /// The calling thread's: of the span it is in, or of what is attached, or of the environment
    /// (`TRACEPARENT`, `TRACESTATE`, `BAGGAGE`).
    pub fn current() -> Self {
        // SAFETY: takes nothing.
        Context(unsafe { sys::sluice_context_current() })
    }

    /// From the headers of a request; what is malformed is as if it were not there.
    pub fn extract(traceparent: &str, tracestate: &str, baggage: &str) -> Self {
        let mut context = sys::Context::default();
        // SAFETY: texts are copied; `context` is ours.
        unsafe {
            sys::sluice_context_extract(Text::of(traceparent), Text::of(tracestate), &mut context);
            sys::sluice_context_extract_baggage(Text::of(baggage), &mut context);
        }
        Context(context)
    }

    /// The header `traceparent`; none outside any span.
    pub fn traceparent(&self) -> Option<String> {
        let mut text = [0u8; sys::TRACEPARENT_SIZE];
        // SAFETY: it has room for all that is written.
        let found = unsafe { sys::sluice_context_traceparent(&self.0, text.as_mut_ptr().cast()) };
        let size = text.iter().position(|&byte| byte == 0)?;
        (found == 0).then(|| String::from_utf8_lossy(&text[..size]).into_owned())
    }

    /// The header `tracestate`; empty for none.
    pub fn tracestate(&self) -> String {
        // SAFETY: it is valid as long as the process lives.
        unsafe { sys::sluice_context_tracestate(&self.0).as_str() }.unwrap_or_default().to_owned()
    }

    /// The header `baggage`; empty for none.
    pub fn baggage_header(&self) -> String {
        // SAFETY: it is valid until this thread asks again.
        unsafe { sys::sluice_context_baggage_header(&self.0).as_str() }
            .unwrap_or_default()
            .to_owned()
    }

    /// The value of a key of the baggage.
    pub fn baggage(&self, key: &str) -> Option<String> {
        // SAFETY: it is valid until this thread asks again.
        unsafe { sys::sluice_context_baggage(&self.0, Text::of(key)).as_str() }.map(str::to_owned)
    }

    /// This place with a value for a key of the baggage.
    #[must_use]
    pub fn with_baggage(&self, key: &str, value: &str) -> Self {
        // SAFETY: texts are copied.
        Context(unsafe {
            sys::sluice_context_with_baggage(&self.0, Text::of(key), Text::of(value))
        })
    }

    /// This place without that key.
    #[must_use]
    pub fn without_baggage(&self, key: &str) -> Self {
        // SAFETY: texts are copied.
        Context(unsafe { sys::sluice_context_with_baggage(&self.0, Text::of(key), Text::NONE) })
    }

    /// Makes it the calling thread's until the guard is dropped. Spans that begin meanwhile, and have no
    /// parent of their own, are below it.
    pub fn attach(&self) -> ContextGuard {
        // SAFETY: it is copied.
        ContextGuard { before: unsafe { sys::sluice_context_attach(&self.0) }, _here: PhantomData }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Context").field(&self.traceparent().unwrap_or_default()).finish()
    }
}

/// Belongs to the thread that attached it, and must not live across an `.await`.
#[must_use]
pub struct ContextGuard {
    before: sys::Context,
    _here: PhantomData<*const ()>,
}

impl Drop for ContextGuard {
    fn drop(&mut self) {
        // SAFETY: it is copied.
        unsafe { sys::sluice_context_attach(&self.before) };
    }
}
