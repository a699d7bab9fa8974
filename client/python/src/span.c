/* For the library each span of Python is a detached one: tasks of asyncio take turns on one
 * thread, and leave each other's spans open. The context variable of context.c says which is
 * current. */
#include "span.h"

#include <string.h>

#include "arguments.h"
#include "context.h"
#include "process.h"

typedef struct Span {
  PyObject_HEAD sluice_context context; /* as in Place; its parent's where nobody wants the span */
  sluice_span handle;
  PyObject* target;   /* a str or NULL */
  PyObject* previous; /* what was current before it was entered; NULL: it is not entered */
  int is_own;         /* it ends when nobody has it any more */
  int has_status;     /* the program has set one */
} Span;

PyTypeObject* span_type;

static PyObject* errors; /* the module sluice._errors, once it was needed */

static Span* new_span(const sluice_context* context, sluice_span handle, PyObject* target) {
  Span* const self = PyObject_New(Span, span_type);
  if (self == NULL) return NULL;
  self->context = *context;
  self->handle = handle;
  self->target = target;
  Py_XINCREF(target);
  self->previous = NULL;
  self->is_own = 0;
  self->has_status = 0;
  return self;
}

static int read_kind(PyObject* given, sluice_span_kind* kind) {
  static const char* const names[] = {"internal", "server", "client", "producer", "consumer"};
  *kind = SLUICE_INTERNAL;
  if (given == Py_None) return 0;
  for (int i = 0; PyUnicode_Check(given) && i < 5; ++i) {
    if (PyUnicode_CompareWithASCIIString(given, names[i]) != 0) continue;
    *kind = (sluice_span_kind)(SLUICE_INTERNAL + i);
    return 0;
  }
  PyErr_SetString(PyExc_ValueError,
                  "a kind is 'internal', 'server', 'client', 'producer' or 'consumer'");
  return -1;
}

/* Of None: the current one. */
static int read_place(PyObject* given, sluice_context* context) {
  if (given == Py_None) {
    *context = context_current(NULL);
    return 0;
  }
  if (!is_place(given)) {
    PyErr_SetString(PyExc_TypeError, "a Context or a Span is needed");
    return -1;
  }
  *context = ((Place*)given)->context;
  return 0;
}

static int read_level(PyObject* given, sluice_level* level) {
  *level = SLUICE_INFO;
  return given == Py_None ? 0 : process_read_level(given, level);
}

static int add_links(sluice_span span, PyObject* given) {
  if (given == Py_None) return 0;
  PyObject* const links = PySequence_Tuple(given);
  const Py_ssize_t count = links == NULL ? -1 : PyTuple_Size(links);
  Py_ssize_t i = 0;
  for (sluice_link link = {0}; i < count; ++i) {
    if (read_place(PyTuple_GetItem(links, i), &link.context) != 0) break;
    sluice_span_add_link(span, &link);
  }
  Py_XDECREF(links);
  return i == count ? 0 : -1;
}

/* Starts it as the arguments say. */
static PyObject* start(PyObject* name, Arguments* arguments) {
  sluice_context parent;
  sluice_span_options options = {.size = sizeof(options), .is_detached = 1, .parent = &parent};
  PyObject* const* const given = arguments->options;
  if (read_place(given[OPTION_PARENT], &parent) != 0 ||
      read_kind(given[OPTION_KIND], &options.kind) != 0 ||
      read_level(given[OPTION_LEVEL], &options.level) != 0 ||
      arguments_read_time(given[OPTION_TIME], &options.start_unix_ns) != 0) {
    return NULL;
  }
  PyObject* const target = process_target(given[OPTION_TARGET]);
  if (target != NULL) options.target = attributes_text(&arguments->attributes, target);
  options.attributes = arguments->attributes.items;
  options.attribute_count = arguments->attributes.count;
  const sluice_span handle =
      sluice_span_start(attributes_text(&arguments->attributes, name), &options);
  const sluice_context context = handle == 0 ? parent : sluice_span_context(handle);
  Span* const self = new_span(&context, handle, target);
  if (self == NULL) {
    sluice_span_end(handle);
    return NULL;
  }
  self->is_own = 1;
  if (add_links(handle, given[OPTION_LINKS]) == 0) return (PyObject*)self;
  Py_DECREF(self);
  return NULL;
}

