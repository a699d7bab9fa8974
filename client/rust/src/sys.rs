//! What is used of libsluice's C interface, as `sluice/sluice.h` declares it.

use std::{
    ffi::{c_char, c_int, c_void},
    ptr::null,
};

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    pub data: *const c_char,
    pub size: usize,
}

impl Text {
    /// No text at all, which some calls tell from an empty one.
    pub const NONE: Text = Text { data: null(), size: 0 };

    pub fn of(text: &str) -> Text {
        Text { data: text.as_ptr().cast(), size: text.len() }
    }

    /// # Safety
    /// It is UTF-8 or nothing, and lives as long as what is done with it.
    pub unsafe fn as_str<'a>(self) -> Option<&'a str> {
        if self.data.is_null() {
            return None;
        }
        std::str::from_utf8(std::slice::from_raw_parts(self.data.cast(), self.size)).ok()
    }
}

pub const STRING: c_int = 0;
pub const BARE: c_int = 1;
pub const BOOL: c_int = 2;
pub const INT: c_int = 3;
pub const DOUBLE: c_int = 4;
pub const BYTES: c_int = 5;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Deferred {
    make: *const c_void,
    object: *const c_void,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union Value {
    pub text: Text,
    pub boolean: c_int,
    pub integer: i64,
    pub number: f64,
    deferred: Deferred, // the widest, which lists are as well
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Attribute {
    pub key: Text,
    pub kind: c_int,
    pub value: Value,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Context {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub span: u64,
    trace_state: u32,
    trace_flags: u8,
    is_remote: u8,
    reserved_1: [u8; 2],
    baggage: u32,
    reserved_2: [u8; 4],
}

#[repr(C)]
pub struct Link {
    pub context: Context,
    pub attributes: *const Attribute,
    pub attribute_count: usize,
}

#[repr(C)]
pub struct Source {
    file: Text,
    function: Text,
    line: u32,
}

#[repr(C)]
pub struct SpanOptions {
    pub size: usize,
    pub target: Text,
    pub level: c_int,
    pub kind: c_int,
    pub parent: *const Context,
    pub is_detached: c_int,
    pub attributes: *const Attribute,
    pub attribute_count: usize,
    pub start_unix_ns: u64,
    pub trace_id: *const u8,
    pub span_id: *const u8,
    pub source: *const Source,
    pub links: *const Link,
    pub link_count: usize,
    pub outcome: *mut c_int,
}

#[repr(C)]
pub struct EventOptions {
    pub size: usize,
    pub target: Text,
    pub level: c_int,
    pub context: *const Context,
    pub attributes: *const Attribute,
    pub attribute_count: usize,
    pub unix_ns: u64,
    pub source: *const Source,
}

#[repr(C)]
pub struct Options {
    pub size: usize,
    pub service_name: Text,
    pub service_version: Text,
    pub socket_path: Text,
    pub ring_bytes: usize,
    pub send_interval_ms: u32,
    pub resource: *const Attribute,
    pub resource_count: usize,
    pub baggage_keys: Text,
    pub make_ids: *const c_void,
    pub make_ids_user: *mut c_void,
}

pub const TRACEPARENT_SIZE: usize = 56;

extern "C" {
    pub fn sluice_init(options: *const Options) -> c_int;
    pub fn sluice_flush(timeout_ms: u32) -> c_int;
    pub fn sluice_enabled(level: c_int, target: Text) -> c_int;
    pub fn sluice_on_wanted_change(
        changed: Option<extern "C" fn(user: *mut c_void)>,
        user: *mut c_void,
    );

    pub fn sluice_span_start(name: Text, options: *const SpanOptions) -> u64;
    pub fn sluice_span_set_attributes(span: u64, attributes: *const Attribute, count: usize);
    pub fn sluice_span_add_link(span: u64, link: *const Link);
    pub fn sluice_span_add_busy(span: u64, ns: u64);
    pub fn sluice_span_end(span: u64);
    pub fn sluice_span_context(span: u64) -> Context;
    pub fn sluice_event(message: Text, options: *const EventOptions);

    pub fn sluice_context_current() -> Context;
    pub fn sluice_context_attach(context: *const Context) -> Context;
    pub fn sluice_context_extract(
        traceparent: Text,
        tracestate: Text,
        context: *mut Context,
    ) -> c_int;
    pub fn sluice_context_traceparent(context: *const Context, text: *mut c_char) -> c_int;
    pub fn sluice_context_tracestate(context: *const Context) -> Text;
    pub fn sluice_context_with_baggage(context: *const Context, key: Text, value: Text) -> Context;
    pub fn sluice_context_baggage(context: *const Context, key: Text) -> Text;
    pub fn sluice_context_baggage_header(context: *const Context) -> Text;
    pub fn sluice_context_extract_baggage(header: Text, context: *mut Context) -> c_int;
}
