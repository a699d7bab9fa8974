//! tracing's fields as attributes.

use std::{cell::Cell, error::Error, ffi::c_int, fmt, fmt::Write};

use tracing_core::field::{Field, Visit};

use crate::sys::{self, Attribute, Text, Value};

/// The fields of one span or event. Their texts stand behind one another in `bytes`, which grows while
/// they are recorded: until then an attribute holds its text's place in it.
#[derive(Default)]
pub struct Fields {
    bytes: String,
    raw: Vec<u8>,
    attributes: Vec<Attribute>,
}

thread_local! {
    // Taken while it is used: a field's own Debug may log.
    static SPARE: Cell<Option<Box<Fields>>> = const { Cell::new(None) };
}

impl Fields {
    /// Calls `record` to have the fields visited, then `use_them`.
    pub fn with<R>(
        record: impl FnOnce(&mut Fields),
        use_them: impl FnOnce(&[Attribute]) -> R,
    ) -> R {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        let mut fields = spare.unwrap_or_default();
        record(&mut fields);
        fields.place_texts();
        let result = use_them(&fields.attributes);
        fields.attributes.clear();
        fields.bytes.clear();
        fields.raw.clear();
        let _ = SPARE.try_with(|spare| spare.set(Some(fields)));
        result
    }

    fn place_texts(&mut self) {
        for attribute in &mut self.attributes {
            let base = match attribute.kind {
                sys::STRING | sys::BARE => self.bytes.as_ptr(),
                sys::BYTES => self.raw.as_ptr(),
                _ => continue,
            };
            // SAFETY: of these kinds the value is a text, whose place is within `base`.
            unsafe {
                let text = &mut attribute.value.text;
                text.data = base.add(text.data as usize).cast();
            }
        }
    }

    fn push(&mut self, field: &Field, kind: c_int, value: Value) {
        self.attributes.push(Attribute { key: Text::of(field.name()), kind, value });
    }

    fn push_text(&mut self, field: &Field, kind: c_int, begin: usize, end: usize) {
        let text = Text { data: begin as *const _, size: end - begin };
        self.push(field, kind, Value { text });
    }

    fn push_formatted(&mut self, field: &Field, text: fmt::Arguments<'_>) {
        let begin = self.bytes.len();
        // What a Debug fails at is as far as it came.
        let _ = self.bytes.write_fmt(text);
        self.push_text(field, sys::BARE, begin, self.bytes.len());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push_formatted(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let begin = self.bytes.len();
        self.bytes.push_str(value);
        self.push_text(field, sys::STRING, begin, self.bytes.len());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, sys::BOOL, Value { boolean: value.into() });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, sys::INT, Value { integer: value });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match value.try_into() {
            Ok(value) => self.record_i64(field, value),
            Err(_) => self.push_formatted(field, format_args!("{value}")),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, sys::DOUBLE, Value { number: value });
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        let begin = self.raw.len();
        self.raw.extend_from_slice(value);
        self.push_text(field, sys::BYTES, begin, self.raw.len());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.push_formatted(field, format_args!("{value}"));
    }
}

/// tracing's message where it comes first and is a text to be printed as it is, and the rest. Any other
/// message is an attribute of that name, which keeps its type and its place.
pub fn split_message(attributes: &[Attribute]) -> (Text, &[Attribute]) {
    match attributes.split_first() {
        // SAFETY: a key is a field's name; a bare value is a text.
        Some((first, rest)) if first.kind == sys::BARE => unsafe {
            if first.key.as_str() == Some("message") {
                (first.value.text, rest)
            } else {
                (Text::NONE, attributes)
            }
        },
        _ => (Text::NONE, attributes),
    }
}
