#include "context.h"

#include <string.h>

#include "attributes.h"
#include "process.h"
#include "span.h"

PyTypeObject* context_type;

/* The methods of the context variable; None stands for nothing. */
static PyObject *get_current, *set_current;

int is_place(PyObject* object) {
  return Py_IS_TYPE(object, context_type) || Py_IS_TYPE(object, span_type);
}

PyObject* context_new(const sluice_context* context) {
  Place* const self = PyObject_New(Place, context_type);
  if (self != NULL) self->context = *context;
  return (PyObject*)self;
}

/* What the variable has; None for nothing. */
static PyObject* current_place(void) {
  PyObject* const found = PyObject_CallNoArgs(get_current);
  if (found != NULL) return found;
  PyErr_Clear();
  return Py_NewRef(Py_None);
}

sluice_context context_current(PyObject** place) {
  PyObject* const found = current_place();
  process_begin();
  const sluice_context context =
      found == Py_None ? sluice_context_current() : ((Place*)found)->context;
  if (place == NULL) {
    Py_DECREF(found);
  } else {
    *place = found;
  }
  return context;
}

int context_set_current(PyObject* place) {
  PyObject* const token = PyObject_CallFunctionObjArgs(set_current, place, NULL);
  if (token == NULL) return -1;
  Py_DECREF(token);
  return 0;
}

static PyObject* hex(const uint8_t* bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  char text[32];
  int any = 0;
  for (size_t i = 0; i < size; ++i) {
    any |= bytes[i];
    text[2 * i] = digits[bytes[i] >> 4];
    text[2 * i + 1] = digits[bytes[i] & 15];
  }
  return PyUnicode_FromStringAndSize(text, any ? (Py_ssize_t)(2 * size) : 0);
}

static PyObject* str_of(sluice_text text) {
  return PyUnicode_DecodeUTF8(text.data == NULL ? "" : text.data, (Py_ssize_t)text.size, "replace");
}

static PyObject* get_trace_id(PyObject* self, void* unused) {
  (void)unused;
  return hex(((Place*)self)->context.trace_id, sizeof(((Place*)self)->context.trace_id));
}
static PyObject* get_span_id(PyObject* self, void* unused) {
  (void)unused;
  return hex(((Place*)self)->context.span_id, sizeof(((Place*)self)->context.span_id));
}
static PyObject* get_is_remote(PyObject* self, void* unused) {
  (void)unused;
  return PyBool_FromLong(((Place*)self)->context.is_remote);
}
static PyObject* get_traceparent(PyObject* self, void* unused) {
  (void)unused;
  char text[SLUICE_TRACEPARENT_SIZE];
  if (sluice_context_traceparent(&((Place*)self)->context, text) != 0) text[0] = 0;
  return PyUnicode_FromString(text);
}
static PyObject* get_tracestate(PyObject* self, void* unused) {
  (void)unused;
  return str_of(sluice_context_tracestate(&((Place*)self)->context));
}
static PyObject* get_baggage_header(PyObject* self, void* unused) {
  (void)unused;
  return str_of(sluice_context_baggage_header(&((Place*)self)->context));
}

static PyObject* baggage(PyObject* self, PyObject* key) {
  if (!PyUnicode_Check(key)) {
    PyErr_SetString(PyExc_TypeError, "a key of baggage is a str");
    return NULL;
  }
  Attributes texts;
  attributes_begin(&texts);
  const sluice_text value =
      sluice_context_baggage(&((Place*)self)->context, attributes_text(&texts, key));
  attributes_end(&texts);
  return value.data == NULL ? Py_NewRef(Py_None) : str_of(value);
}

static PyObject* with_baggage(PyObject* self, PyObject* args) {
  PyObject *key, *value;
  if (!PyArg_ParseTuple(args, "UO:with_baggage", &key, &value)) return NULL;
  Attributes texts;
  attributes_begin(&texts);
  const sluice_text none = {NULL, 0};
  const sluice_text text = value == Py_None ? none : attributes_text_of(&texts, value);
  const sluice_context changed =
      sluice_context_with_baggage(&((Place*)self)->context, attributes_text(&texts, key), text);
  attributes_end(&texts);
  return context_new(&changed);
}

static PyObject* new_context(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  static char* names[] = {"traceparent", "tracestate", "baggage", NULL};
  const char *traceparent = NULL, *tracestate = "", *header = NULL;
  (void)type;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "|zsz:Context", names, &traceparent, &tracestate,
                                   &header)) {
    return NULL;
  }
  process_begin();
  sluice_context context = {0};
  /* What is malformed is as if it were not there. */
  if (traceparent != NULL) {
    (void)sluice_context_extract(sluice_str(traceparent), sluice_str(tracestate), &context);
  }
  if (header != NULL) (void)sluice_context_extract_baggage(sluice_str(header), &context);
  return context_new(&context);
}