static PyObject* span(PyObject* module, PyObject* const* given, Py_ssize_t count,
                      PyObject* keywords) {
  static const Call call = {"span()", 1, (1u << OPTION_COUNT) - 1};
  Arguments arguments;
  PyObject* made = NULL;
  (void)module;
  process_begin();
  if (arguments_read(&call, given, count, keywords, &arguments) == 0) {
    if (PyUnicode_Check(given[0])) {
      made = start(given[0], &arguments);
    } else {
      PyErr_SetString(PyExc_TypeError, "the name of a span is a str");
    }
  }
  arguments_end(&arguments);
  return made;
}

/* `message` is any object; None: the attributes alone. */
static PyObject* emit(PyObject* message, const sluice_context* context, PyObject* target,
                      Arguments* arguments) {
  sluice_event_options options = {.size = sizeof(options), .context = context};
  if (read_level(arguments->options[OPTION_LEVEL], &options.level) != 0 ||
      arguments_read_time(arguments->options[OPTION_TIME], &options.unix_ns) != 0) {
    return NULL;
  }
  Attributes* const attributes = &arguments->attributes;
  if (target != NULL) options.target = attributes_text(attributes, target);
  options.attributes = attributes->items;
  options.attribute_count = attributes->count;
  const sluice_text none = {NULL, 0};
  sluice_event(message == Py_None ? none : attributes_text_of(attributes, message), &options);
  Py_RETURN_NONE;
}

static PyObject* event(PyObject* module, PyObject* const* given, Py_ssize_t count,
                       PyObject* keywords) {
  static const Call call = {"event()", 2,
                            1u << OPTION_TARGET | 1u << OPTION_PARENT | 1u << OPTION_TIME};
  Arguments arguments;
  PyObject* result = NULL;
  (void)module;
  process_begin();
  if (arguments_read(&call, given, count, keywords, &arguments) == 0) {
    sluice_context context;
    arguments.options[OPTION_LEVEL] = given[0];
    if (read_place(arguments.options[OPTION_PARENT], &context) == 0) {
      result =
          emit(given[1], &context, process_target(arguments.options[OPTION_TARGET]), &arguments);
    }
  }
  arguments_end(&arguments);
  return result;
}

static PyObject* add_event(PyObject* self, PyObject* const* given, Py_ssize_t count,
                           PyObject* keywords) {
  static const Call call = {"event()", 1,
                            1u << OPTION_TARGET | 1u << OPTION_LEVEL | 1u << OPTION_TIME};
  Span* const own = (Span*)self;
  Arguments arguments;
  PyObject* result = NULL;
  if (arguments_read(&call, given, count, keywords, &arguments) == 0) {
    PyObject* const target = arguments.options[OPTION_TARGET];
    result =
        emit(given[0], &own->context, PyUnicode_Check(target) ? target : own->target, &arguments);
  }
  arguments_end(&arguments);
  return result;
}

static PyObject* set(PyObject* self, PyObject* const* given, Py_ssize_t count, PyObject* keywords) {
  static const Call call = {"set()", 0, 0};
  Arguments arguments;
  const int failed = arguments_read(&call, given, count, keywords, &arguments);
  if (!failed) {
    sluice_span_set_attributes(((Span*)self)->handle, arguments.attributes.items,
                               arguments.attributes.count);
  }
  arguments_end(&arguments);
  if (failed) return NULL;
  Py_RETURN_NONE;
}

static PyObject* add_link(PyObject* self, PyObject* const* given, Py_ssize_t count,
                          PyObject* keywords) {
  static const Call call = {"link()", 1, 0};
  Arguments arguments;
  sluice_link link = {0};
  int failed = arguments_read(&call, given, count, keywords, &arguments);
  if (!failed) failed = read_place(given[0], &link.context);
  if (!failed) {
    link.attributes = arguments.attributes.items;
    link.attribute_count = arguments.attributes.count;
    sluice_span_add_link(((Span*)self)->handle, &link);
  }
  arguments_end(&arguments);
  if (failed) return NULL;
  Py_RETURN_NONE;
}

static PyObject* rename(PyObject* self, PyObject* name) {
  if (!PyUnicode_Check(name)) {
    PyErr_SetString(PyExc_TypeError, "the name of a span is a str");
    return NULL;
  }
  Attributes texts;
  attributes_begin(&texts);
  sluice_span_set_name(((Span*)self)->handle, attributes_text(&texts, name));
  attributes_end(&texts);
  Py_RETURN_NONE;
}

