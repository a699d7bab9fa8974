//! One question: spans are entered one in another, then a span or event is judged, by the way that
//! tracing's macros take.
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use tracing_core::callsite::{Callsite, DefaultCallsite};
use tracing_core::field::{Field, FieldSet, Value as Recorded, ValueSet};
use tracing_core::{
    dispatcher, identify_callsite, metadata::Kind, span, Dispatch, Level, LevelFilter, Metadata,
};
use tracing_subscriber::filter::{Directive, EnvFilter};
use tracing_subscriber::layer::SubscriberExt;

pub fn answer(question: &Value) -> &'static str {
    let text = question["filter"].as_str().expect("filter");
    if question["mode"] == "directive" {
        return if text.parse::<Directive>().is_ok() { "yes" } else { "bad" };
    }
    let patterns = question["patterns"].as_bool().unwrap_or(true);
    let filter = match EnvFilter::builder().with_regex(patterns).parse(text) {
        Ok(filter) => filter,
        Err(_) => return "bad",
    };
    if !question["subject"].is_object() {
        return "yes";
    }
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(filter));
    let empty = Vec::new();
    let stack = question["stack"].as_array().unwrap_or(&empty);
    let enabled = dispatcher::with_default(&dispatch, || {
        for span in stack {
            if let Some(id) = open(&dispatch, span) {
                dispatch.enter(&id);
            }
        }
        is_enabled(&dispatch, callsite_of(&question["subject"]))
    });
    if enabled { "yes" } else { "no" }
}

/// As the macros ask: the most verbose level of all, what the callsite remembers, the filter.
pub fn is_enabled(dispatch: &Dispatch, callsite: &'static DefaultCallsite) -> bool {
    let metadata = callsite.metadata();
    if *metadata.level() > LevelFilter::current() {
        return false;
    }
    let interest = callsite.interest();
    !interest.is_never() && (interest.is_always() || dispatch.enabled(metadata))
}

fn open(dispatch: &Dispatch, span: &Value) -> Option<span::Id> {
    let callsite = callsite_of(span);
    if !is_enabled(dispatch, callsite) {
        return None;
    }
    let metadata = callsite.metadata();
    let mut id = None;
    with_values(metadata, &span["fields"], &mut |values| {
        id = Some(dispatch.new_span(&span::Attributes::new(metadata, values)));
    });
    for late in span["records"].as_array().into_iter().flatten() {
        with_values(metadata, late, &mut |values| {
            dispatch.record(id.as_ref().expect("just made"), &span::Record::new(values));
        });
    }
    id
}

/// A callsite per (kind, name, target, level, fields), made once: they live for ever.
pub fn callsite_of(described: &Value) -> &'static DefaultCallsite {
    thread_local! {
        static MADE: RefCell<HashMap<String, &'static DefaultCallsite>> = RefCell::default();
    }
    let is_span = described["kind"] != "event";
    let name = described["name"].as_str().unwrap_or("event");
    let target = described["target"].as_str().expect("target");
    let level = described["level"].as_str().expect("level");
    let fields = field_names(described);
    let key = format!("{is_span} {name:?} {target:?} {level} {fields:?}");
    MADE.with(|made| {
        *made.borrow_mut().entry(key).or_insert_with(|| {
            make_callsite(is_span, name, target, level.parse().expect("a level"), fields)
        })
    })
}

/// Those that a late record brings are declared as well.
fn field_names(described: &Value) -> Vec<&'static str> {
    let mut names: Vec<String> = Vec::new();
    let late = described["records"].as_array().into_iter().flatten();
    for fields in std::iter::once(&described["fields"]).chain(late) {
        for name in fields.as_object().into_iter().flat_map(Map::keys) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    names.into_iter().map(leak).collect()
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// Ties metadata and callsite, which name each other.
struct Identity(std::sync::OnceLock<&'static DefaultCallsite>);

impl Callsite for Identity {
    fn set_interest(&self, _: tracing_core::Interest) {}
    fn metadata(&self) -> &Metadata<'_> {
        self.0.get().expect("set when made").metadata()
    }
}

fn make_callsite(
    is_span: bool,
    name: &str,
    target: &str,
    level: Level,
    fields: Vec<&'static str>,
) -> &'static DefaultCallsite {
    let identity: &'static Identity = Box::leak(Box::new(Identity(std::sync::OnceLock::new())));
    let fields = FieldSet::new(Box::leak(fields.into_boxed_slice()), identify_callsite!(identity));
    let kind = if is_span { Kind::SPAN } else { Kind::EVENT };
    let (name, target) = (leak(name.to_owned()), leak(target.to_owned()));
    let metadata = Box::leak(Box::new(Metadata::new(
        name, target, level, None, None, None, fields, kind,
    )));
    let callsite: &'static DefaultCallsite = Box::leak(Box::new(DefaultCallsite::new(metadata)));
    let _ = identity.0.set(callsite);
    callsite
}

enum Typed {
    Empty,
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Text(String),
    Debug(String),
}

impl Typed {
    /// A number without a type of its own is what a Rust literal would be: i64 or f64.
    fn read(value: &Value) -> Typed {
        let of = |value: &Value| value["v"].as_str().unwrap_or_default().to_owned();
        match value {
            Value::Bool(flag) => Typed::Bool(*flag),
            Value::String(text) => Typed::Text(text.clone()),
            Value::Number(number) if number.is_f64() => Typed::F64(number.as_f64().unwrap()),
            Value::Number(number) => Typed::I64(number.as_i64().expect("an i64")),
            typed => match typed["t"].as_str() {
                Some("empty") => Typed::Empty,
                Some("u64") => Typed::U64(of(typed).parse().expect("a u64")),
                Some("i64") => Typed::I64(of(typed).parse().expect("an i64")),
                Some("f64") => Typed::F64(of(typed).parse().expect("an f64")),
                Some("debug") => Typed::Debug(of(typed)),
                other => panic!("no type {other:?}"),
            },
        }
    }

    fn record(&self) -> Option<Box<dyn Recorded + '_>> {
        Some(match self {
            Typed::Empty => return None,
            Typed::Bool(value) => Box::new(*value),
            Typed::I64(value) => Box::new(*value),
            Typed::U64(value) => Box::new(*value),
            Typed::F64(value) => Box::new(*value),
            Typed::Text(text) => Box::new(text.as_str()),
            Typed::Debug(text) => Box::new(tracing_core::field::display(text)),
        })
    }
}

/// A ValueSet is made of an array, whose length is a constant.
fn with_values(metadata: &'static Metadata<'static>, fields: &Value, take: &mut dyn FnMut(&ValueSet)) {
    let described: Vec<(Field, Typed)> = fields
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (metadata.fields().field(name).expect("declared"), Typed::read(value)))
        .collect();
    let boxed: Vec<_> = described.iter().map(|(_, typed)| typed.record()).collect();
    let pair = |i: usize| (&described[i].0, boxed[i].as_deref());
    let set = metadata.fields();
    match described.len() {
        0 => take(&set.value_set::<[(&Field, Option<&dyn Recorded>); 0]>(&[])),
        1 => take(&set.value_set(&[pair(0)])),
        2 => take(&set.value_set(&[pair(0), pair(1)])),
        3 => take(&set.value_set(&[pair(0), pair(1), pair(2)])),
        4 => take(&set.value_set(&[pair(0), pair(1), pair(2), pair(3)])),
        more => panic!("{more} fields at once"),
    }
}
