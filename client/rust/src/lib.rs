//! Hands `tracing`'s spans and events to the machine's telemetry agent, by libsluice.
//!
//! ```no_run
//! use tracing_subscriber::prelude::*;
//!
//! let _guard = tracing_sluice::flush_on_drop(std::time::Duration::from_millis(500));
//! tracing_subscriber::registry().with(tracing_sluice::layer()).init();
//! ```
//!
//! Nothing waits but a flush, and without an agent nothing fails: what cannot be kept is dropped and
//! counted. What nobody wants is not recorded: each place in the program knows it, until it changes.

mod context;
mod fields;
mod layer;
mod sys;

use std::{ptr::null, time::Duration};

pub use context::{Context, ContextGuard};
pub use layer::{layer, SluiceLayer, Wanted};

/// What the process is called. Optional.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Default: `OTEL_SERVICE_NAME`, else the program's file name.
    pub service_name: Option<String>,
    pub service_version: Option<String>,
    /// Default: `SLUICE_SOCKET`, else `/run/sluice/sluice.sock`.
    pub socket_path: Option<String>,
    /// Which of the baggage become attributes of spans, as `run_id, app.*`; default:
    /// `SLUICE_BAGGAGE_KEYS`, else none.
    pub baggage_keys: Option<String>,
}

impl Options {
    /// Only before the first use, which the layer's making is: false where it comes too late.
    pub fn init(&self) -> bool {
        let text = |text: &Option<String>| text.as_deref().map_or(sys::Text::NONE, sys::Text::of);
        let language = sys::Attribute {
            key: sys::Text::of("telemetry.sdk.language"),
            kind: sys::STRING,
            value: sys::Value { text: sys::Text::of("rust") },
        };
        let options = sys::Options {
            size: std::mem::size_of::<sys::Options>(),
            service_name: text(&self.service_name),
            service_version: text(&self.service_version),
            socket_path: text(&self.socket_path),
            ring_bytes: 0,
            send_interval_ms: 0,
            resource: &language,
            resource_count: 1,
            baggage_keys: text(&self.baggage_keys),
            make_ids: null(),
            make_ids_user: std::ptr::null_mut(),
        };
        // SAFETY: all that is pointed to lives until the call returns, which copies it.
        unsafe { sys::sluice_init(&options) == 0 }
    }
}

/// Waits until the agent has everything so far in its journal; whether it had in time.
pub fn flush(timeout: Duration) -> bool {
    let milliseconds = timeout.as_millis().try_into().unwrap_or(u32::MAX);
    // SAFETY: takes a number.
    unsafe { sys::sluice_flush(milliseconds) == 0 }
}

/// Flushes when the guard is dropped. Returning from `main` and `std::process::exit` hand over what is
/// left in any case, at most 250 ms long.
pub fn flush_on_drop(timeout: Duration) -> FlushGuard {
    FlushGuard(timeout)
}

#[must_use]
#[derive(Debug)]
pub struct FlushGuard(Duration);

impl Drop for FlushGuard {
    fn drop(&mut self) {
        flush(self.0);
    }
}
