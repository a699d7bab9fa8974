#include "attributes.h"

#define NESTING_MOST 8

static void set_value(Attributes* attributes, sluice_attribute* to, PyObject* value, int depth);

void attributes_begin(Attributes* attributes) {
  attributes->count = 0;
  attributes->kept = NULL;
}

void attributes_end(Attributes* attributes) { Py_CLEAR(attributes->kept); }

/* Steals `object`, which may be NULL after a failure, and returns it as long as it lives. */
static PyObject* keep(Attributes* attributes, PyObject* object) {
  if (object == NULL) {
    PyErr_Clear();
    return NULL;
  }
  if (attributes->kept == NULL) attributes->kept = PyList_New(0);
  if (attributes->kept == NULL || PyList_Append(attributes->kept, object) != 0) {
    PyErr_Clear();
    Py_DECREF(object);
    return NULL;
  }
  Py_DECREF(object); /* the list has it */
  return object;
}

static sluice_text bytes_text(PyObject* bytes) {
  sluice_text text = {"", 0};
  if (bytes == NULL) return text;
  text.data = PyBytes_AsString(bytes);
  text.size = (size_t)PyBytes_Size(bytes);
  return text;
}

sluice_text attributes_text(Attributes* attributes, PyObject* text) {
  Py_ssize_t size;
  const char* const data = PyUnicode_AsUTF8AndSize(text, &size);
  if (data != NULL) {
    const sluice_text whole = {data, (size_t)size};
    return whole;
  }
  PyErr_Clear();
  return bytes_text(keep(attributes, PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace")));
}

/* str(object); where that raises, what it is. */
static PyObject* text_of(PyObject* object) {
  PyObject* text = PyObject_Str(object);
  if (text != NULL) return text;
  PyErr_Clear();
  PyObject* const name = PyObject_GetAttrString((PyObject*)Py_TYPE(object), "__name__");
  text = name == NULL ? NULL : PyUnicode_FromFormat("<%U>", name);
  Py_XDECREF(name);
  return text;
}

sluice_text attributes_text_of(Attributes* attributes, PyObject* object) {
  if (PyUnicode_Check(object)) return attributes_text(attributes, object);
  PyObject* const text = keep(attributes, text_of(object));
  const sluice_text nothing = {"", 0};
  return text == NULL ? nothing : attributes_text(attributes, text);
}

static void make_text(const void* object, sluice_take take, void* to) {
  Attributes own;
  attributes_begin(&own);
  sluice_attribute value = {.type = SLUICE_BARE};
  value.value.text = attributes_text_of(&own, (PyObject*)object);
  take(to, &value);
  attributes_end(&own);
}

static void set_integer(Attributes* attributes, sluice_attribute* to, PyObject* value) {
  int overflow;
  to->type = SLUICE_INT;
  to->value.integer = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow == 0) return;
  to->type = SLUICE_BARE;
  to->value.text = attributes_text_of(attributes, value);
}

/* Room for so many, kept with the attributes; NULL where memory is short. */
static sluice_attribute* new_items(Attributes* attributes, Py_ssize_t count) {
  PyObject* const room = keep(
      attributes, PyBytes_FromStringAndSize(NULL, count * (Py_ssize_t)sizeof(sluice_attribute)));
  return room == NULL ? NULL : (sluice_attribute*)(void*)PyBytes_AsString(room);
}

/* A list or map of so many items, which the caller sets: none where NULL comes back. */
static sluice_attribute* set_items(Attributes* attributes, sluice_attribute* to, sluice_type type,
                                   Py_ssize_t count) {
  sluice_attribute* const made = new_items(attributes, count);
  to->type = type;
  to->value.list.items = made;
  to->value.list.count = made == NULL ? 0 : (size_t)count;
  return made;
}

static void set_sequence(Attributes* attributes, sluice_attribute* to, PyObject* value, int depth) {
  /* A copy, since another thread may change it while a text is made. */
  PyObject* const items = keep(attributes, PySequence_Tuple(value));
  const Py_ssize_t count = items == NULL ? 0 : PyTuple_Size(items);
  sluice_attribute* const made = set_items(attributes, to, SLUICE_ARRAY, count);
  for (Py_ssize_t i = 0; made != NULL && i < count; ++i) {
    made[i].key = sluice_str("");
    set_value(attributes, &made[i], PyTuple_GetItem(items, i), depth + 1);
  }
}

static void set_map(Attributes* attributes, sluice_attribute* to, PyObject* value, int depth) {
  PyObject* const items = keep(attributes, PyDict_Items(value));
  const Py_ssize_t count = items == NULL ? 0 : PyList_Size(items);
  sluice_attribute* const made = set_items(attributes, to, SLUICE_MAP, count);
  for (Py_ssize_t i = 0; made != NULL && i < count; ++i) {
    PyObject* const pair = PyList_GetItem(items, i);
    made[i].key = attributes_text_of(attributes, PyTuple_GetItem(pair, 0));
    set_value(attributes, &made[i], PyTuple_GetItem(pair, 1), depth + 1);
  }
}

/* Sets type and value. Within a list nothing is deferred. */
static void set_value(Attributes* attributes, sluice_attribute* to, PyObject* value, int depth) {
  const int may_nest = depth < NESTING_MOST;
  if (PyUnicode_Check(value)) {
    to->type = SLUICE_STRING;
    to->value.text = attributes_text(attributes, value);
  } else if (PyBool_Check(value)) {
    to->type = SLUICE_BOOL;
    to->value.boolean = value == Py_True;
  } else if (PyLong_Check(value)) {
    set_integer(attributes, to, value);
  } else if (PyFloat_Check(value)) {
    to->type = SLUICE_DOUBLE;
    to->value.number = PyFloat_AsDouble(value);
  } else if (PyBytes_Check(value)) {
    to->type = SLUICE_BYTES;
    to->value.text = bytes_text(value);
  } else if (may_nest && (PyList_Check(value) || PyTuple_Check(value))) {
    set_sequence(attributes, to, value, depth);
  } else if (may_nest && PyDict_Check(value)) {
    set_map(attributes, to, value, depth);
  } else if (depth == 0) {
    to->type = SLUICE_DEFERRED;
    to->value.deferred.make = make_text;
    to->value.deferred.object = value;
  } else {
    to->type = SLUICE_BARE;
    to->value.text = attributes_text_of(attributes, value);
  }
}

void attributes_add(Attributes* attributes, PyObject* key, PyObject* value) {
  if (value == Py_None || attributes->count == ATTRIBUTES_MOST) return;
  sluice_attribute* const added = &attributes->items[attributes->count++];
  added->key = attributes_text_of(attributes, key);
  set_value(attributes, added, value, 0);
}

int attributes_add_all(Attributes* attributes, PyObject* mapping) {
  if (mapping == Py_None) return 0;
  /* A copy, since another thread may change it while a text is made. */
  PyObject* const copy = PyDict_New();
  if (copy == NULL || PyDict_Update(copy, mapping) != 0) {
    Py_XDECREF(copy);
    if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
      PyErr_SetString(PyExc_TypeError, "attributes must be a mapping");
    }
    return -1;
  }
  PyObject *key, *value;
  Py_ssize_t at = 0;
  while (PyDict_Next(copy, &at, &key, &value)) attributes_add(attributes, key, value);
  keep(attributes, copy);
  return 0;
}