static void set_status(Span* self, sluice_status status, PyObject* message) {
  Attributes texts;
  attributes_begin(&texts);
  sluice_span_set_status(self->handle, status, attributes_text_of(&texts, message));
  attributes_end(&texts);
}

static PyObject* ok(PyObject* self, PyObject* unused) {
  (void)unused;
  ((Span*)self)->has_status = 1;
  sluice_span_set_status(((Span*)self)->handle, SLUICE_OK, sluice_str(""));
  Py_RETURN_NONE;
}

static PyObject* fail(PyObject* self, PyObject* message) {
  ((Span*)self)->has_status = 1;
  set_status((Span*)self, SLUICE_FAILED, message);
  Py_RETURN_NONE;
}

static PyObject* unwind(PyObject* self, PyObject* message) {
  set_status((Span*)self, SLUICE_UNWOUND, message);
  Py_RETURN_NONE;
}

/* Of a span that nobody wants its parent has the event. */
static void record_left_out(Span* self, const sluice_error* error, Attributes* texts) {
  const sluice_attribute attributes[] = {
      {.key = sluice_str("exception.type"), .value = {.text = error->type}},
      {.key = sluice_str("exception.message"), .value = {.text = error->message}},
      {.key = sluice_str("exception.stacktrace"), .value = {.text = error->stacktrace}}};
  sluice_event_options options = {.size = sizeof(options),
                                  .level = SLUICE_ERROR,
                                  .context = &self->context,
                                  .attributes = attributes,
                                  .attribute_count = 3};
  if (self->target != NULL) options.target = attributes_text(texts, self->target);
  sluice_event(sluice_str("exception"), &options);
}

/* Takes (type, message, stacktrace), each a str. */
static PyObject* record(PyObject* self, PyObject* args) {
  PyObject *type, *message, *stacktrace;
  sluice_error error = {.size = sizeof(error)};
  if (!PyArg_ParseTuple(args, "UUUp:_record", &type, &message, &stacktrace, &error.keeps_status)) {
    return NULL;
  }
  Attributes texts;
  attributes_begin(&texts);
  error.type = attributes_text(&texts, type);
  error.message = attributes_text(&texts, message);
  error.stacktrace = attributes_text(&texts, stacktrace);
  if (((Span*)self)->handle != 0) {
    sluice_span_record_error(((Span*)self)->handle, &error);
  } else {
    record_left_out((Span*)self, &error, &texts);
  }
  attributes_end(&texts);
  Py_RETURN_NONE;
}

/* Has sluice._errors do something about an exception. What fails there is not the program's, but
 * that somebody interrupts it is: -1 then. */
static int tell_error(const char* what, PyObject* self, PyObject* error, int keeps_status) {
  if (errors == NULL) errors = PyImport_ImportModule("sluice._errors");
  PyObject* const done =
      errors == NULL ? NULL : PyObject_CallMethod(errors, what, "OOi", self, error, keeps_status);
  if (done == NULL && !PyErr_ExceptionMatches(PyExc_Exception)) return -1;
  Py_XDECREF(done);
  PyErr_Clear();
  return 0;
}