static PyObject* repr(PyObject* self) {
  PyObject* const text = get_traceparent(self, NULL);
  PyObject* const shown = text == NULL ? NULL : PyUnicode_FromFormat("<sluice.Context %U>", text);
  Py_XDECREF(text);
  return shown;
}

static PyGetSetDef properties[] = {
    {"trace_id", get_trace_id, NULL, "32 hexadecimal digits; empty outside any trace", NULL},
    {"span_id", get_span_id, NULL, "16 hexadecimal digits; empty outside any span", NULL},
    {"is_remote", get_is_remote, NULL, "Whether the span is of another process", NULL},
    {"traceparent", get_traceparent, NULL, "The W3C header; empty outside any span", NULL},
    {"tracestate", get_tracestate, NULL, "The W3C header; empty for none", NULL},
    {"baggage_header", get_baggage_header, NULL, "The W3C header; empty for none", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMethodDef methods[] = {
    {"baggage", baggage, METH_O, "The value of a key of the baggage, or None"},
    {"with_baggage", with_baggage, METH_VARARGS,
     "This place with a value for a key of the baggage; None takes the key away"},
    {NULL, NULL, 0, NULL}};

static void dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF(type);
}

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "Context(traceparent=None, tracestate='', baggage=None)\n--\n\n"
     "A place in a trace, with its baggage. Of nothing: outside any trace."},
    {Py_tp_new, new_context},
    {Py_tp_dealloc, dealloc},
    {Py_tp_repr, repr},
    {Py_tp_getset, properties},
    {Py_tp_methods, methods},
    {0, NULL}};
static PyType_Spec spec = {"sluice.Context", sizeof(Place), 0, Py_TPFLAGS_DEFAULT, slots};

static PyObject* current_context(PyObject* module, PyObject* unused) {
  (void)module;
  (void)unused;
  const sluice_context context = context_current(NULL);
  return context_new(&context);
}

/* Makes a Context or Span, or None, current, and returns what was so before. */
static PyObject* exchange(PyObject* module, PyObject* place) {
  (void)module;
  if (place != Py_None && !is_place(place)) {
    PyErr_SetString(PyExc_TypeError, "a Context or a Span is needed");
    return NULL;
  }
  PyObject* before;
  (void)context_current(&before);
  if (context_set_current(place) == 0) return before;
  Py_DECREF(before);
  return NULL;
}

/* A child of fork may name the current span before anybody else does. */
static PyObject* before_fork(PyObject* module, PyObject* unused) {
  (void)module;
  (void)unused;
  PyObject* const place = current_place();
  char text[SLUICE_TRACEPARENT_SIZE];
  if (place != Py_None) (void)sluice_context_traceparent(&((Place*)place)->context, text);
  Py_DECREF(place);
  Py_RETURN_NONE;
}

/* In the child it is another process's. */
static PyObject* after_fork(PyObject* module, PyObject* unused) {
  (void)module;
  (void)unused;
  process_forget();
  PyObject* const place = current_place();
  sluice_context context = {0};
  if (place != Py_None) context = ((Place*)place)->context;
  Py_DECREF(place);
  if (context.span == 0) Py_RETURN_NONE;
  context.span = 0;
  context.is_remote = 1;
  PyObject* const parents = context_new(&context);
  const int failed = parents == NULL || context_set_current(parents) != 0;
  Py_XDECREF(parents);
  if (failed) return NULL;
  Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"current_context", current_context, METH_NOARGS, "Where spans and events belong now"},
    {"_exchange", exchange, METH_O, NULL},
    {"_before_fork", before_fork, METH_NOARGS, NULL},
    {"_after_fork", after_fork, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

static PyObject* new_variable(void) {
  PyObject* const module = PyImport_ImportModule("_contextvars");
  PyObject* const type = module == NULL ? NULL : PyObject_GetAttrString(module, "ContextVar");
  PyObject* const args = Py_BuildValue("(s)", "sluice.current");
  PyObject* const keywords = Py_BuildValue("{s:O}", "default", Py_None);
  PyObject* variable = NULL;
  if (type != NULL && args != NULL && keywords != NULL) {
    variable = PyObject_Call(type, args, keywords);
  }
  Py_XDECREF(keywords);
  Py_XDECREF(args);
  Py_XDECREF(type);
  Py_XDECREF(module);
  return variable;
}

int context_add_to(PyObject* module) {
  context_type = (PyTypeObject*)PyType_FromSpec(&spec);
  if (context_type == NULL || PyModule_AddType(module, context_type) != 0) return -1;
  PyObject* const variable = new_variable();
  if (variable == NULL) return -1;
  get_current = PyObject_GetAttrString(variable, "get");
  set_current = PyObject_GetAttrString(variable, "set");
  Py_DECREF(variable);
  if (get_current == NULL || set_current == NULL) return -1;
  return PyModule_AddFunctions(module, functions);
}