static PyObject* record_error(PyObject* self, PyObject* error) {
  if (tell_error("record", self, error, 0) != 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject* end(PyObject* self, PyObject* args, PyObject* keywords) {
  static char* names[] = {"time", NULL};
  PyObject* time = Py_None;
  uint64_t unix_ns;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:end", names, &time)) return NULL;
  if (arguments_read_time(time, &unix_ns) != 0) return NULL;
  sluice_span_end_at(((Span*)self)->handle, unix_ns);
  Py_RETURN_NONE;
}

static PyObject* enter(PyObject* self, PyObject* unused) {
  Span* const own = (Span*)self;
  (void)unused;
  if (own->previous != NULL) return Py_NewRef(self);
  (void)context_current(&own->previous);
  if (context_set_current(self) == 0) return Py_NewRef(self);
  Py_CLEAR(own->previous);
  return NULL;
}

/* Whether it is current: it is, or it with other baggage. */
static int is_current(const Span* self, PyObject* current) {
  const sluice_context* const own = &self->context;
  const sluice_context* const other = &((Place*)current)->context;
  return current == (PyObject*)self ||
         (Py_IS_TYPE(current, context_type) && other->span == own->span &&
          memcmp(other->span_id, own->span_id, sizeof(own->span_id)) == 0);
}

/* In another context than it was entered, as where a generator is closed, nothing is left. */
static void leave(Span* self) {
  PyObject* const previous = self->previous;
  PyObject* current;
  if (previous == NULL) return;
  (void)context_current(&current);
  if (is_current(self, current) && context_set_current(previous) != 0) PyErr_Clear();
  Py_DECREF(current);
  self->previous = NULL;
  Py_DECREF(previous);
}

static PyObject* leave_and_end(PyObject* self, PyObject* const* given, Py_ssize_t count) {
  Span* const own = (Span*)self;
  leave(own);
  int failed = 0;
  if (count >= 2 && given[1] != Py_None) {
    failed = tell_error("leave", self, given[1], own->has_status);
  }
  sluice_span_end(own->handle);
  if (failed) return NULL;
  Py_RETURN_FALSE;
}

static PyObject* get_context(PyObject* self, void* unused) {
  (void)unused;
  return context_new(&((Span*)self)->context);
}

static PyObject* get_is_recorded(PyObject* self, void* unused) {
  (void)unused;
  return PyBool_FromLong(((Span*)self)->handle != 0);
}

static void dealloc(PyObject* self) {
  Span* const own = (Span*)self;
  PyTypeObject* const type = Py_TYPE(self);
  if (own->is_own) sluice_span_end(own->handle);
  Py_XDECREF(own->target);
  Py_XDECREF(own->previous);
  PyObject_Free(self);
  Py_DECREF(type);
}

#define FAST(function) (PyCFunction)(void (*)(void)) function, METH_FASTCALL | METH_KEYWORDS

static PyMethodDef methods[] = {
    {"set", FAST(set), "Adds attributes; a key set twice has its last value."},
    {"event", FAST(add_event), "Something that happens now, in this span."},
    {"link", FAST(add_link), "Another span that has to do with this one."},
    {"rename", rename, METH_O, "The last name counts."},
    {"ok", ok, METH_NOARGS, "It succeeded, whatever exception leaves it."},
    {"fail", fail, METH_O, "It failed, and why."},
    {"record_error", record_error, METH_O, "An exception as an event; the span fails by it."},
    {"end", (PyCFunction)(void (*)(void))end, METH_VARARGS | METH_KEYWORDS,
     "Ends it, now or at `time` in Unix nanoseconds; `with` does so itself."},
    {"_record", record, METH_VARARGS, NULL},
    {"_unwind", unwind, METH_O, NULL},
    {"__enter__", enter, METH_NOARGS, "Makes it current."},
    {"__exit__", (PyCFunction)(void (*)(void))leave_and_end, METH_FASTCALL,
     "Ends it; it fails by an exception, where no status was set."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef properties[] = {
    {"context", get_context, NULL, "Its place, for what is below it elsewhere", NULL},
    {"is_recorded", get_is_recorded, NULL, "Whether anybody wanted it when it began", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot slots[] = {{Py_tp_doc, "An operation with a start and an end."},
                              {Py_tp_dealloc, dealloc},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, properties},
                              {0, NULL}};
static PyType_Spec spec = {"sluice.Span", sizeof(Span), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

/* Where a Context is current it may lie within a span, which is shown by another object. */
static PyObject* current_span(PyObject* module, PyObject* unused) {
  (void)module;
  (void)unused;
  PyObject* place;
  const sluice_context context = context_current(&place);
  if (Py_IS_TYPE(place, span_type)) return place;
  Py_DECREF(place);
  return (PyObject*)new_span(&context, context.span, NULL);
}

static PyMethodDef functions[] = {
    {"span", FAST(span), "Starts a span; `with` makes it current and ends it."},
    {"event", FAST(event), "Something that happens now, in the current span or outside any."},
    {"current_span", current_span, METH_NOARGS, "The current span; calls on none do nothing."},
    {NULL, NULL, 0, NULL}};

int span_add_to(PyObject* module) {
  if (arguments_prepare() != 0) return -1;
  span_type = (PyTypeObject*)PyType_FromSpec(&spec);
  if (span_type == NULL || PyModule_AddType(module, span_type) != 0) return -1;
  return PyModule_AddFunctions(module, functions);
}
